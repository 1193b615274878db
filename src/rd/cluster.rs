//! What a client can ask of the cluster, and how it proves who it is.

use std::ffi::c_char;
use std::ptr;

use rdkafka_sys as sys;

use super::client::error_result;
use super::{Client, List, c_string, check, lossy, raw};
use crate::error::{Code, Error, Result, code};

/// The cluster as one broker described it.
pub struct Metadata {
    pub brokers: Vec<Broker>,
    pub topics: Vec<Topic>,
}

pub struct Broker {
    pub id: i32,
    pub host: String,
    pub port: i32,
}

pub struct Topic {
    pub name: String,
    pub code: Code,
    pub partitions: Vec<Partition>,
}

pub struct Partition {
    pub id: i32,
    pub code: Code,
    /// −1 = none.
    pub leader: i32,
    pub replicas: Vec<i32>,
    pub in_sync: Vec<i32>,
}

/// Of which topics.
pub enum Of {
    All,
    Known,
    One(String),
}

impl Client {
    pub fn metadata(&self, of: &Of, timeout_ms: i32) -> Result<Metadata> {
        let topic = match of {
            Of::One(name) => self.topic_handle(name)?,
            Of::All | Of::Known => ptr::null_mut(),
        };
        let mut raw_metadata = ptr::null();
        // SAFETY: the client is alive, the topic is NULL or ours; on success the
        // metadata is ours, copied and freed.
        unsafe {
            let result = check(raw::rd_kafka_metadata(
                self.as_ptr(),
                i32::from(matches!(of, Of::All)),
                topic,
                &mut raw_metadata,
                timeout_ms,
            ));
            if !topic.is_null() {
                sys::rd_kafka_topic_destroy(topic);
            }
            result?;
            let metadata = copy_metadata(raw_metadata);
            sys::rd_kafka_metadata_destroy(raw_metadata);
            Ok(metadata)
        }
    }

    fn topic_handle(&self, name: &str) -> Result<*mut sys::rd_kafka_topic_t> {
        let name = c_string("topic", name)?;
        // SAFETY: a NULL configuration means the client's default; the error is
        // read at once, on the thread that failed.
        unsafe {
            let topic = sys::rd_kafka_topic_new(self.as_ptr(), name.as_ptr(), ptr::null_mut());
            if topic.is_null() {
                check(raw::rd_kafka_last_error())?;
            }
            Ok(topic)
        }
    }

    /// Turns times into offsets. Waits for brokers.
    pub fn offsets_for_times(&self, times: &List, timeout_ms: i32) -> Result<()> {
        // SAFETY: the client and the list are alive.
        check(unsafe { raw::rd_kafka_offsets_for_times(self.as_ptr(), times.as_ptr(), timeout_ms) })
    }

    /// The first offset and the one after the last: asked of a broker, or with
    /// `timeout_ms` 0 as last seen.
    pub fn watermarks(&self, topic: &str, partition: i32, timeout_ms: i32) -> Result<(i64, i64)> {
        let topic = c_string("topic", topic)?;
        let (mut low, mut high) = (0, 0);
        // SAFETY: the client is alive; the results are ours.
        check(unsafe {
            if timeout_ms == 0 {
                sys::rd_kafka_get_watermark_offsets(
                    self.as_ptr(),
                    topic.as_ptr(),
                    partition,
                    &mut low,
                    &mut high,
                ) as i32
            } else {
                raw::rd_kafka_query_watermark_offsets(
                    self.as_ptr(),
                    topic.as_ptr(),
                    partition,
                    &mut low,
                    &mut high,
                    timeout_ms,
                )
            }
        })?;
        Ok((low, high))
    }

    pub fn cluster_id(&self, timeout_ms: i32) -> Result<String> {
        // SAFETY: NULL or a string that is ours, and freed after the copy.
        unsafe {
            let id = sys::rd_kafka_clusterid(self.as_ptr(), timeout_ms);
            if id.is_null() {
                return Err(not_known());
            }
            let copy = lossy(id).into_owned();
            sys::rd_kafka_mem_free(self.as_ptr(), id.cast());
            Ok(copy)
        }
    }

    pub fn controller_id(&self, timeout_ms: i32) -> Result<i32> {
        // SAFETY: the client is alive.
        match unsafe { sys::rd_kafka_controllerid(self.as_ptr(), timeout_ms) } {
            -1 => Err(not_known()),
            id => Ok(id),
        }
    }

