//! What was delivered, what is stored for the next commit, and what is committed.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::partitions::Position;
use super::{CLOSED, Consumer, Lease, Native, SLICE_MS, State};
use crate::client;
use crate::error::{Code, Error, Result, code};
use crate::partition::{TopicPartition, offset};
use crate::rd::{self, EventKind, List};

/// Codes of a commit that may succeed when the member has its place in the group.
const RETRIED: [Code; 6] = [
    code::COORDINATOR_LOAD_IN_PROGRESS,
    code::COORDINATOR_NOT_AVAILABLE,
    code::NOT_COORDINATOR,
    code::ILLEGAL_GENERATION,
    code::REBALANCE_IN_PROGRESS,
    code::STALE_MEMBER_EPOCH,
];
/// How long to wait before a commit is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(50);
/// How often a closing consumer looks for what the group asks.
const CLOSE_SLICE_MS: i32 = 10;

impl Consumer {
    /// Commits what was delivered, or `offsets`. `timeout_ms` 0: the outcome comes
    /// as rows with `opaque`; otherwise it is waited for.
    pub fn commit(
        &self,
        offsets: Option<&[TopicPartition]>,
        timeout_ms: i32,
        opaque: u64,
    ) -> Result<Vec<TopicPartition>> {
        let native = self.share()?;
        {
            let mut state = self.state.lock();
            self.store_position(&native, &mut state);
        }
        let list = offsets.map(List::of).transpose()?;
        if timeout_ms == 0 {
            let queue = &native.control;
            native.client.commit(list.as_ref(), queue, opaque)?;
            return Ok(Vec::new());
        }
        let own = native.client.answer_queue()?;
        native.client.commit(list.as_ref(), &own, opaque)?;
        self.wait_commit(&own, timeout_ms)
    }

    fn wait_commit(&self, outcome: &rd::Queue, timeout_ms: i32) -> Result<Vec<TopicPartition>> {
        let end = (timeout_ms > 0)
            .then(|| Instant::now() + Duration::from_millis(timeout_ms.unsigned_abs().into()));
        loop {
            match outcome.poll(SLICE_MS) {
                Some(event) if event.kind() == EventKind::Commit => {
                    let list = event.partitions();
                    let whole = event.code();
                    if whole != code::OK && list.iter().all(|p| p.code == code::OK) {
                        let text = format!("commit: {}", rd::describe(whole));
                        return Err(Error::new(whole, text));
                    }
                    return Ok(list);
                }
                _ if self.closing.load(Ordering::SeqCst) => return Err(CLOSED),
                _ if end.is_some_and(|end| Instant::now() >= end) => {
                    return Err(Error::timed_out());
                }
                _ => {}
            }
        }
    }

    /// Commits what was delivered, before the group is left: a member that waits for
    /// its place in a rebalance has its commits refused until it has one. Whether
    /// all was committed by `end`.
    pub(super) fn commit_all(&self, native: &Native, end: Instant) -> bool {
        if !self.options.auto_commit {
            return true;
        }
        loop {
            self.store_position(native, &mut self.state.lock());
            let Ok(outcome) = native.client.answer_queue() else {
                return false;
            };
            match native.client.commit(None, &outcome, 0) {
                Ok(()) => {}
                Err(nothing) if nothing.code == code::NO_OFFSET => return true,
                Err(_) => return false,
            }
            match self.outcome_by(native, &outcome, end) {
                Some(code::OK | code::NO_OFFSET) => return true,
                Some(refused) if RETRIED.contains(&refused) && Instant::now() < end => {
                    std::thread::sleep(RETRY_AFTER);
                }
                Some(_) | None => return false,
            }
        }
    }

    /// The code of a commit, while rebalances go on; `None` if there was none by `end`.
    fn outcome_by(&self, native: &Native, outcome: &rd::Queue, end: Instant) -> Option<Code> {
        loop {
            if let Some(event) = outcome.poll(CLOSE_SLICE_MS) {
                let list = event.partitions();
                let failed = list.iter().map(|p| p.code).find(|code| *code != code::OK);
                return Some(failed.unwrap_or_else(|| event.code()));
            }
            while let Some(event) = native.control.poll(0) {
                self.serve(native, &mut self.state.lock(), event);
            }
            if Instant::now() >= end {
                return None;
            }
        }
    }

