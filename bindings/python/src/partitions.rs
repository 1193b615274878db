//! Partitions that go to the core in columns, and the rows that it answers with.
#![allow(unsafe_code, reason = "calls the C surface")]

use std::ptr::{null, null_mut};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::consumer::describe;
use crate::error::{Result, call};
use crate::ffi::{
    self, krs_batch, krs_batch_view, krs_code, krs_column, krs_error, krs_partitions,
};
use crate::rows::Rows;

/// Topic, partition, offset, leader epoch (-1 = none), metadata.
pub type Place = (String, i32, i64, i32, Option<String>);

/// Texts one after the other, with where each begins.
#[derive(Default)]
struct Texts {
    offsets: Vec<i64>,
    data: Vec<u8>,
    validity: Vec<u8>,
}

impl Texts {
    fn of<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut new = Self {
            offsets: vec![0],
            ..Self::default()
        };
        for (index, text) in texts.enumerate() {
            if index % 8 == 0 {
                new.validity.push(0);
            }
            if let Some(text) = text {
                new.validity[index / 8] |= 1 << (index % 8);
                new.data.extend_from_slice(text.as_bytes());
            }
            new.offsets.push(new.data.len() as i64);
        }
        new
    }

    fn column(&self) -> krs_column {
        krs_column {
            offsets: self.offsets.as_ptr(),
            data: self.data.as_ptr(),
            validity: self.validity.as_ptr(),
        }
    }
}

/// Partitions in the layout of krs_partitions.
pub struct Partitions {
    topics: Texts,
    topic: Vec<u32>,
    partition: Vec<i32>,
    offset: Vec<i64>,
    leader_epoch: Vec<i32>,
    metadata: Option<Texts>,
}

impl Partitions {
    pub fn of(places: &[Place]) -> Self {
        let with_metadata = places.iter().any(|place| place.4.is_some());
        Self {
            // One name a partition: the core tells equal ones.
            topics: Texts::of(places.iter().map(|place| Some(place.0.as_str()))),
            topic: (0..places.len() as u32).collect(),
            partition: places.iter().map(|place| place.1).collect(),
            offset: places.iter().map(|place| place.2).collect(),
            leader_epoch: places.iter().map(|place| place.3).collect(),
            metadata: with_metadata
                .then(|| Texts::of(places.iter().map(|place| place.4.as_deref()))),
        }
    }

    /// Valid as long as `self`.
    pub fn view(&self) -> krs_partitions {
        let mut view = krs_partitions::new();
        view.count = self.partition.len();
        view.topics = self.topics.column();
        view.topic_count = self.topic.len();
        view.topic = self.topic.as_ptr();
        view.partition = self.partition.as_ptr();
        view.offset = self.offset.as_ptr();
        view.leader_epoch = self.leader_epoch.as_ptr();
        view.metadata = self
            .metadata
            .as_ref()
            .map_or(krs_column::NULL, Texts::column);
        if view.count == 0 {
            view.topic = null();
        }
        view
    }
}

/// Calls a function that answers in a batch, and copies its rows.
pub fn answer(
    function: impl FnOnce(*mut *mut krs_batch, *mut krs_batch_view, *mut krs_error) -> krs_code,
) -> Result<Arc<Rows>> {
    let mut batch = null_mut();
    let mut view = krs_batch_view::new();
    let result = call(|err| function(&mut batch, &mut view, err));
    // SAFETY: on success the core filled the view, and its batch is alive.
    let rows = result.map(|()| unsafe { Rows::copy(&view) });
    // SAFETY: ours, and freed once.
    unsafe { ffi::krs_batch_free(batch) };
    rows
}

/// Rows as tuples.
pub fn tuples<'py>(py: Python<'py>, rows: &Rows) -> PyResult<Vec<Bound<'py, PyTuple>>> {
    (0..rows.len()).map(|row| describe(py, rows, row)).collect()
}
