//! Section `admin`.

use std::ffi::c_char;

use super::batch::krs_batch;
use super::consumer::texts;
use super::decode::{Sized32, elements, slice, some, text};
use super::guard;
use super::objects::CLIENTS;
use super::partition::Answer;
use super::types::{krs_batch_view, krs_client, krs_code, krs_error, krs_new_topic};
use crate::batch::{Batch, Kind, Row};
use crate::client::at_most_a_minute;
use crate::error::{Error, Result, code};
use crate::rd;
use crate::rd::admin::{NewTopic, Request, TopicResult};

// SAFETY: repr(C), `struct_size` first, integers and pointers only.
unsafe impl Sized32 for krs_new_topic {
    const NAME: &'static str = "topic";
    const FIRST_SIZE: usize = 40;
}

/// Makes topics. With `validate_only` 1 it only finds out whether that would be
/// possible. Any client can do it; `timeout_ms` -1 = a minute.
///
/// The answer is one `KRS_EVENT_TOPIC` row for each topic, with its `code` and in
/// `value` the broker's text; the call fails only as a whole. `batch` and `view`
/// may both be NULL: then the first topic's error is the call's.
///
/// Ownership: all is copied. `topics` points to `count` structs, all of the first
/// one's `struct_size`. `*batch` is the caller's; see `krs_consumer_position()`.
/// Threads: any.
/// Errors: `KRS_ERR_TIMED_OUT`; `KRS_ERR_INVALID_ARG`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_admin_create_topics(
    client: krs_client,
    topics: *const krs_new_topic,
    count: usize,
    validate_only: u32,
    timeout_ms: i32,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes structs that are alive, and places for the answer.
    unsafe {
        answered(Answer { batch, view, err }, || {
            let topics = decode(topics, count)?;
            ask(client, timeout_ms, validate_only, |native, request| {
                native.create_topics(&topics, request)
            })
        })
    }
}

/// Gives topics more partitions: `partitions` of each is how many it then has, and
/// `replicas` tells of the new ones only. Everything else as for
/// `krs_admin_create_topics()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_admin_create_partitions(
    client: krs_client,
    topics: *const krs_new_topic,
    count: usize,
    validate_only: u32,
    timeout_ms: i32,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes structs that are alive, and places for the answer.
    unsafe {
        answered(Answer { batch, view, err }, || {
            let topics = decode(topics, count)?;
            ask(client, timeout_ms, validate_only, |native, request| {
                native.create_partitions(&topics, request)
            })
        })
    }
}

/// Deletes topics, `count` names. Everything else as for `krs_admin_create_topics()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn krs_admin_delete_topics(
    client: krs_client,
    topics: *const *const c_char,
    count: usize,
    timeout_ms: i32,
    batch: *mut *mut krs_batch,
    view: *mut krs_batch_view,
    err: *mut krs_error,
) -> krs_code {
    // SAFETY: the caller passes `count` strings, and places for the answer.
    unsafe {
        answered(Answer { batch, view, err }, || {
            let names = texts("topics", topics, count)?;
            some("topics", names.len())?;
            ask(client, timeout_ms, 0, |native, request| {
                native.delete_topics(&names, request)
            })
        })
    }
}

fn ask<T>(
    client: krs_client,
    timeout_ms: i32,
    validate_only: u32,
    body: impl FnOnce(&rd::Client, Request<'_>) -> Result<T>,
) -> Result<T> {
    let client = &CLIENTS.get(client.id)?.client;
    let request = Request {
        timeout_ms: at_most_a_minute(timeout_ms),
        validate_only: validate_only != 0,
        closing: client.closing(),
    };
    client.with(|native| body(native, request))
}

/// # Safety
/// `topics` is NULL or points to `count` structs of one size, whose strings are
/// alive.
unsafe fn decode<'a>(topics: *const krs_new_topic, count: usize) -> Result<Vec<NewTopic<'a>>> {
    // SAFETY: by the caller's promise.
    unsafe { elements("topics", topics, count) }?
        .map(|from| {
            let from = from?;
            // SAFETY: the strings are alive.
            let (name, config, replicas) = unsafe {
                (
                    text("topic.name", from.name)?,
                    texts("topic.config", from.config, from.config_count)?,
                    slice("topic.replicas", from.replicas, from.replica_count)?,
                )
            };
            if config.len() % 2 != 0 {
                return Err(Error::argument(
                    "topic.config_count is odd, expected keys and values in turn",
                ));
            }
            Ok(NewTopic {
                name,
                partitions: from.partitions,
                replication: from.replication,
                config: config.chunks(2).map(|pair| (pair[0], pair[1])).collect(),
                replicas: replicas_of(replicas, from.replication)?,
            })
        })
        .collect()
}

fn replicas_of(all: &[i32], replication: i32) -> Result<Vec<&[i32]>> {
    let each = usize::try_from(replication).unwrap_or_default();
    if !all.is_empty() && (each == 0 || all.len() % each != 0) {
        return Err(Error::argument(format!(
            "topic.replica_count is {}, expected a multiple of topic.replication, which is {replication}",
            all.len()
        )));
    }
    Ok(all.chunks(each.max(1)).collect())
}

/// # Safety
/// As for [`Answer::fill`].
unsafe fn answered(answer: Answer, body: impl FnOnce() -> Result<Vec<TopicResult>>) -> krs_code {
    guard(answer.err, || {
        // SAFETY: by the caller's promise.
        unsafe {
            answer.fill(
                body,
                |topics, batch| push(topics, batch),
                |topics| alone(topics),
            )
        }
    })
}

fn push(topics: &[TopicResult], batch: &mut Batch) {
    for topic in topics {
        batch.push(&Row {
            topic: Some(&topic.name),
            code: topic.code,
            value: Some(topic.text.as_bytes()),
            ..Row::new(Kind::Topic)
        });
    }
}

fn alone(topics: &[TopicResult]) -> Result<()> {
    let failed = topics.iter().find(|topic| topic.code != code::OK);
    failed.map_or(Ok(()), |topic| {
        let what = if topic.text.is_empty() {
            rd::describe(topic.code)
        } else {
            topic.text.as_str().into()
        };
        Err(Error::new(
            topic.code,
            format!("topic {}: {what}", topic.name),
        ))
    })
}
