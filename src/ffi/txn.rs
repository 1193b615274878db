//! Section `txn`.

use super::decode::bytes;
use super::guard;
use super::objects::CLIENTS;
use super::partition;
use super::types::{krs_bytes, krs_client, krs_code, krs_error, krs_partitions};
use crate::error::Result;
use crate::producer::Producer;
use std::sync::Arc;

/// Prepares a producer with a `transactional.id` for transactions, once, before
/// the first message: ends what an earlier producer of that id left open, and
/// keeps that one from going on.
///
/// `timeout_ms` -1: as long as `transaction.timeout.ms` allows.
///
/// Threads: any; the calls of this section one at a time: -177 (`_PREV_IN_PROGRESS`) otherwise.
/// Errors: with `KRS_ERROR_RETRIABLE` call it again, with `KRS_ERROR_FATAL` close
/// the producer. After `KRS_ERR_TIMED_OUT` the call may go on without its caller: the same one again
/// waits for what comes of it, and the others of this section are answered -177 as long as it goes on.
/// `KRS_ERR_STATE`: not a transactional producer, or done already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_txn_init(
    client: krs_client,
    timeout_ms: i32,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || producer(client)?.init_transactions(timeout_ms))
}

/// Begins a transaction, to which all messages sent from now on belong.
///
/// Threads: any; the calls of this section one at a time: -177 (`_PREV_IN_PROGRESS`) otherwise.
/// Errors: `KRS_ERR_STATE`: one is open already, or `krs_txn_init()` is missing;
/// with `KRS_ERROR_FATAL` close the producer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_txn_begin(client: krs_client, err: *mut krs_error) -> krs_code {
    guard(err, || producer(client)?.begin_transaction())
}

/// Makes offsets of a consumer part of the transaction: they are committed for
/// its group if and when the transaction is. The consumer must not commit them
/// itself (`enable.auto.commit` false).
///
/// `offsets` say where to go on, the last offset plus one. `group` comes from
/// `krs_consumer_group_metadata()`, of this or another process.
///
/// Ownership: all is copied.
/// Threads: any; the calls of this section one at a time: -177 (`_PREV_IN_PROGRESS`) otherwise.
/// Errors: with `KRS_ERROR_RETRIABLE` call it again, with `KRS_ERROR_TXN_ABORT`
/// abort the transaction, with `KRS_ERROR_FATAL` close the producer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_txn_offsets(
    client: krs_client,
    offsets: *const krs_partitions,
    group: krs_bytes,
    timeout_ms: i32,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes krs_partitions and bytes that are alive.
        let (offsets, group) = unsafe { (partition::decode(offsets)?, bytes("group", group)?) };
        let group = group.unwrap_or_default();
        producer(client)?.send_offsets_to_transaction(&offsets, group, timeout_ms)
    })
}

/// Commits the transaction, once all of its messages have a result. Nobody needs
/// to receive reports meanwhile.
///
/// `timeout_ms` -1: as long as `transaction.timeout.ms` allows.
///
/// Threads: any; the calls of this section one at a time: -177 (`_PREV_IN_PROGRESS`) otherwise.
/// Errors: with `KRS_ERROR_RETRIABLE` call it again, as for `krs_txn_init()`; with
/// `KRS_ERROR_TXN_ABORT` abort the transaction; with `KRS_ERROR_FATAL` close the producer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_txn_commit(
    client: krs_client,
    timeout_ms: i32,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || producer(client)?.commit_transaction(timeout_ms))
}

/// Takes the transaction back: consumers with `isolation.level` `read_committed`
/// see none of its messages. Those that cannot be sent within a second are purged
/// (`KRS_ERR_PURGE_QUEUE`).
///
/// `timeout_ms` -1: as long as `transaction.timeout.ms` allows.
///
/// Threads: any; the calls of this section one at a time: -177 (`_PREV_IN_PROGRESS`) otherwise.
/// Errors: with `KRS_ERROR_RETRIABLE` call it again, as for `krs_txn_init()`; with
/// `KRS_ERROR_FATAL` close the producer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_txn_abort(
    client: krs_client,
    timeout_ms: i32,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || producer(client)?.abort_transaction(timeout_ms))
}

fn producer(client: krs_client) -> Result<Arc<Producer>> {
    CLIENTS.get(client.id)?.client.producer().cloned()
}
