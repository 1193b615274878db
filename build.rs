//! Gives the shared library its SONAME.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The number is that of `krs_abi_version()`.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libkafka_rs.so.1");
}
