//! Gives the extension module the allocator, clock and wait that the shared library has (see `src/rd/memory.c`, `clock.c` and
//! `idle.c` of kafka_rs), and hides all that it is linked from: a process may hold another librdkafka.

/// What those stand in for.
const WRAPPED: [&str; 8] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "free",
    "clock_gettime",
    "gettimeofday",
    "poll",
];

fn main() {
    for name in WRAPPED {
        println!("cargo::rustc-cdylib-link-arg=-Wl,--wrap={name}");
    }
    println!("cargo::rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
    println!("cargo::rerun-if-changed=build.rs");
}
