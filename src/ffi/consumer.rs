//! Section `consumer`.

use std::ffi::c_char;
use std::sync::Arc;

use super::batch::krs_batch;
use super::conf::copy_text;
use super::decode::{out, slice, slice_mut, text};
use super::guard;
use super::objects::CLIENTS;
use super::partition::{Answer, decode};
use super::types::{
    KRS_ASSIGN_ADD, KRS_ASSIGN_REMOVE, KRS_ASSIGN_REPLACE, krs_batch_view, krs_client, krs_code,
    krs_error, krs_partitions,
};
use crate::consumer::Consumer;
use crate::error::{Error, Result};
use crate::rd::Assign;

/// Subscribes to topics, in place of those before; what stays assigned goes on
/// undisturbed. A name that begins with `^` is a regular expression over the
/// names of all topics. Partitions are assigned by the group, later; rows then
/// come out of the events channel.
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
        let names = unsafe { texts("topics", topics, count) }?;
        consumer(client)?.subscribe(&names)
    })
}

/// Leaves all topics.
///
/// Threads: any.
/// Errors: `KRS_ERR_FATAL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_unsubscribe(
    client: krs_client,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || consumer(client)?.unsubscribe())
}

/// What the consumer is subscribed to: a `KRS_EVENT_PARTITION` row for each topic,
/// without a partition.
///
/// Ownership: `*batch` is the caller's; see `krs_consumer_position()`.
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_subscription(
    client: krs_client,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes places for the answer.
    unsafe {
        Answer { batch, view, err }.partitions("subscription", || consumer(client)?.subscription())
    }
}

/// What is assigned now: a row for each partition, whose `offset` is the
/// application's position.
///
/// Ownership: `*batch` is the caller's; see `krs_consumer_position()`.
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_assignment(
    client: krs_client,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes places for the answer.
    unsafe {
        Answer { batch, view, err }.partitions("assignment", || consumer(client)?.assignment())
    }
}

/// Whether rebalances come out as rows, `KRS_EVENT_ASSIGN` and
/// `KRS_EVENT_REVOKE`, for the application to answer with
/// `krs_consumer_assign()`. At first as `go.application.rebalance.enable` says.
///
/// A rebalance goes on only when it is answered. Collect its rows, until one has no
/// `KRS_ROW_MORE`, and call `krs_consumer_assign()`: for an assign with
/// `KRS_ASSIGN_REPLACE` in an eager group and `KRS_ASSIGN_ADD` in a cooperative one
/// (`krs_consumer_rebalance_protocol()`), for a revoke with `KRS_ASSIGN_REPLACE` and
/// no partitions, or `KRS_ASSIGN_REMOVE`. An event without partitions is one row
/// with partition -1, and wants an answer, too. A call that fails, or that only adds
/// other partitions, leaves the question open.
///
/// Where the application passes the rows back as delivered without an answer, the
/// core gives the usual one; while the client closes, the core answers. When a
/// revoke comes out, no row of its partitions will come any more, and what was
/// delivered of them can still be committed, unless they are lost (`KRS_ROW_LOST`).
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_application_rebalance(
    client: krs_client,
    enabled: u32,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        consumer(client)?.set_application_rebalance(enabled != 0)
    })
}

/// Assigns partitions, from their `offset` on (`KRS_OFFSET_NONE` = where the group
/// committed), also in answer to a rebalance. `how`: `KRS_ASSIGN_REPLACE` (with
/// none: nothing is assigned any more), or `KRS_ASSIGN_ADD` and
/// `KRS_ASSIGN_REMOVE`, which a group with the cooperative protocol requires
/// (`krs_consumer_rebalance_protocol()`). All of it is done, or nothing. What was
/// delivered of a partition that goes is committed (`enable.auto.commit`); its other
/// rows are never seen again, and a pause of it ends. A batch that is still out has
/// delivered nothing: pass it back first (`krs_chan_recv()` with `max` 0).
///
/// Ownership: all is copied. `partitions` may be NULL for none.
/// Threads: any.
/// Errors: `KRS_ERR_STATE`: `how` does not fit the group's protocol, a partition to
/// remove is not assigned, or one to assign was revoked by rows that have not been
/// passed back; -173 (`_CONFLICT`): one to add is;
/// `KRS_ERR_ARGUMENT`, `KRS_ERR_INVALID_ARG`: one is there twice, or its offset is
/// none; `KRS_ERR_FATAL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_assign(
    client: krs_client,
    how: u32,
    partitions: *const krs_partitions,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        let how = match how {
            KRS_ASSIGN_REPLACE => Assign::Replace,
            KRS_ASSIGN_ADD => Assign::Add,
            KRS_ASSIGN_REMOVE => Assign::Remove,
            other => {
                return Err(Error::argument(format!(
                    "how is {other}, expected KRS_ASSIGN_REPLACE (0), _ADD (1) or _REMOVE (2)"
                )));
            }
        };
        let list = match partitions.is_null() {
            true => Vec::new(),
            // SAFETY: the caller passes krs_partitions that are alive.
            false => unsafe { decode(partitions) }?,
        };
        consumer(client)?.assign(how, &list)
    })
}

