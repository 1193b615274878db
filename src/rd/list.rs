//! Lists of topic partitions.

use std::ffi::CStr;
use std::ptr::{self, NonNull};

use rdkafka_sys as sys;

use super::c_string;
use crate::error::{Code, Result};

/// Owns a `rd_kafka_topic_partition_list_t`.
pub struct List(NonNull<sys::rd_kafka_topic_partition_list_t>);

/// One entry of a [`List`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub leader_epoch: i32,
    pub code: Code,
}

impl List {
    pub fn new() -> Self {
        // SAFETY: allocates; librdkafka aborts rather than return NULL.
        let list = NonNull::new(unsafe { sys::rd_kafka_topic_partition_list_new(8) });
        Self(list.expect("rd_kafka_topic_partition_list_new never returns NULL"))
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

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_topic_partition_list_t {
        self.0.as_ptr()
    }

    pub fn add(&mut self, topic: &str, partition: i32, offset: i64, epoch: i32) -> Result<()> {
        let topic = c_string("topic", topic)?;
        // SAFETY: the list is ours and the topic's name is copied; the entry
        // returned is valid until the next change.
        unsafe {
            let entry =
                sys::rd_kafka_topic_partition_list_add(self.as_ptr(), topic.as_ptr(), partition);
            (*entry).offset = offset;
            if epoch >= 0 {
                sys::rd_kafka_topic_partition_set_leader_epoch(entry, epoch);
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

    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        (0..self.len()).map(|index| self.entry(index))
    }

    fn entry(&self, index: usize) -> Entry {
        // SAFETY: `index` is below `cnt`; the error is read as an integer, for a
        // broker may send a code that the enum does not have.
        unsafe {
            let entry = (*self.as_ptr()).elems.add(index);
            Entry {
                topic: CStr::from_ptr((*entry).topic)
                    .to_string_lossy()
                    .into_owned(),
                partition: (*entry).partition,
                offset: (*entry).offset,
                leader_epoch: sys::rd_kafka_topic_partition_get_leader_epoch(entry),
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
