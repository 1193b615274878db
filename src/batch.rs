//! Batches: rows in columns, the one shape in which everything leaves the core.
//!
//! Variable-length columns have the layout of Arrow's LargeBinary, so that a
//! binding can read a million values without a call for each.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Instant;

use crate::error::Code;
use crate::fork;

/// What a row is; the same numbers as `KRS_EVENT_*` in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Message = 1,
    Report = 2,
    Error = 3,
    PartitionEof = 4,
    Commit = 5,
    Stats = 6,
    Log = 7,
    Partition = 8,
    Assign = 9,
    Revoke = 10,
    TokenRefresh = 11,
    Broker = 12,
    Topic = 13,
    Throttle = 14,
}

/// Set on every row of one event but its last; `KRS_ROW_MORE` in the header.
pub const ROW_MORE: u8 = 1;
/// The client can't go on; `KRS_ROW_FATAL` in the header.
pub const ROW_FATAL: u8 = 2;
/// Others may own the partition already; `KRS_ROW_LOST` in the header.
pub const ROW_LOST: u8 = 4;

/// No topic; `KRS_NO_TOPIC` in the header.
pub const NO_TOPIC: u32 = u32::MAX;

/// One row, borrowed. Its headers go in before it, by [`Batch::push_header`].
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub kind: u8,
    pub flags: u8,
    pub code: Code,
    pub topic: Option<&'a str>,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    pub timestamp_type: u8,
    pub leader_epoch: i32,
    pub opaque: u64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

impl Row<'_> {
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind: kind as u8,
            flags: 0,
            code: 0,
            topic: None,
            partition: -1,
            offset: -1001,
            timestamp: -1,
            timestamp_type: 0,
            leader_epoch: -1,
            opaque: 0,
            key: None,
            value: None,
        }
    }
}

/// Values of any length, nulls apart from empty ones.
#[derive(Debug)]
pub struct VarColumn {
    pub offsets: Vec<i64>,
    pub data: Vec<u8>,
    /// One bit a value, 1 = not null. Empty as long as there is no null.
    pub validity: Vec<u8>,
}

impl Default for VarColumn {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            data: Vec::new(),
            validity: Vec::new(),
        }
    }
}

impl VarColumn {
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn clear(&mut self) {
        self.offsets.truncate(1);
        self.data.clear();
        self.validity.clear();
    }

    pub fn push(&mut self, value: Option<&[u8]>) {
        let row = self.len();
        match value {
            Some(bytes) => {
                self.data.extend_from_slice(bytes);
                if !self.validity.is_empty() {
                    self.mark(row, true);
                }
            }
            None => {
                if self.validity.is_empty() {
                    // The first null: all values before it are there.
                    self.validity.resize(row / 8 + 1, 0xff);
                }
                self.mark(row, false);
            }
        }
        self.offsets.push(self.data.len() as i64);
    }

    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let null = !self.validity.is_empty() && self.validity[row / 8] & (1 << (row % 8)) == 0;
        (!null).then(|| &self.data[self.offsets[row] as usize..self.offsets[row + 1] as usize])
    }

    /// Arrow readers may touch whole words past the end of a buffer.
    fn pad(&mut self) {
        self.data.reserve(64);
        self.validity.reserve(64);
    }

    fn mark(&mut self, row: usize, present: bool) {
        if row / 8 >= self.validity.len() {
            self.validity.resize(row / 8 + 1, 0);
        }
        let bit = 1 << (row % 8);
        if present {
            self.validity[row / 8] |= bit;
        } else {
            self.validity[row / 8] &= !bit;
        }
    }
}

/// A caller's column, in the same layout, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    offsets: &'a [i64],
    data: &'a [u8],
    validity: Option<&'a [u8]>,
}

impl<'a> Column<'a> {
    /// The offsets ascend from 0 or more to at most the length of `data`, and
    /// there is a bit for every value.
    pub fn new(offsets: &'a [i64], data: &'a [u8], validity: Option<&'a [u8]>) -> Self {
        Self {
            offsets,
            data,
            validity,
        }
    }

    pub fn get(&self, row: usize) -> Option<&'a [u8]> {
        let null = |bits: &[u8]| bits[row / 8] & (1 << (row % 8)) == 0;
        let range = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        (!self.validity.is_some_and(null)).then(|| &self.data[range])
    }
}

/// The names of the topics that a batch mentions, each once.
#[derive(Debug, Default)]
pub struct Topics {
    pub names: VarColumn,
    index: HashMap<Box<str>, u32>,
}

impl Topics {
    fn clear(&mut self) {
        self.names.clear();
        self.index.clear();
    }

