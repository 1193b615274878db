//! A client's consumer: its group, its partitions, and what it fetched.

use std::ffi::c_void;
use std::ops::ControlFlow;
use std::ptr;

use rdkafka_sys as sys;

use super::client::error_result;
use super::records::Records;
use super::{Client, List, Queue, c_string, callback, check, error_of};
use super::{lossy, raw};
use crate::error::{Error, Result, code};
use crate::partition::TopicPartition;

/// How an assignment changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assign {
    /// In place of all that is assigned.
    Replace,
    Add,
    Remove,
    /// All that is assigned goes.
    Clear,
}

impl Client {
    // ---- the group -------------------------------------------------------

    pub fn subscribe(&self, topics: &List) -> Result<()> {
        // SAFETY: the list is alive and copied.
        check(unsafe { sys::rd_kafka_subscribe(self.as_ptr(), topics.as_ptr()) } as i32)
    }

    pub fn unsubscribe(&self) -> Result<()> {
        // SAFETY: the client is alive.
        check(unsafe { sys::rd_kafka_unsubscribe(self.as_ptr()) } as i32)
    }

    pub fn subscription(&self) -> Result<List> {
        let mut list = ptr::null_mut();
        // SAFETY: on success the list is ours.
        unsafe {
            check(sys::rd_kafka_subscription(self.as_ptr(), &mut list) as i32)?;
            Ok(List::from_raw(list))
        }
    }

