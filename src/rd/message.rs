//! A message that librdkafka owns, for as long as its event or callback lives.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr;

use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_timestamp_type_t as TimestampType;

use super::lossy;
use crate::error::Code;

#[derive(Clone, Copy)]
pub struct Message<'a> {
    raw: *const sys::rd_kafka_message_t,
    life: PhantomData<&'a sys::rd_kafka_message_t>,
}

impl<'a> Message<'a> {
    /// # Safety
    /// `raw` must point to a message that stays alive for `'a`.
    pub(super) unsafe fn new(raw: *const sys::rd_kafka_message_t) -> Self {
        Self {
            raw,
            life: PhantomData,
        }
    }

    pub(super) fn as_ptr(&self) -> *const sys::rd_kafka_message_t {
        self.raw
    }

    pub(super) fn fields(&self) -> &'a sys::rd_kafka_message_t {
        // SAFETY: alive for 'a by the promise given to `new`. The `err` field is
        // never read through this reference.
        unsafe { &*self.raw }
    }

    pub fn code(&self) -> Code {
        // SAFETY: alive; read as an integer because a broker may send a code
        // that the enum does not have.
        unsafe { ptr::addr_of!((*self.raw).err).cast::<i32>().read() }
    }

    /// Tells topics apart within one drain; cheaper than the name.
    pub fn topic_identity(&self) -> usize {
        self.fields().rkt as usize
    }

    pub fn topic(&self) -> Option<&'a str> {
        let topic = self.fields().rkt;
        if topic.is_null() {
            return None;
        }
        // SAFETY: the message holds a reference to its topic, whose name is
        // NUL-terminated and lives as long.
        let name: &'a CStr = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(topic)) };
        name.to_str().ok()
    }

    pub fn partition(&self) -> i32 {
        self.fields().partition
    }

    pub fn offset(&self) -> i64 {
        self.fields().offset
    }

    pub fn key(&self) -> Option<&'a [u8]> {
        let fields = self.fields();
        // SAFETY: librdkafka's pointer and length of one buffer, alive for 'a.
        unsafe { bytes(fields.key.cast(), fields.key_len) }
    }

    pub fn value(&self) -> Option<&'a [u8]> {
        let fields = self.fields();
        // SAFETY: as for `key`.
        unsafe { bytes(fields.payload.cast(), fields.len) }
    }

    /// Text of a message that stands for an error.
    pub fn error_text(&self) -> std::borrow::Cow<'a, str> {
        // SAFETY: NUL-terminated; lives as long as the message or for ever.
        unsafe { lossy(sys::rd_kafka_message_errstr(self.raw)) }
    }

    /// Milliseconds since the epoch (−1 = none) and `KRS_TIMESTAMP_*`.
    pub fn timestamp(&self) -> (i64, u8) {
        let mut kind = TimestampType::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: reads the live message and writes `kind`.
        let time = unsafe { sys::rd_kafka_message_timestamp(self.raw, &mut kind) };
        match kind {
            TimestampType::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => (-1, 0),
            TimestampType::RD_KAFKA_TIMESTAMP_CREATE_TIME => (time, 1),
            TimestampType::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => (time, 2),
        }
    }
}

/// # Safety
/// `data` must be NULL or point to `len` bytes that stay alive for `'a`.
pub(super) unsafe fn bytes<'a>(data: *const u8, len: usize) -> Option<&'a [u8]> {
    // SAFETY: by the caller's promise.
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data, len) })
}
