//! A producer or consumer of librdkafka.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_type_t::{RD_KAFKA_CONSUMER, RD_KAFKA_PRODUCER};
use rdkafka_sys::rd_kafka_vtype_t as VType;
use smallvec::SmallVec;

use super::clock::HeldClock;
use super::{Conf, EventKind, Queue, c_string, callback, check, error_of, lossy, raw};
use crate::error::{Code, Error, Result, code, flag};

/// Takes the log lines of a client: level 0 (worst) to 7, facility, text.
pub type LogSink = Arc<dyn Fn(i32, &str, &str) + Send + Sync>;

/// A broker delays requests, because a quota is used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttle {
    pub broker: String,
    pub broker_id: i32,
    /// 0 = no longer.
    pub millis: i32,
}

/// What librdkafka tells by callbacks only.
struct Told {
    log: Option<LogSink>,
    throttles: Mutex<Vec<Throttle>>,
}

/// Owns a `rd_kafka_t`. Queues made from it must be dropped before it.
pub struct Client {
    raw: NonNull<sys::rd_kafka_t>,
    /// Tells this client's topics from those of any other, for ever.
    serial: u64,
    topics: Mutex<Vec<NonNull<sys::rd_kafka_topic_t>>>,
    told: Box<Told>,
}

/// A topic of one client, good for [`Client::produce`] on that client only.
#[derive(Clone, Copy)]
pub struct Topic {
    client: u64,
    raw: NonNull<sys::rd_kafka_topic_t>,
    limits: raw::Limits,
}

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}
// SAFETY: the pointer is only used through its client, after the serial matched.
unsafe impl Send for Topic {}
// SAFETY: as above.
unsafe impl Sync for Topic {}

/// A message on its way to librdkafka, which copies all of it.
pub struct Outgoing<'a> {
    pub partition: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a mut dyn Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    pub has_headers: bool,
    /// Milliseconds since the epoch; 0 = now.
    pub timestamp: i64,
    /// Comes back with the report.
    pub token: u64,
}

/// One of several messages that are alike but for these.
#[derive(Clone, Copy)]
pub struct Plain<'a> {
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub token: u64,
}

/// Most messages in one [`Client::produce_run`].
pub const RUN_LEN: usize = 64;

const OTHER_CLIENT: Error = Error::fixed(code::ARGUMENT, "the topic belongs to another client");

impl Client {
    pub fn producer(conf: Conf, events: &[EventKind], log: Option<LogSink>) -> Result<Self> {
        Self::new(RD_KAFKA_PRODUCER, conf, events, log)
    }

    pub fn consumer(conf: Conf, events: &[EventKind], log: Option<LogSink>) -> Result<Self> {
        let client = Self::new(RD_KAFKA_CONSUMER, conf, events, log)?;
        // SAFETY: the client is alive. The main queue joins the consumer's, so
        // that one place holds all control events.
        let code = unsafe { sys::rd_kafka_poll_set_consumer(client.as_ptr()) };
        check(code as i32)?;
        Ok(client)
    }