    // ---- who we are ------------------------------------------------------

    pub fn set_credentials(&self, user: &str, password: &str) -> Result<()> {
        let user = c_string("user", user)?;
        // The password must not appear in an error.
        let password = std::ffi::CString::new(password)
            .map_err(|_| Error::argument("password: must not contain a NUL byte"))?;
        // SAFETY: the client is alive; both strings are copied.
        unsafe {
            error_result(sys::rd_kafka_sasl_set_credentials(
                self.as_ptr(),
                user.as_ptr(),
                password.as_ptr(),
            ))
        }
    }

    /// `lifetime_ms` since the epoch; `extensions` are keys and values in turn.
    pub fn set_token(
        &self,
        token: &str,
        lifetime_ms: i64,
        principal: &str,
        extensions: &[&str],
    ) -> Result<()> {
        let token = std::ffi::CString::new(token)
            .map_err(|_| Error::argument("token: must not contain a NUL byte"))?;
        let principal = c_string("principal", principal)?;
        let extensions = extensions
            .iter()
            .map(|text| c_string("extensions", text))
            .collect::<Result<Vec<_>>>()?;
        let mut pointers: Vec<*const c_char> = extensions.iter().map(|e| e.as_ptr()).collect();
        let mut text = [0; 512];
        // SAFETY: all strings are alive and copied; the buffer has the size given.
        let code = unsafe {
            sys::rd_kafka_oauthbearer_set_token(
                self.as_ptr(),
                token.as_ptr(),
                lifetime_ms,
                principal.as_ptr(),
                pointers.as_mut_ptr(),
                pointers.len(),
                text.as_mut_ptr(),
                text.len(),
            )
        } as i32;
        if code == code::OK {
            return Ok(());
        }
        // SAFETY: librdkafka wrote a NUL-terminated text.
        let text = unsafe { lossy(text.as_ptr()) };
        Err(Error::new(code, format!("token: {text}")))
    }

    pub fn token_failed(&self, reason: &str) -> Result<()> {
        let reason = c_string("reason", reason)?;
        // SAFETY: the client is alive; the text is copied.
        check(
            unsafe { sys::rd_kafka_oauthbearer_set_token_failure(self.as_ptr(), reason.as_ptr()) }
                as i32,
        )
    }
}

fn not_known() -> Error {
    Error::fixed(code::TIMED_OUT, "no broker told it within timeout_ms")
}

/// # Safety
/// `from` must point to live metadata.
unsafe fn copy_metadata(from: *const sys::rd_kafka_metadata) -> Metadata {
    // SAFETY: the arrays have the lengths that stand beside them; errors are read
    // as integers, for a broker may send a code that the enum does not have.
    unsafe {
        let brokers = items((*from).brokers, (*from).broker_cnt);
        let topics = items((*from).topics, (*from).topic_cnt);
        Metadata {
            brokers: brokers
                .map(|broker| Broker {
                    id: (*broker).id,
                    host: lossy((*broker).host).into_owned(),
                    port: (*broker).port,
                })
                .collect(),
            topics: topics
                .map(|topic| Topic {
                    name: lossy((*topic).topic).into_owned(),
                    code: ptr::addr_of!((*topic).err).cast::<i32>().read(),
                    partitions: items((*topic).partitions, (*topic).partition_cnt)
                        .map(|partition| copy_partition(partition))
                        .collect(),
                })
                .collect(),
        }
    }
}

/// # Safety
/// `from` must point to a partition of live metadata.
unsafe fn copy_partition(from: *const sys::rd_kafka_metadata_partition) -> Partition {
    // SAFETY: as for `copy_metadata`.
    unsafe {
        Partition {
            id: (*from).id,
            code: ptr::addr_of!((*from).err).cast::<i32>().read(),
            leader: (*from).leader,
            replicas: items((*from).replicas, (*from).replica_cnt)
                .map(|id| *id)
                .collect(),
            in_sync: items((*from).isrs, (*from).isr_cnt).map(|id| *id).collect(),
        }
    }
}

/// # Safety
/// `first` must point to `count` values, or `count` be 0.
unsafe fn items<T>(first: *const T, count: i32) -> impl Iterator<Item = *const T> {
    let count = usize::try_from(count).unwrap_or_default();
    // SAFETY: within the array, by the caller's promise.
    (0..count).map(move |index| unsafe { first.add(index) })
}