    /// Stores offsets for the next commit, in place of what the core would store.
    pub fn store_offsets(&self, offsets: &[TopicPartition]) -> Result<Vec<TopicPartition>> {
        if self.options.auto_offset_store {
            return Err(Error::new(
                code::INVALID_ARG,
                "enable.auto.offset.store is true: set it to false to store offsets yourself",
            ));
        }
        let native = self.native()?;
        let list = List::of(offsets)?;
        let stored = native.client.store_offsets(&list);
        let answer = list.to_vec();
        // What failed as a whole for its partitions is told by these.
        if answer.iter().all(|p| p.code == code::OK) {
            stored?;
        }
        Ok(answer)
    }

    /// The offset after the last row delivered, of each partition.
    pub fn position(&self, list: &[TopicPartition]) -> Result<Vec<TopicPartition>> {
        let _open = self.native()?;
        let mut state = self.state.lock();
        state.settle_leases(Lease::is_one_by_one);
        let answer = list.iter().map(|asked| {
            let partitions = &mut state.partitions;
            let position = partitions
                .ours(&asked.topic, asked.partition)
                .and_then(|(_, partition)| partition.position());
            TopicPartition {
                offset: position.unwrap_or(offset::NONE),
                ..TopicPartition::new(&asked.topic, asked.partition)
            }
        });
        Ok(answer.collect())
    }

    /// Asks the group. Waits for a broker.
    pub fn committed(
        &self,
        list: &[TopicPartition],
        timeout_ms: i32,
    ) -> Result<Vec<TopicPartition>> {
        let list = list.to_vec();
        let timeout_ms = client::at_most_a_minute(timeout_ms);
        client::elsewhere(self.share()?, &self.closing, move |native| {
            let list = List::of(&list)?;
            native.client.committed(&list, timeout_ms)?;
            Ok(list.to_vec())
        })
    }

    /// Stores what was delivered, and where all that was taken has been delivered,
    /// librdkafka's own position: it steps over control records.
    pub(super) fn store_position(&self, native: &Native, state: &mut State) {
        state.settle_leases(Lease::is_one_by_one);
        catch_up(native, state);
        self.store(native, state);
    }

    /// Tells librdkafka what was delivered, for its next commit.
    pub(super) fn store(&self, native: &Native, state: &mut State) {
        if !self.options.auto_offset_store {
            return;
        }
        let mut list = List::new();
        for partition in state.partitions.owned().filter(|p| p.unstored) {
            if let Some(at) = partition.delivered {
                let added = list.add(&TopicPartition {
                    offset: at.offset,
                    leader_epoch: at.leader_epoch,
                    ..TopicPartition::new(&partition.topic, partition.partition)
                });
                partition.unstored = added.is_err();
            }
        }
        if !list.is_empty() {
            // A partition that was taken away meanwhile is refused, and must not be stored.
            let _ = native.client.store_offsets(&list);
        }
    }
}

fn catch_up(native: &Native, state: &mut State) {
    let mut list = List::new();
    for partition in state.partitions.owned().filter(|p| p.is_caught_up()) {
        // A name that librdkafka gave us has no NUL.
        let _ = list.add(&TopicPartition::new(&partition.topic, partition.partition));
    }
    if list.is_empty() || native.client.position(&list).is_err() {
        return;
    }
    for entry in list.to_vec() {
        let index = state.partitions.index(&entry.topic, entry.partition);
        if let Some(partition) = state.partitions.get_mut(index)
            && let Some(delivered) = partition.delivered
            && entry.offset > delivered.offset
        {
            partition.taken = Some(entry.offset);
            partition.delivered = Some(Position {
                offset: entry.offset,
                ..delivered
            });
            partition.unstored = true;
        }
    }
}
