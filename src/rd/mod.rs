//! Rim 2: the only place that names librdkafka. Everything public here is safe:
//! an owner frees its object once, and a borrowed view can't outlive it.

pub mod admin;
mod client;
mod clock;
pub mod cluster;
mod conf;
mod consumer;
mod event;
mod list;
mod message;
mod mock;
mod queue;
mod raw;
mod records;
mod sent;
mod txn;

pub use client::{Client, LogSink, Outgoing, Plain, RUN_LEN, Throttle, Topic};
pub use conf::{Conf, properties};
pub use consumer::Assign;
pub use event::{Event, EventKind};
pub use list::List;
pub use message::Message;
pub use mock::Mock;
pub use queue::Queue;
pub use records::Records;
pub use sent::{Sent, UNTOLD};

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char};

// Linked for `memory.c`.
use libmimalloc_sys as _;
use rdkafka_sys as sys;

use crate::error::{Code, Error, Result, code};

/// Version of the linked librdkafka, for example `2.12.1`.
pub fn version() -> &'static CStr {
    // SAFETY: returns a static NUL-terminated string.
    unsafe { CStr::from_ptr(sys::rd_kafka_version_str()) }
}

/// Name of a code, such as `_QUEUE_FULL`, if librdkafka has one.
pub fn code_name(code: Code) -> Option<&'static CStr> {
    may_be_code(code)?;
    // SAFETY: the declaration in `raw` takes any number; the result is a
    // NUL-terminated string.
    let name = unsafe { CStr::from_ptr(raw::rd_kafka_err2name(code)) };
    is_known(name).then_some(name)
}

/// Text of a code, such as `Local: Queue full`, if librdkafka has one.
pub fn code_text(code: Code) -> Option<&'static CStr> {
    may_be_code(code)?;
    // SAFETY: as for `code_name`.
    let text = unsafe { CStr::from_ptr(raw::rd_kafka_err2str(code)) };
    is_known(text).then_some(text)
}

/// The protocol's codes have 16 bits. With the largest numbers librdkafka's own arithmetic overflows.
fn may_be_code(code: Code) -> Option<i16> {
    code.try_into().ok()
}

/// Unknown codes come as `ERR_123?` or `Err-123?`, in a buffer of the thread
/// that is not static; all others are.
fn is_known(text: &CStr) -> bool {
    !text.to_bytes().ends_with(b"?")
}

/// An error for `code` with librdkafka's own text.
fn error_of(code: Code) -> Error {
    Error::new(code, describe(code))
}

/// Text of any code.
pub fn describe(code: Code) -> Cow<'static, str> {
    code_text(code).map_or_else(
        || format!("error {code} of the broker").into(),
        CStr::to_string_lossy,
    )
}

fn check(code: Code) -> Result<()> {
    if code == code::OK {
        Ok(())
    } else {
        Err(error_of(code))
    }
}

fn c_string(what: &str, text: &str) -> Result<CString> {
    CString::new(text)
        .map_err(|_| Error::argument(format!("{what} {text:?} must not contain a NUL byte")))
}

/// # Safety
/// `text` must be NULL or a NUL-terminated string that outlives `'a`.
unsafe fn lossy<'a>(text: *const c_char) -> Cow<'a, str> {
    if text.is_null() {
        return "".into();
    }
    // SAFETY: not NULL, and NUL-terminated by the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy()
}

/// Runs a callback's body; a panic must not unwind into librdkafka.
fn callback(body: impl FnOnce()) {
    if let Err(payload) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
        // A payload's own destructor may panic too.
        std::mem::forget(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::types::*;

    #[test]
    fn named_codes_are_librdkafkas() {
        use sys::rd_kafka_resp_err_t::*;
        let pairs = [
            (KRS_ERR_MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT),
            (KRS_ERR_PARTITION_EOF, RD_KAFKA_RESP_ERR__PARTITION_EOF),
            (
                KRS_ERR_UNKNOWN_PARTITION,
                RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
            ),
            (KRS_ERR_UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC),
            (
                KRS_ERR_ALL_BROKERS_DOWN,
                RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
            ),
            (KRS_ERR_INVALID_ARG, RD_KAFKA_RESP_ERR__INVALID_ARG),
            (KRS_ERR_TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT),
            (KRS_ERR_QUEUE_FULL, RD_KAFKA_RESP_ERR__QUEUE_FULL),
            (
                code::ASSIGN_PARTITIONS,
                RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
            ),
            (KRS_ERR_STATE, RD_KAFKA_RESP_ERR__STATE),
            (KRS_ERR_NO_OFFSET, RD_KAFKA_RESP_ERR__NO_OFFSET),
            (
                KRS_ERR_UNSUPPORTED_FEATURE,
                RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE,
            ),
            (KRS_ERR_PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_QUEUE),
            (KRS_ERR_PURGE_INFLIGHT, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT),
            (KRS_ERR_FATAL, RD_KAFKA_RESP_ERR__FATAL),
            (
                KRS_ERR_MSG_SIZE_TOO_LARGE,
                RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
            ),
        ];
        for (ours, theirs) in pairs {
            assert_eq!(ours, theirs as i32, "{theirs:?}");
        }
    }
}
