//! Channels: bounded, closeable, for any number of threads.
//!
//! A channel is a queue of rows, a consumer whose rows are pulled when someone
//! asks, or a producer that takes messages. All are waited for in the same way.

#[cfg(all(test, feature = "model-checking"))]
mod model;
mod queue;
mod ready;
mod rows;
mod select;
mod waiter;

use std::os::fd::RawFd;
use std::sync::Arc;

pub use queue::{Queue, Source};
pub use ready::ReadyFd;
pub use rows::Rows;
pub use select::{Case, Op, Until, recv, select, send};
pub use waiter::{Notify, Wake};

use crate::batch::{Batch, Kind, Row};
use crate::consumer::Consumer;
use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::producer::{Producer, Report, Topic};

pub enum Chan {
    /// Made by the application, or holding a client's reports or logs.
    Queue(Arc<Queue>),
    /// A consumer's messages and events.
    Rows(Arc<Consumer>),
    /// The way into a producer.
    Produce(Arc<Producer>),
}

/// What is sent: to a producer's channel to be produced, to any other to be
/// received as it is.
#[derive(Clone)]
pub struct Message<'a> {
    pub topic: Option<&'a Topic>,
    pub partition: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
    /// Milliseconds since the epoch; 0 = now.
    pub timestamp: i64,
    pub opaque: u64,
    pub report: Report,
}

impl Message<'_> {
    /// Whether both can go to librdkafka with one call, in which messages differ
    /// in key and value only.
    pub fn runs_with(&self, other: &Self) -> bool {
        let plain = |message: &Self| message.headers.is_empty() && message.timestamp == 0;
        let same_topic = match (self.topic, other.topic) {
            (Some(one), Some(other)) => std::ptr::eq(one, other),
            _ => false,
        };
        plain(self)
            && plain(other)
            && same_topic
            && self.partition == other.partition
            && self.report == other.report
    }

    /// Pushes the message as the row that a receiver gets.
    pub fn push_to(&self, batch: &mut Batch) {
        for (key, value) in self.headers.iter() {
            batch.push_header(key, value);
        }
        let timestamp = if self.timestamp == 0 {
            -1
        } else {
            self.timestamp
        };
        batch.push(&Row {
            topic: self.topic.map(Topic::name),
            partition: self.partition,
            timestamp,
            timestamp_type: u8::from(timestamp >= 0),
            opaque: self.opaque,
            key: self.key,
            value: self.value,
            ..Row::new(Kind::Message)
        });
    }
}

const BELONGS_TO_CLIENT: Error = Error::fixed(
    crate::error::code::ARGUMENT,
    "the channel belongs to a client that is open: close that with krs_client_close",
);

impl Chan {
    /// Rows that wait, and how many may.
    pub fn len_and_capacity(&self) -> (usize, usize) {
        match self {
            Self::Queue(queue) => {
                queue.deliver();
                (queue.len(), queue.capacity())
            }
            Self::Rows(consumer) => (consumer.waiting(), consumer.capacity()),
            // A message that was sent is in librdkafka's queue at once.
            Self::Produce(producer) => (0, producer.produce_capacity()),
        }
    }

    /// Comes by without receiving.
    pub fn visit(&self) -> Result<()> {
        match self {
            Self::Queue(queue) => {
                queue.deliver();
                Ok(())
            }
            Self::Rows(consumer) => consumer.visit(),
            Self::Produce(_) => Err(Error::argument("a produce channel can only be sent to")),
        }
    }

    /// A channel that has ended and holds nothing.
    pub fn ended() -> Self {
        let queue = Queue::new(0);
        queue.close();
        Self::Queue(queue)
    }

    /// Rows are out in batches, of which some may come back.
    pub fn is_lending(&self) -> bool {
        matches!(self, Self::Queue(queue) if queue.is_lending())
    }

    /// Closed, with nothing left to receive, and nobody watching a descriptor.
    pub fn is_spent(&self) -> bool {
        match self {
            Self::Queue(queue) => {
                queue.is_closed() && queue.len() == 0 && !queue.is_lending() && !queue.has_fd()
            }
            Self::Rows(consumer) => !consumer.has_fd(),
            Self::Produce(_) => true,
        }
    }

    /// No more sends. Refused for a client's own channels, which close with it.
    pub fn close(&self) -> Result<()> {
        match self {
            Self::Queue(queue) if !queue.is_clients() => {
                queue.close();
                Ok(())
            }
            _ => Err(BELONGS_TO_CLIENT),
        }
    }

    /// Closes the channel and forgets what it holds.
    pub fn discard(&self) -> Result<()> {
        match self {
            Self::Queue(queue) if !queue.is_clients() || queue.is_closed() => {
                queue.discard();
                Ok(())
            }
            Self::Rows(consumer) if consumer.is_closed() => Ok(()),
            _ => Err(BELONGS_TO_CLIENT),
        }
    }

    pub fn fd(&self) -> Result<RawFd> {
        match self {
            Self::Queue(queue) => Ok(queue.ready_fd()?.raw()),
            Self::Rows(consumer) => Ok(consumer.ready_fd()?.raw()),
            Self::Produce(_) => Err(Error::argument(
                "the produce channel has no descriptor: nothing is received from it",
            )),
        }
    }
}
