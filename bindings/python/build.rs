//! Gives the extension module the allocator and the clock that the shared library has (see `src/rd/memory.c` and `clock.c`
//! of kafka_rs), and hides all that it is linked from: a process may hold another librdkafka.

/// What those stand in for.
const WRAPPED: [&str; 7] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "free",
    "clock_gettime",
    "gettimeofday",
];

fn main() {
    for name in WRAPPED {
        println!("cargo::rustc-cdylib-link-arg=-Wl,--wrap={name}");
    }
    println!("cargo::rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
    println!("cargo::rerun-if-changed=build.rs");
}
