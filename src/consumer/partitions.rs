//! What the core knows of each partition: its generation, what was taken from
//! librdkafka, and what the application was given.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::error::Code;
use crate::partition::TopicPartition;

/// An error that lasts is told again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// The offset to go on from, and the leader epoch of the row before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub offset: i64,
    pub leader_epoch: i32,
}

/// Whose a partition is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ownership {
    #[default]
    None,
    Ours,
    /// Ours until the rebalance that takes it away is answered: no more rows
    /// come out, and what was delivered still counts.
    Leaving,
}

#[derive(Default)]
pub struct Partition {
    pub topic: String,
    pub partition: i32,
    pub ownership: Ownership,
    pub paused: bool,
    /// Rows came since it was assigned: librdkafka fetches it.
    pub begun: bool,
    /// Paused in librdkafka, too.
    pub stopped: bool,
    /// Moves on when rows taken before no longer count.
    pub generation: u32,
    /// After the last row taken from librdkafka.
    pub taken: Option<i64>,
    /// librdkafka may give its last row once more, after a pause that met a fetch.
    pub may_repeat: bool,
    /// Where the application wanted to begin.
    pub start: Option<i64>,
    /// librdkafka has not taken the last seek yet, and may give rows from before.
    pub seeking: bool,
    /// After the last row that the application was given.
    pub delivered: Option<Position>,
    /// `delivered` is ahead of what librdkafka would commit.
    pub unstored: bool,
    /// What was told last, so that it is not told at every look of librdkafka.
    pub told: Option<(Code, Instant)>,
}

#[derive(Default)]
pub struct Partitions {
    all: Vec<Partition>,
    /// Topic, then partition.
    index: HashMap<String, HashMap<i32, u32>>,
}

impl Partitions {
    pub fn get(&self, index: u32) -> Option<&Partition> {
        self.all.get(index as usize)
    }

    pub fn get_mut(&mut self, index: u32) -> Option<&mut Partition> {
        self.all.get_mut(index as usize)
    }

    /// All that are ours, also those that are leaving.
    pub fn owned(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.all
            .iter_mut()
            .filter(|partition| partition.ownership != Ownership::None)
    }

    /// What is known of the partition.
    pub fn lookup(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.get(self.find(topic, partition)?)
    }

    fn find(&self, topic: &str, partition: i32) -> Option<u32> {
        self.index.get(topic)?.get(&partition).copied()
    }

    /// The partition's index, which it keeps for the life of the consumer.
    pub fn index(&mut self, topic: &str, partition: i32) -> u32 {
        if let Some(index) = self.find(topic, partition) {
            return index;
        }
        let index = self.all.len() as u32;
        self.all.push(Partition {
            topic: topic.to_owned(),
            partition,
            ..Partition::default()
        });
        let parts = self.index.entry(topic.to_owned()).or_default();
        parts.insert(partition, index);
        index
    }

    /// The partition, if it is ours and stays so.
    pub fn ours(&mut self, topic: &str, partition: i32) -> Option<(u32, &mut Partition)> {
        let index = self.find(topic, partition)?;
        let partition = self.get_mut(index)?;
        (partition.ownership == Ownership::Ours).then_some((index, partition))
    }

    pub fn is_owned(&self, topic: &str, partition: i32) -> bool {
        let partition = self.lookup(topic, partition);
        partition.is_some_and(|partition| partition.ownership != Ownership::None)
    }

    pub fn leaving(&self) -> Vec<TopicPartition> {
        let all = self.all.iter();
        all.filter(|partition| partition.ownership == Ownership::Leaving)
            .map(|partition| TopicPartition::new(&partition.topic, partition.partition))
            .collect()
    }

    pub fn assign(&mut self, topic: &str, partition: i32, start: i64) {
        let index = self.index(topic, partition);
        let partition = &mut self.all[index as usize];
        partition.restart(Some(start).filter(|start| *start >= 0));
        partition.ownership = Ownership::Ours;
    }

    pub fn leave(&mut self, topic: &str, partition: i32) {
        if let Some((_, partition)) = self.ours(topic, partition) {
            partition.ownership = Ownership::Leaving;
        }
    }

    /// Returns the partition's index.
    pub fn unassign(&mut self, topic: &str, partition: i32) -> u32 {
        let index = self.index(topic, partition);
        let partition = &mut self.all[index as usize];
        partition.restart(None);
        partition.ownership = Ownership::None;
        partition.paused = false;
        partition.begun = false;
        partition.stopped = false;
        index
    }
}

