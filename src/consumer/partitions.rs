//! What the core knows of each partition: its generation, what was taken from
//! librdkafka, and what the application was given.

use std::collections::HashMap;

/// The offset to go on from, and the leader epoch of the row before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub offset: i64,
    pub leader_epoch: i32,
}

pub struct Partition {
    pub topic: String,
    pub partition: i32,
    pub assigned: bool,
    /// Moves on when rows taken before no longer count.
    pub generation: u32,
    /// After the last row taken from librdkafka.
    pub taken: Option<i64>,
    /// After the last row that the application was given.
    pub delivered: Option<Position>,
    /// `delivered` is ahead of what librdkafka would commit.
    pub unstored: bool,
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

    pub fn assigned(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.all.iter_mut().filter(|partition| partition.assigned)
    }

    /// The partition's index, which it keeps for the life of the consumer.
    pub fn index(&mut self, topic: &str, partition: i32) -> u32 {
        let known = self
            .index
            .get(topic)
            .and_then(|parts| parts.get(&partition));
        if let Some(index) = known {
            return *index;
        }
        let index = self.all.len() as u32;
        self.all.push(Partition {
            topic: topic.to_owned(),
            partition,
            assigned: false,
            generation: 0,
            taken: None,
            delivered: None,
            unstored: false,
        });
        let parts = self.index.entry(topic.to_owned()).or_default();
        parts.insert(partition, index);
        index
    }

    /// Assigned or taken away: rows from before no longer count.
    pub fn set_assigned(&mut self, topic: &str, partition: i32, assigned: bool) {
        let index = self.index(topic, partition);
        let partition = &mut self.all[index as usize];
        partition.assigned = assigned;
        partition.generation = partition.generation.wrapping_add(1);
        partition.taken = None;
        partition.delivered = None;
        partition.unstored = false;
    }
}

impl Partition {
    /// The application was given rows up to `position`. Receivers share the
    /// position of a partition: the furthest counts.
    pub fn deliver(&mut self, generation: u32, position: Position) {
        let ahead = |now: Position| now.offset < position.offset;
        if generation == self.generation && self.assigned && self.delivered.is_none_or(ahead) {
            self.delivered = Some(position);
            self.unstored = true;
        }
    }

    /// Everything that was taken has been delivered.
    pub fn is_caught_up(&self) -> bool {
        self.taken.is_some() && self.taken == self.delivered.map(|position| position.offset)
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
        partitions.set_assigned("t", 0, true);
        let index = partitions.index("t", 0);
        let before = partitions.get(index).unwrap().generation;
        partitions.set_assigned("t", 0, false);
        partitions.set_assigned("t", 0, true);
        let partition = partitions.get_mut(index).unwrap();
        partition.deliver(before, at(9));
        assert_eq!(partition.delivered, None);
        partition.deliver(partition.generation, at(5));
        partition.deliver(partition.generation, at(3));
        assert_eq!(partition.delivered, Some(at(5)));
    }
}