    fn new(
        kind: sys::rd_kafka_type_t,
        conf: Conf,
        events: &[EventKind],
        log: Option<LogSink>,
    ) -> Result<Self> {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let told = Box::new(Told {
            log,
            throttles: Mutex::default(),
        });
        let events = events.iter().fold(0, |mask, kind| mask | event_mask(*kind));
        // SAFETY: the configuration is alive. `told` is boxed, so its address
        // stays the same, and it is dropped after the client.
        unsafe {
            sys::rd_kafka_conf_set_events(conf.as_ptr(), events);
            sys::rd_kafka_conf_set_log_cb(conf.as_ptr(), Some(on_log));
            sys::rd_kafka_conf_set_throttle_cb(conf.as_ptr(), Some(on_throttle));
            let opaque = ptr::from_ref::<Told>(&told).cast_mut();
            sys::rd_kafka_conf_set_opaque(conf.as_ptr(), opaque.cast());
        }
        let mut text = [0; 512];
        let conf = conf.into_ptr();
        // SAFETY: the configuration is taken on success only; the buffer has the
        // size given.
        let raw = unsafe { sys::rd_kafka_new(kind, conf, text.as_mut_ptr(), text.len()) };
        let Some(raw) = NonNull::new(raw) else {
            // SAFETY: read at once, on the thread that failed; a failed call
            // leaves the configuration ours, and a NUL-terminated text.
            return Err(unsafe {
                let code = raw::rd_kafka_last_error();
                sys::rd_kafka_conf_destroy(conf);
                Error::new(
                    code,
                    CStr::from_ptr(text.as_ptr())
                        .to_string_lossy()
                        .trim_end()
                        .to_owned(),
                )
            });
        };
        Ok(Self {
            raw,
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            topics: Mutex::default(),
            told,
        })
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_t {
        self.raw.as_ptr()
    }

    /// The name that librdkafka gave the client, such as `rdkafka#producer-1`.
    pub fn name(&self) -> String {
        // SAFETY: NUL-terminated; lives as long as the client.
        unsafe { lossy(sys::rd_kafka_name(self.as_ptr())) }.into_owned()
    }

    pub fn fatal_error(&self) -> Option<Error> {
        let mut text = [0; 512];
        // SAFETY: the buffer has the size given.
        let code =
            unsafe { sys::rd_kafka_fatal_error(self.as_ptr(), text.as_mut_ptr(), text.len()) };
        if code as i32 == code::OK {
            return None;
        }
        // SAFETY: librdkafka wrote a NUL-terminated text.
        let text = unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy();
        let mut error = Error::new(code as i32, text.into_owned());
        error.flags |= flag::FATAL;
        Some(error)
    }

    /// What came since the last call, in the polls of the main queue.
    pub fn throttles(&self) -> Vec<Throttle> {
        std::mem::take(&mut self.told.throttles.lock())
    }

    /// Makes a fatal error, as a broker could.
    pub fn raise_fatal(&self, code: Code, reason: &str) -> Result<()> {
        let reason = c_string("reason", reason)?;
        // SAFETY: the client is alive; the reason is copied.
        check(unsafe { raw::rd_kafka_test_fatal_error(self.as_ptr(), code, reason.as_ptr()) })
    }

    pub fn main_queue(&self) -> Option<Queue> {
        // SAFETY: a new reference to the client's main queue.
        unsafe { Queue::from_raw(sys::rd_kafka_queue_get_main(self.as_ptr())) }
    }

    pub fn consumer_queue(&self) -> Option<Queue> {
        // SAFETY: a new reference, or NULL for a producer.
        unsafe { Queue::from_raw(sys::rd_kafka_queue_get_consumer(self.as_ptr())) }
    }

    pub fn new_queue(&self) -> Option<Queue> {
        // SAFETY: a new queue, owned by the caller.
        unsafe { Queue::from_raw(sys::rd_kafka_queue_new(self.as_ptr())) }
    }

    /// A queue of one's own, for the answer to one call.
    pub fn answer_queue(&self) -> Result<Queue> {
        self.new_queue()
            .ok_or_else(|| Error::fixed(code::SYSTEM, "no queue for the answer"))
    }

    // ---- producer -------------------------------------------------------

    pub fn topic(&self, name: &str) -> Result<Topic> {
        let name = c_string("topic", name)?;
        // SAFETY: a NULL configuration means the client's default.
        let raw = unsafe { sys::rd_kafka_topic_new(self.as_ptr(), name.as_ptr(), ptr::null_mut()) };
        // SAFETY: read at once, on the thread that failed.
        let raw =
            NonNull::new(raw).ok_or_else(|| error_of(unsafe { raw::rd_kafka_last_error() }))?;
        self.topics.lock().push(raw);
        Ok(Topic {
            client: self.serial,
            raw,
            // SAFETY: the topic is alive.
            limits: unsafe { raw::krs_rd_limits_of(raw.as_ptr()) },
        })
    }

    pub fn produce(&self, topic: Topic, message: Outgoing<'_>) -> Result<()> {
        if topic.client != self.serial {
            return Err(OTHER_CLIENT);
        }
        if message.has_headers {
            return self.produce_full(topic, message);
        }
        let mut bundled = [outgoing(
            message.key,
            message.value,
            message.timestamp,
            message.token,
        )];
        if bundle(topic, message.partition, &mut bundled) == 1 {
            return match bundled[0].code {
                code::OK => Ok(()),
                refused => Err(produce_error(refused)),
            };
        }
        if message.timestamp != 0 {
            return self.produce_full(topic, message);
        }
        let _clock = HeldClock::new();
        let (value, value_len) = parts(message.value);
        let (key, key_len) = parts(message.key);
        // SAFETY: the topic is alive, for its client is; the bytes are copied.
        let failed = unsafe {
            sys::rd_kafka_produce(
                topic.raw.as_ptr(),
                message.partition,
                sys::RD_KAFKA_MSG_F_COPY,
                value,
                value_len,
                key,
                key_len,
                message.token as *mut c_void,
            )
        } != 0;
        if failed {
            // SAFETY: read at once, on the thread that failed.
            return Err(produce_error(unsafe { raw::rd_kafka_last_error() }));
        }
        Ok(())
    }

    /// Produces messages of one topic and partition in order, and tells the code
    /// of each. Once one finds the queue full, so do all after it.
    pub fn produce_run<'a>(
        &self,
        topic: Topic,
        partition: i32,
        messages: impl Iterator<Item = Plain<'a>>,
    ) -> Result<SmallVec<[Code; RUN_LEN]>> {
        if topic.client != self.serial {
            return Err(OTHER_CLIENT);
        }
        let mut all: SmallVec<[_; RUN_LEN]> = messages
            .map(|plain| outgoing(plain.key, plain.value, 0, plain.token))
            .collect();
        let bundled = bundle(topic, partition, &mut all);
        let mut codes: SmallVec<[Code; RUN_LEN]> =
            all[..bundled].iter().map(|message| message.code).collect();
        let mut messages: SmallVec<[_; RUN_LEN]> =
            all[bundled..].iter().map(native_message).collect();
        if messages.is_empty() {
            return Ok(codes);
        }
        let _clock = HeldClock::new();
        // SAFETY: the topic is alive, for its client is; the bytes are copied.
        unsafe {
            sys::rd_kafka_produce_batch(
                topic.raw.as_ptr(),
                partition,
                sys::RD_KAFKA_MSG_F_COPY,
                messages.as_mut_ptr(),
                messages.len() as i32,
            );
        }
        // SAFETY: librdkafka has set each code; read as an integer, since it may
        // be one that the enum does not have.
        let code =
            |m: &sys::rd_kafka_message_t| unsafe { ptr::addr_of!(m.err).cast::<Code>().read() };
        codes.extend(messages.iter().map(code));
        Ok(codes)
    }

