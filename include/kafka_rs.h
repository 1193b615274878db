/*
 * libkafka_rs: a Kafka client with channels, for any language that can link C.
 *
 * Generated from src/ffi by `make header`; do not edit.
 *
 * Conventions
 *  - Every function that can fail returns a krs_code, 0 on success, and takes as its last argument
 *    a krs_error of the caller, or NULL, which then says why. Nothing else keeps an error.
 *  - A handle (krs_client, krs_topic, krs_chan, krs_mock) is a number: copied freely, never freed,
 *    safe to use at any time and from any thread. A closed one gives KRS_ERR_CLOSED, and a
 *    number that is no handle of that kind KRS_ERR_HANDLE, from every function.
 *  - An object behind a pointer (krs_conf, krs_batch) has one owner, who frees it once, and is used
 *    by one thread at a time.
 *  - A struct of the caller starts with struct_size; the KRS_*_INIT macros set it. New fields are
 *    only ever added at the end, so programs need not be compiled again. A struct without its
 *    size is refused; a krs_error without it stays unwritten.
 *  - timeout_ms is in milliseconds: 0 = do not wait, -1 = wait for ever.
 *  - Texts are UTF-8. Strings passed in end with NUL; krs_bytes passed out do not.
 *  - After fork() the child can use no handle of the parent: every function gives KRS_ERR_FORKED.
 *    It can open its own. Batches and configurations are memory, and stay readable.
 *  - The library prints nothing, installs no signal handler, and calls no function of the caller.
 */

#ifndef KAFKA_RS_H
#define KAFKA_RS_H

#include <stddef.h>
#include <stdint.h>

/* Initial values of the structs that callers allocate. */
#define KRS_ERROR_INIT { (uint32_t)sizeof(krs_error), 0, 0, 0, "" }
#define KRS_BYTES_NULL { NULL, 0 }
#define KRS_COLUMN_NULL { NULL, NULL, NULL }
#define KRS_MESSAGE_INIT                                                                           \
    { (uint32_t)sizeof(krs_message), 0, { 0 }, KRS_PARTITION_ANY, 0,                               \
      KRS_BYTES_NULL, KRS_BYTES_NULL, KRS_BYTES_NULL, 0, 0, { 0 } }
#define KRS_RECORDS_INIT                                                                           \
    { (uint32_t)sizeof(krs_records), 0, 0, NULL, 0, NULL, NULL, NULL, NULL,                        \
      KRS_COLUMN_NULL, KRS_COLUMN_NULL, NULL, KRS_COLUMN_NULL, KRS_COLUMN_NULL, { 0 } }
#define KRS_BATCH_VIEW_INIT                                                                        \
    { (uint32_t)sizeof(krs_batch_view), 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,   \
      NULL, KRS_COLUMN_NULL, KRS_COLUMN_NULL, NULL, KRS_COLUMN_NULL, KRS_COLUMN_NULL,              \
      KRS_COLUMN_NULL, 0, 0, NULL }
#define KRS_ROW_INIT                                                                               \
    { (uint32_t)sizeof(krs_row), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,                                  \
      KRS_BYTES_NULL, KRS_BYTES_NULL, KRS_BYTES_NULL, 0, 0 }
#define KRS_PARTITIONS_INIT                                                                        \
    { (uint32_t)sizeof(krs_partitions), 0, 0, KRS_COLUMN_NULL, 0, NULL, NULL, NULL, NULL,           \
      KRS_COLUMN_NULL }
