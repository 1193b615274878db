//! Section `consumer`.

use std::ffi::c_char;

use super::decode::{slice, text};
use super::guard;
use super::objects::CLIENTS;
use super::types::{krs_client, krs_code, krs_error};
use crate::error::Result;

/// Subscribes to topics, in place of those before. A name that begins with `^`
/// is a regular expression over the names of all topics. Partitions are
/// assigned by the group, later; rows then come out of the events channel.
///
/// Ownership: the names, `count` NUL-terminated strings, are copied.
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` for no or empty names; `KRS_ERR_INVALID_ARG`;
/// `KRS_ERR_FATAL`. A topic that does not exist is told by a row of kind
/// `KRS_EVENT_ERROR`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_subscribe(
    client: krs_client,
    topics: *const *const c_char,
    count: usize,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes `count` NUL-terminated strings.
        let names = unsafe { slice("topics", topics, count) }?
            .iter()
            // SAFETY: as above.
            .map(|name| unsafe { text("topics: a name", *name) })
            .collect::<Result<Vec<_>>>()?;
        CLIENTS.get(client.id)?.client.consumer()?.subscribe(&names)
    })
}

/// Leaves all topics.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_unsubscribe(
    client: krs_client,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        CLIENTS.get(client.id)?.client.consumer()?.unsubscribe()
    })
}

/// Commits what was delivered: of a row that `krs_client_poll()` returned, or of
/// a batch that was passed back, the offset after it.
///
/// `timeout_ms` 0: returns at once, and the outcome comes as rows of kind
/// `KRS_EVENT_COMMIT` with `opaque`. Otherwise the outcome is waited for
/// (-1 = for ever).
///
/// With `enable.auto.commit` (the default) this happens by itself every
/// `auto.commit.interval.ms` and on close; with `enable.auto.offset.store` set to
/// false nothing counts as delivered by itself.
///
/// Threads: any.
/// Errors: `KRS_ERR_NO_OFFSET` if there is nothing new to commit;
/// `KRS_ERR_TIMED_OUT`: the outcome is not known; the code of a partition whose
/// commit failed, which the message names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_commit(
    client: krs_client,
    timeout_ms: i32,
    opaque: u64,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        let opened = CLIENTS.get(client.id)?;
        opened.client.consumer()?.commit(timeout_ms, opaque)
    })
}