    /// With headers or a timestamp, for which the plain call has no room.
    fn produce_full(&self, topic: Topic, message: Outgoing<'_>) -> Result<()> {
        let headers = headers_of(message.headers)?;
        let (value, value_len) = parts(message.value);
        let (key, key_len) = parts(message.key);
        let fields = [
            field(VType::RD_KAFKA_VTYPE_RKT, |u| u.rkt = topic.raw.as_ptr()),
            field(VType::RD_KAFKA_VTYPE_PARTITION, |u| {
                u.i32_ = message.partition;
            }),
            field(VType::RD_KAFKA_VTYPE_MSGFLAGS, |u| {
                u.i = sys::RD_KAFKA_MSG_F_COPY;
            }),
            field(VType::RD_KAFKA_VTYPE_VALUE, |u| {
                u.mem = memory(value, value_len);
            }),
            field(VType::RD_KAFKA_VTYPE_KEY, |u| {
                u.mem = memory(key, key_len);
            }),
            field(VType::RD_KAFKA_VTYPE_TIMESTAMP, |u| {
                u.i64_ = message.timestamp;
            }),
            field(VType::RD_KAFKA_VTYPE_OPAQUE, |u| {
                u.ptr = message.token as *mut c_void;
            }),
            field(VType::RD_KAFKA_VTYPE_HEADERS, |u| u.headers = headers),
        ];
        let count = fields.len() - usize::from(headers.is_null());
        let _clock = HeldClock::new();
        // SAFETY: `count` fields, each with the union member of its type; on
        // success librdkafka owns the headers, on failure they are still ours.
        unsafe {
            let error = sys::rd_kafka_produceva(self.as_ptr(), fields.as_ptr(), count);
            if error.is_null() {
                return Ok(());
            }
            if !headers.is_null() {
                sys::rd_kafka_headers_destroy(headers);
            }
            Err(produce_error(take_error(error).code))
        }
    }

