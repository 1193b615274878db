//! Rows that were taken from librdkafka and are not, or not yet, delivered.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::partitions::{Partitions, Position};
use crate::batch::{Batch, Delivery, Kind, Run};

/// Rows that came back undelivered, in the order in which they were taken.
#[derive(Default)]
pub struct Held {
    batches: VecDeque<HeldBatch>,
}

struct HeldBatch {
    sequence: u64,
    rows: Batch,
    next: usize,
}

impl Held {
    pub fn len(&self) -> usize {
        let left = |held: &HeldBatch| held.rows.len() - held.next;
        self.batches.iter().map(left).sum()
    }

    pub fn put_back(&mut self, sequence: u64, rows: Batch, next: usize) {
        let at = self.batches.partition_point(|b| b.sequence < sequence);
        self.batches.insert(
            at,
            HeldBatch {
                sequence,
                rows,
                next,
            },
        );
    }

    /// Moves rows into `out`, up to `max` in all; rows that became stale
    /// meanwhile are dropped.
    pub fn take(&mut self, partitions: &Partitions, max: usize, out: &mut Batch) {
        while out.len() < max {
            let Some(first) = self.batches.front_mut() else {
                return;
            };
            while first.next < first.rows.len() && out.len() < max {
                first.move_one(partitions, out);
            }
            if first.next == first.rows.len() {
                self.batches.pop_front();
            }
        }
    }
}

impl HeldBatch {
    fn move_one(&mut self, partitions: &Partitions, out: &mut Batch) {
        let row = self.next;
        self.next += 1;
        let run = run_of(&self.rows.runs, row);
        if run.is_some_and(|run| is_stale(partitions, run)) {
            return;
        }
        out.push_from(&self.rows, row);
        if let Some(run) = run {
            extend_runs(out, run.partition, run.generation);
        }
    }
}

fn run_of(runs: &[Run], row: usize) -> Option<Run> {
    let at = runs.partition_point(|run| run.end <= row);
    runs.get(at).copied().filter(|run| run.start <= row)
}

fn is_stale(partitions: &Partitions, run: Run) -> bool {
    partitions
        .get(run.partition)
        .is_none_or(|p| !p.assigned || p.generation != run.generation)
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
/// that the client closes before the batch comes back.
pub struct Lease {
    pub sequence: u64,
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
            count,
            marks,
        }
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
        partitions.set_assigned("t", 0, true);
        partitions.set_assigned("t", 1, true);
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
        held.put_back(2, later, 0);
        held.put_back(1, earlier, 1);
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
        held.put_back(1, rows, 0);
        partitions.set_assigned("t", 0, false);
        let mut out = Batch::default();
        held.take(&partitions, 10, &mut out);
        assert_eq!(offsets(&out), [(1, 5), (1, 6)]);
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
