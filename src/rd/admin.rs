//! Topics made, deleted and given more partitions.

use std::ffi::{CString, c_char};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_admin_op_t as Operation;

use super::{Client, Event, Queue, c_string, check, lossy, raw};
use crate::error::{Code, Error, Result, code};

/// How often a wait looks whether its client is closing.
const SLICE_MS: i32 = 50;

/// A topic to be made, or one that is to have so many partitions.
pub struct NewTopic<'a> {
    pub name: &'a str,
    /// −1 = as the brokers are configured.
    pub partitions: i32,
    pub replication: i32,
    pub config: Vec<(&'a str, &'a str)>,
    /// The brokers of each partition that is made; empty = the cluster chooses.
    pub replicas: Vec<&'a [i32]>,
}

/// What came of it for one topic.
pub struct TopicResult {
    pub name: String,
    pub code: Code,
    pub text: String,
}

/// How a request is made.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub timeout_ms: i32,
    /// Only finds out whether it would be possible.
    pub validate_only: bool,
    /// The wait ends when it is set.
    pub closing: &'a AtomicBool,
}

/// Owns a `rd_kafka_AdminOptions_t`.
struct Options(*mut sys::rd_kafka_AdminOptions_t);

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: owned, and not used after this.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.0) }
    }
}

/// Owns objects of librdkafka that one function frees.
struct Owned<T>(Vec<*mut T>, unsafe extern "C" fn(*mut T));

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        for one in &self.0 {
            // SAFETY: owned, made for this function, and not used after this.
            unsafe { (self.1)(*one) };
        }
    }
}

/// A function of librdkafka that makes a request about several objects.
type Ask<T> = unsafe extern "C" fn(
    *mut sys::rd_kafka_t,
    *mut *mut T,
    usize,
    *const sys::rd_kafka_AdminOptions_t,
    *mut sys::rd_kafka_queue_t,
);

