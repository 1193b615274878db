//! The types of the C surface, in the order of the header.

use std::ffi::c_char;

/// Result of a call: 0 is success, above -1000 it is a code of librdkafka
/// (`rd_kafka_resp_err_t`, unchanged), and -1000 and below it is one of ours.
/// `krs_error_name()` and `krs_error_text()` describe any of them.
pub type krs_code = i32;

/// Success.
pub const KRS_OK: krs_code = 0;
/// A message was not delivered within `message.timeout.ms`.
pub const KRS_ERR_MSG_TIMED_OUT: krs_code = -192;
/// The end of a partition was reached (`enable.partition.eof`).
pub const KRS_ERR_PARTITION_EOF: krs_code = -191;
/// No such partition.
pub const KRS_ERR_UNKNOWN_PARTITION: krs_code = -190;
/// No such topic.
pub const KRS_ERR_UNKNOWN_TOPIC: krs_code = -188;
/// No broker can be reached; librdkafka goes on trying.
pub const KRS_ERR_ALL_BROKERS_DOWN: krs_code = -187;
/// A setting or an argument that librdkafka refuses.
pub const KRS_ERR_INVALID_ARG: krs_code = -186;
/// `timeout_ms` passed.
pub const KRS_ERR_TIMED_OUT: krs_code = -185;
/// No room now for a message: receive reports, wait, or send with a timeout.
pub const KRS_ERR_QUEUE_FULL: krs_code = -184;
/// Not possible in the present state.
pub const KRS_ERR_STATE: krs_code = -172;
/// There is no offset to commit.
pub const KRS_ERR_NO_OFFSET: krs_code = -168;
/// The build, or this library, does not have what was asked for.
pub const KRS_ERR_UNSUPPORTED_FEATURE: krs_code = -165;
/// The message was purged before it was sent.
pub const KRS_ERR_PURGE_QUEUE: krs_code = -152;
/// The message was purged while a broker had it: it may have been delivered.
pub const KRS_ERR_PURGE_INFLIGHT: krs_code = -151;
/// The client can't go on: see `krs_client_fatal()`.
pub const KRS_ERR_FATAL: krs_code = -150;
/// The message is larger than `message.max.bytes`.
pub const KRS_ERR_MSG_SIZE_TOO_LARGE: krs_code = 10;
/// A topic of that name exists.
pub const KRS_ERR_TOPIC_ALREADY_EXISTS: krs_code = 36;

/// The id was never a handle of this kind.
pub const KRS_ERR_HANDLE: krs_code = -1000;
/// What the handle stood for has been closed.
pub const KRS_ERR_CLOSED: krs_code = -1001;
/// An argument is not what the function takes; the message says which and why.
pub const KRS_ERR_ARGUMENT: krs_code = -1002;
/// Nothing to do now, and `timeout_ms` was 0.
pub const KRS_ERR_WOULD_BLOCK: krs_code = -1003;
/// The client closed before a broker answered: the message may have been
/// delivered.
pub const KRS_ERR_OUTCOME_UNKNOWN: krs_code = -1004;
/// The operating system refused (memory, threads, descriptors).
pub const KRS_ERR_SYSTEM: krs_code = -1005;
/// A defect in kafka_rs; the message helps to find it.
pub const KRS_ERR_INTERNAL: krs_code = -1006;
/// The handle is from before `fork()`: only the parent process can use it. Open
/// another client in the child.
pub const KRS_ERR_FORKED: krs_code = -1007;

/// `krs_error.flags`: the client can't go on.
pub const KRS_ERROR_FATAL: u32 = 1;
/// `krs_error.flags`: the same call may succeed later.
pub const KRS_ERROR_RETRIABLE: u32 = 2;
/// `krs_error.flags`: the transaction must be aborted.
pub const KRS_ERROR_TXN_ABORT: u32 = 4;
/// `krs_error.flags`: `message` holds only the beginning of the text.
pub const KRS_ERROR_TRUNCATED: u32 = 8;

