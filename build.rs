//! Compiles the C part of `src/rd`, and gives the shared library its SONAME.

use std::path::PathBuf;

fn main() {
    // The number is that of `krs_abi_version()`.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libkafka_rs.so.1");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/rd/peek.c");
    println!("cargo::rerun-if-env-changed=DEP_RDKAFKA_ROOT");
    let root = std::env::var_os("DEP_RDKAFKA_ROOT").expect("rdkafka-sys says where it built");
    cc::Build::new()
        .file("src/rd/peek.c")
        .include(PathBuf::from(root).join("src"))
        .warnings(false) // Those headers are librdkafka's.
        .compile("krs_peek");
}