impl Client {
    pub fn create_topics(
        &self,
        topics: &[NewTopic<'_>],
        request: Request<'_>,
    ) -> Result<Vec<TopicResult>> {
        let mut new = Owned(Vec::new(), sys::rd_kafka_NewTopic_destroy);
        for topic in topics {
            add_topic(&mut new, topic)?;
        }
        let operation = Operation::RD_KAFKA_ADMIN_OP_CREATETOPICS;
        self.request(operation, sys::rd_kafka_CreateTopics, new, request)
    }

    pub fn create_partitions(
        &self,
        topics: &[NewTopic<'_>],
        request: Request<'_>,
    ) -> Result<Vec<TopicResult>> {
        let mut new = Owned(Vec::new(), sys::rd_kafka_NewPartitions_destroy);
        for topic in topics {
            add_partitions(&mut new, topic)?;
        }
        let operation = Operation::RD_KAFKA_ADMIN_OP_CREATEPARTITIONS;
        self.request(operation, sys::rd_kafka_CreatePartitions, new, request)
    }

    pub fn delete_topics(&self, names: &[&str], request: Request<'_>) -> Result<Vec<TopicResult>> {
        let mut gone = Owned(Vec::new(), sys::rd_kafka_DeleteTopic_destroy);
        for name in names {
            let name = c_string("topic", name)?;
            // SAFETY: the name is copied.
            let topic = unsafe { sys::rd_kafka_DeleteTopic_new(name.as_ptr()) };
            gone.0.push(topic);
        }
        let operation = Operation::RD_KAFKA_ADMIN_OP_DELETETOPICS;
        self.request(operation, sys::rd_kafka_DeleteTopics, gone, request)
    }

    /// Makes a request, and waits for its answer.
    fn request<T>(
        &self,
        operation: Operation,
        ask: Ask<T>,
        mut objects: Owned<T>,
        request: Request<'_>,
    ) -> Result<Vec<TopicResult>> {
        let options = self.options(operation, request)?;
        let queue = self.answer_queue()?;
        // SAFETY: all are alive during the call, which copies the objects.
        unsafe {
            ask(
                self.as_ptr(),
                objects.0.as_mut_ptr(),
                objects.0.len(),
                options.0,
                queue.as_ptr(),
            );
        }
        let event = wait(&queue, request)?;
        check(event.code())
            .map_err(|error| Error::new(error.code, event.error_text().into_owned()))?;
        Ok(event.topic_results())
    }

    fn options(&self, operation: Operation, request: Request<'_>) -> Result<Options> {
        let mut text = [0; 512];
        // SAFETY: the options are ours; the buffer has the size given.
        unsafe {
            let options = Options(sys::rd_kafka_AdminOptions_new(self.as_ptr(), operation));
            let timeout = request.timeout_ms;
            let mut set = sys::rd_kafka_AdminOptions_set_request_timeout(
                options.0,
                timeout,
                text.as_mut_ptr(),
                text.len(),
            ) as i32;
            if set == code::OK {
                set = sys::rd_kafka_AdminOptions_set_operation_timeout(
                    options.0,
                    timeout,
                    text.as_mut_ptr(),
                    text.len(),
                ) as i32;
            }
            if set == code::OK && request.validate_only {
                set = sys::rd_kafka_AdminOptions_set_validate_only(
                    options.0,
                    1,
                    text.as_mut_ptr(),
                    text.len(),
                ) as i32;
            }
            if set != code::OK {
                return Err(Error::new(set, lossy(text.as_ptr()).into_owned()));
            }
            Ok(options)
        }
    }
}

fn wait(answer: &Queue, request: Request<'_>) -> Result<Event> {
    // librdkafka answers by the request's own timeout; a second is for its threads.
    let time = Duration::from_millis(request.timeout_ms.unsigned_abs().into());
    let end = Instant::now() + time + Duration::from_secs(1);
    while Instant::now() < end {
        if let Some(event) = answer.poll(SLICE_MS) {
            return Ok(event);
        }
        if request.closing.load(Ordering::SeqCst) {
            return Err(Error::closed("the client has been closed"));
        }
    }
    Err(Error::timed_out())
}

fn add_topic(to: &mut Owned<sys::rd_kafka_NewTopic_t>, topic: &NewTopic<'_>) -> Result<()> {
    let name = c_string("topic", topic.name)?;
    let config = topic
        .config
        .iter()
        .map(|(key, value)| Ok((c_string("config", key)?, c_string("config", value)?)))
        .collect::<Result<Vec<(CString, CString)>>>()?;
    // Whoever names the brokers does not count them as well.
    let replication = match topic.replicas.is_empty() {
        true => topic.replication,
        false => -1,
    };
    let mut text = [0; 512];
    // SAFETY: the strings are copied; the buffer has the size given. The topic is
    // alive as long as its list.
    unsafe {
        let new = sys::rd_kafka_NewTopic_new(
            name.as_ptr(),
            topic.partitions,
            replication,
            text.as_mut_ptr(),
            text.len(),
        );
        let new = NonNull::new(new)
            .ok_or_else(|| Error::new(code::INVALID_ARG, lossy(text.as_ptr()).into_owned()))?
            .as_ptr();
        to.0.push(new);
        for (key, value) in config {
            check(sys::rd_kafka_NewTopic_set_config(new, key.as_ptr(), value.as_ptr()) as i32)?;
        }
        let set = sys::rd_kafka_NewTopic_set_replica_assignment;
        assign_replicas(&topic.replicas, set, new)
    }
}

fn add_partitions(
    to: &mut Owned<sys::rd_kafka_NewPartitions_t>,
    topic: &NewTopic<'_>,
) -> Result<()> {
    let name = c_string("topic", topic.name)?;
    let total = usize::try_from(topic.partitions).unwrap_or_default();
    let mut text = [0; 512];
    // SAFETY: the name is copied; the buffer has the size given.
    unsafe {
        let new =
            sys::rd_kafka_NewPartitions_new(name.as_ptr(), total, text.as_mut_ptr(), text.len());
        if new.is_null() {
            return Err(Error::new(
                code::INVALID_ARG,
                lossy(text.as_ptr()).into_owned(),
            ));
        }
        to.0.push(new);
        let set = sys::rd_kafka_NewPartitions_set_replica_assignment;
        assign_replicas(&topic.replicas, set, new)
    }
}

/// A function of librdkafka that names the brokers of one partition.
type SetReplicas<T> = unsafe extern "C" fn(
    *mut T,
    i32,
    *mut i32,
    usize,
    *mut c_char,
    usize,
) -> sys::rd_kafka_resp_err_t;

/// # Safety
/// `set` is the function for `new`, which is alive.
unsafe fn assign_replicas<T>(
    partitions: &[&[i32]],
    set: SetReplicas<T>,
    new: *mut T,
) -> Result<()> {
    let mut text = [0; 512];
    for (partition, brokers) in (0..).zip(partitions) {
        let (brokers, count) = (brokers.as_ptr().cast_mut(), brokers.len());
        // SAFETY: the brokers are copied, and not written to; the buffer has the
        // size given.
        let code = unsafe {
            set(
                new,
                partition,
                brokers,
                count,
                text.as_mut_ptr(),
                text.len(),
            )
        } as i32;
        if code != code::OK {
            // SAFETY: NUL-terminated.
            let why = unsafe { lossy(text.as_ptr()) }.into_owned();
            return Err(Error::new(code, format!("partition {partition}: {why}")));
        }
    }
    Ok(())
}

/// # Safety
/// `event` must be live.
pub(super) unsafe fn topic_results(event: *mut sys::rd_kafka_event_t) -> Vec<TopicResult> {
    let mut count = 0;
    // SAFETY: each result is NULL or as long alive as the event, and so are the
    // topics, `count` of them, which are copied. Codes are read as integers.
    unsafe {
        let created = sys::rd_kafka_event_CreateTopics_result(event);
        let deleted = sys::rd_kafka_event_DeleteTopics_result(event);
        let grown = sys::rd_kafka_event_CreatePartitions_result(event);
        let topics = if !created.is_null() {
            sys::rd_kafka_CreateTopics_result_topics(created, &mut count)
        } else if !deleted.is_null() {
            sys::rd_kafka_DeleteTopics_result_topics(deleted, &mut count)
        } else if !grown.is_null() {
            sys::rd_kafka_CreatePartitions_result_topics(grown, &mut count)
        } else {
            ptr::null_mut()
        };
        (0..count)
            .map(|index| {
                let topic = *topics.add(index);
                TopicResult {
                    name: lossy(sys::rd_kafka_topic_result_name(topic)).into_owned(),
                    code: raw::rd_kafka_topic_result_error(topic),
                    text: lossy(sys::rd_kafka_topic_result_error_string(topic)).into_owned(),
                }
            })
            .collect()
    }
}
