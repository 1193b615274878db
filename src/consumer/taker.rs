//! What librdkafka fetched becomes rows.

use std::ops::ControlFlow;

use super::held::extend_runs;
use super::partitions::{Ownership, Partition, Partitions};
use crate::batch::{Batch, Kind, Row};
use crate::error::code;
use crate::rd;

/// When there is enough: so many rows, or bytes of keys and values.
#[derive(Clone, Copy)]
pub struct Most {
    pub rows: usize,
    pub bytes: usize,
}

impl Most {
    pub const ALL: Self = Self {
        rows: usize::MAX,
        bytes: usize::MAX,
    };

    /// What another batch leaves of it.
    fn beside(self, other: Option<&Batch>) -> Self {
        let Some(other) = other else { return self };
        Self {
            rows: self.rows.saturating_sub(other.len()),
            bytes: self.bytes.saturating_sub(other.bytes()),
        }
    }

    fn reached_by(self, batch: &Batch) -> ControlFlow<()> {
        // Not the number of whole rows: the last ones may not be complete yet.
        if batch.offset.len() >= self.rows || batch.bytes() >= self.bytes {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

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

    /// Takes records until there is enough; the rest stays where it is.
    pub fn take(&mut self, records: &mut rd::Records<'_>, most: Most) -> ControlFlow<()> {
        let of = self.partition_of(records);
        let code = records.code();
        let Some(partition) = self.partitions.get_mut(of.index).filter(|partition| {
            // When fetching has begun just now, librdkafka may not have taken the seek yet.
            let is_old = partition.seeking && matches!(code, code::OK | code::PARTITION_EOF);
            partition.ownership == Ownership::Ours && !is_old
        }) else {
            records.for_each(drop);
            return ControlFlow::Continue(());
        };
        let (out, beside, topic) = match &mut self.aside {
            aside if partition.paused => {
                let aside = aside.get_or_insert_default();
                let topic = aside.topics.index(&partition.topic);
                (aside, Some(&*self.out), topic)
            }
            aside => (&mut *self.out, aside.as_ref(), of.topic),
        };
        let left = most.beside(beside);
        let start = out.len();
        if code == code::OK {
            push_messages(out, records, partition, topic, left);
        } else {
            records.for_each(drop);
            if code == code::PARTITION_EOF || partition.is_news(code) {
                push_failure(out, records, topic);
            }
        }
        if out.len() > start {
            extend_runs(out, of.index, partition.generation, *self.next, start);
            *self.next += (out.len() - start) as u64;
        }
        left.reached_by(out)
    }

    fn partition_of(&mut self, records: &rd::Records<'_>) -> Last {
        let (topic_identity, partition) = (records.topic_identity(), records.partition_id());
        match self.last {
            Some(last) if last.topic_identity == topic_identity && last.partition == partition => {
                last
            }
            _ => {
                let name = records.topic().unwrap_or_default();
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

/// Takes messages until there is enough.
fn push_messages(
    out: &mut Batch,
    records: &mut rd::Records<'_>,
    partition: &mut Partition,
    topic: u32,
    most: Most,
) {
    for record in records.by_ref() {
        if !partition.take(record.offset) {
            continue;
        }
        record.for_each_header(|key, value| out.push_header(key, value));
        out.push_differing(record.offset, record.timestamp, record.key, record.value);
        if most.reached_by(out).is_break() {
            break;
        }
    }
    let alike = Row {
        partition: records.partition_id(),
        timestamp_type: records.timestamp_type(),
        leader_epoch: records.leader_epoch(),
        ..Row::new(Kind::Message)
    };
    out.complete(&alike, topic);
}

/// The end of a partition, or an error of it.
fn push_failure(out: &mut Batch, records: &rd::Records<'_>, topic: u32) {
    let code = records.code();
    let text = records.error_text();
    let kind = if code == code::PARTITION_EOF {
        Kind::PartitionEof
    } else {
        Kind::Error
    };
    let row = Row {
        code,
        partition: records.partition_id(),
        offset: records.offset(),
        value: Some(text.as_bytes()),
        ..Row::new(kind)
    };
    out.push_with_topic(&row, topic);
}
