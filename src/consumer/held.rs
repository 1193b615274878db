//! Rows that were taken from librdkafka and are not, or not yet, delivered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::partitions::{Partition, Partitions, Position};
use crate::batch::{Batch, Delivery, Kind, Run};

/// Rows that came back undelivered, in the order in which they were taken.
#[derive(Default)]
pub struct Held {
    batches: VecDeque<HeldBatch>,
    /// Rows of paused partitions, by partition and the order in which they were taken.
    withheld: BTreeMap<(u32, u64), Batch>,
    /// Rows that were dropped because they no longer counted.
    stale: u64,
}

struct HeldBatch {
    sequence: u64,
    rows: Batch,
    next: usize,
}

impl Held {
    /// Rows that may come out.
    pub fn len(&self) -> usize {
        let left = |held: &HeldBatch| held.rows.len() - held.next;
        self.batches.iter().map(left).sum()
    }

    pub fn withheld(&self) -> usize {
        self.withheld.values().map(Batch::len).sum()
    }

    pub fn stale(&self) -> u64 {
        self.stale
    }

    pub fn bytes(&self) -> usize {
        let held = self.batches.iter().map(|held| held.rows.bytes());
        held.chain(self.withheld.values().map(Batch::bytes)).sum()
    }

    /// Takes back the rows from `next` on; those of paused partitions are withheld.
    pub fn put_back(&mut self, partitions: &Partitions, sequence: u64, rows: Batch, next: usize) {
        let held = HeldBatch {
            sequence,
            rows,
            next,
        };
        let held = if partitions.any_paused() {
            self.withhold_from(partitions, held)
        } else {
            held
        };
        let at = self.batches.partition_point(|b| b.sequence < sequence);
        self.batches.insert(at, held);
    }

    /// After some partitions were paused: no row of theirs comes out.
    pub fn withhold(&mut self, partitions: &Partitions) {
        let batches = std::mem::take(&mut self.batches);
        for held in batches {
            let rest = self.withhold_from(partitions, held);
            self.batches.push_back(rest);
        }
    }

    fn withhold_from(&mut self, partitions: &Partitions, mut held: HeldBatch) -> HeldBatch {
        let mut rest = Batch::default();
        while held.next < held.rows.len() {
            let run = run_of(&held.rows.runs, held.next);
            let paused = run.filter(|run| partitions.get(run.partition).is_some_and(|p| p.paused));
            let to = match paused {
                Some(run) => self
                    .withheld
                    .entry((run.partition, held.sequence))
                    .or_default(),
                None => &mut rest,
            };
            held.copy_next(to);
        }
        HeldBatch {
            rows: rest,
            next: 0,
            ..held
        }
    }

    /// After a partition was resumed.
    pub fn release(&mut self, partitions: &Partitions, partition: u32) {
        let all = (partition, 0)..=(partition, u64::MAX);
        let keys: Vec<_> = self.withheld.range(all).map(|(key, _)| *key).collect();
        for key in keys {
            if let Some(rows) = self.withheld.remove(&key) {
                self.put_back(partitions, key.1, rows, 0);
            }
        }
    }

    /// After a partition began anew or went: what was withheld is stale.
    pub fn forget(&mut self, partition: u32) {
        self.withheld.retain(|key, rows| {
            if key.0 == partition {
                self.stale += rows.len() as u64;
            }
            key.0 != partition
        });
    }

    /// Moves rows into `out`, up to `max` in all; rows that became stale
    /// meanwhile are dropped.
    pub fn take(&mut self, partitions: &Partitions, max: usize, out: &mut Batch) {
        while out.len() < max {
            let Some(first) = self.batches.front_mut() else {
                return;
            };
            while first.next < first.rows.len() && out.len() < max {
                if first.is_stale(partitions) {
                    first.next += 1;
                    self.stale += 1;
                } else {
                    first.copy_next(out);
                }
            }
            if first.next == first.rows.len() {
                self.batches.pop_front();
            }
        }
    }
}

