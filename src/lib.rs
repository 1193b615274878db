//! `libkafka_rs`: a Kafka client with channels, for any language that can link C.
//!
//! The modules are the layers, from the outside in: [`ffi`] is the C surface,
//! the only place where a caller's pointer exists; the modules after it are safe
//! Rust; `rd` is the only place that names librdkafka. ARCHITECTURE.md tells
//! the rest.

#![cfg_attr(
    not(test),
    deny(
        clippy::panic,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::todo,
        clippy::unwrap_used
    )
)]

#[allow(unsafe_code, reason = "rim 1: the caller's pointers")]
#[allow(non_camel_case_types, reason = "the names are C's")]
#[allow(
    clippy::missing_safety_doc,
    reason = "what a caller owes is said in the header's words, for C"
)]
pub mod ffi;

mod batch;
mod chan;
mod client;
mod conf;
mod consumer;
mod error;
mod fork;
mod handle;
mod headers;
mod mock;
#[cfg(all(test, feature = "model-checking"))]
mod model;
mod partition;
mod producer;
mod shared;
mod sync;

#[allow(unsafe_code, reason = "rim 2: librdkafka")]
mod rd;
