//! Events taken from a queue.

use std::borrow::Cow;
use std::ptr::NonNull;

use rdkafka_sys as sys;

use super::admin::{TopicResult, topic_results};
use super::records::Records;
use super::sent::Reports;
use super::{List, Message, lossy, raw};
use crate::error::Code;
use crate::partition::TopicPartition;

/// Owns a `rd_kafka_event_t`.
pub struct Event(NonNull<sys::rd_kafka_event_t>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    Reports,
    Messages,
    Error,
    Rebalance,
    Commit,
    Stats,
    TokenRefresh,
    Other,
}

impl Event {
    /// # Safety
    /// `raw` must be NULL or an event that the caller owns.
    pub(super) unsafe fn from_raw(raw: *mut sys::rd_kafka_event_t) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }

    fn as_ptr(&self) -> *mut sys::rd_kafka_event_t {
        self.0.as_ptr()
    }

    pub fn kind(&self) -> EventKind {
        // SAFETY: the event is alive.
        match unsafe { sys::rd_kafka_event_type(self.as_ptr()) } {
            sys::RD_KAFKA_EVENT_DR => EventKind::Reports,
            sys::RD_KAFKA_EVENT_FETCH => EventKind::Messages,
            sys::RD_KAFKA_EVENT_ERROR => EventKind::Error,
            sys::RD_KAFKA_EVENT_REBALANCE => EventKind::Rebalance,
            sys::RD_KAFKA_EVENT_OFFSET_COMMIT => EventKind::Commit,
            sys::RD_KAFKA_EVENT_STATS => EventKind::Stats,
            sys::RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH => EventKind::TokenRefresh,
            _ => EventKind::Other,
        }
    }

    pub fn code(&self) -> Code {
        // SAFETY: the event is alive.
        unsafe { raw::rd_kafka_event_error(self.as_ptr()) }
    }

    pub fn error_text(&self) -> Cow<'_, str> {
        // SAFETY: NUL-terminated, and lives as long as the event.
        unsafe { lossy(sys::rd_kafka_event_error_string(self.as_ptr())) }
    }

    pub fn is_fatal(&self) -> bool {
        // SAFETY: the event is alive.
        unsafe { sys::rd_kafka_event_error_is_fatal(self.as_ptr()) != 0 }
    }

    /// The statistics document, in JSON.
    pub fn stats(&self) -> Cow<'_, str> {
        // SAFETY: NUL-terminated, and lives as long as the event.
        unsafe { lossy(sys::rd_kafka_event_stats(self.as_ptr())) }
    }

    /// The value of `sasl.oauthbearer.config`, for a token refresh.
    pub fn config(&self) -> Cow<'_, str> {
        // SAFETY: NULL, or NUL-terminated and as long alive as the event.
        unsafe { lossy(sys::rd_kafka_event_config_string(self.as_ptr())) }
    }

    /// What came of a request about topics.
    pub fn topic_results(&self) -> Vec<TopicResult> {
        // SAFETY: the event is alive.
        unsafe { topic_results(self.as_ptr()) }
    }

    /// Messages that were fetched, each with those that follow it in its batch: `each` takes all.
    pub fn for_each_batch(&mut self, mut each: impl FnMut(&mut Records<'_>)) {
        if self.kind() != EventKind::Messages {
            return;
        }
        for message in self.messages() {
            // SAFETY: a message that was fetched, and is alive.
            let mut fetched = unsafe { raw::krs_rd_fetched_of(message.as_ptr()) };
            let given = fetched;
            // SAFETY: alive as long as the message.
            let mut records = unsafe { Records::new(&given) };
            each(&mut records);
            records.leave_rest(&mut fetched);
            // SAFETY: as above.
            unsafe { raw::krs_rd_set_position(&fetched) };
        }
    }

    /// Messages with a result; `None` if it is no event of reports.
    pub fn reports(&mut self) -> Option<Reports<'_>> {
        (self.kind() == EventKind::Reports).then(|| Reports::of(self))
    }

    /// Each once: a second call goes on where the first one stopped.
    fn messages(&mut self) -> impl Iterator<Item = Message<'_>> {
        std::iter::from_fn(|| {
            let message = self.next_message()?;
            // SAFETY: alive until the event is dropped, which the borrow rules out.
            Some(unsafe { Message::new(message) })
        })
    }

    /// Lives as long as the event.
    pub(super) fn next_message(&mut self) -> Option<*const sys::rd_kafka_message_t> {
        // SAFETY: the event is alive.
        let message = unsafe { sys::rd_kafka_event_message_next(self.as_ptr()) };
        (!message.is_null()).then_some(message)
    }

    pub fn partitions(&self) -> Vec<TopicPartition> {
        // SAFETY: NULL or a list that lives as long as the event; it is copied.
        unsafe { List::copy_of(sys::rd_kafka_event_topic_partition_list(self.as_ptr())) }.to_vec()
    }

    /// The token that was given to the commit.
    pub fn opaque(&self) -> u64 {
        // SAFETY: the event is alive.
        unsafe { sys::rd_kafka_event_opaque(self.as_ptr()) as u64 }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: owned, and not used after this.
        unsafe { sys::rd_kafka_event_destroy(self.as_ptr()) }
    }
}
