//! Transactions. librdkafka waits inside for messages whose reports someone must
//! take, so these calls deliver reports while they wait.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::{Native, Producer};
use crate::chan::Source;
use crate::client;
use crate::error::{Error, Result, code, flag};
use crate::partition::TopicPartition;
use crate::rd::{Client, List};

/// The least time that librdkafka gets for a commit.
const COMMIT_TIME: Duration = Duration::from_secs(1);

/// How long an abort waits for what may still be sent.
const SEND_TIME_MS: i32 = 1000;

const UNSENT: Error = Error {
    code: code::TIMED_OUT,
    flags: flag::RETRIABLE,
    message: Cow::Borrowed("messages of the transaction have no result yet"),
};
const BUSY: Error = Error {
    code: code::PREV_IN_PROGRESS,
    flags: flag::RETRIABLE,
    message: Cow::Borrowed("another call of this producer's transactions is under way"),
};

impl Native {
    /// librdkafka ends the program when two threads change the state at once.
    fn alone<T>(&self, body: impl FnOnce(&Client) -> Result<T>) -> Result<T> {
        let _alone = self.txn.try_lock().ok_or(BUSY)?;
        body(&self.client)
    }
}

impl Producer {
    pub fn init_transactions(&self, timeout_ms: i32) -> Result<()> {
        self.while_delivering(move |client| client.init_transactions(timeout_ms))
    }

    pub fn begin_transaction(&self) -> Result<()> {
        self.native()?.alone(Client::begin_transaction)
    }

    pub fn send_offsets_to_transaction(
        &self,
        offsets: &[TopicPartition],
        group: &[u8],
        timeout_ms: i32,
    ) -> Result<()> {
        let (offsets, group) = (offsets.to_vec(), group.to_vec());
        let timeout_ms = self.txn_timeout(timeout_ms);
        self.while_delivering(move |client| {
            client.send_offsets_to_transaction(&List::of(&offsets)?, &group, timeout_ms)
        })
    }

    /// If the time runs out between librdkafka's flush and its commit, it takes the commit for an
    /// abort, and ends the program. Hence our own flush, and time enough for the rest.
    pub fn commit_transaction(&self, timeout_ms: i32) -> Result<()> {
        let start = Instant::now();
        let timeout_ms = self.txn_timeout(timeout_ms);
        if self.flush(timeout_ms)? > 0 {
            return Err(UNSENT);
        }
        let timeout = Duration::from_millis(timeout_ms.unsigned_abs().into());
        let left = timeout.saturating_sub(start.elapsed());
        let left = left.max(COMMIT_TIME).as_millis() as i32;
        self.while_delivering(move |client| client.commit_transaction(left))
    }

    /// librdkafka 2.12.1 may end a transaction while it still asks the coordinator to take a partition
    /// in (again and again, right after another transaction): then the coordinator knows of no
    /// transaction, and the producer has failed for good. What has been sent is in it; hence the
    /// flush.
    pub fn abort_transaction(&self, timeout_ms: i32) -> Result<()> {
        let timeout_ms = self.txn_timeout(timeout_ms);
        self.flush(timeout_ms.min(SEND_TIME_MS))?;
        self.while_delivering(move |client| client.abort_transaction(timeout_ms))
    }

    /// To librdkafka a negative time is for ever in some of these calls.
    fn txn_timeout(&self, timeout_ms: i32) -> i32 {
        if timeout_ms < 0 {
            self.options.transaction_timeout_ms
        } else {
            timeout_ms
        }
    }

    /// A close ends the wait, though not the call.
    fn while_delivering(
        &self,
        body: impl FnOnce(&Client) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let deliver = || self.deliver();
        let done = client::elsewhere_while(self.share()?, &self.closing, deliver, |native| {
            native.alone(body)
        });
        self.deliver();
        done
    }
}
