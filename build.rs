//! Compiles the C part of `src/rd`, and gives the shared library its SONAME and allocator.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// The C files of `src/rd` beside `memory.c`, which is the allocator.
const PARTS: [&str; 12] = [
    "bundles",
    "bundling",
    "clock",
    "commits",
    "heartbeats",
    "idle",
    "leaving",
    "records",
    "sequence",
    "taking",
    "topics",
    "writing",
];

fn main() {
    let chosen = |feature: &str| std::env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    // librdkafka hands the TLS context of the system's libcurl to its own OpenSSL.
    assert!(
        !(chosen("OIDC") && chosen("VENDORED")),
        "feature oidc needs the system's OpenSSL, which libcurl uses: build with --no-default-features"
    );
    // The number is that of `krs_abi_version()`.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libkafka_rs.so.1");
    let mut wrapped: Vec<_> = PARTS.into_iter().flat_map(stand_ins).collect();
    // A sanitizer must see every allocation.
    if std::env::var_os("CARGO_CFG_SANITIZE").is_none() {
        wrapped.extend(stand_ins("memory"));
    }
    for name in &wrapped {
        println!("cargo::rustc-cdylib-link-arg=-Wl,--wrap={name}");
    }
    println!("cargo::metadata=wrapped={}", wrapped.join(" "));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/rd/internal.h");
    println!("cargo::rerun-if-changed=src/rd/bundles.h");
    println!("cargo::rerun-if-changed=src/rd/clock.h");
    println!("cargo::rerun-if-changed=src/rd/records.h");
    println!("cargo::rerun-if-changed=src/rd/stubs");
    let librdkafka = from_dependency("DEP_RDKAFKA_ROOT").join("src");
    compile("memory", &from_dependency("DEP_MIMALLOC_INCLUDE_DIR"));
    for name in PARTS {
        compile(name, &librdkafka);
    }
}

fn from_dependency(variable: &str) -> PathBuf {
    println!("cargo::rerun-if-env-changed={variable}");
    let value = std::env::var_os(variable);
    value
        .unwrap_or_else(|| panic!("{variable} is not set by its crate"))
        .into()
}

/// The functions that a C file stands in for (`--wrap` of the linker), as `packaging/prelink` finds them, too.
fn stand_ins(name: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(format!("src/rd/{name}.c")).expect("a file of src/rd");
    let words = text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
    words
        .filter_map(|word| word.strip_prefix("__wrap_").map(str::to_owned))
        .collect()
}

fn compile(name: &str, include: &PathBuf) {
    let file = format!("src/rd/{name}.c");
    println!("cargo::rerun-if-changed={file}");
    cc::Build::new()
        .file(file)
        .include("src/rd/stubs")
        .include(include)
        .warnings(false) // The headers are not ours.
        .compile(&format!("krs_{name}"));
}