/// Stops fetching partitions until `krs_consumer_resume()`. When this returned, no
/// row of theirs comes out; rows that were fetched or come back come afterwards,
/// none lost and none twice. They stay assigned.
///
/// Answers as `krs_consumer_position()`: `KRS_ERR_STATE` for a partition that is
/// not assigned.
///
/// Ownership and threads: as for `krs_consumer_position()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_pause(
    client: krs_client,
    partitions: *const krs_partitions,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes krs_partitions and places for the answer.
    unsafe {
        Answer { batch, view, err }.partitions("pause", || {
            consumer(client)?.pause(&decode(partitions)?, true)
        })
    }
}

/// Goes on fetching paused partitions.
///
/// Answers, ownership and threads: as for `krs_consumer_pause()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_resume(
    client: krs_client,
    partitions: *const krs_partitions,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes krs_partitions and places for the answer.
    unsafe {
        Answer { batch, view, err }.partitions("resume", || {
            consumer(client)?.pause(&decode(partitions)?, false)
        })
    }
}

/// Goes on at `offset` of each partition: a position, `KRS_OFFSET_BEGINNING`,
/// `KRS_OFFSET_END`, or -2000 - n for n before the end. When this returned, no row
/// from before comes out.
///
/// `timeout_ms` (-1 = five seconds) bounds the wait for a partition that has been
/// assigned just now, where fetching has not begun; if it passes, the seek is done
/// later all the same.
///
/// Answers as `krs_consumer_position()`: `KRS_ERR_STATE` for a partition that is
/// not assigned, `KRS_ERR_INVALID_ARG` for an offset that is no position. Both
/// leave the partition as it was.
///
/// Ownership and threads: as for `krs_consumer_position()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_seek(
    client: krs_client,
    partitions: *const krs_partitions,
    timeout_ms: i32,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes krs_partitions and places for the answer.
    unsafe {
        Answer { batch, view, err }.partitions("seek", || {
            consumer(client)?.seek(&decode(partitions)?, timeout_ms)
        })
    }
}

/// Where the application is in each partition: the offset after the last row that
/// was delivered, or where it wanted to begin, or `KRS_OFFSET_NONE`. What was
/// fetched ahead does not count.
///
/// The answer is one `KRS_EVENT_PARTITION` row for each partition asked for, in
/// that order, each with its own `code`; the call fails only as a whole. `batch`
/// and `view` may both be NULL: then the first partition's error is the call's.
///
/// Ownership: `*batch`, NULL or from an earlier call, is the caller's, to be freed
/// with `krs_batch_free()`; the view is valid until the next call with that batch.
/// Threads: any; a batch is used by one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_position(
    client: krs_client,
    partitions: *const krs_partitions,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes krs_partitions and places for the answer.
    unsafe {
        Answer { batch, view, err }.partitions("position", || {
            consumer(client)?.position(&decode(partitions)?)
        })
    }
}

/// What the group has committed for each partition, `KRS_OFFSET_NONE` if nothing:
/// asks a broker. `timeout_ms` -1 = a minute.
///
/// Answers, ownership and threads: as for `krs_consumer_position()`.
/// Errors: `KRS_ERR_TIMED_OUT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_committed(
    client: krs_client,
    partitions: *const krs_partitions,
    timeout_ms: i32,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes krs_partitions and places for the answer.
    unsafe {
        Answer { batch, view, err }.partitions("committed", || {
            consumer(client)?.committed(&decode(partitions)?, timeout_ms)
        })
    }
}

/// Stores offsets for the next commit, for programs that set
/// `enable.auto.offset.store` to false: `offset` is where to go on, the last
/// offset plus one.
///
/// Answers as `krs_consumer_position()`: `KRS_ERR_STATE` for a partition that is
/// not assigned.
///
/// Ownership and threads: as for `krs_consumer_position()`.
/// Errors: `KRS_ERR_INVALID_ARG` while `enable.auto.offset.store` is true.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_store(
    client: krs_client,
    partitions: *const krs_partitions,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes krs_partitions and places for the answer.
    unsafe {
        Answer { batch, view, err }.partitions("store", || {
            consumer(client)?.store_offsets(&decode(partitions)?)
        })
    }
}