    pub fn index(&mut self, name: &str) -> u32 {
        if let Some(last) = self.names.len().checked_sub(1)
            && self.names.get(last) == Some(name.as_bytes())
        {
            return last as u32;
        }
        if let Some(index) = self.index.get(name) {
            return *index;
        }
        let index = self.names.len() as u32;
        self.names.push(Some(name.as_bytes()));
        self.index.insert(name.into(), index);
        index
    }

    pub fn name(&self, index: u32) -> Option<&str> {
        let bytes = ((index as usize) < self.names.len())
            .then(|| self.names.get(index as usize))
            .flatten()?;
        std::str::from_utf8(bytes).ok()
    }
}

/// Consecutive rows of one partition, taken in one generation of it, one after the
/// other.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub partition: u32,
    pub generation: u32,
    /// Tells the order in which rows were taken: the number of the first one.
    pub number: u64,
    pub start: usize,
    pub end: usize,
}

/// Where a batch's messages came from, and where what was not delivered goes
/// back to.
pub trait Origin: Send + Sync {
    /// The first `delivered` rows were handed to the application.
    fn give_back(&self, batch: &mut Batch, delivered: usize);
}

/// Where the headers of each row begin, and where those of the last one end.
pub struct HeaderStarts(pub Vec<u32>);

impl Default for HeaderStarts {
    fn default() -> Self {
        Self(vec![0])
    }
}

/// Rows in columns.
#[derive(Default)]
pub struct Batch {
    pub kind: Vec<u8>,
    pub flags: Vec<u8>,
    pub code: Vec<Code>,
    pub topic: Vec<u32>,
    pub partition: Vec<i32>,
    pub offset: Vec<i64>,
    pub timestamp: Vec<i64>,
    pub timestamp_type: Vec<u8>,
    pub leader_epoch: Vec<i32>,
    pub opaque: Vec<u64>,
    pub key: VarColumn,
    pub value: VarColumn,
    pub header_start: HeaderStarts,
    pub header_key: VarColumn,
    pub header_value: VarColumn,
    pub topics: Topics,
    pub runs: Vec<Run>,
    origin: Option<Arc<dyn Origin>>,
    /// In which process the rows were received.
    epoch: u32,
    /// Set by the core when the receiver should come back soon.
    pub attention: Arc<AtomicU32>,
    pub delivery: Delivery,
    /// The order in which batches left their origin.
    pub sequence: u64,
    /// When the rows were received, for a caller that takes one at a time.
    pub received: Option<Instant>,
}

/// How much of a batch counts as delivered when its receiver does not say.
#[derive(Clone, Debug, Default)]
pub enum Delivery {
    /// All of it: who received the batch has its rows.
    #[default]
    Whole,
    /// As many rows as were handed out one by one. The count is shared with the
    /// origin, which reads it when the client closes.
    OneByOne(Arc<AtomicUsize>),
}

impl Batch {
    pub fn len(&self) -> usize {
        self.kind.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kind.is_empty()
    }

    /// Bytes of keys and values.
    pub fn bytes(&self) -> usize {
        self.key.data.len() + self.value.data.len()
    }