impl Partition {
    /// Rows from before no longer count.
    pub fn restart(&mut self, start: Option<i64>) {
        self.generation = self.generation.wrapping_add(1);
        self.taken = None;
        self.may_repeat = false;
        self.start = start;
        self.seeking = false;
        self.delivered = None;
        self.unstored = false;
        self.told = None;
    }

    /// Whether an error is news.
    pub fn is_news(&mut self, code: Code) -> bool {
        let known = |(told, when): (Code, Instant)| told == code && when.elapsed() < TELL_AGAIN;
        if self.told.is_some_and(known) {
            return false;
        }
        self.told = Some((code, Instant::now()));
        true
    }

    /// Whether a row of that generation may still come out.
    pub fn is_current(&self, generation: u32) -> bool {
        self.ownership == Ownership::Ours && self.generation == generation
    }

    /// Takes note of a row at `offset`; `false` if it was taken before.
    pub fn take(&mut self, offset: i64) -> bool {
        let repeats = std::mem::take(&mut self.may_repeat);
        match self.taken {
            Some(next) if offset < next => {
                if repeats && offset == next - 1 {
                    return false;
                }
                // librdkafka went back by itself: the log was cut or made anew.
                self.restart(None);
            }
            _ => {}
        }
        self.taken = Some(offset + 1);
        self.begun = true;
        self.told = None;
        true
    }

    /// Where the application is; what it was given counts.
    pub fn position(&self) -> Option<i64> {
        self.delivered
            .map(|position| position.offset)
            .or(self.start)
    }

    /// The application was given rows up to `position`. Receivers share the
    /// position of a partition: the furthest counts.
    pub fn deliver(&mut self, generation: u32, position: Position) {
        let ahead = |now: Position| now.offset < position.offset;
        let counts = self.ownership != Ownership::None && self.generation == generation;
        if counts && self.delivered.is_none_or(ahead) {
            self.delivered = Some(position);
            self.unstored = true;
        }
    }

    /// Everything that was taken has been delivered. While a partition is leaving,
    /// rows are taken that nobody will be given.
    pub fn is_caught_up(&self) -> bool {
        self.ownership == Ownership::Ours
            && self.taken.is_some()
            && self.taken == self.delivered.map(|position| position.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Position {
        Position {
            offset,
            leader_epoch: 0,
        }
    }

    #[test]
    fn a_delivery_of_an_earlier_generation_counts_for_nothing() {
        let mut partitions = Partitions::default();
        partitions.assign("t", 0, -1001);
        let index = partitions.index("t", 0);
        let before = partitions.get(index).unwrap().generation;
        partitions.unassign("t", 0);
        partitions.assign("t", 0, -1001);
        let partition = partitions.get_mut(index).unwrap();
        partition.deliver(before, at(9));
        assert_eq!(partition.delivered, None);
        partition.deliver(partition.generation, at(5));
        partition.deliver(partition.generation, at(3));
        assert_eq!(partition.delivered, Some(at(5)));
    }
    #[test]
    fn what_was_delivered_counts_until_a_revoke_is_answered() {
        let mut partitions = Partitions::default();
        partitions.assign("t", 0, -1001);
        let index = partitions.index("t", 0);
        let generation = partitions.get(index).unwrap().generation;
        partitions.leave("t", 0);
        let partition = partitions.get_mut(index).unwrap();
        partition.taken = Some(9);
        assert!(!partition.is_current(generation), "no more rows come out");
        partition.deliver(generation, at(9));
        assert_eq!(partition.delivered, Some(at(9)));
        assert!(
            !partition.is_caught_up(),
            "rows that nobody is given move librdkafka's position"
        );
    }

    #[test]
    fn a_log_that_went_back_is_read_again_and_a_repeated_row_is_not() {
        let mut partition = Partition {
            ownership: Ownership::Ours,
            ..Partition::default()
        };
        assert!(partition.take(7) && partition.take(8));
        let before = partition.generation;
        partition.may_repeat = true;
        assert!(!partition.take(8), "the last row, once more");
        assert!(partition.take(9));
        assert_eq!(partition.generation, before);
        assert!(partition.take(0), "the log was made anew");
        assert_ne!(partition.generation, before);
        assert!(partition.take(1));
    }
}