impl HeldBatch {
    /// Whether the next row no longer counts.
    fn is_stale(&self, partitions: &Partitions) -> bool {
        run_of(&self.rows.runs, self.next).is_some_and(|run| {
            let current = |p: &Partition| p.is_current(run.generation);
            !partitions.get(run.partition).is_some_and(current)
        })
    }

    fn copy_next(&mut self, out: &mut Batch) {
        let row = self.next;
        self.next += 1;
        out.push_from(&self.rows, row);
        if let Some(run) = run_of(&self.rows.runs, row) {
            extend_runs(out, run.partition, run.generation);
        }
    }
}

fn run_of(runs: &[Run], row: usize) -> Option<Run> {
    let at = runs.partition_point(|run| run.end <= row);
    runs.get(at).copied().filter(|run| run.start <= row)
}

/// The row that was pushed last belongs to `partition`.
pub fn extend_runs(batch: &mut Batch, partition: u32, generation: u32) {
    let end = batch.len();
    match batch.runs.last_mut() {
        Some(run)
            if run.partition == partition && run.generation == generation && run.end == end - 1 =>
        {
            run.end = end;
        }
        _ => batch.runs.push(Run {
            partition,
            generation,
            start: end - 1,
            end,
        }),
    }
}

/// What one batch that is out with a receiver would deliver, kept for the case
/// that it counts before the batch comes back.
pub struct Lease {
    pub sequence: u64,
    pub bytes: usize,
    /// Which rebalance it tells of, and with how many rows.
    pub rebalance: Option<(u64, usize)>,
    /// Rows that count; `None` = all.
    count: Option<Arc<AtomicUsize>>,
    marks: Vec<Mark>,
}

/// Once `rows` rows are delivered, the partition is at `position`.
struct Mark {
    rows: usize,
    partition: u32,
    generation: u32,
    position: Position,
}

impl Lease {
    pub fn of(batch: &Batch, sequence: u64) -> Self {
        let (count, each) = match &batch.delivery {
            Delivery::Whole => (None, false),
            Delivery::OneByOne(count) => (Some(Arc::clone(count)), true),
        };
        let mut marks = Vec::new();
        for run in &batch.runs {
            let rows = (run.start..run.end).filter(|row| is_message(batch, *row));
            let mut marked = rows.map(|row| mark(batch, *run, row));
            if each {
                marks.extend(marked);
            } else {
                marks.extend(marked.next_back());
            }
        }
        Self {
            sequence,
            bytes: batch.bytes(),
            rebalance: None,
            count,
            marks,
        }
    }

    /// Whether its rows are handed out one by one, and count when they are.
    pub fn is_one_by_one(&self) -> bool {
        self.count.is_some()
    }

    pub fn deliver(&self, partitions: &mut Partitions) {
        let count = match &self.count {
            None => usize::MAX,
            Some(count) => count.load(Ordering::SeqCst),
        };
        for mark in self.marks.iter().filter(|mark| mark.rows <= count) {
            if let Some(partition) = partitions.get_mut(mark.partition) {
                partition.deliver(mark.generation, mark.position);
            }
        }
    }
}

/// Marks the first `count` rows of a batch as delivered.
pub fn deliver(batch: &Batch, count: usize, partitions: &mut Partitions) {
    for run in &batch.runs {
        let rows = run.start..run.end.min(count);
        if let Some(row) = rows.rev().find(|row| is_message(batch, *row)) {
            let mark = mark(batch, *run, row);
            if let Some(partition) = partitions.get_mut(mark.partition) {
                partition.deliver(mark.generation, mark.position);
            }
        }
    }
}

fn is_message(batch: &Batch, row: usize) -> bool {
    batch.kind[row] == Kind::Message as u8
}