    /// Lets librdkafka send without lingering, for at most `timeout_ms`.
    pub fn hurry(&self, timeout_ms: i32) {
        // SAFETY: the client is alive. The result only says whether the time
        // was enough; who calls this counts messages itself.
        let _ = unsafe { sys::rd_kafka_flush(self.as_ptr(), timeout_ms) };
    }

    pub fn purge(&self, queued: bool, in_flight: bool) -> Result<()> {
        let flags = sys::RD_KAFKA_PURGE_F_NON_BLOCKING
            | if queued {
                sys::RD_KAFKA_PURGE_F_QUEUE
            } else {
                0
            }
            | if in_flight {
                sys::RD_KAFKA_PURGE_F_INFLIGHT
            } else {
                0
            };
        // SAFETY: the client is alive.
        check(unsafe { sys::rd_kafka_purge(self.as_ptr(), flags) } as i32)
    }
}

impl Drop for Client {
    /// May take a minute when a broker does not answer: leave it to a thread
    /// on which nobody waits.
    fn drop(&mut self) {
        // SAFETY: the topics are ours and go before the client. Leaving the
        // group is never left to this call, which could not be bounded.
        unsafe {
            for topic in self.topics.get_mut().drain(..) {
                sys::rd_kafka_topic_destroy(topic.as_ptr());
            }
            sys::rd_kafka_destroy_flags(self.as_ptr(), sys::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        }
    }
}

unsafe extern "C" fn on_log(
    client: *const sys::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    text: *const c_char,
) {
    callback(|| {
        if client.is_null() {
            return;
        }
        // SAFETY: librdkafka passes a live client, whose opaque is the box of
        // `Client::new`, and NUL-terminated strings.
        unsafe {
            let told = sys::rd_kafka_opaque(client).cast::<Told>().as_ref();
            if let Some(sink) = told.and_then(|told| told.log.as_ref()) {
                sink(level, &lossy(facility), &lossy(text));
            }
        }
    });
}

/// Called by whoever polls the main queue.
unsafe extern "C" fn on_throttle(
    _: *mut sys::rd_kafka_t,
    broker: *const c_char,
    broker_id: i32,
    millis: c_int,
    told: *mut c_void,
) {
    callback(|| {
        // SAFETY: the opaque is the box of `Client::new`, which outlives the
        // client; the name is NUL-terminated.
        let (told, broker) = unsafe { (told.cast::<Told>().as_ref(), lossy(broker)) };
        if let Some(told) = told {
            told.throttles.lock().push(Throttle {
                broker: broker.into_owned(),
                broker_id,
                millis,
            });
        }
    });
}

fn event_mask(kind: EventKind) -> i32 {
    match kind {
        EventKind::Reports => sys::RD_KAFKA_EVENT_DR,
        EventKind::Messages => sys::RD_KAFKA_EVENT_FETCH,
        EventKind::Error => sys::RD_KAFKA_EVENT_ERROR,
        EventKind::Rebalance => sys::RD_KAFKA_EVENT_REBALANCE,
        EventKind::Commit => sys::RD_KAFKA_EVENT_OFFSET_COMMIT,
        EventKind::Stats => sys::RD_KAFKA_EVENT_STATS,
        EventKind::TokenRefresh => sys::RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH,
        EventKind::Other => 0,
    }
}

fn produce_error(code: Code) -> Error {
    let mut error = error_of(code);
    if code == code::QUEUE_FULL {
        error.flags |= flag::RETRIABLE;
    }
    error
}

/// # Safety
/// `error` must be NULL or an error that the caller owns.
pub(super) unsafe fn error_result(error: *mut sys::rd_kafka_error_t) -> Result<()> {
    if error.is_null() {
        Ok(())
    } else {
        // SAFETY: owned by the caller, who gives it up here.
        Err(unsafe { take_error(error) })
    }
}

/// # Safety
/// `error` must be an error that the caller owns; it is freed.
unsafe fn take_error(error: *mut sys::rd_kafka_error_t) -> Error {
    // SAFETY: alive until destroyed at the end.
    unsafe {
        let mut result = Error::new(
            raw::rd_kafka_error_code(error),
            lossy(sys::rd_kafka_error_string(error)).into_owned(),
        );
        for (set, bit) in [
            (sys::rd_kafka_error_is_fatal(error), flag::FATAL),
            (sys::rd_kafka_error_is_retriable(error), flag::RETRIABLE),
            (
                sys::rd_kafka_error_txn_requires_abort(error),
                flag::TXN_ABORT,
            ),
        ] {
            if set != 0 {
                result.flags |= bit;
            }
        }
        sys::rd_kafka_error_destroy(error);
        result
    }
}

fn outgoing(key: Option<&[u8]>, value: Option<&[u8]>, timestamp: i64, token: u64) -> raw::Outgoing {
    let (key, key_size) = parts(key);
    let (value, value_size) = parts(value);
    raw::Outgoing {
        key,
        value,
        key_size,
        value_size,
        timestamp,
        token,
        code: code::OK,
    }
}

/// Sends the first of these, as many as can be bundled; tells how many those are.
fn bundle(topic: Topic, partition: i32, messages: &mut [raw::Outgoing]) -> usize {
    // SAFETY: the topic is alive, for its client is; the bytes are copied.
    unsafe {
        raw::krs_rd_bundle(
            topic.raw.as_ptr(),
            &topic.limits,
            partition,
            messages.as_mut_ptr(),
            messages.len(),
        )
    }
}

fn parts(bytes: Option<&[u8]>) -> (*mut c_void, usize) {
    bytes.map_or((ptr::null_mut(), 0), |bytes| {
        (bytes.as_ptr().cast_mut().cast(), bytes.len())
    })
}

fn native_message(message: &raw::Outgoing) -> sys::rd_kafka_message_t {
    sys::rd_kafka_message_t {
        err: sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
        rkt: ptr::null_mut(),
        partition: 0,
        payload: message.value,
        len: message.value_size,
        key: message.key,
        key_len: message.key_size,
        offset: 0,
        _private: message.token as *mut c_void,
    }
}

fn memory(ptr: *mut c_void, size: usize) -> sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
    sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr, size }
}

fn field(
    vtype: sys::rd_kafka_vtype_t,
    set: impl FnOnce(&mut sys::rd_kafka_vu_s__bindgen_ty_1),
) -> sys::rd_kafka_vu_t {
    let mut u = sys::rd_kafka_vu_s__bindgen_ty_1 { _pad: [0; 64] };
    set(&mut u);
    sys::rd_kafka_vu_t { vtype, u }
}

/// NULL if there are none.
fn headers_of<'a>(
    headers: &mut dyn Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> Result<*mut sys::rd_kafka_headers_t> {
    let mut list: *mut sys::rd_kafka_headers_t = ptr::null_mut();
    for (key, value) in headers {
        let (data, len) = parts(value);
        // SAFETY: the list is made on first use and owned here until returned;
        // key and value are copied, with their lengths.
        unsafe {
            if list.is_null() {
                list = sys::rd_kafka_headers_new(8);
            }
            let code = sys::rd_kafka_header_add(
                list,
                key.as_ptr().cast(),
                key.len() as isize,
                data,
                len as isize,
            );
            if code as i32 != code::OK {
                sys::rd_kafka_headers_destroy(list);
                return Err(error_of(code as i32));
            }
        }
    }
    Ok(list)
}