    /// `NONE`, `EAGER` or `COOPERATIVE`.
    pub fn rebalance_protocol(&self) -> &'static str {
        // SAFETY: NULL or a static NUL-terminated string.
        let name = unsafe { lossy(sys::rd_kafka_rebalance_protocol(self.as_ptr())) };
        ["EAGER", "COOPERATIVE"]
            .into_iter()
            .find(|known| *known == name)
            .unwrap_or("NONE")
    }

    /// Whether partitions come and go one by one rather than all at once.
    pub fn is_cooperative(&self) -> bool {
        self.rebalance_protocol() == "COOPERATIVE"
    }

    /// Whether the group gave the partitions to others already.
    pub fn assignment_lost(&self) -> bool {
        // SAFETY: the client is alive.
        unsafe { sys::rd_kafka_assignment_lost(self.as_ptr()) != 0 }
    }

    /// Empty outside a group.
    pub fn member_id(&self) -> String {
        // SAFETY: NULL or a string that is ours and freed at once.
        unsafe {
            let id = sys::rd_kafka_memberid(self.as_ptr());
            let copy = lossy(id).into_owned();
            sys::rd_kafka_mem_free(self.as_ptr(), id.cast());
            copy
        }
    }

    /// What a transactional producer needs to know of the group, packed.
    pub fn group_metadata(&self) -> Result<Vec<u8>> {
        // SAFETY: the metadata and the packed bytes are ours, and freed after
        // the copy.
        unsafe {
            let metadata = sys::rd_kafka_consumer_group_metadata(self.as_ptr());
            if metadata.is_null() {
                return Err(Error::argument("the consumer has no group"));
            }
            let (mut bytes, mut size) = (ptr::null_mut(), 0);
            let written =
                sys::rd_kafka_consumer_group_metadata_write(metadata, &mut bytes, &mut size);
            sys::rd_kafka_consumer_group_metadata_destroy(metadata);
            error_result(written)?;
            let copy = std::slice::from_raw_parts(bytes.cast::<u8>(), size).to_vec();
            sys::rd_kafka_mem_free(self.as_ptr(), bytes);
            Ok(copy)
        }
    }

    // ---- partitions ------------------------------------------------------

    /// Changes the assignment, also in answer to a rebalance. Rows of newly
    /// assigned partitions go to `rows`.
    ///
    /// A fetch that stops takes the forward of its partition away, later, on
    /// librdkafka's own thread; one that has started keeps the queue it found.
    /// Hence: unassign, a round trip through that thread, forward, assign.
    ///
    /// The round trip is put off until something is assigned anew, which a client
    /// that leaves its group does not do: librdkafka 2.12.1 never answers a request
    /// that is under way when the group ends (rd_kafka_cgrp_op_serve drops it).
    pub fn assign(&self, how: Assign, partitions: &[TopicPartition], rows: &Queue) -> Result<()> {
        let list = List::of(partitions)?;
        if matches!(how, Assign::Replace | Assign::Add) && !partitions.is_empty() {
            self.round_trip();
            for partition in partitions {
                self.forward(&partition.topic, partition.partition, rows)?;
            }
        }
        // SAFETY: the client and the list are alive; the list is copied.
        unsafe {
            match how {
                // NULL takes all away.
                Assign::Clear => check(raw::rd_kafka_assign(self.as_ptr(), ptr::null()))?,
                // Also an empty list: the group may have nothing for a member, and
                // waits for ever for one that answers with NULL.
                Assign::Replace => check(raw::rd_kafka_assign(self.as_ptr(), list.as_ptr()))?,
                Assign::Add => {
                    error_result(sys::rd_kafka_incremental_assign(
                        self.as_ptr(),
                        list.as_ptr(),
                    ))?;
                }
                Assign::Remove => {
                    let error = sys::rd_kafka_incremental_unassign(self.as_ptr(), list.as_ptr());
                    error_result(error)?;
                }
            }
        }
        Ok(())
    }

    /// Returns once librdkafka's thread has done what was asked of it before.
    fn round_trip(&self) {
        let mut list = ptr::null_mut();
        // SAFETY: on success the list is ours, and freed here.
        unsafe {
            if sys::rd_kafka_assignment(self.as_ptr(), &mut list) as i32 == code::OK {
                drop(List::from_raw(list));
            }
        }
    }

    fn forward(&self, topic: &str, partition: i32, rows: &Queue) -> Result<()> {
        let name = c_string("topic", topic)?;
        // SAFETY: a new reference to the partition's queue, or NULL.
        let queue = unsafe {
            Queue::from_raw(sys::rd_kafka_queue_get_partition(
                self.as_ptr(),
                name.as_ptr(),
                partition,
            ))
        };
        let queue = queue.ok_or_else(|| error_of(code::UNKNOWN_PARTITION))?;
        queue.forward(rows);
        Ok(())
    }

    /// Stops or goes on fetching. What comes to the same partition at the same moment
    /// on librdkafka's own thread may outdate it, and nobody tells. A lost pause shows
    /// by rows that come. A lost resume would not show; a second one does nothing where
    /// the first has been done.
    pub fn pause(&self, partitions: &List, paused: bool) -> Result<()> {
        // SAFETY: the client and the list are alive.
        let code = unsafe {
            if paused {
                sys::rd_kafka_pause_partitions(self.as_ptr(), partitions.as_ptr())
            } else {
                sys::rd_kafka_resume_partitions(self.as_ptr(), partitions.as_ptr());
                sys::rd_kafka_resume_partitions(self.as_ptr(), partitions.as_ptr())
            }
        };
        check(code as i32)
    }

    /// Goes on fetching elsewhere; each entry's code tells.
    pub fn seek(&self, partitions: &List, timeout_ms: i32) -> Result<()> {
        // SAFETY: the client and the list are alive.
        unsafe {
            error_result(sys::rd_kafka_seek_partitions(
                self.as_ptr(),
                partitions.as_ptr(),
                timeout_ms,
            ))
        }
    }

    // ---- what was fetched ------------------------------------------------

    /// Takes messages from `queue` without waiting, until `each` breaks off; what
    /// it has not taken then comes first the next time. The queue must hold only
    /// fetched messages.
    pub fn drain<F>(&self, queue: &Queue, mut each: F)
    where
        F: FnMut(&mut Records<'_>) -> ControlFlow<()>,
    {
        unsafe extern "C" fn take<F>(fetched: *mut raw::Fetched, each: *mut c_void) -> bool
        where
            F: FnMut(&mut Records<'_>) -> ControlFlow<()>,
        {
            // Should it panic, what it had not come to is left.
            let mut enough = true;
            // SAFETY: `each` is alive during the drain, which calls back on its own thread only;
            // what was fetched is alive during the callback.
            let (each, fetched) = unsafe { (&mut *each.cast::<F>(), &mut *fetched) };
            let given = *fetched;
            // SAFETY: as above.
            let mut records = unsafe { Records::new(&given) };
            callback(|| enough = each(&mut records).is_break());
            records.leave_rest(fetched);
            enough
        }
        // SAFETY: the queue is alive, and so is `each` until this returns.
        unsafe { raw::krs_rd_drain(queue.as_ptr(), take::<F>, ptr::from_mut(&mut each).cast()) };
    }

    /// How many messages wait on `queue`, or other events.
    pub fn waiting(&self, queue: &Queue) -> usize {
        // SAFETY: the queue is alive.
        unsafe { raw::krs_rd_waiting(queue.as_ptr()) }
    }

    /// Tells librdkafka that the application is alive (`max.poll.interval.ms`),
    /// by taking messages from a queue that is always empty.
    pub fn tick(&self, empty: &Queue) {
        unsafe extern "C" fn nothing(_: *mut sys::rd_kafka_message_t, _: *mut c_void) {}
        // SAFETY: the queue is alive.
        unsafe {
            let nobody = ptr::null_mut();
            sys::rd_kafka_consume_callback_queue(empty.as_ptr(), 0, Some(nothing), nobody);
        }
    }

    // ---- offsets ---------------------------------------------------------

    /// Sets what the next commit sends; each entry's code tells. A partition that
    /// was taken away meanwhile is refused.
    pub fn store_offsets(&self, offsets: &List) -> Result<()> {
        // SAFETY: the client and the list are alive.
        check(unsafe { sys::rd_kafka_offsets_store(self.as_ptr(), offsets.as_ptr()) } as i32)
    }

    /// Fills in the positions: the offset after the last message taken, control
    /// records included.
    pub fn position(&self, partitions: &List) -> Result<()> {
        // SAFETY: the client and the list are alive.
        check(unsafe { sys::rd_kafka_position(self.as_ptr(), partitions.as_ptr()) } as i32)
    }

    /// Asks the group for committed offsets. Waits for a broker.
    pub fn committed(&self, partitions: &List, timeout_ms: i32) -> Result<()> {
        // SAFETY: the client and the list are alive.
        check(unsafe { raw::rd_kafka_committed(self.as_ptr(), partitions.as_ptr(), timeout_ms) })
    }

    /// Commits these offsets, or what is stored; the outcome arrives on `outcome`
    /// with `token`.
    pub fn commit(&self, offsets: Option<&List>, outcome: &Queue, token: u64) -> Result<()> {
        let list = offsets.map_or(ptr::null_mut(), List::as_ptr);
        // SAFETY: NULL means the stored offsets; a list is alive and copied.
        // Without a callback the outcome is an event on the queue.
        check(unsafe {
            raw::rd_kafka_commit_queue(
                self.as_ptr(),
                list,
                outcome.as_ptr(),
                None,
                token as *mut c_void,
            )
        })
    }

    // ---- closing ---------------------------------------------------------

    /// Starts to leave the group; what remains to be answered comes to `queue`.
    pub fn start_close(&self, queue: &Queue) -> Result<()> {
        // SAFETY: both are alive.
        unsafe {
            error_result(sys::rd_kafka_consumer_close_queue(
                self.as_ptr(),
                queue.as_ptr(),
            ))
        }
    }

    pub fn has_closed(&self) -> bool {
        // SAFETY: the client is alive.
        unsafe { sys::rd_kafka_consumer_closed(self.as_ptr()) != 0 }
    }
}
