//! Transactions. librdkafka waits inside for messages whose reports someone must
//! take, so these calls deliver reports while they wait.
//!
//! The answer to a step that ran out of time inside librdkafka it takes for that to the next one,
//! and may end the program over it. So no step does: a call gets more time there than its
//! caller has, goes on when that one leaves, and is met again by who calls once more.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::{Native, Producer};
use crate::chan::Source;
use crate::client::Call;
use crate::error::{Code, Error, Result, code, flag};
use crate::partition::TopicPartition;
use crate::rd::{Client, List};

/// The least time of an init. It is not longer, since one that outlives its producer would
/// fence the next of that id.
const INIT_TIME_MS: i32 = 1000;

/// How long an abort waits for what may still be sent.
const SEND_TIME_MS: i32 = 1000;

const UNSENT: Error = retriable(
    code::TIMED_OUT,
    "messages of the transaction have no result yet",
);
const GOES_ON: Error = retriable(
    code::TIMED_OUT,
    "no answer yet: the call goes on, and the same call again waits for what comes of it",
);
const BUSY: Error = retriable(
    code::PREV_IN_PROGRESS,
    "another call of this producer's transactions is under way",
);

const fn retriable(code: Code, message: &'static str) -> Error {
    Error {
        code,
        flags: flag::RETRIABLE,
        message: Cow::Borrowed(message),
    }
}

/// A call of which nobody has been told the outcome yet.
pub struct UnderWay {
    what: What,
    call: Call<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Init,
    Offsets,
    Commit,
    Abort,
}

impl Producer {
    pub fn init_transactions(&self, timeout_ms: i32) -> Result<()> {
        let timeout_ms = self.txn_timeout(timeout_ms);
        let longer = timeout_ms.max(INIT_TIME_MS);
        self.transact(What::Init, Some(after(timeout_ms)), move |client| {
            client.init_transactions(longer)
        })
    }

    pub fn begin_transaction(&self) -> Result<()> {
        let mut slot = self.txn.try_lock().ok_or(BUSY)?;
        self.leave_behind(&mut slot)?;
        self.native()?.client.begin_transaction()
    }

    /// librdkafka keeps the time of this one by itself.
    pub fn send_offsets_to_transaction(
        &self,
        offsets: &[TopicPartition],
        group: &[u8],
        timeout_ms: i32,
    ) -> Result<()> {
        let (offsets, group) = (offsets.to_vec(), group.to_vec());
        let timeout_ms = self.txn_timeout(timeout_ms);
        self.transact(What::Offsets, None, move |client| {
            client.send_offsets_to_transaction(&List::of(&offsets)?, &group, timeout_ms)
        })
    }

    /// Before our own flush is done a caller without time may still abort.
    pub fn commit_transaction(&self, timeout_ms: i32) -> Result<()> {
        let timeout_ms = self.txn_timeout(timeout_ms);
        let until = after(timeout_ms);
        if self.flush(timeout_ms)? > 0 {
            return Err(UNSENT);
        }
        let longer = self.longer_than(timeout_ms);
        self.transact(What::Commit, Some(until), move |client| {
            client.commit_transaction(longer)
        })
    }

    /// librdkafka 2.12.1 may end a transaction while it still asks the coordinator to take a partition
    /// in (again and again, right after another transaction): then the coordinator knows of no
    /// transaction, and the producer has failed for good. What has been sent is in it; hence the
    /// flush.
    pub fn abort_transaction(&self, timeout_ms: i32) -> Result<()> {
        let timeout_ms = self.txn_timeout(timeout_ms);
        let longer = self.longer_than(timeout_ms);
        self.transact(What::Abort, Some(after(timeout_ms)), move |client| {
            client.hurry(SEND_TIME_MS);
            client.abort_transaction(longer)
        })
    }

    /// To librdkafka a negative time is for ever in some of these calls.
    fn txn_timeout(&self, timeout_ms: i32) -> i32 {
        if timeout_ms < 0 {
            self.options.transaction_timeout_ms
        } else {
            timeout_ms
        }
    }

    fn longer_than(&self, timeout_ms: i32) -> i32 {
        timeout_ms.max(self.options.transaction_timeout_ms)
    }

    /// Begins a call, or waits on for the same one. A close ends the wait, though not the call.
    fn transact(
        &self,
        what: What,
        until: Option<Instant>,
        body: impl FnOnce(&Client) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let mut slot = self.txn.try_lock().ok_or(BUSY)?;
        if slot.as_ref().is_some_and(|other| other.what != what) {
            self.leave_behind(&mut slot)?;
        }
        let under_way = match &mut *slot {
            Some(under_way) => under_way,
            none => none.insert(UnderWay {
                what,
                call: Call::begin(self.share()?, |native: &Native| body(&native.client))?,
            }),
        };
        let outcome = loop {
            self.deliver();
            if let Some(outcome) = under_way.call.wait(&self.closing, until) {
                break outcome;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(GOES_ON);
            }
        };
        *slot = None;
        self.deliver();
        outcome
    }

    /// Who makes another call will not ask for the outcome of the one that ran out of time. What
    /// came of it shows in the transaction's state.
    fn leave_behind(&self, slot: &mut Option<UnderWay>) -> Result<()> {
        if let Some(other) = slot
            && other
                .call
                .wait(&self.closing, Some(Instant::now()))
                .is_none()
        {
            return Err(BUSY);
        }
        *slot = None;
        Ok(())
    }
}

fn after(timeout_ms: i32) -> Instant {
    Instant::now() + Duration::from_millis(timeout_ms.unsigned_abs().into())
}