#define KRS_NEW_TOPIC_INIT { (uint32_t)sizeof(krs_new_topic), -1, -1, 0, NULL, NULL, 0, NULL, 0 }
#define KRS_STATS_INIT                                                                             \
    { (uint32_t)sizeof(krs_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
#define KRS_CASE_INIT { (uint32_t)sizeof(krs_case), 0, { 0 }, NULL, NULL, NULL, KRS_ALL, 0 }
#define KRS_CLOSE_RESULT_INIT { (uint32_t)sizeof(krs_close_result), 0, 0, 0, 0, 0 }


// `krs_error.flags`: the client can't go on.
#define KRS_ERROR_FATAL 1

// `krs_error.flags`: the same call may succeed later.
#define KRS_ERROR_RETRIABLE 2

// `krs_error.flags`: the transaction must be aborted.
#define KRS_ERROR_TXN_ABORT 4

// `krs_error.flags`: `message` holds only the beginning of the text.
#define KRS_ERROR_TRUNCATED 8

// `krs_conf_new()`: a client that sends.
#define KRS_PRODUCER 1

// `krs_conf_new()`: a client that receives.
#define KRS_CONSUMER 2

// `krs_message.partition`: the partitioner of the topic chooses.
#define KRS_PARTITION_ANY (-1)

// `krs_message.flags`: no report of this message is wanted.
#define KRS_MESSAGE_NO_REPORT 1

// `krs_producer_purge()`: messages that wait to be sent.
#define KRS_PURGE_QUEUED 1

// `krs_producer_purge()`: messages that a broker has not answered for.
#define KRS_PURGE_IN_FLIGHT 2

// Row kind: a message. On a channel of `krs_chan_new()`, what was sent to it.
#define KRS_EVENT_MESSAGE 1

// Row kind: the delivery report of a message; `code` is its outcome.
#define KRS_EVENT_REPORT 2

// Row kind: an error of the client or of a partition; `value` is its text.
// Errors that are not fatal are for information: librdkafka recovers by itself.
#define KRS_EVENT_ERROR 3

// Row kind: the end of a partition, at `offset`.
#define KRS_EVENT_PARTITION_EOF 4

// Row kind: the outcome of a commit for one partition.
#define KRS_EVENT_COMMIT 5

// Row kind: statistics, JSON in `value` (`statistics.interval.ms`).
#define KRS_EVENT_STATS 6

// Row kind: a log line. `code` is the level (0 worst, 7 debug), `key` the
// facility, `value` the text, `opaque` the number of lines that were dropped
// just before it because the channel was full.
#define KRS_EVENT_LOG 7

// Row kind: one partition of an answer. `offset`, `leader_epoch` and `code` are
// its own; `value` is what is kept with a committed offset.
#define KRS_EVENT_PARTITION 8

// Row kind: a partition that the group gives to the consumer. `offset` says where
// it would begin, if that is known. The rows of one rebalance belong together
// (`KRS_ROW_MORE`); without partitions it is one row without a topic. See
// `krs_consumer_application_rebalance()`.
#define KRS_EVENT_ASSIGN 9

// Row kind: a partition that the group takes away; as `KRS_EVENT_ASSIGN`.
#define KRS_EVENT_REVOKE 10

// Row kind: an OAUTHBEARER token is wanted. `value` is
// `sasl.oauthbearer.config`. Answer with `krs_client_set_token()` or
// `krs_client_token_failed()`.
#define KRS_EVENT_TOKEN_REFRESH 11

// Row kind: a broker. `partition` is its id, `key` its host, `offset` its port.
#define KRS_EVENT_BROKER 12

// Row kind: a topic and its `code`, of an admin request with a text in `value`. In
// metadata it stands before the `KRS_EVENT_PARTITION` rows of its partitions: there `offset` is the leader's id (-1 = none), `key` holds the ids
// of the replicas and `value` those of the replicas in sync, as `int32_t`s.
#define KRS_EVENT_TOPIC 13

// Row kind: a broker delays requests, because a quota of the user or client is used up. `partition` is its id, `key` its
// name, `offset` the delay in milliseconds, and 0 once it is over.
#define KRS_EVENT_THROTTLE 14

// Row flag: the next row belongs to the same event.
#define KRS_ROW_MORE 1

// Row flag: the client can't go on.
#define KRS_ROW_FATAL 2

// Row flag of `KRS_EVENT_REVOKE`: others may own the partition already, so
// nothing can be committed for it any more.
#define KRS_ROW_LOST 4

// Timestamp type: none.
#define KRS_TIMESTAMP_NONE 0

// Timestamp type: when the message was made.
#define KRS_TIMESTAMP_CREATE_TIME 1

// Timestamp type: when the broker appended it.
#define KRS_TIMESTAMP_LOG_APPEND_TIME 2

// `krs_batch_view.topic`: the row has no topic.
#define KRS_NO_TOPIC UINT32_MAX

// `krs_chan_recv()`: all rows that the batch handed out were delivered.
#define KRS_ALL UINT32_MAX

// Offset: the end of the partition.
#define KRS_OFFSET_END (-1)

// Offset: the beginning of the partition.
#define KRS_OFFSET_BEGINNING (-2)

// Offset: what the group committed.
#define KRS_OFFSET_STORED (-1000)

// Offset: none.
#define KRS_OFFSET_NONE (-1001)

// `krs_consumer_assign()`: in place of all that is assigned.
#define KRS_ASSIGN_REPLACE 0

// `krs_consumer_assign()`: beside what is assigned.
#define KRS_ASSIGN_ADD 1

// `krs_consumer_assign()`: no longer.
#define KRS_ASSIGN_REMOVE 2

// `krs_case.op`: send `message`.
#define KRS_CASE_SEND 1

// `krs_case.op`: receive into `batch` and `view`.
#define KRS_CASE_RECV 2

// The `krs_abi_version()` that this header belongs to. A program that finds the
// library at run time compares the two before it calls anything else.
#define KRS_ABI_VERSION 1

// The memory that holds received rows. Made by the first receive, used again
// by each next one, freed with `krs_batch_free()`. It may outlive its client.
typedef struct krs_batch krs_batch;

// Settings of a client to be opened. Owned by the caller, who frees it with
// `krs_conf_free()`; `krs_client_open()` copies it.
typedef struct krs_conf krs_conf;

// Result of a call: 0 is success, above -1000 it is a code of librdkafka
// (`rd_kafka_resp_err_t`, unchanged), and -1000 and below it is one of ours.
// `krs_error_name()` and `krs_error_text()` describe any of them.
typedef int32_t krs_code;

// Why a call failed: storage of the caller, which owns nothing and is never
// freed. Start with `KRS_ERROR_INIT`. Every function that takes one also takes
// NULL. It is written by every call, with `code` 0 on success.
typedef struct krs_error {
    uint32_t struct_size;
    krs_code code;
    // `KRS_ERROR_*`.
    uint32_t flags;
    // Bytes of `message`, without its NUL.
    uint32_t message_len;
    // UTF-8, NUL-terminated.
    char message[496];
} krs_error;

// A producer or consumer. A handle is a number: copy it freely, use it from
// any thread, never free it. `id` 0 is "none". A handle that was closed gives
// `KRS_ERR_CLOSED` for ever, and a number that never was one `KRS_ERR_HANDLE`.
typedef struct krs_client {
    uint64_t id;
} krs_client;

// A channel.
typedef struct krs_chan {
    uint64_t id;
} krs_chan;

// A topic of one producer, for as long as that is open.
typedef struct krs_topic {
    uint64_t id;
} krs_topic;

// Bytes that someone else owns. `data` NULL is null; `len` 0 is empty.
typedef struct krs_bytes {
    const uint8_t *data;
    size_t len;
} krs_bytes;

// One row. What it points to is valid as long as its batch's view. Start with
// `KRS_ROW_INIT`.
typedef struct krs_row {
    uint32_t struct_size;
    // `KRS_EVENT_*`.
    uint8_t kind;
    // `KRS_ROW_*`.
    uint8_t flags;
    // `KRS_TIMESTAMP_*`.
    uint8_t timestamp_type;
    uint8_t reserved;
    krs_code code;
    // -1 = none.
    int32_t partition;
    // -1001 = none.
    int64_t offset;
    // Milliseconds since the epoch, -1 = none.
    int64_t timestamp;
    // -1 = none.
    int32_t leader_epoch;
    // Number of headers: see `krs_batch_header()`.
    uint32_t header_count;
    uint64_t opaque;
    // The topic's name, UTF-8, not NUL-terminated; null = none.
    krs_bytes topic;
    krs_bytes key;
    // The payload, or the text of an error, log or statistics row.
    krs_bytes value;
    // The row's number in its batch.
    uint32_t index;
    uint32_t reserved2;
} krs_row;

// How a close went.
typedef struct krs_close_result {
    uint32_t struct_size;
    // 1 if all went well: the fields below are 0.
    uint32_t clean;
    // Messages that were purged, each with its report.
    uint64_t purged;
    // Messages whose report is `KRS_ERR_OUTCOME_UNKNOWN`.
    uint64_t unknown;
    // 1 if a thread still gives back librdkafka's memory: a broker did not
    // answer in time. It ends by itself, usually within a minute.
    uint32_t unfinished;
    // 1 if a consumer could not commit all that was delivered: those rows come
    // again.
    uint32_t uncommitted;
} krs_close_result;

// What a client counts. Start with `KRS_STATS_INIT`.
typedef struct krs_stats {
    uint32_t struct_size;
    uint32_t reserved;
    // Consumer: rows that came back undelivered and will come again.
    uint64_t rows_held;
    // Consumer: rows of paused partitions that will come when they are resumed.
    uint64_t rows_withheld;
    // Consumer: rows that were dropped since they no longer counted (revoked,
    // sought away).
    uint64_t rows_stale;
    // Consumer: bytes of messages in batches that are out or came back; bounded by
    // `krs.held.max.kbytes`.
    uint64_t bytes_held;
    // Producer: messages without a result.
    uint64_t pending;
    // Producer: reports that went to the events channel because their own channel
    // had been closed.
    uint64_t reports_redirected;
    // When librdkafka made the statistics below, in milliseconds since the epoch;
    // 0 = not yet (`statistics.interval.ms`).
    int64_t taken_at;
    // Messages in librdkafka's producer queues, and their bytes.
    int64_t messages_queued;
    int64_t bytes_queued;
    // Requests to and responses from brokers, and their bytes.
    int64_t requests;
    int64_t bytes_sent;
    int64_t responses;
    int64_t bytes_received;
    int64_t messages_sent;
    int64_t messages_received;
} krs_stats;

// Values of any length, in the layout of Arrow's LargeBinary. Value `i` is
// `data[offsets[i]]` up to, not including, `data[offsets[i + 1]]`.
typedef struct krs_column {
    // One more than there are values.
    const int64_t *offsets;
    const uint8_t *data;
    // Bit `i % 8` of byte `i / 8` is 1 if value `i` is not null. NULL = no nulls.
    const uint8_t *validity;
} krs_column;

// Partitions, in columns of `count` values: the caller's memory, copied before
// the call returns. Start with `KRS_PARTITIONS_INIT`.
typedef struct krs_partitions {
    uint32_t struct_size;
    uint32_t reserved;
    size_t count;
    // Names of topics, `topic_count` of them.
    krs_column topics;
    size_t topic_count;
    // Indices into `topics`; NULL = the first for all.
    const uint32_t *topic;
    const int32_t *partition;
    // NULL = `KRS_OFFSET_NONE` for all.
    const int64_t *offset;
    // NULL = none (-1) for all.
    const int32_t *leader_epoch;
    // What is kept with a committed offset; `offsets` NULL = none.
    krs_column metadata;
} krs_partitions;

// The rows of a batch, in columns of `count` values each. Everything it points
// to belongs to the batch, and stays valid until the batch is passed to a
// function that fills it again, or is freed: also after the client is closed.
// Start with `KRS_BATCH_VIEW_INIT`. New fields are only ever added at the end.
typedef struct krs_batch_view {
    uint32_t struct_size;
    uint32_t count;
    // `KRS_EVENT_*`.
    const uint8_t *kind;
    // `KRS_ROW_*`.
    const uint8_t *flags;
    const krs_code *code;
    // Indices into `topics`, or `KRS_NO_TOPIC`.
    const uint32_t *topic;
    // -1 = none.
    const int32_t *partition;
    // -1001 = none.
    const int64_t *offset;
    // Milliseconds since the epoch, -1 = none.
    const int64_t *timestamp;
    // `KRS_TIMESTAMP_*`.
    const uint8_t *timestamp_type;
    // -1 = none.
    const int32_t *leader_epoch;
    // What was given with the message or commit.
    const uint64_t *opaque;
    krs_column key;
    // The payload, or the text of an error, log or statistics row.
    krs_column value;
    // `count + 1` positions in `header_key` and `header_value`.
    const uint32_t *header_start;
    krs_column header_key;
    krs_column header_value;
    // Names of topics, `topic_count` of them.
    krs_column topics;
    uint32_t topic_count;
    uint32_t reserved;
    // Becomes other than 0 when the receiver should call again before it deals
    // with another row, although it has rows left: an event waits, or some of them
    // may have become stale. Only a consumer's batches ever set it. Another thread
    // writes it: read it atomically (`__atomic_load_n`, `stdatomic.h`), as often
    // as you like.
    const uint32_t *attention;
} krs_batch_view;

// A message to send: the caller's memory, copied before the call returns.
// Start with `KRS_MESSAGE_INIT`.
typedef struct krs_message {
    uint32_t struct_size;
    // `KRS_MESSAGE_*`.
    uint32_t flags;
    // Needed to produce; optional on a channel of `krs_chan_new()`.
    krs_topic topic;
    // Or `KRS_PARTITION_ANY`.
    int32_t partition;
    uint32_t reserved;
    krs_bytes key;
    krs_bytes value;
    // Made with `krs_headers_add()`; null for none.
    krs_bytes headers;
    // Milliseconds since the epoch; 0 = now.
    int64_t timestamp;
    // Comes back in the report, untouched.
    uint64_t opaque;
    // Where the report goes; none = to the client's events channel. The channel
    // keeps a place for it from now on, so its capacity bounds the messages
    // that name it.
    krs_chan report;
} krs_message;

// Messages to send, in columns: the caller's memory, copied before the call
// returns. A column that is NULL has the value of `KRS_MESSAGE_INIT` in every row.
typedef struct krs_records {
    uint32_t struct_size;
    // `KRS_MESSAGE_*`, for all rows.
    uint32_t flags;
    // Number of rows.
    size_t count;
    const krs_topic *topics;
    size_t topic_count;
    // Indices into `topics`; NULL = the first for all rows.
    const uint32_t *topic;
    const int32_t *partition;
    const int64_t *timestamp;
    const uint64_t *opaque;
    // `offsets` NULL = null in every row, also for `value`.
    krs_column key;
    krs_column value;
    // `count + 1` positions in `header_key` and `header_value`; NULL = no headers.
    const uint32_t *header_start;
    krs_column header_key;
    krs_column header_value;
    // As in `krs_message`, for all rows.
    krs_chan report;
} krs_records;

// One case of `krs_chan_select()`.
typedef struct krs_case {
    uint32_t struct_size;
    // `KRS_CASE_*`.
    uint32_t op;
    // None = never ready.
    krs_chan chan;
    // To send.
    const krs_message *message;
    // To receive: as for `krs_chan_recv()`.
    krs_batch **batch;
    krs_batch_view *view;
    uint32_t delivered;
    uint32_t max;
} krs_case;

// A topic to be made. Start with `KRS_NEW_TOPIC_INIT`.
typedef struct krs_new_topic {
    uint32_t struct_size;
    // -1 = as the brokers are configured.
    int32_t partitions;
    // Replicas of each partition; -1 = as the brokers are configured.
    int32_t replication;
    uint32_t reserved;
    const char *name;
    // `config_count` strings, a key and a value in turn.
    const char *const *config;
    size_t config_count;
    // Which brokers have each partition, `replication` ids for one after the
    // other; `replica_count` ids in all. NULL = the cluster chooses.
    const int32_t *replicas;
    size_t replica_count;
} krs_new_topic;

// A mock cluster.
typedef struct krs_mock {
    uint64_t id;
} krs_mock;

// Success.
#define KRS_OK 0

// A message was not delivered within `message.timeout.ms`.
#define KRS_ERR_MSG_TIMED_OUT (-192)

// The end of a partition was reached (`enable.partition.eof`).
#define KRS_ERR_PARTITION_EOF (-191)

// No such partition.
#define KRS_ERR_UNKNOWN_PARTITION (-190)

// No such topic.
#define KRS_ERR_UNKNOWN_TOPIC (-188)

// No broker can be reached; librdkafka goes on trying.
#define KRS_ERR_ALL_BROKERS_DOWN (-187)

// A setting or an argument that librdkafka refuses.
#define KRS_ERR_INVALID_ARG (-186)

// `timeout_ms` passed.
#define KRS_ERR_TIMED_OUT (-185)

// No room now for a message: receive reports, wait, or send with a timeout.
#define KRS_ERR_QUEUE_FULL (-184)

// Not possible in the present state.
#define KRS_ERR_STATE (-172)

// There is no offset to commit.
#define KRS_ERR_NO_OFFSET (-168)

// The build, or this library, does not have what was asked for.
#define KRS_ERR_UNSUPPORTED_FEATURE (-165)

// The message was purged before it was sent.
#define KRS_ERR_PURGE_QUEUE (-152)

// The message was purged while a broker had it: it may have been delivered.
#define KRS_ERR_PURGE_INFLIGHT (-151)

// The client can't go on: see `krs_client_fatal()`.
#define KRS_ERR_FATAL (-150)

// The message is larger than `message.max.bytes`.
#define KRS_ERR_MSG_SIZE_TOO_LARGE 10

// A topic of that name exists.
#define KRS_ERR_TOPIC_ALREADY_EXISTS 36

// The id was never a handle of this kind.
#define KRS_ERR_HANDLE (-1000)

// What the handle stood for has been closed.
#define KRS_ERR_CLOSED (-1001)

// An argument is not what the function takes; the message says which and why.
#define KRS_ERR_ARGUMENT (-1002)

// Nothing to do now, and `timeout_ms` was 0.
#define KRS_ERR_WOULD_BLOCK (-1003)

// The client closed before a broker answered: the message may have been
// delivered.
#define KRS_ERR_OUTCOME_UNKNOWN (-1004)

// The operating system refused (memory, threads, descriptors).
#define KRS_ERR_SYSTEM (-1005)

// A defect in kafka_rs; the message helps to find it.
#define KRS_ERR_INTERNAL (-1006)

// The handle is from before `fork()`: only the parent process can use it. Open
// another client in the child.
#define KRS_ERR_FORKED (-1007)

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/* ---- library ------------------------------------------------------------------------------- */

// Version of this library, such as `0.1.0`. A static string.
//
// Threads: any.
const char *krs_version(void);

// Version of the binary interface. It grows by one when a program compiled
// with an older header would no longer work; additions do not change it.
//
// Threads: any.
uint32_t krs_abi_version(void);

// Version of the librdkafka inside, such as `2.12.1`. A static string.
//
// Threads: any.
const char *krs_librdkafka_version(void);

/* ---- error --------------------------------------------------------------------------------- */

// Name of a code, such as `QUEUE_FULL` (librdkafka's local codes begin with an
// underscore there: `_QUEUE_FULL`). A static string; `UNKNOWN_CODE` for a
// number that is no code.
//
// Threads: any.
const char *krs_error_name(krs_code code);

// Text of a code, in English. A static string; `unknown error code` for a
// number that is no code. The message of a `krs_error` says more.
//
// Threads: any.
const char *krs_error_text(krs_code code);

/* ---- conf ---------------------------------------------------------------------------------- */

// Makes the configuration of a `KRS_PRODUCER` or `KRS_CONSUMER`, with all defaults.
//
// Ownership: `*conf` is the caller's, to be freed with `krs_conf_free()`.
// Threads: any; a configuration is used by one thread at a time.
// Errors: `KRS_ERR_ARGUMENT`.
krs_code krs_conf_new(uint32_t kind, krs_conf **conf, krs_error *err);

// Sets a key. Known are all keys of librdkafka (topic-level keys too, as the
// default for all topics) and these of confluent-kafka-go, with its meaning:
//
// - `go.delivery.reports` (producer, `true`): reports go to the events channel,
//   which keeps them until they are received: read it, or set this to false,
//   or memory grows with every message. A message that names a channel of its
//   own has its report there in any case;
// - `go.delivery.report.fields` (producer, `key,value`): what of the message comes
//   back in its report: `all`, `none`, or a list of `key`, `value`, `headers`;
// - `go.events.channel.size` (producer 1000000, consumer 1000): capacity of the
//   events channel. Reports and fatal errors are kept even beyond it, never
//   lost; other errors, throttles and statistics are dropped where there is no room;
// - `go.produce.channel.size` (producer, 1000000): capacity that the produce
//   channel of a language with channels of its own has. In C a message is in
//   librdkafka's queue as soon as it is sent (`queue.buffering.max.messages`);
// - `go.events.channel.enable`, `go.application.rebalance.enable` (consumer,
//   `false`), `go.batch.producer` (producer, `false`): choices for a binding to
//   read back; in C the events channel is always there;
// - `go.logs.channel.enable` (`false`): log lines are kept for
//   `krs_client_logs()`. Otherwise they are dropped; they are never printed.
//
// Of its own it has `krs.held.max.kbytes` (consumer, 65536): how much the batches
// that are out, and what came back of them, may hold before nothing more is taken
// from librdkafka.
//
// `fetch.queue.backoff.ms` is 5 unless set: librdkafka's own default, 1000,
// makes a fast consumer idle.
//
// Ownership: name and value are copied.
// Threads: one at a time.
// Errors: `KRS_ERR_INVALID_ARG` for an unknown key, a key of the other kind of
// client, or a value of the wrong type or range; `KRS_ERR_UNSUPPORTED_FEATURE`.
// The message names the key, its value, what was expected, and the nearest
// known key; no value of an unknown key, or of one that holds a secret.
// Nothing has changed then.
krs_code krs_conf_set(krs_conf *conf,
                      const char *name,
                      const char *value,
                      krs_error *err);

// Sets a topic-level key of the nested map `default.topic.config`. The same key
// set by `krs_conf_set()`, before or after, wins.
//
// Ownership, threads and errors: as for `krs_conf_set()`.
krs_code krs_conf_set_default_topic(krs_conf *conf,
                                    const char *name,
                                    const char *value,
                                    krs_error *err);

// Reads back the effective value of any key, set or default: writes up to
// `capacity` bytes to `buffer`, NUL-terminated, and the length without NUL to
// `*len`. Call with `capacity` 0 to learn the length. A password, secret or
// private key that is set reads back as `[redacted]`.
//
// Ownership: the value is copied to the caller's memory.
// Threads: one at a time.
// Errors: `KRS_ERR_INVALID_ARG` for an unknown key; `KRS_ERR_ARGUMENT` if the
// value does not fit (`*len` is set).
krs_code krs_conf_get(const krs_conf *conf,
                      const char *name,
                      char *buffer,
                      size_t capacity,
                      size_t *len,
                      krs_error *err);

// Frees a configuration; clients opened with it are not touched. NULL is allowed.
void krs_conf_free(krs_conf *conf);

/* ---- client -------------------------------------------------------------------------------- */

// Opens a client of the kind that `conf` was made for.
//
// Ownership: `conf` is copied and stays the caller's. The client is open until
// `krs_client_close()`.
// Threads: any.
// Errors: a combination of settings that is not possible, with the reason in
// the message. A broker that can't be reached is no error here: it is told by
// a row of kind `KRS_EVENT_ERROR`.
krs_code krs_client_open(const krs_conf *conf,
                         krs_client *client,
                         krs_error *err);

// The client's events channel: a consumer's messages and events, or a
// producer's delivery reports, errors and statistics. Receive from it with
// `krs_chan_recv()`, `krs_chan_select()` or `krs_client_poll()`.
//
// Ownership: belongs to the client; the same handle every time. A producer's
// channel outlives it, and so does one with a descriptor (`krs_chan_fd()`):
// after `krs_client_close()` receive what is left until `KRS_ERR_CLOSED`, or let
// it go with `krs_chan_free()`.
// Threads: any.
krs_code krs_client_events(krs_client client, krs_chan *chan, krs_error *err);

// The channel with the client's log lines, of kind `KRS_EVENT_LOG`. It holds
// 10,000 lines; what does not fit is counted and dropped.
//
// Ownership: as for `krs_client_events()`.
// Threads: any.
// Errors: `KRS_ERR_STATE` unless `go.logs.channel.enable` is true.
krs_code krs_client_logs(krs_client client, krs_chan *chan, krs_error *err);

// Writes the client's name, such as `rdkafka#producer-1`, NUL-terminated, to
// `buffer` of `capacity` bytes, and its length to `*len`, unless that is NULL.
// With `capacity` 0 it only tells the length.
//
// Ownership: copied to the caller's memory.
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` if it does not fit.
krs_code krs_client_name(krs_client client,
                         char *buffer,
                         size_t capacity,
                         size_t *len,
                         krs_error *err);

// A producer's topic of this name, for `krs_message.topic`. The topic itself
// is not created here; brokers do that when they are configured to.
//
// Ownership: belongs to the client and closes with it; the same handle for the
// same name every time.
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` for a consumer or an empty name;
// `KRS_ERR_INVALID_ARG` for a name that is too long.
krs_code krs_client_topic(krs_client client,
                          const char *name,
                          krs_topic *topic,
                          krs_error *err);

// Whether the client can't go on: returns `KRS_OK` if it can, otherwise the
// code and text of what went wrong. Close such a client.
//
// Threads: any.
krs_code krs_client_fatal(krs_client client, krs_error *err);

// Makes the client fail for good, with a code and a reason of your choice, to
// test how a program takes it: what a broker says to a producer that was fenced
// does the same. Events and calls then tell of it as `krs_client_fatal()` does.
//
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT`; -177 (`_PREV_IN_PROGRESS`) if it has failed already.
krs_code krs_client_raise_fatal(krs_client client,
                                krs_code code,
                                const char *reason,
                                krs_error *err);

// The next row of the client's events channel, one at a time: messages and
// events of a consumer, reports of a producer. Rows are fetched by the batch
// behind the scenes, yet an event never waits behind messages, and a message
// counts as delivered when this call returned it.
//
// `*batch` is NULL at first, then what the last call left there: it holds the
// row. `timeout_ms`: 0 = do not wait, -1 = wait for ever. `row` starts as
// `KRS_ROW_INIT`.
//
// Ownership: `*batch` is the caller's, to be freed with `krs_batch_free()`. The
// row is valid until the next call with that batch; a call that fails clears it.
// Threads: any; a batch is used by one thread at a time.
// Errors: `KRS_ERR_WOULD_BLOCK`, `KRS_ERR_TIMED_OUT`: no row yet;
// `KRS_ERR_CLOSED`.
krs_code krs_client_poll(krs_client client,
                         krs_batch **batch,
                         int32_t timeout_ms,
                         krs_row *row,
                         krs_error *err);

// Closes a client, within `timeout_ms` (-1 = a minute).
//
// A producer first sends what was accepted; what is left at the end is purged.
// In any case every accepted message has its one report by then, if need be
// with `KRS_ERR_OUTCOME_UNKNOWN`. A consumer commits what was delivered
// (`enable.auto.commit`) and leaves its group; rows in a batch that
// `krs_chan_recv()` handed out count as delivered. From then on the handle
// gives `KRS_ERR_CLOSED`, everywhere, and whoever waits on it returns.
//
// `result` starts as `KRS_CLOSE_RESULT_INIT`, or is NULL.
//
// Ownership: batches and views stay valid.
// Threads: any; only the first call closes.
// Errors: `KRS_ERR_CLOSED` for a client that was closed before.
krs_code krs_client_close(krs_client client,
                          int32_t timeout_ms,
                          krs_close_result *result,
                          krs_error *err);

// Sets the user and password that the next connections authenticate with (SASL
// PLAIN and SCRAM). Connections that are open stay open.
//
// Ownership: both are copied. The password is never told to anyone but brokers.
// Threads: any.
// Errors: `KRS_ERR_INVALID_ARG`.
krs_code krs_client_set_sasl(krs_client client,
                             const char *user,
                             const char *password,
                             krs_error *err);

// Gives the OAUTHBEARER token that a `KRS_EVENT_TOKEN_REFRESH` row asked for, or a
// fresh one at any time. `lifetime_ms` says until when it is good, in milliseconds
// since the epoch. `extensions` are `extension_count` strings, a key and a value in
// turn.
//
// Ownership: all is copied. The token is never told to anyone but brokers.
// Threads: any.
// Errors: `KRS_ERR_INVALID_ARG` with the reason; `KRS_ERR_STATE` if
// `sasl.mechanisms` is not OAUTHBEARER.
krs_code krs_client_set_token(krs_client client,
                              const char *token,
                              int64_t lifetime_ms,
                              const char *principal,
                              const char *const *extensions,
                              size_t extension_count,
                              krs_error *err);

// Says that there is no token: an error row tells `reason`, and another
// `KRS_EVENT_TOKEN_REFRESH` comes after ten seconds.
//
// Ownership: `reason` is copied.
// Threads: any.
// Errors: `KRS_ERR_STATE` if `sasl.mechanisms` is not OAUTHBEARER.
krs_code krs_client_token_failed(krs_client client,
                                 const char *reason,
                                 krs_error *err);

// What the client counts: the core's own figures as of now, and librdkafka's as
// of its last statistics (`statistics.interval.ms`), whose text comes as rows of
// kind `KRS_EVENT_STATS`.
//
// Ownership: `stats`, which starts as `KRS_STATS_INIT`, is the caller's.
// Threads: any.
krs_code krs_client_stats(krs_client client, krs_stats *stats, krs_error *err);

/* ---- cluster ------------------------------------------------------------------------------- */

// Turns times into offsets: `offset` of each partition is a time in milliseconds
// since the epoch, and that of its answer the first offset with that time or
// later, or the end. Asks brokers.
//
// Answers, ownership and threads: as for `krs_consumer_position()`.
// Errors (`timeout_ms` -1 = a minute): `KRS_ERR_TIMED_OUT`.
krs_code krs_cluster_offsets_for_times(krs_client client,
                                       const krs_partitions *times,
                                       int32_t timeout_ms,
                                       krs_batch **batch,
                                       krs_batch_view *view,
                                       krs_error *err);

// The first offset of a partition, and the one after its last. `timeout_ms` 0: as
// last seen while fetching (-1001 = never); otherwise asks a broker.
//
// Threads: any.
// Errors (`timeout_ms` -1 = a minute): `KRS_ERR_TIMED_OUT`; `KRS_ERR_UNKNOWN_PARTITION`.
krs_code krs_cluster_watermarks(krs_client client,
                                const char *topic,
                                int32_t partition,
                                int32_t timeout_ms,
                                int64_t *low,
                                int64_t *high,
                                krs_error *err);

// The brokers, and of topics the partitions with their leaders and replicas, as
// one broker knows them: rows of kind `KRS_EVENT_BROKER`, `KRS_EVENT_TOPIC` and
// `KRS_EVENT_PARTITION`. `topic` names one; NULL with `all_topics` 1 asks for all
// topics of the cluster, and with 0 for those that the client uses.
//
// Ownership: `*batch` is the caller's; see `krs_consumer_position()`.
// Threads: any.
// Errors (`timeout_ms` -1 = a minute): `KRS_ERR_TIMED_OUT`. The error of a topic is in its row.
krs_code krs_cluster_metadata(krs_client client,
                              const char *topic,
                              uint32_t all_topics,
                              int32_t timeout_ms,
                              krs_batch **batch,
                              krs_batch_view *view,
                              krs_error *err);

// Writes the cluster's id, NUL-terminated, to `buffer` of `capacity` bytes, and
// its length to `*len`, unless that is NULL. With `capacity` 0 it only tells the
// length.
//
// Ownership: copied to the caller's memory.
// Threads: any.
// Errors (`timeout_ms` -1 = a minute): `KRS_ERR_TIMED_OUT`; `KRS_ERR_ARGUMENT` if it does not fit.
krs_code krs_cluster_id(krs_client client,
                        int32_t timeout_ms,
                        char *buffer,
                        size_t capacity,
                        size_t *len,
                        krs_error *err);

// The id of the broker that controls the cluster.
//
// Threads: any.
// Errors (`timeout_ms` -1 = a minute): `KRS_ERR_TIMED_OUT`.
krs_code krs_cluster_controller_id(krs_client client,
                                   int32_t timeout_ms,
                                   int32_t *id,
                                   krs_error *err);

/* ---- producer ------------------------------------------------------------------------------ */

// The producer's produce channel: what is sent to it with `krs_chan_send()` is
// produced. A sender waits while there is no room. It takes part in
// `krs_chan_select()`, with `KRS_CASE_SEND`.
//
// Ownership: belongs to the client and closes with it; the same handle every time.
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` for a consumer.
krs_code krs_producer_channel(krs_client client,
                              krs_chan *chan,
                              krs_error *err);

// Sends one message: returns when librdkafka has a copy of it, not when a
// broker has. A message that was accepted (`KRS_OK`) has exactly one report,
// one that was not has none.
//
// `timeout_ms` says how long to wait for room: 0 = do not wait, -1 = for ever.
//
// Ownership: all is copied.
// Threads: any.
// Errors: `KRS_ERR_QUEUE_FULL`: no room, and `timeout_ms` is 0;
// `KRS_ERR_TIMED_OUT`: no room in that time; `KRS_ERR_MSG_SIZE_TOO_LARGE`;
// `KRS_ERR_UNKNOWN_TOPIC`, `KRS_ERR_UNKNOWN_PARTITION` if that is known
// already (otherwise the report tells); `KRS_ERR_FATAL`.
krs_code krs_producer_send(krs_client client,
                           const krs_message *message,
                           int32_t timeout_ms,
                           krs_error *err);

// Sends many messages, in order. Row `i` is dealt with like a message of
// `krs_producer_send()`: `codes[i]`, if `codes` is not NULL, tells what came of
// it. A row that is refused does not stop those after it; when there is no
// room within `timeout_ms`, the call ends, and rows from `*done` on were not tried.
//
// Ownership: all is copied; `codes` has room for `records->count`.
// Threads: any.
// Errors: `KRS_ERR_QUEUE_FULL`, `KRS_ERR_TIMED_OUT`: no room, and `*done` rows
// were dealt with; `KRS_ERR_ARGUMENT`: the columns are inconsistent, and no row
// was sent. Rows that were refused do not make the call fail; their code says
// why, `KRS_ERR_CLOSED` for example if the report channel was closed.
krs_code krs_producer_send_batch(krs_client client,
                                 const krs_records *records,
                                 int32_t timeout_ms,
                                 krs_code *codes,
                                 size_t *done,
                                 krs_error *err);

// Adds a header to `buffer`, which has `capacity` bytes of which `*len` are
// used: start with `*len` 0, add each header, and pass `buffer` and `*len` as
// `krs_message.headers`. A header takes 8 bytes, its key and its value: the
// lengths of both as `int32_t` in the machine's byte order (-1 = null value),
// then the bytes of both, and the next header right after.
//
// Ownership: the buffer is the caller's; key and value are copied into it.
// Threads: one at a time for one buffer.
// Errors: `KRS_ERR_ARGUMENT` if it does not fit; the buffer is unchanged then.
krs_code krs_headers_add(uint8_t *buffer,
                         size_t capacity,
                         size_t *len,
                         krs_bytes key,
                         krs_bytes value,
                         krs_error *err);

// Waits until every accepted message has a result, sending without lingering
// (`linger.ms`), at most `timeout_ms` (-1 = for ever). `*pending`, if not NULL,
// becomes the number of messages without a result.
//
// Threads: any. Nobody needs to receive reports meanwhile.
// Errors: `KRS_ERR_TIMED_OUT` if `*pending` is not 0.
krs_code krs_producer_flush(krs_client client,
                            int32_t timeout_ms,
                            size_t *pending,
                            krs_error *err);

// Gives up messages: `KRS_PURGE_QUEUED`, `KRS_PURGE_IN_FLIGHT`, or both. Their
// reports come with `KRS_ERR_PURGE_QUEUE` or `KRS_ERR_PURGE_INFLIGHT`.
//
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` for other flags.
krs_code krs_producer_purge(krs_client client, uint32_t flags, krs_error *err);

// Number of accepted messages without a result, and nothing else: reports that
// nobody has received yet are not counted.
//
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` for a consumer.
krs_code krs_producer_len(krs_client client, size_t *pending, krs_error *err);

/* ---- txn ----------------------------------------------------------------------------------- */

// Prepares a producer with a `transactional.id` for transactions, once, before
// the first message: ends what an earlier producer of that id left open, and
// keeps that one from going on.
//
// `timeout_ms` -1: as long as `transaction.timeout.ms` allows.
//
// Threads: any; the calls of this section one at a time: -177 (`_PREV_IN_PROGRESS`) otherwise.
// Errors: with `KRS_ERROR_RETRIABLE` call it again, with `KRS_ERROR_FATAL` close
// the producer. After `KRS_ERR_TIMED_OUT` the call may go on without its caller: the same one again
// waits for what comes of it, and the others of this section are answered -177 as long as it goes on.
// `KRS_ERR_STATE`: not a transactional producer, or done already.
krs_code krs_txn_init(krs_client client,
                      int32_t timeout_ms,
                      krs_error *err);

// Begins a transaction, to which all messages sent from now on belong.
//
// Threads: any; the calls of this section one at a time: -177 (`_PREV_IN_PROGRESS`) otherwise.
// Errors: `KRS_ERR_STATE`: one is open already, or `krs_txn_init()` is missing;
// with `KRS_ERROR_FATAL` close the producer.
krs_code krs_txn_begin(krs_client client, krs_error *err);

// Makes offsets of a consumer part of the transaction: they are committed for
// its group if and when the transaction is. The consumer must not commit them
// itself (`enable.auto.commit` false).
//
// `offsets` say where to go on, the last offset plus one. `group` comes from
// `krs_consumer_group_metadata()`, of this or another process.
//
// Ownership: all is copied.
// Threads: any; the calls of this section one at a time: -177 (`_PREV_IN_PROGRESS`) otherwise.
// Errors: with `KRS_ERROR_RETRIABLE` call it again, with `KRS_ERROR_TXN_ABORT`
// abort the transaction, with `KRS_ERROR_FATAL` close the producer.
krs_code krs_txn_offsets(krs_client client,
                         const krs_partitions *offsets,
                         krs_bytes group,
                         int32_t timeout_ms,
                         krs_error *err);

// Commits the transaction, once all of its messages have a result. Nobody needs
// to receive reports meanwhile.
//
// `timeout_ms` -1: as long as `transaction.timeout.ms` allows.
//
// Threads: any; the calls of this section one at a time: -177 (`_PREV_IN_PROGRESS`) otherwise.
// Errors: with `KRS_ERROR_RETRIABLE` call it again, as for `krs_txn_init()`; with
// `KRS_ERROR_TXN_ABORT` abort the transaction; with `KRS_ERROR_FATAL` close the producer.
krs_code krs_txn_commit(krs_client client, int32_t timeout_ms, krs_error *err);

// Takes the transaction back: consumers with `isolation.level` `read_committed`
// see none of its messages. Those that cannot be sent within a second are purged
// (`KRS_ERR_PURGE_QUEUE`).
//
// `timeout_ms` -1: as long as `transaction.timeout.ms` allows.
//
// Threads: any; the calls of this section one at a time: -177 (`_PREV_IN_PROGRESS`) otherwise.
// Errors: with `KRS_ERROR_RETRIABLE` call it again, as for `krs_txn_init()`; with
// `KRS_ERROR_FATAL` close the producer.
krs_code krs_txn_abort(krs_client client, int32_t timeout_ms, krs_error *err);

/* ---- consumer ------------------------------------------------------------------------------ */

// Subscribes to topics, in place of those before; what stays assigned goes on
// undisturbed. A name that begins with `^` is a regular expression over the
// names of all topics. Partitions are assigned by the group, later; rows then
// come out of the events channel.
//
// Ownership: the names, `count` NUL-terminated strings, are copied.
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` for no or empty names; `KRS_ERR_INVALID_ARG`;
// `KRS_ERR_FATAL`. A topic that does not exist is told by a row of kind
// `KRS_EVENT_ERROR`.
krs_code krs_consumer_subscribe(krs_client client,
                                const char *const *topics,
                                size_t count,
                                krs_error *err);

// Leaves all topics.
//
// Threads: any.
// Errors: `KRS_ERR_FATAL`.
krs_code krs_consumer_unsubscribe(krs_client client, krs_error *err);

// What the consumer is subscribed to: a `KRS_EVENT_PARTITION` row for each topic,
// without a partition.
//
// Ownership: `*batch` is the caller's; see `krs_consumer_position()`.
// Threads: any.
krs_code krs_consumer_subscription(krs_client client,
                                   krs_batch **batch,
                                   krs_batch_view *view,
                                   krs_error *err);

// What is assigned now: a row for each partition, whose `offset` is the
// application's position.
//
// Ownership: `*batch` is the caller's; see `krs_consumer_position()`.
// Threads: any.
krs_code krs_consumer_assignment(krs_client client,
                                 krs_batch **batch,
                                 krs_batch_view *view,
                                 krs_error *err);

// Whether rebalances come out as rows, `KRS_EVENT_ASSIGN` and
// `KRS_EVENT_REVOKE`, for the application to answer with
// `krs_consumer_assign()`. At first as `go.application.rebalance.enable` says.
//
// A rebalance goes on only when it is answered. Collect its rows, until one has no
// `KRS_ROW_MORE`, and call `krs_consumer_assign()`: for an assign with
// `KRS_ASSIGN_REPLACE` in an eager group and `KRS_ASSIGN_ADD` in a cooperative one
// (`krs_consumer_rebalance_protocol()`), for a revoke with `KRS_ASSIGN_REPLACE` and
// no partitions, or `KRS_ASSIGN_REMOVE`. An event without partitions is one row
// with partition -1, and wants an answer, too. A call that fails, or that only adds
// other partitions, leaves the question open.
//
// Where the application passes the rows back as delivered without an answer, the
// core gives the usual one; while the client closes, the core answers. When a
// revoke comes out, no row of its partitions will come any more, and what was
// delivered of them can still be committed, unless they are lost (`KRS_ROW_LOST`).
//
// Threads: any.
krs_code krs_consumer_application_rebalance(krs_client client,
                                            uint32_t enabled,
                                            krs_error *err);

// Assigns partitions, from their `offset` on (`KRS_OFFSET_NONE` = where the group
// committed), also in answer to a rebalance. `how`: `KRS_ASSIGN_REPLACE` (with
// none: nothing is assigned any more), or `KRS_ASSIGN_ADD` and
// `KRS_ASSIGN_REMOVE`, which a group with the cooperative protocol requires
// (`krs_consumer_rebalance_protocol()`). All of it is done, or nothing. What was
// delivered of a partition that goes is committed (`enable.auto.commit`); its other
// rows are never seen again, and a pause of it ends. A batch that is still out has
// delivered nothing: pass it back first (`krs_chan_recv()` with `max` 0).
//
// Ownership: all is copied. `partitions` may be NULL for none.
// Threads: any.
// Errors: `KRS_ERR_STATE`: `how` does not fit the group's protocol, a partition to
// remove is not assigned, or one to assign was revoked by rows that have not been
// passed back; -173 (`_CONFLICT`): one to add is;
// `KRS_ERR_ARGUMENT`, `KRS_ERR_INVALID_ARG`: one is there twice, or its offset is
// none; `KRS_ERR_FATAL`.
krs_code krs_consumer_assign(krs_client client,
                             uint32_t how,
                             const krs_partitions *partitions,
                             krs_error *err);

// Stops fetching partitions until `krs_consumer_resume()`. When this returned, no
// row of theirs comes out; rows that were fetched or come back come afterwards,
// none lost and none twice. They stay assigned.
//
// Answers as `krs_consumer_position()`: `KRS_ERR_STATE` for a partition that is
// not assigned.
//
// Ownership and threads: as for `krs_consumer_position()`.
krs_code krs_consumer_pause(krs_client client,
                            const krs_partitions *partitions,
                            krs_batch **batch,
                            krs_batch_view *view,
                            krs_error *err);

// Goes on fetching paused partitions.
//
// Answers, ownership and threads: as for `krs_consumer_pause()`.
krs_code krs_consumer_resume(krs_client client,
                             const krs_partitions *partitions,
                             krs_batch **batch,
                             krs_batch_view *view,
                             krs_error *err);

// Goes on at `offset` of each partition: a position, `KRS_OFFSET_BEGINNING`,
// `KRS_OFFSET_END`, or -2000 - n for n before the end. When this returned, no row
// from before comes out.
//
// `timeout_ms` (-1 = five seconds) bounds the wait for a partition that has been
// assigned just now, where fetching has not begun; if it passes, the seek is done
// later all the same.
//
// Answers as `krs_consumer_position()`: `KRS_ERR_STATE` for a partition that is
// not assigned, `KRS_ERR_INVALID_ARG` for an offset that is no position. Both
// leave the partition as it was.
//
// Ownership and threads: as for `krs_consumer_position()`.
krs_code krs_consumer_seek(krs_client client,
                           const krs_partitions *partitions,
                           int32_t timeout_ms,
                           krs_batch **batch,
                           krs_batch_view *view,
                           krs_error *err);

// Where the application is in each partition: the offset after the last row that
// was delivered, or where it wanted to begin, or `KRS_OFFSET_NONE`. What was
// fetched ahead does not count.
//
// The answer is one `KRS_EVENT_PARTITION` row for each partition asked for, in
// that order, each with its own `code`; the call fails only as a whole. `batch`
// and `view` may both be NULL: then the first partition's error is the call's.
//
// Ownership: `*batch`, NULL or from an earlier call, is the caller's, to be freed
// with `krs_batch_free()`; the view is valid until the next call with that batch.
// Threads: any; a batch is used by one thread at a time.
krs_code krs_consumer_position(krs_client client,
                               const krs_partitions *partitions,
                               krs_batch **batch,
                               krs_batch_view *view,
                               krs_error *err);

// What the group has committed for each partition, `KRS_OFFSET_NONE` if nothing:
// asks a broker. `timeout_ms` -1 = a minute.
//
// Answers, ownership and threads: as for `krs_consumer_position()`.
// Errors: `KRS_ERR_TIMED_OUT`.
krs_code krs_consumer_committed(krs_client client,
                                const krs_partitions *partitions,
                                int32_t timeout_ms,
                                krs_batch **batch,
                                krs_batch_view *view,
                                krs_error *err);

// Stores offsets for the next commit, for programs that set
// `enable.auto.offset.store` to false: `offset` is where to go on, the last
// offset plus one.
//
// Answers as `krs_consumer_position()`: `KRS_ERR_STATE` for a partition that is
// not assigned.
//
// Ownership and threads: as for `krs_consumer_position()`.
// Errors: `KRS_ERR_INVALID_ARG` while `enable.auto.offset.store` is true.
krs_code krs_consumer_store(krs_client client,
                            const krs_partitions *partitions,
                            krs_batch **batch,
                            krs_batch_view *view,
                            krs_error *err);

// Commits what was delivered: of a row that `krs_client_poll()` returned, or of
// a batch that was passed back, the offset after it. With
// `enable.auto.offset.store` set to false: what `krs_consumer_store()` stored.
//
// `timeout_ms` 0: returns at once with no rows, and the outcome comes as rows of
// kind `KRS_EVENT_COMMIT` with `opaque`. Otherwise the outcome is waited for
// (-1 = for ever) and answered as by `krs_consumer_position()`, a row for each
// partition that was committed.
//
// With `enable.auto.commit` (the default) this happens by itself every
// `auto.commit.interval.ms`, on a revoke and on close.
//
// Ownership and threads: as for `krs_consumer_position()`.
// Errors: `KRS_ERR_NO_OFFSET` if there is nothing new to commit;
// `KRS_ERR_TIMED_OUT`: the outcome is not known.
krs_code krs_consumer_commit(krs_client client,
                             int32_t timeout_ms,
                             uint64_t opaque,
                             krs_batch **batch,
                             krs_batch_view *view,
                             krs_error *err);

// Commits these offsets: `offset` is where to go on, the last offset plus one,
// and `metadata` is kept with it. Everything else as for `krs_consumer_commit()`.
krs_code krs_consumer_commit_offsets(krs_client client,
                                     const krs_partitions *offsets,
                                     int32_t timeout_ms,
                                     uint64_t opaque,
                                     krs_batch **batch,
                                     krs_batch_view *view,
                                     krs_error *err);

// Writes what a transactional producer needs to know of the consumer's group, for
// `krs_txn_offsets()`, to `buffer` of `capacity` bytes, and its length to `*len`.
// With `capacity` 0 it only tells the length. Ask anew for every transaction:
// it changes with each rebalance.
//
// Ownership: copied to the caller's memory.
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` if it does not fit (`*len` is set).
krs_code krs_consumer_group_metadata(krs_client client,
                                     uint8_t *buffer,
                                     size_t capacity,
                                     size_t *len,
                                     krs_error *err);

// Writes the consumer's id in its group, empty outside one, NUL-terminated, to
// `buffer` of `capacity` bytes, and its length to `*len`, unless that is NULL.
// With `capacity` 0 it only tells the length.
//
// Ownership: copied to the caller's memory.
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` if it does not fit.
krs_code krs_consumer_member_id(krs_client client,
                                char *buffer,
                                size_t capacity,
                                size_t *len,
                                krs_error *err);

// How the group rebalances: `*name` becomes `"EAGER"`, `"COOPERATIVE"` (also for
// `group.protocol` `consumer`), or `"NONE"` outside a group.
//
// Ownership: `*name` is a static string.
// Threads: any.
krs_code krs_consumer_rebalance_protocol(krs_client client,
                                         const char **name,
                                         krs_error *err);

// Whether what is being revoked may have other owners already: `*lost` becomes 1
// if so, otherwise 0.
//
// Threads: any.
krs_code krs_consumer_assignment_lost(krs_client client,
                                      uint32_t *lost,
                                      krs_error *err);

/* ---- chan ---------------------------------------------------------------------------------- */

// Makes a channel that holds up to `capacity` messages. With capacity 0 a send
// is done only when a receiver has taken the message.
//
// Ownership: the channel is the caller's: `krs_chan_free()` ends it.
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` for NULL.
krs_code krs_chan_new(size_t capacity, krs_chan *chan, krs_error *err);

// Sends a message: to a produce channel to be produced, to any other channel
// for its receivers, who get it as a row of kind `KRS_EVENT_MESSAGE`.
//
// `timeout_ms` says how long to wait for room: 0 = do not wait, -1 = for ever.
//
// Ownership: all is copied.
// Threads: any.
// Errors: `KRS_ERR_WOULD_BLOCK`, `KRS_ERR_TIMED_OUT`: no room;
// `KRS_ERR_CLOSED`; on a produce channel also those of `krs_producer_send()`.
krs_code krs_chan_send(krs_chan chan,
                       const krs_message *message,
                       int32_t timeout_ms,
                       krs_error *err);

// Receives up to `max` rows (`KRS_ALL` = as many as one batch takes) and at least
// one, for which it waits up to `timeout_ms` (0 = do not wait, -1 = for ever).
// There may be more than it gives: a batch ends at about 16 MiB, and where the
// channel keeps rows in smaller pieces. To empty a channel, call until
// `KRS_ERR_WOULD_BLOCK`. A closed channel first gives what it holds.
//
// `*batch` is NULL at first, then what the last call left there; its memory is
// used again. `view` starts as `KRS_BATCH_VIEW_INIT`.
//
// `delivered` counts the rows of the old batch that the application has dealt
// with; the rest comes again, unless it became stale meanwhile. `KRS_ALL`: all
// of them. What was delivered is what a consumer commits, so a program that
// dies in the middle of a batch gets that batch again. `max` 0 receives
// nothing and only tells what was delivered.
//
// Ownership: `*batch` is the caller's, to be freed with `krs_batch_free()`, also
// after a failed call; on failure `view->count` is 0. The view is valid until
// the next call with that batch.
// Threads: any number may receive from a channel; a batch is used by one thread
// at a time. Several receivers of one consumer share the position of a
// partition: the furthest row delivered counts.
// Errors: `KRS_ERR_WOULD_BLOCK`, `KRS_ERR_TIMED_OUT`: no row yet;
// `KRS_ERR_CLOSED`.
krs_code krs_chan_recv(krs_chan chan,
                       krs_batch **batch,
                       uint32_t delivered,
                       uint32_t max,
                       int32_t timeout_ms,
                       krs_batch_view *view,
                       krs_error *err);

// Does what one of `count` cases asks for, the first that is ready; if several
// are, one of them at random, so that none starves. `*chosen` becomes its
// index, and the result is that of its send or receive, `KRS_ERR_CLOSED` for
// example. A case whose channel is none takes no part: it is never ready, and its
// batch and view stay as they are.
//
// Every other receiving case gives its batch back as the call begins, chosen or
// not, and its old view ends: a consumer has to know what was delivered before
// it waits, to commit it, to answer a rebalance, and to have room for more rows. A
// batch that the program has not done with needs a channel of none, or
// `delivered` that says how far it got: the rest comes again.
//
// `timeout_ms` 0: if no case is ready, `KRS_ERR_WOULD_BLOCK` (the `default` of
// Go's select); -1 = wait for ever.
//
// Ownership: as for `krs_chan_send()` and `krs_chan_recv()`; a receiving case
// has a batch and a view of its own, and only the chosen one's are filled.
// Threads: any.
// Errors: `KRS_ERR_WOULD_BLOCK`, `KRS_ERR_TIMED_OUT` with `*chosen` = `count`;
// otherwise those of the chosen case.
krs_code krs_chan_select(const krs_case *cases,
                         size_t count,
                         int32_t timeout_ms,
                         size_t *chosen,
                         krs_error *err);

// Rows that wait in the channel, and how many may. A produce channel is always
// empty: what was sent to it is in librdkafka's queue. `len` and `capacity` may
// be NULL.
//
// Threads: any. Others may have changed it meanwhile.
krs_code krs_chan_len(krs_chan chan, size_t *len, size_t *capacity, krs_error *err);

// A descriptor that is readable while it is worth calling `krs_chan_recv()`:
// rows are there, or the channel was closed. For poll, epoll and event loops;
// level-triggered. It may be readable now and then without a row: receive with
// `timeout_ms` 0. On a consumer's channel it also becomes readable every third
// of `max.poll.interval.ms`, and a call is due then.
//
// Ownership: belongs to the channel, which closes it: do not read, write or
// close it. Use it no longer once a receive returned `KRS_ERR_CLOSED`, or after
// `krs_chan_free()`.
// Threads: any.
// Errors: `KRS_ERR_SYSTEM` if there is no descriptor to be had.
krs_code krs_chan_fd(krs_chan chan, int *fd, krs_error *err);

// Closes a channel of `krs_chan_new()`: senders get `KRS_ERR_CLOSED`, receivers
// what it holds and then `KRS_ERR_CLOSED`; whoever waits, wakes. A report that
// was to go to it goes to the events channel of its producer.
//
// Threads: any. Closing again does nothing.
// Errors: `KRS_ERR_ARGUMENT` for a channel that belongs to a client.
krs_code krs_chan_close(krs_chan chan, krs_error *err);

// Closes a channel and forgets what it holds. Also for the events and logs
// channel of a client that has been closed.
//
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` for a channel of a client that is open;
// `KRS_ERR_CLOSED` if it was freed, or ended by itself.
krs_code krs_chan_free(krs_chan chan, krs_error *err);

/* ---- batch --------------------------------------------------------------------------------- */

// One row of a batch that was received, as a struct.
//
// Ownership: `row`, which starts as `KRS_ROW_INIT`, is the caller's; what it
// points to belongs to the batch, and is valid as long as its view.
// Threads: one at a time for one batch.
// Errors: `KRS_ERR_ARGUMENT` if the batch has no such row.
krs_code krs_batch_row(const krs_batch *batch,
                       uint32_t index,
                       krs_row *row,
                       krs_error *err);

// Header number `header` of row `index`, of `krs_row.header_count`.
//
// Ownership: `key` and `value` point into the batch, valid as long as its view.
// Threads: one at a time for one batch.
// Errors: `KRS_ERR_ARGUMENT` if the batch has no such row or header.
krs_code krs_batch_header(const krs_batch *batch,
                          uint32_t index,
                          uint32_t header,
                          krs_bytes *key,
                          krs_bytes *value,
                          krs_error *err);

// Frees a batch and what its view points to. Its rows count as delivered, but
// for those that `krs_client_poll()` has not returned. NULL is allowed.
//
// Threads: one at a time for one batch.
void krs_batch_free(krs_batch *batch);

/* ---- admin --------------------------------------------------------------------------------- */

// Makes topics. With `validate_only` 1 it only finds out whether that would be
// possible. Any client can do it; `timeout_ms` -1 = a minute.
//
// The answer is one `KRS_EVENT_TOPIC` row for each topic, with its `code` and in
// `value` the broker's text; the call fails only as a whole. `batch` and `view`
// may both be NULL: then the first topic's error is the call's.
//
// Ownership: all is copied. `topics` points to `count` structs, all of the first
// one's `struct_size`. `*batch` is the caller's; see `krs_consumer_position()`.
// Threads: any.
// Errors: `KRS_ERR_TIMED_OUT`; `KRS_ERR_INVALID_ARG`.
krs_code krs_admin_create_topics(krs_client client,
                                 const krs_new_topic *topics,
                                 size_t count,
                                 uint32_t validate_only,
                                 int32_t timeout_ms,
                                 krs_batch **batch,
                                 krs_batch_view *view,
                                 krs_error *err);

// Gives topics more partitions: `partitions` of each is how many it then has, and
// `replicas` tells of the new ones only. Everything else as for
// `krs_admin_create_topics()`.
krs_code krs_admin_create_partitions(krs_client client,
                                     const krs_new_topic *topics,
                                     size_t count,
                                     uint32_t validate_only,
                                     int32_t timeout_ms,
                                     krs_batch **batch,
                                     krs_batch_view *view,
                                     krs_error *err);

// Deletes topics, `count` names. Everything else as for `krs_admin_create_topics()`.
krs_code krs_admin_delete_topics(krs_client client,
                                 const char *const *topics,
                                 size_t count,
                                 int32_t timeout_ms,
                                 krs_batch **batch,
                                 krs_batch_view *view,
                                 krs_error *err);

/* ---- mock ---------------------------------------------------------------------------------- */

// Starts a Kafka cluster inside this process, on ports of 127.0.0.1: the mock
// of librdkafka, for demonstrations and tests. It makes topics by itself (4
// partitions), keeps at most 5 MiB and 100,000 messages of a partition, and
// does not keep Kafka's promises on transactions.
//
// Ownership: runs until `krs_mock_close()`.
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` for other than 1 to 100 brokers; `KRS_ERR_SYSTEM`.
krs_code krs_mock_open(uint32_t brokers, krs_mock *mock, krs_error *err);

// Makes a topic of 1 to 10,000 partitions, with a replication of 1 to 100.
//
// Ownership: the name is copied.
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT`; the broker's code if it exists already.
krs_code krs_mock_topic(krs_mock mock,
                        const char *name,
                        int32_t partitions,
                        int32_t replication,
                        krs_error *err);

// Writes the value for `bootstrap.servers`, NUL-terminated, to `buffer` of
// `capacity` bytes, and its length to `*len`, unless that is NULL. With
// `capacity` 0 it only tells the length.
//
// Ownership: copied to the caller's memory.
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` if it does not fit.
krs_code krs_mock_bootstrap(krs_mock mock,
                            char *buffer,
                            size_t capacity,
                            size_t *len,
                            krs_error *err);

// Takes a broker away (`up` 0), as if it had died, or brings it back (1) with what
// it kept. Brokers are numbered from 1.
//
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` for a broker that the cluster does not have.
krs_code krs_mock_set_broker_up(krs_mock mock,
                                int32_t broker,
                                uint32_t up,
                                krs_error *err);

// Has a broker answer `delay_ms` later from now on; 0 = at once.
//
// Threads: any.
// Errors: `KRS_ERR_ARGUMENT` for a broker that the cluster does not have, or a
// negative delay.
krs_code krs_mock_set_broker_delay(krs_mock mock,
                                   int32_t broker,
                                   int32_t delay_ms,
                                   krs_error *err);

// Stops the cluster; what it kept is gone.
//
// Threads: any.
krs_code krs_mock_close(krs_mock mock, krs_error *err);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* KAFKA_RS_H */