fn mark(batch: &Batch, run: Run, row: usize) -> Mark {
    Mark {
        rows: row + 1,
        partition: run.partition,
        generation: run.generation,
        position: Position {
            offset: batch.offset[row] + 1,
            leader_epoch: batch.leader_epoch[row],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Row;

    fn batch(partitions: &mut Partitions, offsets: &[(i32, i64)]) -> Batch {
        let mut batch = Batch::default();
        for (partition, offset) in offsets {
            let row = Row {
                topic: Some("t"),
                partition: *partition,
                offset: *offset,
                ..Row::new(Kind::Message)
            };
            batch.push(&row);
            let index = partitions.index("t", *partition);
            let generation = partitions.get(index).unwrap().generation;
            extend_runs(&mut batch, index, generation);
        }
        batch
    }

    fn assigned() -> Partitions {
        let mut partitions = Partitions::default();
        partitions.assign("t", 0, -1001);
        partitions.assign("t", 1, -1001);
        partitions
    }

    fn offsets(batch: &Batch) -> Vec<(i32, i64)> {
        (0..batch.len())
            .map(|row| (batch.partition[row], batch.offset[row]))
            .collect()
    }

    #[test]
    fn what_comes_back_is_given_again_in_order() {
        let mut partitions = assigned();
        let mut held = Held::default();
        let later = batch(&mut partitions, &[(0, 2), (1, 7)]);
        let earlier = batch(&mut partitions, &[(0, 0), (0, 1)]);
        held.put_back(&partitions, 2, later, 0);
        held.put_back(&partitions, 1, earlier, 1);
        assert_eq!(held.len(), 3);
        let mut out = Batch::default();
        held.take(&partitions, 10, &mut out);
        assert_eq!(offsets(&out), [(0, 1), (0, 2), (1, 7)]);
        assert_eq!(out.runs.len(), 2);
    }

    #[test]
    fn rows_of_a_revoked_partition_are_dropped_and_others_kept() {
        let mut partitions = assigned();
        let mut held = Held::default();
        let rows = batch(&mut partitions, &[(0, 0), (1, 5), (0, 1), (1, 6)]);
        held.put_back(&partitions, 1, rows, 0);
        partitions.unassign("t", 0);
        let mut out = Batch::default();
        held.take(&partitions, 10, &mut out);
        assert_eq!(offsets(&out), [(1, 5), (1, 6)]);
        assert_eq!(held.stale(), 2);
    }

    #[test]
    fn rows_of_a_paused_partition_come_after_it_is_resumed_in_order() {
        let mut partitions = assigned();
        let mut held = Held::default();
        let first = batch(&mut partitions, &[(0, 0), (1, 5), (0, 1)]);
        held.put_back(&partitions, 1, first, 0);
        let pause = |partitions: &mut Partitions, paused| {
            let index = partitions.index("t", 0);
            partitions.get_mut(index).unwrap().paused = paused;
            index
        };
        let index = pause(&mut partitions, true);
        held.withhold(&partitions);
        let second = batch(&mut partitions, &[(0, 2), (1, 6)]);
        held.put_back(&partitions, 2, second, 0);
        let mut out = Batch::default();
        held.take(&partitions, 10, &mut out);
        assert_eq!(offsets(&out), [(1, 5), (1, 6)]);
        assert_eq!(held.withheld(), 3);
        pause(&mut partitions, false);
        held.release(&partitions, index);
        out.clear();
        held.take(&partitions, 10, &mut out);
        assert_eq!(offsets(&out), [(0, 0), (0, 1), (0, 2)]);
    }

    #[test]
    fn only_rows_that_were_handed_out_count_as_delivered() {
        let mut partitions = assigned();
        let mut rows = batch(&mut partitions, &[(0, 0), (1, 5), (0, 1)]);
        deliver(&rows, 2, &mut partitions);
        let delivered = |partitions: &mut Partitions, partition| {
            let index = partitions.index("t", partition);
            let delivered = partitions.get(index).unwrap().delivered;
            delivered.map(|position| position.offset)
        };
        assert_eq!(delivered(&mut partitions, 0), Some(1));
        assert_eq!(delivered(&mut partitions, 1), Some(6));

        let count = Arc::new(AtomicUsize::new(1));
        rows.delivery = Delivery::OneByOne(Arc::clone(&count));
        let lease = Lease::of(&rows, 1);
        lease.deliver(&mut partitions);
        assert_eq!(delivered(&mut partitions, 0), Some(1));
        count.store(3, Ordering::SeqCst);
        lease.deliver(&mut partitions);
        assert_eq!(delivered(&mut partitions, 0), Some(2));
    }
}