    /// Forgets all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.kind.clear();
        self.flags.clear();
        self.code.clear();
        self.topic.clear();
        self.partition.clear();
        self.offset.clear();
        self.timestamp.clear();
        self.timestamp_type.clear();
        self.leader_epoch.clear();
        self.opaque.clear();
        self.key.clear();
        self.value.clear();
        self.header_start.0.truncate(1);
        self.header_key.clear();
        self.header_value.clear();
        self.topics.clear();
        self.runs.clear();
        self.origin = None;
        self.delivery = Delivery::Whole;
        self.sequence = 0;
        if self.attention.load(Ordering::SeqCst) != 0 {
            // It belongs to the origin, which may set it long after.
            self.attention = Arc::default();
        }
        self.received = None;
    }

    /// A header of the row that is pushed next.
    pub fn push_header(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.header_key.push(Some(key));
        self.header_value.push(value);
    }

    pub fn push(&mut self, row: &Row<'_>) {
        let topic = row.topic.map_or(NO_TOPIC, |name| self.topics.index(name));
        self.push_with_topic(row, topic);
    }

    /// Like [`push`](Self::push), for a topic that was looked up before.
    pub fn push_with_topic(&mut self, row: &Row<'_>, topic: u32) {
        self.kind.push(row.kind);
        self.flags.push(row.flags);
        self.code.push(row.code);
        self.topic.push(topic);
        self.partition.push(row.partition);
        self.offset.push(row.offset);
        self.timestamp.push(row.timestamp);
        self.timestamp_type.push(row.timestamp_type);
        self.leader_epoch.push(row.leader_epoch);
        self.opaque.push(row.opaque);
        self.key.push(row.key);
        self.value.push(row.value);
        self.header_start.0.push(self.header_key.len() as u32);
    }

    /// A message, but for what it has in common with those beside it: the columns that
    /// [`complete`](Self::complete) adds.
    pub fn push_differing(
        &mut self,
        offset: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) {
        self.offset.push(offset);
        self.timestamp.push(timestamp);
        self.key.push(key);
        self.value.push(value);
        self.header_start.0.push(self.header_key.len() as u32);
    }

    /// Gives all rows that lack them the columns in which they are like `row`.
    pub fn complete(&mut self, row: &Row<'_>, topic: u32) {
        let rows = self.offset.len();
        self.kind.resize(rows, row.kind);
        self.flags.resize(rows, row.flags);
        self.code.resize(rows, row.code);
        self.topic.resize(rows, topic);
        self.partition.resize(rows, row.partition);
        self.timestamp_type.resize(rows, row.timestamp_type);
        self.leader_epoch.resize(rows, row.leader_epoch);
        self.opaque.resize(rows, row.opaque);
    }

    pub fn row(&self, row: usize) -> Row<'_> {
        Row {
            kind: self.kind[row],
            flags: self.flags[row],
            code: self.code[row],
            topic: self.topics.name(self.topic[row]),
            partition: self.partition[row],
            offset: self.offset[row],
            timestamp: self.timestamp[row],
            timestamp_type: self.timestamp_type[row],
            leader_epoch: self.leader_epoch[row],
            opaque: self.opaque[row],
            key: self.key.get(row),
            value: self.value.get(row),
        }
    }

    /// The rows of `header_key` and `header_value` that belong to `row`.
    pub fn header_range(&self, row: usize) -> std::ops::Range<usize> {
        self.header_start.0[row] as usize..self.header_start.0[row + 1] as usize
    }

    pub fn push_from(&mut self, from: &Self, row: usize) {
        for header in from.header_range(row) {
            let key = from.header_key.get(header).unwrap_or_default();
            self.push_header(key, from.header_value.get(header));
        }
        self.push(&from.row(row));
    }

    pub fn set_origin(&mut self, origin: Option<Arc<dyn Origin>>) {
        self.origin = origin;
        self.epoch = fork::epoch();
    }

    /// Whether the rows were received in the parent process, before a fork.
    pub fn is_forked(&self) -> bool {
        self.origin.is_some() && self.epoch != fork::epoch()
    }

    /// Rows that count as delivered if nobody says otherwise.
    pub fn delivered(&self) -> usize {
        match &self.delivery {
            Delivery::Whole => self.len(),
            Delivery::OneByOne(count) => count.load(Ordering::SeqCst),
        }
    }

    /// Tells the origin what was delivered, then forgets all rows.
    pub fn give_back(&mut self, delivered: usize) {
        if let Some(origin) = self.origin.take() {
            if self.is_forked() {
                // The child must not touch what is the parent's.
                std::mem::forget(origin);
            } else {
                origin.give_back(self, delivered.min(self.len()));
            }
        }
        self.clear();
    }

    pub fn pad(&mut self) {
        for column in [
            &mut self.key,
            &mut self.value,
            &mut self.header_key,
            &mut self.header_value,
            &mut self.topics.names,
        ] {
            column.pad();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_tells_null_from_empty() {
        let mut column = VarColumn::default();
        let values: Vec<Option<Vec<u8>>> = (0..50)
            .map(|n| (n % 3 != 2).then(|| vec![n; usize::from(n % 2)]))
            .collect();
        for value in &values {
            column.push(value.as_deref());
        }
        for (row, value) in values.iter().enumerate() {
            assert_eq!(column.get(row), value.as_deref(), "row {row}");
        }
        column.clear();
        column.push(Some(b"x"));
        assert!(column.validity.is_empty());
    }

    #[test]
    fn a_row_comes_out_as_it_went_in() {
        let mut first = Batch::default();
        first.push(&Row::new(Kind::Log));
        first.push_header(b"h", None);
        first.push_header(b"", Some(b""));
        first.push(&Row {
            topic: Some("t"),
            partition: 3,
            offset: 9,
            opaque: 77,
            key: Some(b""),
            value: None,
            ..Row::new(Kind::Message)
        });
        let mut second = Batch::default();
        second.push_from(&first, 1);
        let row = second.row(0);
        assert_eq!(
            (
                row.topic,
                row.partition,
                row.offset,
                row.opaque,
                row.key,
                row.value
            ),
            (Some("t"), 3, 9, 77, Some(&b""[..]), None)
        );
        assert_eq!(second.header_range(0), 0..2);
        assert_eq!(second.header_value.get(0), None);
        assert_eq!(second.header_value.get(1), Some(&b""[..]));
    }
}
