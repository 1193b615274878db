//! What librdkafka fetched becomes rows.

use super::held::extend_runs;
use super::partitions::{Ownership, Partitions};
use crate::batch::{Batch, Kind, Row};
use crate::error::{Code, code};
use crate::rd;

/// Takes messages into a batch, knowing the partition of the one before.
pub struct Taker<'a> {
    partitions: &'a mut Partitions,
    pub out: &'a mut Batch,
    /// What came of partitions that are paused.
    pub aside: Option<Batch>,
    /// The number of the next row.
    next: &'a mut u64,
    last: Option<Last>,
}

#[derive(Clone, Copy)]
struct Last {
    topic_identity: usize,
    partition: i32,
    index: u32,
    topic: u32,
}

impl<'a> Taker<'a> {
    pub fn new(partitions: &'a mut Partitions, next: &'a mut u64, out: &'a mut Batch) -> Self {
        Self {
            partitions,
            out,
            aside: None,
            next,
            last: None,
        }
    }

    /// Rows and bytes taken, of which those aside come out later.
    pub fn size(&self) -> (usize, usize) {
        let size = |batch: &Batch| (batch.len(), batch.bytes());
        let (out, aside) = (size(self.out), self.aside.as_ref().map_or((0, 0), size));
        (out.0 + aside.0, out.1 + aside.1)
    }

    pub fn take(&mut self, record: &rd::Record<'_>) {
        let of = self.partition_of(record);
        let Some(partition) = self.partitions.get_mut(of.index) else {
            return;
        };
        if partition.ownership != Ownership::Ours {
            return;
        }
        let record_code = record.code();
        if partition.seeking && matches!(record_code, code::OK | code::PARTITION_EOF) {
            // Fetching began just now, before librdkafka took the seek.
            return;
        }
        let (out, topic) = if partition.paused {
            let aside = self.aside.get_or_insert_default();
            let topic = aside.topics.index(&partition.topic);
            (aside, topic)
        } else {
            (&mut *self.out, of.topic)
        };
        if record_code == code::OK {
            if !partition.take(record.offset) {
                return;
            }
            push_message(out, record, topic);
        } else if record_code == code::PARTITION_EOF || partition.is_news(record_code) {
            push_failure(out, record, record_code, topic);
        } else {
            return;
        }
        extend_runs(out, of.index, partition.generation, *self.next);
        *self.next += 1;
    }

    fn partition_of(&mut self, record: &rd::Record<'_>) -> Last {
        let (topic_identity, partition) = (record.topic_identity(), record.partition());
        match self.last {
            Some(last) if last.topic_identity == topic_identity && last.partition == partition => {
                last
            }
            _ => {
                let name = record.topic().unwrap_or_default();
                let last = Last {
                    topic_identity,
                    partition,
                    index: self.partitions.index(name, partition),
                    topic: self.out.topics.index(name),
                };
                self.last = Some(last);
                last
            }
        }
    }
}

fn push_message(out: &mut Batch, record: &rd::Record<'_>, topic: u32) {
    record.for_each_header(|key, value| out.push_header(key, value));
    let row = Row {
        partition: record.partition(),
        offset: record.offset,
        timestamp: record.timestamp,
        timestamp_type: record.timestamp_type,
        leader_epoch: record.leader_epoch,
        key: record.key,
        value: record.value,
        ..Row::new(Kind::Message)
    };
    out.push_with_topic(&row, topic);
}

/// The end of a partition, or an error of it.
fn push_failure(out: &mut Batch, record: &rd::Record<'_>, code: Code, topic: u32) {
    let text = record.error_text();
    let kind = if code == code::PARTITION_EOF {
        Kind::PartitionEof
    } else {
        Kind::Error
    };
    let row = Row {
        code,
        partition: record.partition(),
        offset: record.offset,
        value: Some(text.as_bytes()),
        ..Row::new(kind)
    };
    out.push_with_topic(&row, topic);
}
