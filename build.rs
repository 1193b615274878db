//! Compiles the C part of `src/rd`, and gives the shared library its SONAME and allocator.

use std::path::PathBuf;

/// What `src/rd/memory.c` stands in for.
const ALLOCATOR: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "free"];
/// What the other C files of `src/rd` stand in for.
const WRAPPED: [&str; 12] = [
    "clock_gettime",
    "gettimeofday",
    "poll",
    "rd_kafka_ConsumerGroupHeartbeatRequest",
    "rd_kafka_OffsetCommitRequest",
    "rd_kafka_ProduceRequest",
    "rd_kafka_assignor_run",
    "rd_kafka_cgrp_assignment_done",
    "rd_kafka_cgrp_new",
    "rd_kafka_cgrp_serve",
    "rd_kafka_handle_OffsetCommit",
    "rd_kafka_metadata_topic_filter",
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
    let mut wrapped = WRAPPED.to_vec();
    // A sanitizer must see every allocation.
    if std::env::var_os("CARGO_CFG_SANITIZE").is_none() {
        wrapped.extend(ALLOCATOR);
    }
    for name in &wrapped {
        println!("cargo::rustc-cdylib-link-arg=-Wl,--wrap={name}");
    }
    println!("cargo::metadata=wrapped={}", wrapped.join(" "));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/rd/internal.h");
    let librdkafka = from_dependency("DEP_RDKAFKA_ROOT").join("src");
    compile("memory", &from_dependency("DEP_MIMALLOC_INCLUDE_DIR"));
    for name in [
        "clock",
        "commits",
        "heartbeats",
        "idle",
        "leaving",
        "peek",
        "sequence",
        "topics",
    ] {
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

fn compile(name: &str, include: &PathBuf) {
    let file = format!("src/rd/{name}.c");
    println!("cargo::rerun-if-changed={file}");
    cc::Build::new()
        .file(file)
        .include(include)
        .warnings(false) // The headers are not ours.
        .compile(&format!("krs_{name}"));
}