/// `krs_conf_new()`: a client that sends.
pub const KRS_PRODUCER: u32 = 1;
/// `krs_conf_new()`: a client that receives.
pub const KRS_CONSUMER: u32 = 2;

/// `krs_message.partition`: the partitioner of the topic chooses.
pub const KRS_PARTITION_ANY: i32 = -1;
/// `krs_message.flags`: no report of this message is wanted.
pub const KRS_MESSAGE_NO_REPORT: u32 = 1;

/// `krs_producer_purge()`: messages that wait to be sent.
pub const KRS_PURGE_QUEUED: u32 = 1;
/// `krs_producer_purge()`: messages that a broker has not answered for.
pub const KRS_PURGE_IN_FLIGHT: u32 = 2;

/// Row kind: a message. On a channel of `krs_chan_new()`, what was sent to it.
pub const KRS_EVENT_MESSAGE: u8 = 1;
/// Row kind: the delivery report of a message; `code` is its outcome.
pub const KRS_EVENT_REPORT: u8 = 2;
/// Row kind: an error of the client or of a partition; `value` is its text.
/// Errors that are not fatal are for information: librdkafka recovers by itself.
pub const KRS_EVENT_ERROR: u8 = 3;
/// Row kind: the end of a partition, at `offset`.
pub const KRS_EVENT_PARTITION_EOF: u8 = 4;
/// Row kind: the outcome of a commit for one partition.
pub const KRS_EVENT_COMMIT: u8 = 5;
/// Row kind: statistics, JSON in `value` (`statistics.interval.ms`).
pub const KRS_EVENT_STATS: u8 = 6;
/// Row kind: a log line. `code` is the level (0 worst, 7 debug), `key` the
/// facility, `value` the text, `opaque` the number of lines that were dropped
/// just before it because the channel was full.
pub const KRS_EVENT_LOG: u8 = 7;

/// Row kind: one partition of an answer. `offset`, `leader_epoch` and `code` are
/// its own; `value` is what is kept with a committed offset.
pub const KRS_EVENT_PARTITION: u8 = 8;
/// Row kind: a partition that the group gives to the consumer. `offset` says where
/// it would begin, if that is known. The rows of one rebalance belong together
/// (`KRS_ROW_MORE`); without partitions it is one row without a topic. See
/// `krs_consumer_application_rebalance()`.
pub const KRS_EVENT_ASSIGN: u8 = 9;
/// Row kind: a partition that the group takes away; as `KRS_EVENT_ASSIGN`.
pub const KRS_EVENT_REVOKE: u8 = 10;
/// Row kind: an OAUTHBEARER token is wanted. `value` is
/// `sasl.oauthbearer.config`. Answer with `krs_client_set_token()` or
/// `krs_client_token_failed()`.
pub const KRS_EVENT_TOKEN_REFRESH: u8 = 11;
/// Row kind: a broker. `partition` is its id, `key` its host, `offset` its port.
pub const KRS_EVENT_BROKER: u8 = 12;
/// Row kind: a topic and its `code`, of an admin request with a text in `value`. In
/// metadata it stands before the `KRS_EVENT_PARTITION` rows of its partitions: there `offset` is the leader's id (-1 = none), `key` holds the ids
/// of the replicas and `value` those of the replicas in sync, as `int32_t`s.
pub const KRS_EVENT_TOPIC: u8 = 13;
/// Row kind: a broker delays requests, because a quota of the user or client is used up. `partition` is its id, `key` its
/// name, `offset` the delay in milliseconds, and 0 once it is over.
pub const KRS_EVENT_THROTTLE: u8 = 14;

/// Row flag: the next row belongs to the same event.
pub const KRS_ROW_MORE: u8 = 1;
/// Row flag: the client can't go on.
pub const KRS_ROW_FATAL: u8 = 2;

/// Row flag of `KRS_EVENT_REVOKE`: others may own the partition already, so
/// nothing can be committed for it any more.
pub const KRS_ROW_LOST: u8 = 4;

