//! Topic partitions: what callers name, and what they are answered.

use crate::batch::{Batch, Kind, ROW_MORE, Row};
use crate::error::{Code, Error, Result, code};
use crate::rd;

/// Offsets that are not positions in a log; the same numbers as `KRS_OFFSET_*`.
pub mod offset {
    pub const END: i64 = -1;
    pub const BEGINNING: i64 = -2;
    pub const STORED: i64 = -1000;
    pub const NONE: i64 = -1001;
    /// This and below: so many before the end.
    pub const TAIL: i64 = -2000;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// −1 = none.
    pub leader_epoch: i32,
    /// What is kept with a committed offset.
    pub metadata: Option<Vec<u8>>,
    pub code: Code,
}

impl TopicPartition {
    pub fn new(topic: &str, partition: i32) -> Self {
        Self {
            topic: topic.to_owned(),
            partition,
            offset: offset::NONE,
            leader_epoch: -1,
            metadata: None,
            code: code::OK,
        }
    }

    /// Whether both name the same partition, whatever else they say.
    pub fn is_same(&self, other: &Self) -> bool {
        self.is(&other.topic, other.partition)
    }

    pub fn is(&self, topic: &str, partition: i32) -> bool {
        self.topic == topic && self.partition == partition
    }

    pub fn row(&self, kind: Kind) -> Row<'_> {
        Row {
            code: self.code,
            topic: Some(&self.topic),
            partition: self.partition,
            offset: self.offset,
            leader_epoch: self.leader_epoch,
            value: self.metadata.as_deref(),
            ..Row::new(kind)
        }
    }
}

/// Pushes a row for each partition. All rows of one list belong together.
pub fn push_all(batch: &mut Batch, kind: Kind, flags: u8, list: &[TopicPartition]) {
    for (index, partition) in list.iter().enumerate() {
        let more = if index + 1 < list.len() { ROW_MORE } else { 0 };
        batch.push(&Row {
            flags: flags | more,
            ..partition.row(kind)
        });
    }
}

/// The error of the first partition that has one.
pub fn first_error(what: &str, list: &[TopicPartition]) -> Result<()> {
    let failed = list.iter().find(|partition| partition.code != code::OK);
    failed.map_or(Ok(()), |partition| {
        Err(Error::new(
            partition.code,
            format!(
                "{what} of {} [{}] at {}: {}",
                partition.topic,
                partition.partition,
                partition.offset,
                rd::describe(partition.code)
            ),
        ))
    })
}
