//! Transactions. librdkafka waits inside for messages whose reports someone must
//! take, so these calls deliver reports while they wait.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use super::Producer;
use crate::chan::Source;
use crate::error::{Error, Result, code, flag};
use crate::partition::TopicPartition;
use crate::rd::{Client, List};

/// How often to look for reports.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The least time that librdkafka gets for a commit.
const COMMIT_TIME: Duration = Duration::from_secs(1);

/// How long an abort waits for what may still be sent.
const SEND_TIME: Duration = Duration::from_secs(1);

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

impl Producer {
    /// librdkafka ends the program when two threads change the state at once.
    fn alone(&self) -> Result<MutexGuard<'_, ()>> {
        self.txn.try_lock().ok_or(BUSY)
    }

    pub fn init_transactions(&self, timeout_ms: i32) -> Result<()> {
        let _alone = self.alone()?;
        self.share()?.client.init_transactions(timeout_ms)
    }

    pub fn begin_transaction(&self) -> Result<()> {
        let _alone = self.alone()?;
        self.native()?.client.begin_transaction()
    }

    pub fn send_offsets_to_transaction(
        &self,
        offsets: &[TopicPartition],
        group: &[u8],
        timeout_ms: i32,
    ) -> Result<()> {
        let _alone = self.alone()?;
        let offsets = List::of(offsets)?;
        let native = self.share()?;
        native
            .client
            .send_offsets_to_transaction(&offsets, group, timeout_ms)
    }

    /// If the time runs out between librdkafka's flush and its commit, it takes the commit for an
    /// abort, and ends the program. Hence our own flush, and time enough for the rest.
    pub fn commit_transaction(&self, timeout_ms: i32) -> Result<()> {
        let start = Instant::now();
        let Ok(timeout) = u64::try_from(timeout_ms) else {
            return self.while_delivering(|client| client.commit_transaction(timeout_ms));
        };
        if self.flush(timeout_ms)? > 0 {
            return Err(UNSENT);
        }
        let left = Duration::from_millis(timeout).saturating_sub(start.elapsed());
        let left = left.max(COMMIT_TIME).as_millis() as i32;
        self.while_delivering(|client| client.commit_transaction(left))
    }

    /// librdkafka 2.12.1 may end a transaction while it still asks the coordinator to take a partition
    /// in (again and again, right after another transaction): then the coordinator knows of no
    /// transaction, and the producer has failed for good. What has been sent is in it; hence the
    /// flush.
    pub fn abort_transaction(&self, timeout_ms: i32) -> Result<()> {
        let timeout = u64::try_from(timeout_ms).map_or(SEND_TIME, Duration::from_millis);
        self.flush(timeout.min(SEND_TIME).as_millis() as i32)?;
        self.while_delivering(|client| client.abort_transaction(timeout_ms))
    }

    fn while_delivering(&self, body: impl FnOnce(&Client) -> Result<()> + Send) -> Result<()> {
        let _alone = self.alone()?;
        let native = self.share()?;
        let client = &native.client;
        let caller = std::thread::current();
        let done = std::thread::scope(|scope| {
            let waiting = std::thread::Builder::new().name("krs-txn".to_owned());
            let waiting = waiting.spawn_scoped(scope, move || {
                let result = body(client);
                caller.unpark();
                result
            });
            let waiting = waiting.map_err(|cause| Error::system("no thread to be had", cause))?;
            while !waiting.is_finished() {
                self.deliver();
                std::thread::park_timeout(LOOK_EVERY);
            }
            let panicked = |_| Error::fixed(code::INTERNAL, "a transaction call failed");
            waiting.join().map_err(panicked)?
        });
        self.deliver();
        done
    }
}