/// Timestamp type: none.
pub const KRS_TIMESTAMP_NONE: u8 = 0;
/// Timestamp type: when the message was made.
pub const KRS_TIMESTAMP_CREATE_TIME: u8 = 1;
/// Timestamp type: when the broker appended it.
pub const KRS_TIMESTAMP_LOG_APPEND_TIME: u8 = 2;

/// `krs_batch_view.topic`: the row has no topic.
pub const KRS_NO_TOPIC: u32 = u32::MAX;
/// `krs_chan_recv()`: all rows that the batch handed out were delivered.
pub const KRS_ALL: u32 = u32::MAX;

/// Offset: the end of the partition.
pub const KRS_OFFSET_END: i64 = -1;
/// Offset: the beginning of the partition.
pub const KRS_OFFSET_BEGINNING: i64 = -2;
/// Offset: what the group committed.
pub const KRS_OFFSET_STORED: i64 = -1000;
/// Offset: none.
pub const KRS_OFFSET_NONE: i64 = -1001;

/// `krs_consumer_assign()`: in place of all that is assigned.
pub const KRS_ASSIGN_REPLACE: u32 = 0;
/// `krs_consumer_assign()`: beside what is assigned.
pub const KRS_ASSIGN_ADD: u32 = 1;
/// `krs_consumer_assign()`: no longer.
pub const KRS_ASSIGN_REMOVE: u32 = 2;

/// `krs_case.op`: send `message`.
pub const KRS_CASE_SEND: u32 = 1;
/// `krs_case.op`: receive into `batch` and `view`.
pub const KRS_CASE_RECV: u32 = 2;

/// A producer or consumer. A handle is a number: copy it freely, use it from
/// any thread, never free it. `id` 0 is "none". A handle that was closed gives
/// `KRS_ERR_CLOSED` for ever, and a number that never was one `KRS_ERR_HANDLE`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct krs_client {
    pub id: u64,
}

/// A topic of one producer, for as long as that is open.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct krs_topic {
    pub id: u64,
}

/// A channel.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct krs_chan {
    pub id: u64,
}

/// A mock cluster.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct krs_mock {
    pub id: u64,
}

/// Bytes that someone else owns. `data` NULL is null; `len` 0 is empty.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct krs_bytes {
    pub data: *const u8,
    pub len: usize,
}

/// Why a call failed: storage of the caller, which owns nothing and is never
/// freed. Start with `KRS_ERROR_INIT`. Every function that takes one also takes
/// NULL. It is written by every call, with `code` 0 on success.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct krs_error {
    pub struct_size: u32,
    pub code: krs_code,
    /// `KRS_ERROR_*`.
    pub flags: u32,
    /// Bytes of `message`, without its NUL.
    pub message_len: u32,
    /// UTF-8, NUL-terminated.
    pub message: [c_char; 496],
}

/// A message to send: the caller's memory, copied before the call returns.
/// Start with `KRS_MESSAGE_INIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct krs_message {
    pub struct_size: u32,
    /// `KRS_MESSAGE_*`.
    pub flags: u32,
    /// Needed to produce; optional on a channel of `krs_chan_new()`.
    pub topic: krs_topic,
    /// Or `KRS_PARTITION_ANY`.
    pub partition: i32,
    pub reserved: u32,
    pub key: krs_bytes,
    pub value: krs_bytes,
    /// Made with `krs_headers_add()`; null for none.
    pub headers: krs_bytes,
    /// Milliseconds since the epoch; 0 = now.
    pub timestamp: i64,
    /// Comes back in the report, untouched.
    pub opaque: u64,
    /// Where the report goes; none = to the client's events channel. The channel
    /// keeps a place for it from now on, so its capacity bounds the messages
    /// that name it.
    pub report: krs_chan,
}

