//! Rim 1: the C surface. Every function here is three steps: decode what the
//! caller passed, call the safe core, encode what came of it.

pub mod types;

// In the order of the header's sections; blank lines keep it.
pub mod library;

pub mod error;

pub mod conf;

pub mod client;

pub mod cluster;

pub mod producer;

pub mod txn;

pub mod consumer;

pub mod chan;

pub mod batch;

pub mod admin;

pub mod mock;

mod decode;
#[cfg(feature = "panic-injection")]
mod injection;
mod objects;
mod partition;

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use once_cell::sync::Lazy;

use crate::error::{Error, Result, code};
use crate::fork;
use types::{krs_code, krs_error};

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// What is done before the first call.
///
/// A defect of ours must not print into the caller's terminal: the panic's
/// message goes into the caller's `krs_error`. And a fork is to be noticed.
static READY: Lazy<()> = Lazy::new(|| {
    // SAFETY: the handler only adds to an atomic number. Without memory for it
    // forks go unnoticed, and there is nothing else to be done.
    unsafe { libc::pthread_atfork(None, None, Some(fork::in_child)) };
    let outer = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !INSIDE.get() {
            outer(info);
        }
    }));
});

/// Runs the body of an extern function: its error, or a panic in it, becomes a
/// code and fills the caller's `err`.
fn guard(err: *mut krs_error, body: impl FnOnce() -> Result<()>) -> krs_code {
    let result = contain(body).unwrap_or_else(|payload| Err(panicked(payload)));
    let code = result.as_ref().err().map_or(code::OK, |error| error.code);
    // SAFETY: the caller passes NULL or storage for a krs_error.
    unsafe { error::write(err, result.err()) };
    code
}

/// Runs the body of an extern function that returns no code: a panic in it
/// becomes `harmless`.
fn guard_or<T>(harmless: T, body: impl FnOnce() -> T) -> T {
    contain(body).unwrap_or_else(|payload| {
        drop(panicked(payload));
        harmless
    })
}

fn contain<T>(body: impl FnOnce() -> T) -> std::thread::Result<T> {
    Lazy::force(&READY);
    let outer = INSIDE.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "panic-injection")]
        injection::strike();
        body()
    }));
    INSIDE.set(outer);
    outcome
}

fn panicked(payload: Box<dyn Any + Send>) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    // A payload's own destructor may panic too.
    std::mem::forget(payload);
    Error::new(code::INTERNAL, format!("a defect in kafka_rs: {text}"))
}
