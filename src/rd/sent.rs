//! Messages with a result. Those that were sent together are one of librdkafka's: see `bundles.h`.

use std::ffi::CStr;
use std::mem::size_of;
use std::ptr;

use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_timestamp_type_t as TimestampType;

use super::message::bytes;
use super::{Event, Message, raw};
use crate::error::Code;

/// The token of a message of which nobody wants to know what came of it; as in `bundles.h`.
pub const UNTOLD: u64 = u64::MAX;

/// A message that was sent.
#[derive(Clone, Copy)]
pub struct Sent<'a> {
    message: Message<'a>,
    /// NULL: it is one of its own.
    item: *const raw::Item,
    /// Its place among those that `message` stands for.
    index: u32,
}

impl<'a> Sent<'a> {
    fn item(&self) -> Option<&'a raw::Item> {
        // SAFETY: NULL or one of the message's, which lives for 'a.
        unsafe { self.item.as_ref() }
    }

    /// Of one that has an item: what stands behind its fields, from there on.
    fn bytes(&self, start: usize, size: i32) -> Option<&'a [u8]> {
        // SAFETY: the key and then the value follow the fields, with the sizes that these say; not by way of
        // a reference, which is one to the fields only.
        (size >= 0).then(|| unsafe {
            let first = self.item.add(1).cast::<u8>();
            std::slice::from_raw_parts(first.add(start), len(size))
        })
    }

    /// The token given to [`Client::produce`](super::Client::produce).
    pub fn token(&self) -> u64 {
        let own = || self.message.fields()._private as u64;
        self.item().map_or_else(own, |item| item.token)
    }

    pub fn code(&self) -> Code {
        self.message.code()
    }

    /// Tells topics apart within one drain; cheaper than the name.
    pub fn topic_identity(&self) -> usize {
        self.message.topic_identity()
    }

    pub fn topic(&self) -> Option<&'a str> {
        self.message.topic()
    }

    pub fn partition(&self) -> i32 {
        self.message.partition()
    }

    /// Whether it has the topic, the partition, the code and the kind of timestamp of `other`.
    pub fn is_like(&self, other: &Self) -> bool {
        let place = |sent: &Self| {
            let timestamp_type = sent.message.timestamp().1;
            (
                sent.topic_identity(),
                sent.partition(),
                sent.code(),
                timestamp_type,
            )
        };
        ptr::eq(self.message.as_ptr(), other.message.as_ptr()) || place(self) == place(other)
    }

    pub fn offset(&self) -> i64 {
        match self.message.offset() {
            none if none < 0 => none,
            first => first + i64::from(self.index),
        }
    }

    /// Milliseconds since the epoch (−1 = none) and `KRS_TIMESTAMP_*`.
    pub fn timestamp(&self) -> (i64, u8) {
        let (time, kind) = self.message.timestamp();
        match self.item() {
            Some(item) if kind == TimestampType::RD_KAFKA_TIMESTAMP_CREATE_TIME as u8 => {
                (item.timestamp, kind)
            }
            _ => (time, kind),
        }
    }

    pub fn key(&self) -> Option<&'a [u8]> {
        match self.item() {
            None => self.message.key(),
            Some(item) => self.bytes(0, item.key_size),
        }
    }

    pub fn value(&self) -> Option<&'a [u8]> {
        match self.item() {
            None => self.message.value(),
            Some(item) => self.bytes(len(item.key_size), item.value_size),
        }
    }

    pub fn for_each_header(&self, mut each: impl FnMut(&[u8], Option<&[u8]>)) {
        let mut headers = ptr::null_mut();
        // SAFETY: reads the live message; the headers stay owned by it.
        let found = unsafe { sys::rd_kafka_message_headers(self.message.as_ptr(), &mut headers) };
        if found as i32 != 0 {
            return;
        }
        for index in 0.. {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers are alive; the outputs are ours. What they
            // point to lives as long as the headers.
            unsafe {
                let code =
                    sys::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut size);
                if code as i32 != 0 {
                    return;
                }
                each(CStr::from_ptr(name).to_bytes(), bytes(value.cast(), size));
            }
        }
    }
}

fn len(size: i32) -> usize {
    usize::try_from(size).unwrap_or(0)
}

/// The messages of an event, each once, without those that are [`UNTOLD`].
pub struct Reports<'a> {
    event: &'a mut Event,
    untold: usize,
    /// What comes next of those that one message stands for, and how many there are.
    next: Option<Sent<'a>>,
    left: i32,
}

impl<'a> Reports<'a> {
    /// `event` is one of reports.
    pub(super) fn of(event: &'a mut Event) -> Self {
        Self {
            event,
            untold: 0,
            next: None,
            left: 0,
        }
    }

    /// How many of those that have come by are [`UNTOLD`].
    pub fn untold(&self) -> usize {
        self.untold
    }

    /// Goes to those that the next message stands for, if any of them is told.
    fn next_message(&mut self) -> Option<()> {
        while self.left == 0 {
            // SAFETY: alive as long as the event, which stays borrowed for 'a.
            let message = unsafe { Message::new(self.event.next_message()?) };
            // SAFETY: one that was sent, and is alive.
            let items = unsafe { raw::krs_rd_items_of(message.as_ptr()) };
            if !items.first.is_null() && items.told == 0 {
                self.untold += len(items.count);
                continue;
            }
            self.left = items.count.max(1);
            self.next = Some(Sent {
                message,
                item: items.first,
                index: 0,
            });
        }
        Some(())
    }
}

impl<'a> Iterator for Reports<'a> {
    type Item = Sent<'a>;

    fn next(&mut self) -> Option<Sent<'a>> {
        loop {
            self.next_message()?;
            let sent = self.next?;
            self.left -= 1;
            self.next = sent.item().map(|item| {
                let size = size_of::<raw::Item>() + len(item.key_size) + len(item.value_size);
                Sent {
                    // Each begins where a number may.
                    item: sent.item.wrapping_byte_add(size.next_multiple_of(8)),
                    index: sent.index + 1,
                    ..sent
                }
            });
            if sent.token() != UNTOLD {
                return Some(sent);
            }
            self.untold += 1;
        }
    }
}