/// Values of any length, in the layout of Arrow's LargeBinary. Value `i` is
/// `data[offsets[i]]` up to, not including, `data[offsets[i + 1]]`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct krs_column {
    /// One more than there are values.
    pub offsets: *const i64,
    pub data: *const u8,
    /// Bit `i % 8` of byte `i / 8` is 1 if value `i` is not null. NULL = no nulls.
    pub validity: *const u8,
}

/// Messages to send, in columns: the caller's memory, copied before the call
/// returns. A column that is NULL has the value of `KRS_MESSAGE_INIT` in every row.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct krs_records {
    pub struct_size: u32,
    /// `KRS_MESSAGE_*`, for all rows.
    pub flags: u32,
    /// Number of rows.
    pub count: usize,
    pub topics: *const krs_topic,
    pub topic_count: usize,
    /// Indices into `topics`; NULL = the first for all rows.
    pub topic: *const u32,
    pub partition: *const i32,
    pub timestamp: *const i64,
    pub opaque: *const u64,
    /// `offsets` NULL = null in every row, also for `value`.
    pub key: krs_column,
    pub value: krs_column,
    /// `count + 1` positions in `header_key` and `header_value`; NULL = no headers.
    pub header_start: *const u32,
    pub header_key: krs_column,
    pub header_value: krs_column,
    /// As in `krs_message`, for all rows.
    pub report: krs_chan,
}

/// Partitions, in columns of `count` values: the caller's memory, copied before
/// the call returns. Start with `KRS_PARTITIONS_INIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct krs_partitions {
    pub struct_size: u32,
    pub reserved: u32,
    pub count: usize,
    /// Names of topics, `topic_count` of them.
    pub topics: krs_column,
    pub topic_count: usize,
    /// Indices into `topics`; NULL = the first for all.
    pub topic: *const u32,
    pub partition: *const i32,
    /// NULL = `KRS_OFFSET_NONE` for all.
    pub offset: *const i64,
    /// NULL = none (-1) for all.
    pub leader_epoch: *const i32,
    /// What is kept with a committed offset; `offsets` NULL = none.
    pub metadata: krs_column,
}

/// A topic to be made. Start with `KRS_NEW_TOPIC_INIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct krs_new_topic {
    pub struct_size: u32,
    /// -1 = as the brokers are configured.
    pub partitions: i32,
    /// Replicas of each partition; -1 = as the brokers are configured.
    pub replication: i32,
    pub reserved: u32,
    pub name: *const c_char,
    /// `config_count` strings, a key and a value in turn.
    pub config: *const *const c_char,
    pub config_count: usize,
    /// Which brokers have each partition, `replication` ids for one after the
    /// other; `replica_count` ids in all. NULL = the cluster chooses.
    pub replicas: *const i32,
    pub replica_count: usize,
}

/// What a client counts. Start with `KRS_STATS_INIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct krs_stats {
    pub struct_size: u32,
    pub reserved: u32,
    /// Consumer: rows that came back undelivered and will come again.
    pub rows_held: u64,
    /// Consumer: rows of paused partitions that will come when they are resumed.
    pub rows_withheld: u64,
    /// Consumer: rows that were dropped since they no longer counted (revoked,
    /// sought away).
    pub rows_stale: u64,
    /// Consumer: bytes of messages in batches that are out or came back; bounded by
    /// `krs.held.max.kbytes`.
    pub bytes_held: u64,
    /// Producer: messages without a result.
    pub pending: u64,
    /// Producer: reports that went to the events channel because their own channel
    /// had been closed.
    pub reports_redirected: u64,
    /// When librdkafka made the statistics below, in milliseconds since the epoch;
    /// 0 = not yet (`statistics.interval.ms`).
    pub taken_at: i64,
    /// Messages in librdkafka's producer queues, and their bytes.
    pub messages_queued: i64,
    pub bytes_queued: i64,
    /// Requests to and responses from brokers, and their bytes.
    pub requests: i64,
    pub bytes_sent: i64,
    pub responses: i64,
    pub bytes_received: i64,
    pub messages_sent: i64,
    pub messages_received: i64,
}

