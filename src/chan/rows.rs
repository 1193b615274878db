//! Rows that wait in a channel: a queue of batches, so that whole batches can
//! change hands without a copy.

use std::collections::VecDeque;

use crate::batch::Batch;

/// A batch is handed on whole where a receiver wants as many rows, and copied
/// row by row where it wants fewer: few enough for most.
const BATCH_ROWS: usize = 1024;
const BATCH_BYTES: usize = 1 << 20;
/// Memory of batches that were taken, kept for the next ones.
const SPARES: usize = 8;

#[derive(Default)]
pub struct Rows {
    batches: VecDeque<Part>,
    len: usize,
    spares: Vec<Batch>,
}

struct Part {
    rows: Batch,
    /// How many of them were taken.
    taken: usize,
}

impl Rows {
    pub fn len(&self) -> usize {
        self.len
    }

    /// Adds the `count` rows that `push` pushes.
    pub fn append(&mut self, count: usize, push: impl FnOnce(&mut Batch)) {
        let full = |part: &Part| part.rows.len() >= BATCH_ROWS || part.rows.bytes() >= BATCH_BYTES;
        if self.batches.back().is_none_or(full) {
            let rows = self.spares.pop().unwrap_or_default();
            self.batches.push_back(Part { rows, taken: 0 });
        }
        if let Some(part) = self.batches.back_mut() {
            push(&mut part.rows);
            self.len += count;
        }
    }

    /// Puts back rows that were taken; they come first again.
    pub fn put_back(&mut self, rows: Batch, taken: usize) {
        self.len += rows.len() - taken;
        self.batches.push_front(Part { rows, taken });
    }

    /// Moves up to `max` rows into `out`, which is empty; at least one if there
    /// is one and `max` is not 0.
    pub fn take(&mut self, max: usize, out: &mut Batch) {
        let Some(first) = self.batches.front_mut() else {
            return;
        };
        let there = first.rows.len() - first.taken;
        let count = there.min(max);
        if first.taken == 0 && count == there {
            std::mem::swap(out, &mut first.rows);
            // What the receiver wants stays with the receiver.
            std::mem::swap(&mut out.delivery, &mut first.rows.delivery);
        } else {
            for row in first.taken..first.taken + count {
                out.push_from(&first.rows, row);
            }
            first.taken += count;
        }
        self.len -= count;
        if count == there {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(mut part) = self.batches.pop_front()
            && self.spares.len() < SPARES
        {
            part.rows.clear();
            self.spares.push(part.rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Kind, Row};

    #[test]
    fn rows_come_out_in_order_whatever_the_cuts() {
        let mut rows = Rows::default();
        let (mut next_in, mut next_out) = (0, 0);
        let mut out = Batch::default();
        for max in [1, 3, 20_000, 7, 100_000, 1, 100_000] {
            for _ in 0..10_000 {
                let row = Row {
                    opaque: next_in,
                    ..Row::new(Kind::Message)
                };
                rows.append(1, |batch| batch.push(&row));
                next_in += 1;
            }
            out.clear();
            rows.take(max, &mut out);
            assert!(!out.is_empty() && out.len() <= max);
            for opaque in &out.opaque {
                assert_eq!(*opaque, next_out);
                next_out += 1;
            }
            assert_eq!(rows.len() as u64, next_in - next_out);
        }
    }
}
