//! Rows that were taken from librdkafka and are not, or not yet, delivered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::partitions::{Partition, Partitions, Position};
use crate::batch::{Batch, Delivery, Kind, ROW_MORE, Run};

/// In [`Run::partition`]: events, which are of no partition and never stale.
pub const EVENTS: u32 = u32::MAX;

/// Rows that came back undelivered, in the order in which they were taken.
#[derive(Default)]
pub struct Held {
    /// By the number of the first row.
    events: BTreeMap<u64, HeldRun>,
    messages: BTreeMap<u64, HeldRun>,
    /// Messages of paused partitions.
    withheld: BTreeMap<u64, HeldRun>,
    /// Rows that were dropped because they no longer counted.
    stale: u64,
}

/// What is left of a run. The batch is shared with its other runs.
struct HeldRun {
    rows: Arc<Batch>,
    run: Run,
}

impl Held {
    /// Rows that may come out.
    pub fn len(&self) -> usize {
        let all = self.events.values().chain(self.messages.values());
        all.map(HeldRun::len).sum()
    }

    pub fn withheld(&self) -> usize {
        self.withheld.values().map(HeldRun::len).sum()
    }

    pub fn stale(&self) -> u64 {
        self.stale
    }

    /// Bytes of messages that may come out. What is withheld does not count: it must
    /// not keep other partitions waiting.
    pub fn bytes(&self) -> usize {
        self.messages.values().map(HeldRun::bytes).sum()
    }

    /// Takes back the rows from `next` on.
    pub fn put_back(&mut self, partitions: &Partitions, mut rows: Batch, next: usize) {
        let runs = std::mem::take(&mut rows.runs);
        let rows = Arc::new(rows);
        for run in runs.iter().filter(|run| run.end > next) {
            let held = HeldRun {
                rows: Arc::clone(&rows),
                run: run.from(next.max(run.start)),
            };
            let to = match partitions.get(run.partition) {
                _ if run.partition == EVENTS => &mut self.events,
                Some(partition) if !partition.is_current(run.generation) => {
                    self.stale += held.len() as u64;
                    continue;
                }
                Some(partition) if partition.paused => &mut self.withheld,
                _ => &mut self.messages,
            };
            to.insert(held.run.number, held);
        }
    }

    /// After a partition was paused: no row of it comes out.
    pub fn withhold(&mut self, partition: u32) {
        move_runs(&mut self.messages, &mut self.withheld, partition);
    }

    /// After a partition was resumed.
    pub fn release(&mut self, partition: u32) {
        move_runs(&mut self.withheld, &mut self.messages, partition);
    }

    /// After a partition began anew or went: what was withheld is stale.
    pub fn forget(&mut self, partition: u32) {
        self.withheld.retain(|_, held| {
            let goes = held.run.partition == partition;
            if goes {
                self.stale += held.len() as u64;
            }
            !goes
        });
    }

    pub fn take_events(&mut self, max: usize, out: &mut Batch) {
        while out.len() < max
            && let Some((_, held)) = self.events.pop_first()
        {
            if let Some(rest) = held.copy(max, out) {
                self.events.insert(rest.run.number, rest);
            }
        }
    }

    /// Moves messages into `out`, up to `max` rows in all; rows that became stale
    /// meanwhile are dropped.
    pub fn take(&mut self, partitions: &Partitions, max: usize, out: &mut Batch) {
        while out.len() < max
            && let Some((_, held)) = self.messages.pop_first()
        {
            let current = |p: &Partition| p.is_current(held.run.generation);
            if !partitions.get(held.run.partition).is_some_and(current) {
                self.stale += held.len() as u64;
            } else if let Some(rest) = held.copy(max, out) {
                self.messages.insert(rest.run.number, rest);
            }
        }
    }
}

impl HeldRun {
    fn len(&self) -> usize {
        self.run.end - self.run.start
    }

    fn bytes(&self) -> usize {
        let of = |offsets: &[i64]| (offsets[self.run.end] - offsets[self.run.start]) as usize;
        of(&self.rows.key.offsets) + of(&self.rows.value.offsets)
    }

    /// Copies rows until `out` has `max`; what is left.
    fn copy(mut self, max: usize, out: &mut Batch) -> Option<Self> {
        while self.len() > 0 && out.len() < max {
            out.push_from(&self.rows, self.run.start);
            extend_runs(
                out,
                self.run.partition,
                self.run.generation,
                self.run.number,
                out.len() - 1,
            );
            self.run = self.run.from(self.run.start + 1);
        }
        (self.len() > 0).then_some(self)
    }
}

impl Run {
    /// What is left of it from row `start` on.
    fn from(self, start: usize) -> Self {
        Self {
            number: self.number + (start - self.start) as u64,
            start,
            ..self
        }
    }
}

fn move_runs(from: &mut BTreeMap<u64, HeldRun>, to: &mut BTreeMap<u64, HeldRun>, partition: u32) {
    let runs = std::mem::take(from);
    for (number, held) in runs {
        let map = if held.run.partition == partition {
            &mut *to
        } else {
            &mut *from
        };
        map.insert(number, held);
    }
}