/// The rows of a batch, in columns of `count` values each. Everything it points
/// to belongs to the batch, and stays valid until the batch is passed to a
/// function that fills it again, or is freed: also after the client is closed.
/// Start with `KRS_BATCH_VIEW_INIT`. New fields are only ever added at the end.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct krs_batch_view {
    pub struct_size: u32,
    pub count: u32,
    /// `KRS_EVENT_*`.
    pub kind: *const u8,
    /// `KRS_ROW_*`.
    pub flags: *const u8,
    pub code: *const krs_code,
    /// Indices into `topics`, or `KRS_NO_TOPIC`.
    pub topic: *const u32,
    /// -1 = none.
    pub partition: *const i32,
    /// -1001 = none.
    pub offset: *const i64,
    /// Milliseconds since the epoch, -1 = none.
    pub timestamp: *const i64,
    /// `KRS_TIMESTAMP_*`.
    pub timestamp_type: *const u8,
    /// -1 = none.
    pub leader_epoch: *const i32,
    /// What was given with the message or commit.
    pub opaque: *const u64,
    pub key: krs_column,
    /// The payload, or the text of an error, log or statistics row.
    pub value: krs_column,
    /// `count + 1` positions in `header_key` and `header_value`.
    pub header_start: *const u32,
    pub header_key: krs_column,
    pub header_value: krs_column,
    /// Names of topics, `topic_count` of them.
    pub topics: krs_column,
    pub topic_count: u32,
    pub reserved: u32,
    /// Becomes other than 0 when the receiver should call again before it deals
    /// with another row, although it has rows left: an event waits, or some of them
    /// may have become stale. Only a consumer's batches ever set it. Another thread
    /// writes it: read it atomically (`__atomic_load_n`, `stdatomic.h`), as often
    /// as you like.
    pub attention: *const u32,
}

/// One row. What it points to is valid as long as its batch's view. Start with
/// `KRS_ROW_INIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct krs_row {
    pub struct_size: u32,
    /// `KRS_EVENT_*`.
    pub kind: u8,
    /// `KRS_ROW_*`.
    pub flags: u8,
    /// `KRS_TIMESTAMP_*`.
    pub timestamp_type: u8,
    pub reserved: u8,
    pub code: krs_code,
    /// -1 = none.
    pub partition: i32,
    /// -1001 = none.
    pub offset: i64,
    /// Milliseconds since the epoch, -1 = none.
    pub timestamp: i64,
    /// -1 = none.
    pub leader_epoch: i32,
    /// Number of headers: see `krs_batch_header()`.
    pub header_count: u32,
    pub opaque: u64,
    /// The topic's name, UTF-8, not NUL-terminated; null = none.
    pub topic: krs_bytes,
    pub key: krs_bytes,
    /// The payload, or the text of an error, log or statistics row.
    pub value: krs_bytes,
    /// The row's number in its batch.
    pub index: u32,
    pub reserved2: u32,
}

/// One case of `krs_chan_select()`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct krs_case {
    pub struct_size: u32,
    /// `KRS_CASE_*`.
    pub op: u32,
    /// None = never ready.
    pub chan: krs_chan,
    /// To send.
    pub message: *const krs_message,
    /// To receive: as for `krs_chan_recv()`.
    pub batch: *mut *mut super::batch::krs_batch,
    pub view: *mut krs_batch_view,
    pub delivered: u32,
    pub max: u32,
}

/// How a close went.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct krs_close_result {
    pub struct_size: u32,
    /// 1 if all went well: the fields below are 0.
    pub clean: u32,
    /// Messages that were purged, each with its report.
    pub purged: u64,
    /// Messages whose report is `KRS_ERR_OUTCOME_UNKNOWN`.
    pub unknown: u64,
    /// 1 if a thread still gives back librdkafka's memory: a broker did not
    /// answer in time. It ends by itself, usually within a minute.
    pub unfinished: u32,
    /// 1 if a consumer could not commit all that was delivered: those rows come
    /// again.
    pub uncommitted: u32,
}
