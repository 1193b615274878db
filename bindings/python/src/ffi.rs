//! The part of `include/kafka_rs.h` that the binding uses, declared again. The header says what each function does;
//! `tests/test_header.py` compares the structs with it.
#![allow(unsafe_code, reason = "the declarations of a C header")]
#![allow(non_camel_case_types, reason = "the names of the header")]

use std::ffi::{c_char, c_int};
use std::ptr::null;

// Without it the linker would leave out the library whose functions are declared below.
use kafka_rs as _;

pub type krs_code = i32;

/// An object of which only the address is known.
#[repr(C)]
pub struct krs_batch {
    _private: [u8; 0],
}

#[repr(C)]
pub struct krs_conf {
    _private: [u8; 0],
}

#[repr(C)]
pub struct krs_error {
    pub struct_size: u32,
    pub code: krs_code,
    pub flags: u32,
    pub message_len: u32,
    pub message: [u8; 496],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct krs_client {
    pub id: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct krs_chan {
    pub id: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct krs_topic {
    pub id: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct krs_mock {
    pub id: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct krs_bytes {
    pub data: *const u8,
    pub len: usize,
}

impl krs_bytes {
    pub const NULL: Self = Self {
        data: null(),
        len: 0,
    };

    /// What it points to must be alive when it is used.
    pub fn of(bytes: Option<&[u8]>) -> Self {
        bytes.map_or(Self::NULL, |bytes| Self {
            data: bytes.as_ptr(),
            len: bytes.len(),
        })
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct krs_column {
    pub offsets: *const i64,
    pub data: *const u8,
    pub validity: *const u8,
}

impl krs_column {
    pub const NULL: Self = Self {
        offsets: null(),
        data: null(),
        validity: null(),
    };
}

#[repr(C)]
pub struct krs_close_result {
    pub struct_size: u32,
    pub clean: u32,
    pub purged: u64,
    pub unknown: u64,
    pub unfinished: u32,
    pub uncommitted: u32,
}

#[repr(C)]
pub struct krs_message {
    pub struct_size: u32,
    pub flags: u32,
    pub topic: krs_topic,
    pub partition: i32,
    pub reserved: u32,
    pub key: krs_bytes,
    pub value: krs_bytes,
    pub headers: krs_bytes,
    pub timestamp: i64,
    pub opaque: u64,
    pub report: krs_chan,
}

#[repr(C)]
pub struct krs_records {
    pub struct_size: u32,
    pub flags: u32,
    pub count: usize,
    pub topics: *const krs_topic,
    pub topic_count: usize,
    pub topic: *const u32,
    pub partition: *const i32,
    pub timestamp: *const i64,
    pub opaque: *const u64,
    pub key: krs_column,
    pub value: krs_column,
    pub header_start: *const u32,
    pub header_key: krs_column,
    pub header_value: krs_column,
    pub report: krs_chan,
}

#[repr(C)]
pub struct krs_partitions {
    pub struct_size: u32,
    pub reserved: u32,
    pub count: usize,
    pub topics: krs_column,
    pub topic_count: usize,
    pub topic: *const u32,
    pub partition: *const i32,
    pub offset: *const i64,
    pub leader_epoch: *const i32,
    pub metadata: krs_column,
}

#[repr(C)]
pub struct krs_batch_view {
    pub struct_size: u32,
    pub count: u32,
    pub kind: *const u8,
    pub flags: *const u8,
    pub code: *const krs_code,
    pub topic: *const u32,
    pub partition: *const i32,
    pub offset: *const i64,
    pub timestamp: *const i64,
    pub timestamp_type: *const u8,
    pub leader_epoch: *const i32,
    pub opaque: *const u64,
    pub key: krs_column,
    pub value: krs_column,
    pub header_start: *const u32,
    pub header_key: krs_column,
    pub header_value: krs_column,
    pub topics: krs_column,
    pub topic_count: u32,
    pub reserved: u32,
    pub attention: *const u32,
}

#[repr(C)]
pub struct krs_new_topic {
    pub struct_size: u32,
    pub partitions: i32,
    pub replication: i32,
    pub reserved: u32,
    pub name: *const c_char,
    pub config: *const *const c_char,
    pub config_count: usize,
    pub replicas: *const i32,
    pub replica_count: usize,
}

#[repr(C)]
pub struct krs_case {
    pub struct_size: u32,
    pub op: u32,
    pub chan: krs_chan,
    pub message: *const krs_message,
    pub batch: *mut *mut krs_batch,
    pub view: *mut krs_batch_view,
    pub delivered: u32,
    pub max: u32,
}

/// A struct of the caller in its initial state: `KRS_..._INIT` of the header.
macro_rules! zero_but_for_size {
    ($($name:ident),*) => {$(
        impl $name {
            pub fn new() -> Self {
                // SAFETY: integers and pointers only, for which zero is a valid value.
                let mut new: Self = unsafe { std::mem::zeroed() };
                new.struct_size = size_of::<Self>() as u32;
                new
            }
        }
    )*};
}
zero_but_for_size!(
    krs_close_result,
    krs_message,
    krs_records,
    krs_partitions,
    krs_batch_view,
    krs_new_topic,
    krs_case
);

pub const KRS_ERROR_FATAL: u32 = 1;
pub const KRS_ERROR_RETRIABLE: u32 = 2;
pub const KRS_ERROR_TXN_ABORT: u32 = 4;

pub const KRS_PRODUCER: u32 = 1;
pub const KRS_CONSUMER: u32 = 2;
pub const KRS_MESSAGE_NO_REPORT: u32 = 1;
pub const KRS_PARTITION_ANY: i32 = -1;

pub const KRS_EVENT_MESSAGE: u8 = 1;
pub const KRS_EVENT_REPORT: u8 = 2;
pub const KRS_EVENT_ERROR: u8 = 3;
pub const KRS_EVENT_PARTITION_EOF: u8 = 4;
pub const KRS_EVENT_ASSIGN: u8 = 9;
pub const KRS_EVENT_REVOKE: u8 = 10;

pub const KRS_ROW_MORE: u8 = 1;
pub const KRS_ROW_FATAL: u8 = 2;
pub const KRS_NO_TOPIC: u32 = u32::MAX;
pub const KRS_ALL: u32 = u32::MAX;
pub const KRS_CASE_SEND: u32 = 1;
pub const KRS_CASE_RECV: u32 = 2;

pub const KRS_OK: krs_code = 0;
pub const KRS_ERR_TIMED_OUT: krs_code = -185;
pub const KRS_ERR_QUEUE_FULL: krs_code = -184;
pub const KRS_ERR_HANDLE: krs_code = -1000;
pub const KRS_ERR_CLOSED: krs_code = -1001;
pub const KRS_ERR_ARGUMENT: krs_code = -1002;
pub const KRS_ERR_WOULD_BLOCK: krs_code = -1003;
pub const KRS_ERR_FORKED: krs_code = -1007;

unsafe extern "C" {
    pub fn krs_version() -> *const c_char;
    pub fn krs_librdkafka_version() -> *const c_char;
    pub fn krs_error_name(code: krs_code) -> *const c_char;
    pub fn krs_error_text(code: krs_code) -> *const c_char;

    pub fn krs_conf_new(kind: u32, conf: *mut *mut krs_conf, err: *mut krs_error) -> krs_code;
    pub fn krs_conf_set(
        conf: *mut krs_conf,
        name: *const c_char,
        value: *const c_char,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_conf_set_default_topic(
        conf: *mut krs_conf,
        name: *const c_char,
        value: *const c_char,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_conf_get(
        conf: *const krs_conf,
        name: *const c_char,
        buffer: *mut c_char,
        capacity: usize,
        len: *mut usize,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_conf_free(conf: *mut krs_conf);

    pub fn krs_client_open(
        conf: *const krs_conf,
        client: *mut krs_client,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_client_events(
        client: krs_client,
        chan: *mut krs_chan,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_client_logs(
        client: krs_client,
        chan: *mut krs_chan,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_client_name(
        client: krs_client,
        buffer: *mut c_char,
        capacity: usize,
        len: *mut usize,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_client_topic(
        client: krs_client,
        name: *const c_char,
        topic: *mut krs_topic,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_client_set_sasl(
        client: krs_client,
        user: *const c_char,
        password: *const c_char,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_client_set_token(
        client: krs_client,
        token: *const c_char,
        lifetime_ms: i64,
        principal: *const c_char,
        extensions: *const *const c_char,
        extension_count: usize,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_client_token_failed(
        client: krs_client,
        reason: *const c_char,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_client_close(
        client: krs_client,
        timeout_ms: i32,
        result: *mut krs_close_result,
        err: *mut krs_error,
    ) -> krs_code;

    pub fn krs_producer_send(
        client: krs_client,
        message: *const krs_message,
        timeout_ms: i32,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_producer_send_batch(
        client: krs_client,
        records: *const krs_records,
        timeout_ms: i32,
        codes: *mut krs_code,
        done: *mut usize,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_headers_add(
        buffer: *mut u8,
        capacity: usize,
        len: *mut usize,
        key: krs_bytes,
        value: krs_bytes,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_producer_flush(
        client: krs_client,
        timeout_ms: i32,
        pending: *mut usize,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_producer_purge(client: krs_client, flags: u32, err: *mut krs_error) -> krs_code;
    pub fn krs_producer_len(
        client: krs_client,
        pending: *mut usize,
        err: *mut krs_error,
    ) -> krs_code;

    pub fn krs_consumer_subscribe(
        client: krs_client,
        topics: *const *const c_char,
        count: usize,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_consumer_unsubscribe(client: krs_client, err: *mut krs_error) -> krs_code;
    pub fn krs_consumer_commit(
        client: krs_client,
        timeout_ms: i32,
        opaque: u64,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_consumer_commit_offsets(
        client: krs_client,
        offsets: *const krs_partitions,
        timeout_ms: i32,
        opaque: u64,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_consumer_assignment(
        client: krs_client,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_consumer_application_rebalance(
        client: krs_client,
        enabled: u32,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_consumer_assign(
        client: krs_client,
        how: u32,
        partitions: *const krs_partitions,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_consumer_pause(
        client: krs_client,
        partitions: *const krs_partitions,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_consumer_resume(
        client: krs_client,
        partitions: *const krs_partitions,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_consumer_seek(
        client: krs_client,
        partitions: *const krs_partitions,
        timeout_ms: i32,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_consumer_position(
        client: krs_client,
        partitions: *const krs_partitions,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_consumer_committed(
        client: krs_client,
        partitions: *const krs_partitions,
        timeout_ms: i32,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_consumer_store(
        client: krs_client,
        partitions: *const krs_partitions,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_consumer_group_metadata(
        client: krs_client,
        buffer: *mut u8,
        capacity: usize,
        len: *mut usize,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_consumer_member_id(
        client: krs_client,
        buffer: *mut c_char,
        capacity: usize,
        len: *mut usize,
        err: *mut krs_error,
    ) -> krs_code;

    pub fn krs_cluster_offsets_for_times(
        client: krs_client,
        times: *const krs_partitions,
        timeout_ms: i32,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_cluster_watermarks(
        client: krs_client,
        topic: *const c_char,
        partition: i32,
        timeout_ms: i32,
        low: *mut i64,
        high: *mut i64,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_cluster_metadata(
        client: krs_client,
        topic: *const c_char,
        all_topics: u32,
        timeout_ms: i32,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_cluster_id(
        client: krs_client,
        timeout_ms: i32,
        buffer: *mut c_char,
        capacity: usize,
        len: *mut usize,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_cluster_controller_id(
        client: krs_client,
        timeout_ms: i32,
        id: *mut i32,
        err: *mut krs_error,
    ) -> krs_code;

    pub fn krs_txn_init(client: krs_client, timeout_ms: i32, err: *mut krs_error) -> krs_code;
    pub fn krs_txn_begin(client: krs_client, err: *mut krs_error) -> krs_code;
    pub fn krs_txn_offsets(
        client: krs_client,
        offsets: *const krs_partitions,
        group: krs_bytes,
        timeout_ms: i32,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_txn_commit(client: krs_client, timeout_ms: i32, err: *mut krs_error) -> krs_code;
    pub fn krs_txn_abort(client: krs_client, timeout_ms: i32, err: *mut krs_error) -> krs_code;

    pub fn krs_chan_new(capacity: usize, chan: *mut krs_chan, err: *mut krs_error) -> krs_code;
    pub fn krs_chan_send(
        chan: krs_chan,
        message: *const krs_message,
        timeout_ms: i32,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_chan_recv(
        chan: krs_chan,
        batch: *mut *mut krs_batch,
        delivered: u32,
        max: u32,
        timeout_ms: i32,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_chan_select(
        cases: *const krs_case,
        count: usize,
        timeout_ms: i32,
        chosen: *mut usize,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_chan_fd(chan: krs_chan, fd: *mut c_int, err: *mut krs_error) -> krs_code;
    pub fn krs_chan_close(chan: krs_chan, err: *mut krs_error) -> krs_code;
    pub fn krs_chan_len(
        chan: krs_chan,
        len: *mut usize,
        capacity: *mut usize,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_chan_free(chan: krs_chan, err: *mut krs_error) -> krs_code;

    pub fn krs_batch_free(batch: *mut krs_batch);

    pub fn krs_admin_create_topics(
        client: krs_client,
        topics: *const krs_new_topic,
        count: usize,
        validate_only: u32,
        timeout_ms: i32,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_admin_create_partitions(
        client: krs_client,
        topics: *const krs_new_topic,
        count: usize,
        validate_only: u32,
        timeout_ms: i32,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_admin_delete_topics(
        client: krs_client,
        topics: *const *const c_char,
        count: usize,
        timeout_ms: i32,
        batch: *mut *mut krs_batch,
        view: *mut krs_batch_view,
        err: *mut krs_error,
    ) -> krs_code;

    pub fn krs_mock_open(brokers: u32, mock: *mut krs_mock, err: *mut krs_error) -> krs_code;
    pub fn krs_mock_topic(
        mock: krs_mock,
        name: *const c_char,
        partitions: i32,
        replication: i32,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_mock_set_broker_up(
        mock: krs_mock,
        broker: i32,
        up: u32,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_mock_set_broker_delay(
        mock: krs_mock,
        broker: i32,
        delay_ms: i32,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_mock_bootstrap(
        mock: krs_mock,
        buffer: *mut c_char,
        capacity: usize,
        len: *mut usize,
        err: *mut krs_error,
    ) -> krs_code;
    pub fn krs_mock_close(mock: krs_mock, err: *mut krs_error) -> krs_code;
}
