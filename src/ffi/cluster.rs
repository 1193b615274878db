//! Section `cluster`: what a client can ask.

use std::ffi::c_char;

use super::batch::krs_batch;
use super::conf::copy_text;
use super::decode::{out, text};
use super::guard;
use super::objects::CLIENTS;
use super::partition::{Answer, decode};
use super::types::{krs_batch_view, krs_client, krs_code, krs_error, krs_partitions};
use crate::batch::{Batch, Kind, Row};
use crate::client::at_most_a_minute;
use crate::error::Result;
use crate::rd::cluster::{Metadata, Of};
use crate::rd::{self, List};

/// Turns times into offsets: `offset` of each partition is a time in milliseconds
/// since the epoch, and that of its answer the first offset with that time or
/// later, or the end. Asks brokers.
///
/// Answers, ownership and threads: as for `krs_consumer_position()`.
/// Errors (`timeout_ms` -1 = a minute): `KRS_ERR_TIMED_OUT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_cluster_offsets_for_times(
    client: krs_client,
    times: *const krs_partitions,
    timeout_ms: i32,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes krs_partitions and places for the answer.
    unsafe {
        Answer { batch, view, err }.partitions("offset for time", || {
            let times = decode(times)?;
            ask(client, move |native| {
                let list = List::of(&times)?;
                native.offsets_for_times(&list, at_most_a_minute(timeout_ms))?;
                Ok(list.to_vec())
            })
        })
    }
}

/// The first offset of a partition, and the one after its last. `timeout_ms` 0: as
/// last seen while fetching (-1001 = never); otherwise asks a broker.
///
/// Threads: any.
/// Errors (`timeout_ms` -1 = a minute): `KRS_ERR_TIMED_OUT`; `KRS_ERR_UNKNOWN_PARTITION`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_cluster_watermarks(
    client: krs_client,
    topic: *const c_char,
    partition: i32,
    timeout_ms: i32,
    low: *mut i64,
    high: *mut i64,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a string and places for the results.
        let (topic, low, high) =
            unsafe { (text("topic", topic)?, out("low", low)?, out("high", high)?) };
        (*low, *high) = if timeout_ms == 0 {
            with(client, |native| native.watermarks(topic, partition, 0))?
        } else {
            let topic = topic.to_owned();
            ask(client, move |native| {
                native.watermarks(&topic, partition, at_most_a_minute(timeout_ms))
            })?
        };
        Ok(())
    })
}

/// The brokers, and of topics the partitions with their leaders and replicas, as
/// one broker knows them: rows of kind `KRS_EVENT_BROKER`, `KRS_EVENT_TOPIC` and
/// `KRS_EVENT_PARTITION`. `topic` names one; NULL with `all_topics` 1 asks for all
/// topics of the cluster, and with 0 for those that the client uses.
///
/// Ownership: `*batch` is the caller's; see `krs_consumer_position()`.
/// Threads: any.
/// Errors (`timeout_ms` -1 = a minute): `KRS_ERR_TIMED_OUT`. The error of a topic is in its row.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_cluster_metadata(
    client: krs_client,
    topic: *const c_char,
    all_topics: u32,
    timeout_ms: i32,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        let body = || {
            let of = match (topic.is_null(), all_topics) {
                // SAFETY: the caller passes a string.
                (false, _) => Of::One(unsafe { text("topic", topic) }?.to_owned()),
                (true, 0) => Of::Known,
                (true, _) => Of::All,
            };
            ask(client, move |native| {
                native.metadata(&of, at_most_a_minute(timeout_ms))
            })
        };
        let answer = Answer { batch, view, err };
        // SAFETY: the caller passes places for the answer.
        unsafe { answer.fill(body, push_metadata, |_| Ok(())) }
    })
}

/// Writes the cluster's id, NUL-terminated, to `buffer` of `capacity` bytes, and
/// its length to `*len`, unless that is NULL. With `capacity` 0 it only tells the
/// length.
///
/// Ownership: copied to the caller's memory.
/// Threads: any.
/// Errors (`timeout_ms` -1 = a minute): `KRS_ERR_TIMED_OUT`; `KRS_ERR_ARGUMENT` if it does not fit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_cluster_id(
    client: krs_client,
    timeout_ms: i32,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        let id = ask(client, move |native| {
            native.cluster_id(at_most_a_minute(timeout_ms))
        })?;
        // SAFETY: the caller's buffer has `capacity` bytes.
        unsafe { copy_text("the cluster's id", &id, buffer, capacity, len) }
    })
}

/// The id of the broker that controls the cluster.
///
/// Threads: any.
/// Errors (`timeout_ms` -1 = a minute): `KRS_ERR_TIMED_OUT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_cluster_controller_id(
    client: krs_client,
    timeout_ms: i32,
    id: *mut i32,
    err: *mut krs_error,
) -> krs_code {
    guard(err, || {
        // SAFETY: the caller passes a place for the result.
        let place = unsafe { out("id", id) }?;
        *place = ask(client, move |native| {
            native.controller_id(at_most_a_minute(timeout_ms))
        })?;
        Ok(())
    })
}

/// For what does not wait.
pub(super) fn with<T>(
    client: krs_client,
    body: impl FnOnce(&rd::Client) -> Result<T>,
) -> Result<T> {
    CLIENTS.get(client.id)?.client.with(body)
}

/// For what waits for a broker.
fn ask<T: Send + 'static>(
    client: krs_client,
    body: impl FnOnce(&rd::Client) -> Result<T> + Send + 'static,
) -> Result<T> {
    CLIENTS.get(client.id)?.client.ask(body)
}

fn push_metadata(metadata: &Metadata, batch: &mut Batch) {
    for broker in &metadata.brokers {
        batch.push(&Row {
            partition: broker.id,
            key: Some(broker.host.as_bytes()),
            offset: broker.port.into(),
            ..Row::new(Kind::Broker)
        });
    }
    for topic in &metadata.topics {
        batch.push(&Row {
            topic: Some(&topic.name),
            code: topic.code,
            ..Row::new(Kind::Topic)
        });
        for partition in &topic.partitions {
            batch.push(&Row {
                topic: Some(&topic.name),
                partition: partition.id,
                code: partition.code,
                offset: partition.leader.into(),
                key: Some(&ids(&partition.replicas)),
                value: Some(&ids(&partition.in_sync)),
                ..Row::new(Kind::Partition)
            });
        }
    }
}

fn ids(ids: &[i32]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_ne_bytes()).collect()
}
