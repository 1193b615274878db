//! Lists of topic partitions.

use std::ffi::CStr;
use std::ptr::{self, NonNull};

use rdkafka_sys as sys;

use super::c_string;
use crate::error::Result;
use crate::partition::TopicPartition;

/// Owns a `rd_kafka_topic_partition_list_t`.
pub struct List(NonNull<sys::rd_kafka_topic_partition_list_t>);

impl List {
    pub fn new() -> Self {
        // SAFETY: allocates; librdkafka aborts rather than return NULL.
        let list = NonNull::new(unsafe { sys::rd_kafka_topic_partition_list_new(8) });
        Self(list.expect("rd_kafka_topic_partition_list_new never returns NULL"))
    }

    pub fn of(partitions: &[TopicPartition]) -> Result<Self> {
        let mut list = Self::new();
        for partition in partitions {
            list.add(partition)?;
        }
        Ok(list)
    }

    /// # Safety
    /// `raw` must be NULL or a live list; it is copied.
    pub(super) unsafe fn copy_of(raw: *const sys::rd_kafka_topic_partition_list_t) -> Self {
        if raw.is_null() {
            return Self::new();
        }
        // SAFETY: live by the caller's promise; the copy is never NULL.
        let copy = NonNull::new(unsafe { sys::rd_kafka_topic_partition_list_copy(raw) });
        Self(copy.expect("rd_kafka_topic_partition_list_copy never returns NULL"))
    }

    /// # Safety
    /// `raw` must be NULL or a list that the caller owns and gives up.
    pub(super) unsafe fn from_raw(raw: *mut sys::rd_kafka_topic_partition_list_t) -> Self {
        NonNull::new(raw).map_or_else(Self::new, Self)
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_topic_partition_list_t {
        self.0.as_ptr()
    }

    pub fn add(&mut self, from: &TopicPartition) -> Result<()> {
        let topic = c_string("topic", &from.topic)?;
        // SAFETY: the list is ours and the topic's name is copied; the entry
        // returned is valid until the next change, and owns its metadata, which
        // it frees with librdkafka's `free`.
        unsafe {
            let entry = sys::rd_kafka_topic_partition_list_add(
                self.as_ptr(),
                topic.as_ptr(),
                from.partition,
            );
            (*entry).offset = from.offset;
            if from.leader_epoch >= 0 {
                sys::rd_kafka_topic_partition_set_leader_epoch(entry, from.leader_epoch);
            }
            if let Some(metadata) = &from.metadata {
                let copy = sys::rd_kafka_mem_malloc(ptr::null_mut(), metadata.len().max(1));
                if !copy.is_null() {
                    ptr::copy_nonoverlapping(metadata.as_ptr(), copy.cast(), metadata.len());
                    (*entry).metadata = copy;
                    (*entry).metadata_size = metadata.len();
                }
            }
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        // SAFETY: the list is alive.
        unsafe { (*self.as_ptr()).cnt as usize }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn to_vec(&self) -> Vec<TopicPartition> {
        (0..self.len()).map(|index| self.entry(index)).collect()
    }

    fn entry(&self, index: usize) -> TopicPartition {
        // SAFETY: `index` is below `cnt`; the error is read as an integer, for a
        // broker may send a code that the enum does not have; the metadata is
        // NULL or of the size given.
        unsafe {
            let entry = (*self.as_ptr()).elems.add(index);
            let metadata = (*entry).metadata.cast::<u8>();
            let size = (*entry).metadata_size;
            TopicPartition {
                topic: CStr::from_ptr((*entry).topic)
                    .to_string_lossy()
                    .into_owned(),
                partition: (*entry).partition,
                offset: (*entry).offset,
                leader_epoch: sys::rd_kafka_topic_partition_get_leader_epoch(entry),
                metadata: (!metadata.is_null())
                    .then(|| std::slice::from_raw_parts(metadata, size).to_vec()),
                code: ptr::addr_of!((*entry).err).cast::<i32>().read(),
            }
        }
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: owned, and not used after this.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.as_ptr()) }
    }
}