/// Commits what was delivered: of a row that `krs_client_poll()` returned, or of
/// a batch that was passed back, the offset after it. With
/// `enable.auto.offset.store` set to false: what `krs_consumer_store()` stored.
///
/// `timeout_ms` 0: returns at once with no rows, and the outcome comes as rows of
/// kind `KRS_EVENT_COMMIT` with `opaque`. Otherwise the outcome is waited for
/// (-1 = for ever) and answered as by `krs_consumer_position()`, a row for each
/// partition that was committed.
///
/// With `enable.auto.commit` (the default) this happens by itself every
/// `auto.commit.interval.ms`, on a revoke and on close.
///
/// Ownership and threads: as for `krs_consumer_position()`.
/// Errors: `KRS_ERR_NO_OFFSET` if there is nothing new to commit;
/// `KRS_ERR_TIMED_OUT`: the outcome is not known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_commit(
    client: krs_client,
    timeout_ms: i32,
    opaque: u64,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes places for the answer.
    unsafe {
        Answer { batch, view, err }.partitions("commit", || {
            consumer(client)?.commit(None, timeout_ms, opaque)
        })
    }
}

/// Commits these offsets: `offset` is where to go on, the last offset plus one,
/// and `metadata` is kept with it. Everything else as for `krs_consumer_commit()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_commit_offsets(
    client: krs_client,
    offsets: *const krs_partitions,
    timeout_ms: i32,
    opaque: u64,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes krs_partitions and places for the answer.
    unsafe {
        Answer { batch, view, err }.partitions("commit", || {
            let offsets = decode(offsets)?;
            consumer(client)?.commit(Some(&offsets), timeout_ms, opaque)
        })
    }
}

/// Writes what a transactional producer needs to know of the consumer's group, for
/// `krs_txn_offsets()`, to `buffer` of `capacity` bytes, and its length to `*len`.
/// With `capacity` 0 it only tells the length. Ask anew for every transaction:
/// it changes with each rebalance.
///
/// Ownership: copied to the caller's memory.
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` if it does not fit (`*len` is set).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_group_metadata(
    client: krs_client,
    buffer: *mut u8,
    capacity: usize,
    len: *mut usize,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a place for the length.
        let len = unsafe { out("len", len) }?;
        let metadata = consumer(client)?.group_metadata()?;
        *len = metadata.len();
        if capacity == 0 {
            return Ok(());
        }
        // SAFETY: the caller's buffer has `capacity` bytes.
        let buffer = unsafe { slice_mut("buffer", buffer, capacity) }?;
        let room = buffer.get_mut(..metadata.len()).ok_or_else(|| {
            Error::argument(format!(
                "buffer: the metadata takes {} bytes, and there are {capacity}",
                metadata.len()
            ))
        })?;
        room.copy_from_slice(&metadata);
        Ok(())
    })
}

/// Writes the consumer's id in its group, empty outside one, NUL-terminated, to
/// `buffer` of `capacity` bytes, and its length to `*len`, unless that is NULL.
/// With `capacity` 0 it only tells the length.
///
/// Ownership: copied to the caller's memory.
/// Threads: any.
/// Errors: `KRS_ERR_ARGUMENT` if it does not fit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_member_id(
    client: krs_client,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        let id = consumer(client)?.member_id()?;
        // SAFETY: the caller's buffer has `capacity` bytes.
        unsafe { copy_text("the member id", &id, buffer, capacity, len) }
    })
}

/// How the group rebalances: `*name` becomes `"EAGER"`, `"COOPERATIVE"` (also for
/// `group.protocol` `consumer`), or `"NONE"` outside a group.
///
/// Ownership: `*name` is a static string.
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_rebalance_protocol(
    client: krs_client,
    name: *mut *const c_char,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a place for the result.
        let place = unsafe { out("name", name) }?;
        *place = match consumer(client)?.rebalance_protocol()? {
            "EAGER" => c"EAGER",
            "COOPERATIVE" => c"COOPERATIVE",
            _ => c"NONE",
        }
        .as_ptr();
        Ok(())
    })
}

/// Whether what is being revoked may have other owners already: `*lost` becomes 1
/// if so, otherwise 0.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_consumer_assignment_lost(
    client: krs_client,
    lost: *mut u32,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a place for the result.
        let place = unsafe { out("lost", lost) }?;
        *place = u32::from(consumer(client)?.assignment_lost()?);
        Ok(())
    })
}

fn consumer(client: krs_client) -> Result<Arc<Consumer>> {
    CLIENTS.get(client.id)?.client.consumer().cloned()
}

/// # Safety
/// `all` is NULL or points to `count` strings, each NULL or NUL-terminated.
pub(super) unsafe fn texts<'a>(
    name: &str,
    all: *const *const c_char,
    count: usize,
) -> Result<Vec<&'a str>> {
    // SAFETY: by the caller's promise.
    let all = unsafe { slice(name, all, count) }?;
    all.iter()
        // SAFETY: as above.
        .map(|one| unsafe { text(name, *one) })
        .collect()
}
