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
    /// One bit a value, 1 = not null; none = no nulls.
    pub validity: Option<Vec<u8>>,
}

impl Column {
    /// # Safety
    /// The column is one of a live view and has `count` values.
    unsafe fn copy(column: &krs_column, count: usize) -> Self {
        if column.offsets.is_null() {
            return Self {
                offsets: vec![0; count + 1],
                ..Self::default()
            };
        }
        // SAFETY: there is one offset more than there are values.
        let offsets = unsafe { copy(column.offsets, count + 1) };
        let end = offsets.last().map_or(0, |end| *end as usize);
        Self {
            // SAFETY: the last offset is the length of the data.
            data: unsafe { copy(column.data, end) },
            validity: (!column.validity.is_null())
                // SAFETY: there is one bit a value.
                .then(|| unsafe { copy(column.validity, count.div_ceil(8)) }),
            offsets,
        }
    }

    #[inline]
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        if let Some(bits) = &self.validity
            && bits[row / 8] & (1 << (row % 8)) == 0
        {
            return None;
        }
        Some(&self.data[self.offsets[row] as usize..self.offsets[row + 1] as usize])
    }
}

/// # Safety
/// `pointer` points to `count` values, or `count` is 0.
unsafe fn copy<T: Copy>(pointer: *const T, count: usize) -> Vec<T> {
    if count == 0 || pointer.is_null() {
        return Vec::new();
    }
    // SAFETY: by the caller's promise.
    unsafe { std::slice::from_raw_parts(pointer, count) }.to_vec()
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
    pub names: Vec<PyOnceLock<Py<PyString>>>,
}

impl Rows {
    /// # Safety
    /// `view` is one that the core filled, and its batch has not been passed on since.
    pub unsafe fn copy(view: &krs_batch_view) -> Arc<Self> {
        let count = view.count as usize;
        // SAFETY: each column has as many values as the header says.
        unsafe {
            let header_start = if view.header_start.is_null() {
                vec![0; count + 1]
            } else {
                copy(view.header_start, count + 1)
            };
            let headers = header_start.last().map_or(0, |end| *end as usize);
            let topics = view.topic_count as usize;
            Arc::new(Self {
                kind: copy(view.kind, count),
                flags: copy(view.flags, count),
                code: copy(view.code, count),
                topic: copy(view.topic, count),
                partition: copy(view.partition, count),
                offset: copy(view.offset, count),
                timestamp: copy(view.timestamp, count),
                timestamp_type: copy(view.timestamp_type, count),
                leader_epoch: copy(view.leader_epoch, count),
                opaque: copy(view.opaque, count),
                key: Column::copy(&view.key, count),
                value: Column::copy(&view.value, count),
                header_key: Column::copy(&view.header_key, headers),
                header_value: Column::copy(&view.header_value, headers),
                header_start,
                topics: Column::copy(&view.topics, topics),
                names: (0..topics).map(|_| PyOnceLock::new()).collect(),
            })
        }
    }

    pub fn len(&self) -> usize {
        self.kind.len()
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