/// The rows from `start` on are of `partition`, the first of them is number `number`.
pub fn extend_runs(batch: &mut Batch, partition: u32, generation: u32, number: u64, start: usize) {
    let end = batch.len();
    match batch.runs.last_mut() {
        Some(run)
            if run.partition == partition
                && run.generation == generation
                && run.end == start
                && run.number + (run.end - run.start) as u64 == number =>
        {
            run.end = end;
        }
        _ => batch.runs.push(Run {
            partition,
            generation,
            number,
            start,
            end,
        }),
    }
}

/// What one batch that is out with a receiver would deliver, kept for the case
/// that it counts before the batch comes back.
pub struct Lease {
    pub sequence: u64,
    pub bytes: usize,
    /// The rebalance of which it has the last row, and how many rows that takes.
    pub rebalance: Option<(u64, usize)>,
    /// The word that calls its receiver back.
    pub attention: Arc<AtomicU32>,
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
            rebalance: rebalance_of(batch),
            attention: Arc::clone(&batch.attention),
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

fn rebalance_of(batch: &Batch) -> Option<(u64, usize)> {
    let last = batch.kind.iter().rposition(|kind| is_rebalance(*kind))?;
    (batch.flags[last] & ROW_MORE == 0).then(|| (batch.opaque[last], last + 1))
}

pub fn is_rebalance(kind: u8) -> bool {
    kind == Kind::Assign as u8 || kind == Kind::Revoke as u8
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

    fn batch(partitions: &mut Partitions, first: u64, offsets: &[(i32, i64)]) -> Batch {
        let mut batch = Batch::default();
        for (number, (partition, offset)) in (first..).zip(offsets) {
            let row = Row {
                topic: Some("t"),
                partition: *partition,
                offset: *offset,
                ..Row::new(Kind::Message)
            };
            batch.push(&row);
            let index = partitions.index("t", *partition);
            let generation = partitions.get(index).unwrap().generation;
            let row = batch.len() - 1;
            extend_runs(&mut batch, index, generation, number, row);
        }
        batch
    }

    fn assigned() -> Partitions {
        let mut partitions = Partitions::default();
        partitions.assign("t", 0, -1001);
        partitions.assign("t", 1, -1001);
        partitions
    }

    fn taken(held: &mut Held, partitions: &Partitions, max: usize) -> (Batch, Vec<(i32, i64)>) {
        let mut out = Batch::default();
        held.take(partitions, max, &mut out);
        let rows = 0..out.len();
        let offsets = rows.map(|row| (out.partition[row], out.offset[row]));
        let offsets = offsets.collect();
        (out, offsets)
    }

    #[test]
    fn what_comes_back_is_given_again_in_order() {
        let mut partitions = assigned();
        let mut held = Held::default();
        let earlier = batch(&mut partitions, 0, &[(0, 0), (0, 1)]);
        let later = batch(&mut partitions, 2, &[(0, 2), (1, 7)]);
        held.put_back(&partitions, later, 0);
        held.put_back(&partitions, earlier, 1);
        assert_eq!(held.len(), 3);
        // Two receivers, the second of which is back first.
        let (one, first) = taken(&mut held, &partitions, 1);
        let (two, second) = taken(&mut held, &partitions, 1);
        assert_eq!((first, second), (vec![(0, 1)], vec![(0, 2)]));
        held.put_back(&partitions, two, 0);
        held.put_back(&partitions, one, 0);
        // A part of a run that comes back does not push out the rest of it.
        let (part, first) = taken(&mut held, &partitions, 2);
        assert_eq!(first, [(0, 1), (0, 2)]);
        held.put_back(&partitions, part, 0);
        let (all, rows) = taken(&mut held, &partitions, 10);
        assert_eq!(rows, [(0, 1), (0, 2), (1, 7)]);
        assert_eq!(all.runs.len(), 2);
    }

    #[test]
    fn rows_of_a_revoked_partition_are_dropped_and_others_kept() {
        let mut partitions = assigned();
        let mut held = Held::default();
        let rows = batch(&mut partitions, 0, &[(0, 0), (1, 5), (0, 1), (1, 6)]);
        held.put_back(&partitions, rows, 0);
        partitions.unassign("t", 0);
        assert_eq!(taken(&mut held, &partitions, 10).1, [(1, 5), (1, 6)]);
        assert_eq!(held.stale(), 2);
    }

    #[test]
    fn rows_of_a_paused_partition_come_after_it_is_resumed_in_order() {
        let mut partitions = assigned();
        let mut held = Held::default();
        let first = batch(&mut partitions, 0, &[(0, 0), (1, 5), (0, 1)]);
        held.put_back(&partitions, first, 0);
        let index = partitions.index("t", 0);
        partitions.get_mut(index).unwrap().paused = true;
        held.withhold(index);
        let second = batch(&mut partitions, 3, &[(0, 2), (1, 6)]);
        held.put_back(&partitions, second, 0);
        assert_eq!(taken(&mut held, &partitions, 10).1, [(1, 5), (1, 6)]);
        assert_eq!(held.withheld(), 3);
        partitions.get_mut(index).unwrap().paused = false;
        held.release(index);
        assert_eq!(
            taken(&mut held, &partitions, 10).1,
            [(0, 0), (0, 1), (0, 2)]
        );
    }

    #[test]
    fn only_rows_that_were_handed_out_count_as_delivered() {
        let mut partitions = assigned();
        let mut rows = batch(&mut partitions, 0, &[(0, 0), (1, 5), (0, 1)]);
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
