//! Functions declared again with plain integers where the bindings use a Rust
//! enum: a broker newer than this librdkafka may send a code that the enum does
//! not have, and such a value of an enum type would be undefined behaviour.
#![allow(
    clashing_extern_declarations,
    reason = "the C enum and an int are the same to the linker"
)]

use std::ffi::{c_char, c_void};

use rdkafka_sys as sys;

/// `krs_rd_fetched_t` of `records.h`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Fetched {
    pub message: *const sys::rd_kafka_message_t,
    pub headers: *const u8,
    pub headers_size: usize,
    pub timestamp: i64,
    pub base_offset: i64,
    pub base_timestamp: i64,
    pub leader_epoch: i32,
    pub timestamp_type: u8,
    pub first_is_taken: bool,
    pub next: *const u8,
    pub size: usize,
    pub count: usize,
    pub last_offset: i64,
}

/// `krs_rd_limits_t` of `bundles.h`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Limits {
    pub messages: i32,
    pub wire_bytes: usize,
    pub largest: usize,
}

/// `krs_rd_outgoing_t` of `bundles.h`.
#[repr(C)]
pub struct Outgoing {
    pub key: *mut c_void,
    pub value: *mut c_void,
    pub key_size: usize,
    pub value_size: usize,
    pub timestamp: i64,
    pub token: u64,
    pub code: i32,
}

/// `item_t` of `bundles.h`; its key and value follow.
#[repr(C)]
pub struct Item {
    pub token: u64,
    pub timestamp: i64,
    pub key_size: i32,
    pub value_size: i32,
}

/// `krs_rd_items_t` of `bundles.h`.
#[repr(C)]
pub struct Items {
    pub first: *const Item,
    pub count: i32,
    pub told: i32,
}

pub type Take = unsafe extern "C" fn(fetched: *mut Fetched, opaque: *mut c_void) -> bool;

unsafe extern "C" {
    /// What an event's message stands for; ours, as the next ones, in `taking.c`.
    pub fn krs_rd_fetched_of(message: *const sys::rd_kafka_message_t) -> Fetched;
    pub fn krs_rd_drain(queue: *mut sys::rd_kafka_queue_t, take: Take, opaque: *mut c_void);
    pub fn krs_rd_waiting(queue: *mut sys::rd_kafka_queue_t) -> usize;
    pub fn krs_rd_set_position(fetched: *const Fetched);
    /// In `bundling.c`.
    pub fn krs_rd_limits_of(topic: *const sys::rd_kafka_topic_t) -> Limits;
    pub fn krs_rd_bundle(
        topic: *mut sys::rd_kafka_topic_t,
        limits: *const Limits,
        partition: i32,
        messages: *mut Outgoing,
        count: usize,
    ) -> usize;
    /// In `bundles.c`.
    pub fn krs_rd_items_of(message: *const sys::rd_kafka_message_t) -> Items;
    /// In `records.c`.
    #[cfg(test)]
    pub fn krs_rd_count_records(
        at: *const u8,
        end: *const u8,
        delta: i64,
        last: i64,
        bytes: *mut i64,
    ) -> i64;
    pub fn rd_kafka_err2name(code: i32) -> *const c_char;
    pub fn rd_kafka_err2str(code: i32) -> *const c_char;
    pub fn rd_kafka_event_error(event: *mut sys::rd_kafka_event_t) -> i32;
    pub fn rd_kafka_error_code(error: *const sys::rd_kafka_error_t) -> i32;
    pub fn rd_kafka_last_error() -> i32;
    pub fn rd_kafka_assign(
        rk: *mut sys::rd_kafka_t,
        list: *const sys::rd_kafka_topic_partition_list_t,
    ) -> i32;
    pub fn rd_kafka_commit_queue(
        rk: *mut sys::rd_kafka_t,
        list: *const sys::rd_kafka_topic_partition_list_t,
        queue: *mut sys::rd_kafka_queue_t,
        callback: Option<unsafe extern "C" fn()>,
        opaque: *mut c_void,
    ) -> i32;
    pub fn rd_kafka_committed(
        rk: *mut sys::rd_kafka_t,
        list: *mut sys::rd_kafka_topic_partition_list_t,
        timeout_ms: i32,
    ) -> i32;
    pub fn rd_kafka_offsets_for_times(
        rk: *mut sys::rd_kafka_t,
        list: *mut sys::rd_kafka_topic_partition_list_t,
        timeout_ms: i32,
    ) -> i32;
    pub fn rd_kafka_query_watermark_offsets(
        rk: *mut sys::rd_kafka_t,
        topic: *const c_char,
        partition: i32,
        low: *mut i64,
        high: *mut i64,
        timeout_ms: i32,
    ) -> i32;
    pub fn rd_kafka_metadata(
        rk: *mut sys::rd_kafka_t,
        all_topics: i32,
        only: *mut sys::rd_kafka_topic_t,
        metadata: *mut *const sys::rd_kafka_metadata,
        timeout_ms: i32,
    ) -> i32;
    pub fn rd_kafka_topic_result_error(result: *const sys::rd_kafka_topic_result_t) -> i32;
    pub fn rd_kafka_mock_topic_create(
        cluster: *mut sys::rd_kafka_mock_cluster_t,
        topic: *const c_char,
        partitions: i32,
        replication: i32,
    ) -> i32;
    pub fn rd_kafka_mock_broker_set_down(
        cluster: *mut sys::rd_kafka_mock_cluster_t,
        broker: i32,
    ) -> i32;
    pub fn rd_kafka_mock_broker_set_up(
        cluster: *mut sys::rd_kafka_mock_cluster_t,
        broker: i32,
    ) -> i32;
    pub fn rd_kafka_mock_broker_set_rtt(
        cluster: *mut sys::rd_kafka_mock_cluster_t,
        broker: i32,
        rtt_ms: i32,
    ) -> i32;
    pub fn rd_kafka_test_fatal_error(
        rk: *mut sys::rd_kafka_t,
        code: i32,
        reason: *const c_char,
    ) -> i32;
}
