//! Received rows, copied once out of the core's batch into memory that messages, batches and Arrow arrays share.
#![allow(unsafe_code, reason = "reads the columns that the C surface hands out")]

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use crate::ffi::{KRS_NO_TOPIC, krs_batch_view, krs_code, krs_column};

/// Values of any length in Arrow's LargeBinary layout.
#[derive(Default)]
pub struct Column {
    pub offsets: Vec<i64>,
    pub data: Vec<u8>,
    validity: Vec<u8>,
    has_nulls: bool,
}

impl Column {
    /// Becomes a copy of a column, in the memory that it has.
    ///
    /// # Safety
    /// The column is one of a live view and has `count` values.
    unsafe fn fill(&mut self, column: &krs_column, count: usize) {
        self.offsets.clear();
        self.data.clear();
        self.validity.clear();
        self.has_nulls = false;
        if column.offsets.is_null() {
            self.offsets.resize(count + 1, 0);
            return;
        }
        // SAFETY: there is one offset more than there are values; the last is the length of the data; there is one bit
        // a value.
        unsafe {
            fill(&mut self.offsets, column.offsets, count + 1);
            let end = self.offsets.last().map_or(0, |end| *end as usize);
            fill(&mut self.data, column.data, end);
            if !column.validity.is_null() {
                self.has_nulls = true;
                fill(&mut self.validity, column.validity, count.div_ceil(8));
            }
        }
    }

    /// One bit a value, 1 = not null; none = no nulls.
    pub fn validity(&self) -> Option<&[u8]> {
        self.has_nulls.then_some(self.validity.as_slice())
    }

    #[inline]
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        if self.has_nulls && self.validity[row / 8] & (1 << (row % 8)) == 0 {
            return None;
        }
        Some(&self.data[self.offsets[row] as usize..self.offsets[row + 1] as usize])
    }
}

/// # Safety
/// `pointer` points to `count` values, or `count` is 0.
unsafe fn fill<T: Copy>(values: &mut Vec<T>, pointer: *const T, count: usize) {
    values.clear();
    if count > 0 && !pointer.is_null() {
        // SAFETY: by the caller's promise.
        values.extend_from_slice(unsafe { std::slice::from_raw_parts(pointer, count) });
    }
}

#[derive(Default)]
pub struct Rows {
    pub kind: Vec<u8>,
    pub flags: Vec<u8>,
    pub code: Vec<krs_code>,
    pub topic: Vec<u32>,
    pub partition: Vec<i32>,
    pub offset: Vec<i64>,
    pub timestamp: Vec<i64>,
    pub timestamp_type: Vec<u8>,
    pub leader_epoch: Vec<i32>,
    pub opaque: Vec<u64>,
    pub key: Column,
    pub value: Column,
    pub header_start: Vec<u32>,
    pub header_key: Column,
    pub header_value: Column,
    pub topics: Column,
    /// The topics' names as Python has them, each made once.
    names: Vec<PyOnceLock<Py<PyString>>>,
}

impl Rows {
    /// # Safety
    /// `view` is one that the core filled, and its batch has not been passed on since.
    pub unsafe fn copy(view: &krs_batch_view) -> Arc<Self> {
        let mut rows = Self::default();
        // SAFETY: by the caller's promise.
        unsafe { rows.fill(view) };
        Arc::new(rows)
    }

    /// The same in the memory that is there: fresh pages would cost more than the copy.
    ///
    /// # Safety
    /// As for `copy`.
    pub unsafe fn fill(&mut self, view: &krs_batch_view) {
        let count = view.count as usize;
        let topics = view.topic_count as usize;
        // SAFETY: each column has as many values as the header says.
        unsafe {
            fill(&mut self.kind, view.kind, count);
            fill(&mut self.flags, view.flags, count);
            fill(&mut self.code, view.code, count);
            fill(&mut self.topic, view.topic, count);
            fill(&mut self.partition, view.partition, count);
            fill(&mut self.offset, view.offset, count);
            fill(&mut self.timestamp, view.timestamp, count);
            fill(&mut self.timestamp_type, view.timestamp_type, count);
            fill(&mut self.leader_epoch, view.leader_epoch, count);
            fill(&mut self.opaque, view.opaque, count);
            self.key.fill(&view.key, count);
            self.value.fill(&view.value, count);
            fill(&mut self.header_start, view.header_start, count + 1);
            if self.header_start.is_empty() {
                self.header_start.resize(count + 1, 0);
            }
            let headers = self.header_start.last().map_or(0, |end| *end as usize);
            self.header_key.fill(&view.header_key, headers);
            self.header_value.fill(&view.header_value, headers);
            let mut names = Column::default();
            names.fill(&view.topics, topics);
            if names.offsets != self.topics.offsets || names.data != self.topics.data {
                self.topics = names;
                self.names = (0..topics).map(|_| PyOnceLock::new()).collect();
            }
        }
    }

    pub fn len(&self) -> usize {
        self.kind.len()
    }

    /// Rows without any row have no offsets, which Arrow wants all the same.
    pub fn empty() -> Arc<Self> {
        let mut empty = Self::default();
        for column in [
            &mut empty.key,
            &mut empty.value,
            &mut empty.header_key,
            &mut empty.header_value,
            &mut empty.topics,
        ] {
            column.offsets.push(0);
        }
        empty.header_start.push(0);
        Arc::new(empty)
    }

    pub fn has_topic(&self, row: usize) -> bool {
        self.topic[row] != KRS_NO_TOPIC
    }

    pub fn topic_name<'py>(&self, py: Python<'py>, row: usize) -> Option<&Bound<'py, PyString>> {
        if !self.has_topic(row) {
            return None;
        }
        let index = self.topic[row] as usize;
        let name = self.names.get(index)?.get_or_init(py, || {
            let name = String::from_utf8_lossy(self.topics.get(index).unwrap_or_default());
            PyString::new(py, &name).unbind()
        });
        Some(name.bind(py))
    }

    pub fn text(&self, row: usize) -> Option<String> {
        self.value
            .get(row)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    pub fn headers(&self, row: usize) -> std::ops::Range<usize> {
        self.header_start[row] as usize..self.header_start[row + 1] as usize
    }
}
