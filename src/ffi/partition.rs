//! Partitions in columns, and answers about them.

use super::batch::{krs_batch, lend, view_of};
use super::decode::{Sized32, optional, sized, slice};
use super::guard;
use super::types::{krs_batch_view, krs_code, krs_error, krs_partitions};
use crate::batch::{Batch, Column, Kind};
use crate::error::{Error, Result};
use crate::partition::{self, TopicPartition, first_error};

// SAFETY: repr(C), `struct_size` first, integers and pointers only.
unsafe impl Sized32 for krs_partitions {
    const NAME: &'static str = "partitions";
    const FIRST_SIZE: usize = 104;
}

/// # Safety
/// `partitions` is NULL or points to krs_partitions whose columns have the sizes
/// that the header asks for.
pub(super) unsafe fn decode(partitions: *const krs_partitions) -> Result<Vec<TopicPartition>> {
    // SAFETY: by the caller's promise, here and below.
    let from = unsafe { sized(partitions) }?;
    let count = from.count;
    if count == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: each column is read with the size that is asked for.
    let (names, topic, number, offset, epoch, metadata) = unsafe {
        (
            Column::decode("partitions.topics", from.topics, from.topic_count)?,
            optional("partitions.topic", from.topic, count)?,
            slice("partitions.partition", from.partition, count)?,
            optional("partitions.offset", from.offset, count)?,
            optional("partitions.leader_epoch", from.leader_epoch, count)?,
            Column::decode("partitions.metadata", from.metadata, count)?,
        )
    };
    let names = topic_names(names, from.topic_count)?;
    (0..count)
        .map(|row| {
            let index = topic.map_or(0, |topic| topic[row] as usize);
            let name = names.get(index).ok_or_else(|| {
                Error::argument(format!(
                    "partitions.topic: {index} is not an index into {} topics",
                    names.len()
                ))
            })?;
            if number[row] < 0 {
                return Err(Error::argument(format!(
                    "partitions.partition is {}, expected 0 or more",
                    number[row]
                )));
            }
            Ok(TopicPartition {
                offset: offset.map_or(partition::offset::NONE, |offset| offset[row]),
                leader_epoch: epoch.map_or(-1, |epoch| epoch[row]),
                metadata: metadata.and_then(|m| m.get(row)).map(<[u8]>::to_vec),
                ..TopicPartition::new(name, number[row])
            })
        })
        .collect()
}

fn topic_names(names: Option<Column<'_>>, count: usize) -> Result<Vec<&str>> {
    let names = names.ok_or_else(|| Error::argument("partitions.topics: expected names"))?;
    (0..count)
        .map(|row| {
            let name = names.get(row).unwrap_or_default();
            let text = std::str::from_utf8(name)
                .ok()
                .filter(|text| !text.is_empty());
            text.ok_or_else(|| {
                let name = String::from_utf8_lossy(name);
                Error::argument(format!("partitions.topics: {name:?} is no name of a topic"))
            })
        })
        .collect()
}

/// Where the rows of an answer go.
pub(super) struct Answer {
    pub batch: *mut *mut krs_batch,
    pub view: *mut krs_batch_view,
    pub err: *mut krs_error,
}

impl Answer {
    /// Runs the body of an extern function that answers with one row for each
    /// partition.
    ///
    /// # Safety
    /// `batch` and `view` are NULL, or a place for a batch that only this call uses
    /// and a krs_batch_view; `err` is as for `guard`.
    pub unsafe fn partitions(
        self,
        what: &str,
        body: impl FnOnce() -> Result<Vec<TopicPartition>>,
    ) -> krs_code {
        guard(self.err, || {
            // SAFETY: by the caller's promise.
            unsafe {
                self.fill(
                    body,
                    |list, batch| partition::push_all(batch, Kind::Partition, 0, list),
                    |list| first_error(what, list),
                )
            }
        })
    }

    /// Writes what `body` gives as rows, or without a place for rows, the error
    /// that `alone` finds in it.
    ///
    /// # Safety
    /// As for `partitions`.
    pub unsafe fn fill<T>(
        &self,
        body: impl FnOnce() -> Result<T>,
        push: impl FnOnce(&T, &mut Batch),
        alone: impl FnOnce(&T) -> Result<()>,
    ) -> Result<()> {
        if self.batch.is_null() && self.view.is_null() {
            return alone(&body()?);
        }
        // SAFETY: by the caller's promise. The old view is over in any case.
        unsafe {
            let mut batch = lend(self.batch)?;
            view_of(None, self.view)?;
            let delivered = batch.delivered();
            batch.give_back(delivered);
            push(&body()?, &mut batch);
            view_of(Some(&mut batch), self.view)
        }
    }
}
