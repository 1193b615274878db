//! Section `conf`.

use std::ffi::c_char;

use super::decode::{out, text};
use super::guard;
use super::types::{KRS_CONSUMER, KRS_PRODUCER, krs_code, krs_error};
use crate::conf::{ClientKind, Conf};
use crate::error::{Error, Result};

/// Settings of a client to be opened. Owned by the caller, who frees it with
/// `krs_conf_free()`; `krs_client_open()` copies it.
pub struct krs_conf {
    conf: Conf,
}

/// Makes the configuration of a `KRS_PRODUCER` or `KRS_CONSUMER`, with all defaults.
///
/// Ownership: `*conf` is the caller's, to be freed with `krs_conf_free()`.
/// Threads: any; a configuration is used by one thread at a time.
/// Errors: `KRS_ERR_ARGUMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_conf_new(
    kind: u32,
    conf: *mut *mut krs_conf,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes NULL or a place for the result.
        let conf = unsafe { out("conf", conf) }?;
        let made = Conf::new(kind_of(kind)?)?;
        *conf = Box::into_raw(Box::new(krs_conf { conf: made }));
        Ok(())
    })
}

/// Sets a key. Known are all keys of librdkafka (topic-level keys too, as the
/// default for all topics) and these of confluent-kafka-go, with its meaning:
///
/// - `go.delivery.reports` (producer, `true`): reports go to the events channel,
///   which keeps them until they are received: read it, or set this to false,
///   or memory grows with every message. A message that names a channel of its
///   own has its report there in any case;
/// - `go.delivery.report.fields` (producer, `key,value`): what of the message comes
///   back in its report: `all`, `none`, or a list of `key`, `value`, `headers`;
/// - `go.events.channel.size` (producer 1000000, consumer 1000): capacity of the
///   events channel. Reports and fatal errors are kept even beyond it, never
///   lost; other errors, throttles and statistics are dropped where there is no room;
/// - `go.produce.channel.size` (producer, 1000000): capacity that the produce
///   channel of a language with channels of its own has. In C a message is in
///   librdkafka's queue as soon as it is sent (`queue.buffering.max.messages`);
/// - `go.events.channel.enable`, `go.application.rebalance.enable` (consumer,
///   `false`), `go.batch.producer` (producer, `false`): choices for a binding to
///   read back; in C the events channel is always there;
/// - `go.logs.channel.enable` (`false`): log lines are kept for
///   `krs_client_logs()`. Otherwise they are dropped; they are never printed.
///
/// Of its own it has `krs.held.max.kbytes` (consumer, 65536): how much the batches
/// that are out, and what came back of them, may hold before nothing more is taken
/// from librdkafka.
///
/// `fetch.queue.backoff.ms` is 5 unless set: librdkafka's own default, 1000,
/// makes a fast consumer idle.
///
/// Ownership: name and value are copied.
/// Threads: one at a time.
/// Errors: `KRS_ERR_INVALID_ARG` for an unknown key, a key of the other kind of
/// client, or a value of the wrong type or range; `KRS_ERR_UNSUPPORTED_FEATURE`.
/// The message names the key, its value, what was expected, and the nearest
/// known key; no value of an unknown key, or of one that holds a secret.
/// Nothing has changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_conf_set(
    conf: *mut krs_conf,
    name: *const c_char,
    value: *const c_char,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a live configuration that only it uses, and
        // NUL-terminated strings.
        let (conf, name, value) = unsafe {
            (
                out("conf", conf)?,
                text("name", name)?,
                text("value", value)?,
            )
        };
        conf.conf.set(name, value)
    })
}

/// Sets a topic-level key of the nested map `default.topic.config`. The same key
/// set by `krs_conf_set()`, before or after, wins.
///
/// Ownership, threads and errors: as for `krs_conf_set()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_conf_set_default_topic(
    conf: *mut krs_conf,
    name: *const c_char,
    value: *const c_char,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: as for `krs_conf_set`.
        let (conf, name, value) = unsafe {
            (
                out("conf", conf)?,
                text("name", name)?,
                text("value", value)?,
            )
        };
        conf.conf.set_default_topic(name, value)
    })
}

/// Reads back the effective value of any key, set or default: writes up to
/// `capacity` bytes to `buffer`, NUL-terminated, and the length without NUL to
/// `*len`. Call with `capacity` 0 to learn the length. A password, secret or
/// private key that is set reads back as `[redacted]`.
///
/// Ownership: the value is copied to the caller's memory.
/// Threads: one at a time.
/// Errors: `KRS_ERR_INVALID_ARG` for an unknown key; `KRS_ERR_ARGUMENT` if the
/// value does not fit (`*len` is set).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_conf_get(
    conf: *const krs_conf,
    name: *const c_char,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: as for `krs_conf_set`; the configuration is only read.
        let (conf, name) = unsafe { (out("conf", conf.cast_mut())?, text("name", name)?) };
        let value = conf.conf.get(name)?;
        // SAFETY: the caller's buffer has `capacity` bytes.
        unsafe { copy_text(name, &value, buffer, capacity, len) }
    })
}

/// Frees a configuration; clients opened with it are not touched. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_conf_free(conf: *mut krs_conf) {
    guard(std::ptr::null_mut(), || {
        if !conf.is_null() {
            // SAFETY: made by `krs_conf_new`, and freed once by its owner.
            drop(unsafe { Box::from_raw(conf) });
        }
        Ok(())
    });
}

/// # Safety
/// `conf` is NULL or live, and not changed by another thread meanwhile.
pub(super) unsafe fn settings<'a>(conf: *const krs_conf) -> Result<&'a Conf> {
    // SAFETY: by the caller's promise.
    unsafe { conf.as_ref() }
        .map(|conf| &conf.conf)
        .ok_or_else(|| Error::argument("conf is NULL"))
}

fn kind_of(kind: u32) -> Result<ClientKind> {
    match kind {
        KRS_PRODUCER => Ok(ClientKind::Producer),
        KRS_CONSUMER => Ok(ClientKind::Consumer),
        _ => Err(Error::argument(format!(
            "kind is {kind}, expected KRS_PRODUCER (1) or KRS_CONSUMER (2)"
        ))),
    }
}

/// Copies a text to a caller's buffer, or only tells its length.
///
/// # Safety
/// `buffer` has `capacity` bytes, and `len` is NULL or a place for the result.
pub(super) unsafe fn copy_text(
    what: &str,
    value: &str,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> Result<()> {
    // SAFETY: by the caller's promise.
    if let Some(len) = unsafe { len.as_mut() } {
        *len = value.len();
    }
    if capacity == 0 {
        return Ok(());
    }
    if buffer.is_null() || capacity <= value.len() {
        return Err(Error::argument(format!(
            "buffer: {what} takes {} bytes, and there are {capacity}",
            value.len() + 1
        )));
    }
    // SAFETY: the buffer has room for the value and its NUL.
    unsafe {
        std::ptr::copy_nonoverlapping(value.as_ptr(), buffer.cast(), value.len());
        *buffer.add(value.len()) = 0;
    }
    Ok(())
}
