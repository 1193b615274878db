//! Gives the extension module the allocator that the shared library has (see `src/rd/memory.c` of kafka_rs), and
//! hides all that it is linked from: a process may hold another librdkafka.

/// What `src/rd/memory.c` stands in for.
const WRAPPED: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "free"];

fn main() {
    for name in WRAPPED {
        println!("cargo::rustc-cdylib-link-arg=-Wl,--wrap={name}");
    }
    println!("cargo::rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
    println!("cargo::rerun-if-changed=build.rs");
}
