/*
 * What a broker sends are batches of records. Of each record librdkafka makes an operation of 350
 * bytes, which one thread allocates, fills and queues, and another one looks at and frees: more
 * work than all else that a small message takes. Here the records that follow the first in its
 * batch stay where they are, in the answer: the operation of the first one says where, and is on
 * its queue for all of them. Who takes them (krs_rd_take, then records.rs) may leave some, and then
 * it is put back in front.
 *
 * What is odd is left to librdkafka, record by record: batches of the old formats and of control
 * records, those that are not well-formed, and all of a client with plugins, which look at each
 * message.
 * The linker (--wrap, in build.rs) sends the calls of librdkafka here; elsewhere each operation is
 * of one record.
 */
#include "internal.h"

#include <stdbool.h>
#include <stddef.h>

#include "rdkafka_msgset.h"
#include "rdkafka_offset.h"

/* ---- what records.rs sees ---- */

/* One message, or an error, and the records that follow it in its batch. */
typedef struct {
    const rd_kafka_message_t *message;
    const uint8_t *headers; /* The first one's, as they were sent; NULL with none. */
    size_t headers_size;
    int64_t timestamp; /* -1 with none. */
    int64_t base_offset, base_timestamp;
    int32_t leader_epoch;
    uint8_t timestamp_type;
    /* What was taken, and what is left: who takes says it. */
    bool first_is_taken;
    const uint8_t *next;
    size_t size;
    size_t count;        /* Of those that follow, taken just now. */
    int64_t last_offset; /* -1: nothing was. */
} krs_rd_fetched_t;

/* Returns whether it has enough. */
typedef bool krs_rd_take_t(krs_rd_fetched_t *fetched, void *opaque);

krs_rd_fetched_t krs_rd_fetched_of(rd_kafka_message_t *message);
void krs_rd_drain(rd_kafka_queue_t *queue, krs_rd_take_t *take, void *opaque);
size_t krs_rd_waiting(rd_kafka_queue_t *queue);
/* After all of an event's message was taken. */
void krs_rd_set_position(const krs_rd_fetched_t *fetched);
/* How many records there are, with offsets above `delta` up to `last`; -1 if they are not
 * well-formed. Adds their keys and values to `*bytes`. */
int64_t krs_rd_count_records(const uint8_t *at, const uint8_t *end, int64_t delta, int64_t last,
                             int64_t *bytes);

/* Given by the linker where it wraps; elsewhere absent, and the rest is not called. */
__attribute__((weak)) __typeof__(rd_kafka_msgset_parse) __real_rd_kafka_msgset_parse;
__attribute__((weak)) __typeof__(rd_kafka_op_new_fetch_msg) __real_rd_kafka_op_new_fetch_msg;
__typeof__(rd_kafka_msgset_parse) __wrap_rd_kafka_msgset_parse;
__typeof__(rd_kafka_op_new_fetch_msg) __wrap_rd_kafka_op_new_fetch_msg;

/* ---- what an operation says of the records that follow ---- */

/* Where they are, in place of the link that only messages to send have. */
typedef struct {
    const uint8_t *next, *end;
} span_t;

/* Behind what librdkafka has of a message that was fetched, where one to send has more. */
typedef struct {
    __typeof__(((rd_kafka_msg_t *)0)->rkm_u.consumer) first;
    int32_t left; /* Records that follow. */
    int64_t base_offset, base_timestamp;
} batch_t;

_Static_assert(sizeof(span_t) <= sizeof(((rd_kafka_msg_t *)0)->rkm_link), "there is room");
_Static_assert(sizeof(batch_t) <= sizeof(((rd_kafka_msg_t *)0)->rkm_u), "there is room");

/* In rkm_flags, beside those of rdkafka_msg.h. */
enum { FIRST_IS_TAKEN = 0x1000000 };

static rd_kafka_msg_t *message_of(rd_kafka_op_t *op) { return &op->rko_u.fetch.rkm; }

static span_t *span_of(rd_kafka_msg_t *message) { return (span_t *)&message->rkm_link; }

static batch_t *batch_of(rd_kafka_msg_t *message) { return (batch_t *)&message->rkm_u; }

/* Messages that an operation of a queue stands for. */
static int32_t messages_of(rd_kafka_op_t *op) {
    if (op->rko_type != RD_KAFKA_OP_FETCH) {
        return 1;
    }
    rd_kafka_msg_t *message = message_of(op);
    return batch_of(message)->left + (message->rkm_flags & FIRST_IS_TAKEN ? 0 : 1);
}

/* ---- where librdkafka reads ---- */

/* The limits of what is fetched ahead, of the client that this thread belongs to: bytes, which
 * librdkafka counts, and messages, of which it counts the operations. */
typedef struct {
    bool is_known, has_plugins;
    int64_t bytes_a_message; /* What each counts at least, so that both limits hold. */
} limits_t;

/* The answer of one partition that is being read: the batch that came last, and what was left out
 * of librdkafka's counts. */
typedef struct {
    const uint8_t *batch, *end; /* NULL: nothing is read, or nothing to gather. */
    int64_t last_offset;        /* Of the batch before. */
    int64_t messages, bytes;
} reading_t;

static _Thread_local limits_t limits;
static _Thread_local reading_t reading;

static int64_t number_of(const rd_kafka_conf_t *conf, const char *name) {
    char text[32];
    size_t size = sizeof(text);
    return rd_kafka_conf_get(conf, name, text, &size) == RD_KAFKA_CONF_OK ? atoll(text) : 0;
}

static void know_limits(rd_kafka_t *client) {
    const rd_kafka_conf_t *conf = rd_kafka_conf(client);
    int64_t messages = number_of(conf, "queued.min.messages");
    size_t size = 0;
    rd_kafka_conf_res_t found = rd_kafka_conf_get(conf, "plugin.library.paths", NULL, &size);
    limits.has_plugins = found == RD_KAFKA_CONF_OK && size > 1;
    limits.bytes_a_message =
        number_of(conf, "queued.max.messages.kbytes") * 1024 / (messages > 0 ? messages : 1);
    limits.is_known = true;
}

rd_kafka_resp_err_t __wrap_rd_kafka_msgset_parse(rd_kafka_buf_t *answer, rd_kafka_buf_t *request,
                                                 rd_kafka_toppar_t *partition,
                                                 rd_kafka_aborted_txns_t *aborted,
                                                 const struct rd_kafka_toppar_ver *version) {
    rd_slice_t slice = answer->rkbuf_reader;
    size_t size = rd_slice_remains(&slice);
    if (!limits.is_known) {
        know_limits(partition->rktp_rkt->rkt_rk);
    }
    reading = (reading_t){.last_offset = -1};
    if (size > 0 && !limits.has_plugins) {
        reading.batch = rd_slice_ensure_contig(&slice, size);
        reading.end = reading.batch == NULL ? NULL : reading.batch + size;
    }
    rd_kafka_resp_err_t code =
        __real_rd_kafka_msgset_parse(answer, request, partition, aborted, version);
    rd_atomic64_add(&partition->rktp_c.rx_msgs, reading.messages);
    rd_atomic64_add(&partition->rktp_c.rx_msg_bytes, reading.bytes);
    reading = (reading_t){0};
    return code;
}

/* ---- the header of a batch: https://kafka.apache.org/documentation/#recordbatch ---- */

enum {
    LENGTH_AT = 8,
    AFTER_LENGTH = 12,
    MAGIC_AT = 16,
    LAST_OFFSET_DELTA_AT = 23,
    BASE_TIMESTAMP_AT = 27,
    HEADER_SIZE = 61,
};

static int64_t big_endian(const uint8_t *at, int size) {
    uint64_t value = 0;
    for (int i = 0; i < size; i++) {
        value = value << 8 | at[i];
    }
    return (int64_t)value;
}

static int64_t base_offset_of(const uint8_t *batch) { return big_endian(batch, 8); }

static int64_t last_delta_of(const uint8_t *batch) {
    return (int32_t)big_endian(batch + LAST_OFFSET_DELTA_AT, 4);
}

static const uint8_t *end_of(const uint8_t *batch) {
    return batch + AFTER_LENGTH + big_endian(batch + LENGTH_AT, 4);
}

/* A whole header of the format of today, in order. */
static bool is_plausible(const uint8_t *batch) {
    if (reading.end - batch < HEADER_SIZE || batch[MAGIC_AT] != 2) {
        return false;
    }
    int64_t base = base_offset_of(batch);
    return base > reading.last_offset && base < INT64_MAX - INT32_MAX && last_delta_of(batch) >= 0;
}

/* The batch with this offset, at which librdkafka has arrived. NULL: there is something odd. */
static const uint8_t *batch_with(int64_t offset) {
    while (reading.batch != NULL && is_plausible(reading.batch) &&
           offset >= base_offset_of(reading.batch)) {
        const uint8_t *batch = reading.batch;
        int64_t last = base_offset_of(batch) + last_delta_of(batch);
        if (offset <= last) {
            return batch;
        }
        if (end_of(batch) > reading.end) {
            break;
        }
        reading.last_offset = last;
        reading.batch = end_of(batch);
    }
    reading.batch = NULL;
    return NULL;
}

/* ---- records: https://kafka.apache.org/documentation/#record ---- */

/* Reads a varint; NULL if it does not end before `end`. */
static const uint8_t *read_varint(const uint8_t *at, const uint8_t *end, int64_t *value) {
    uint64_t bits = 0;
    for (int shift = 0; at < end && shift < 64; shift += 7) {
        uint8_t byte = *at++;
        bits |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return at;
        }
    }
    return NULL;
}

/* Passes over a key or value, NULL with -1. */
static const uint8_t *pass_bytes(const uint8_t *at, const uint8_t *end, int64_t *total) {
    int64_t length;
    at = read_varint(at, end, &length);
    if (at == NULL || length < -1 || length > end - at) {
        return NULL;
    }
    if (length < 0) {
        return at;
    }
    *total += length;
    return at + length;
}

/* The end of a record, if it is well-formed and its offset is above `*delta`, which it becomes. */
static const uint8_t *pass_record(const uint8_t *at, const uint8_t *end, int64_t *delta,
                                  int64_t *bytes) {
    int64_t length, timestamp, offset, size = 0;
    at = read_varint(at, end, &length);
    if (at == NULL || length < 1 || length > end - at) {
        return NULL;
    }
    end = at + length;
    if (*at++ != 0) {
        return NULL; /* Attributes, of which there are none. */
    }
    if ((at = read_varint(at, end, &timestamp)) == NULL ||
        (at = read_varint(at, end, &offset)) == NULL || offset <= *delta ||
        (at = pass_bytes(at, end, &size)) == NULL || pass_bytes(at, end, &size) == NULL) {
        return NULL;
    }
    *delta = offset;
    *bytes += size;
    return end;
}

int64_t krs_rd_count_records(const uint8_t *at, const uint8_t *end, int64_t delta, int64_t last,
                             int64_t *bytes) {
    int64_t count = 0;
    while (at < end) {
        at = pass_record(at, end, &delta, bytes);
        if (at == NULL || delta > last) {
            return -1;
        }
        count++;
    }
    return count;
}

/* What an operation counts on its queue. */
static int32_t weight(int64_t messages, int64_t bytes) {
    int64_t least = messages * limits.bytes_a_message;
    int64_t most = least > bytes ? least : bytes;
    return most < INT32_MAX ? (int32_t)most : INT32_MAX;
}

/* The records after this one, up to the end of the batch, go with its operation. Either all do or
 * none: librdkafka goes on after the batch, or after the last record that it has seen. */
static bool gather(rd_kafka_op_t *op, rd_slice_t *reader, const uint8_t *header) {
    rd_kafka_msg_t *message = message_of(op);
    batch_t *batch = batch_of(message);
    rd_slice_t rest = *reader;
    size_t size = rd_slice_remains(&rest);
    const uint8_t *start = size > 0 ? rd_slice_ensure_contig(&rest, size) : NULL;
    int64_t base = base_offset_of(header), bytes = 0;
    if (size == 0) {
        return true;
    }
    bool is_compressed = start < reading.batch || start >= reading.end;
    if (start == NULL || (!is_compressed && start + size != end_of(header))) {
        return false;
    }
    int64_t count = krs_rd_count_records(start, start + size, message->rkm_offset - base,
                                         last_delta_of(header), &bytes);
    if (count < 0) {
        return false;
    }
    *reader = rest;
    *span_of(message) = (span_t){start, start + size};
    batch->left = (int32_t)count;
    batch->base_offset = base;
    batch->base_timestamp = big_endian(header + BASE_TIMESTAMP_AT, 8);
    op->rko_len = weight(messages_of(op), (int64_t)message->rkm_len + bytes);
    reading.messages += count;
    reading.bytes += bytes;
    return true;
}

rd_kafka_op_t *__wrap_rd_kafka_op_new_fetch_msg(rd_kafka_msg_t **message,
                                                rd_kafka_toppar_t *partition, int32_t version,
                                                rd_kafka_buf_t *answer, rd_kafka_fetch_pos_t at,
                                                size_t key_size, const void *key, size_t value_size,
                                                const void *value) {
    rd_kafka_op_t *op = __real_rd_kafka_op_new_fetch_msg(message, partition, version, answer, at,
                                                         key_size, key, value_size, value);
    const uint8_t *batch = batch_with(at.offset);
    if (batch != NULL && !gather(op, &answer->rkbuf_reader, batch)) {
        reading.batch = NULL; /* The rest is not looked at for each record anew. */
    }
    return op;
}

/* ---- taking ---- */

krs_rd_fetched_t krs_rd_fetched_of(rd_kafka_message_t *native) {
    krs_rd_fetched_t fetched = {.message = native, .timestamp = -1, .last_offset = -1};
    const rd_kafka_op_t *op = native->_private;
    if (op->rko_type != RD_KAFKA_OP_FETCH) {
        return fetched;
    }
    rd_kafka_msg_t *message = (rd_kafka_msg_t *)native;
    const batch_t *batch = batch_of(message);
    const span_t *span = span_of(message);
    if (message->rkm_tstype != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE) {
        fetched.timestamp = message->rkm_timestamp;
        fetched.timestamp_type = (uint8_t)message->rkm_tstype;
    }
    if (batch->first.binhdrs.len > 0) {
        fetched.headers = batch->first.binhdrs.data;
        fetched.headers_size = (size_t)batch->first.binhdrs.len;
    }
    fetched.leader_epoch = batch->first.leader_epoch;
    fetched.first_is_taken = (message->rkm_flags & FIRST_IS_TAKEN) != 0;
    fetched.next = span->next;
    fetched.size = (size_t)(span->end - span->next);
    fetched.base_offset = batch->base_offset;
    fetched.base_timestamp = batch->base_timestamp;
    return fetched;
}

typedef struct {
    krs_rd_take_t *take;
    void *opaque;
} taker_t;

/* What was left comes first the next time. */
static void put_back(rd_kafka_q_t *queue, rd_kafka_op_t *op, const krs_rd_fetched_t *fetched) {
    if (op->rko_type == RD_KAFKA_OP_FETCH) {
        rd_kafka_msg_t *message = message_of(op);
        int64_t before = messages_of(op);
        span_of(message)->next = fetched->next;
        batch_of(message)->left -= (int32_t)fetched->count;
        message->rkm_flags |= fetched->first_is_taken ? FIRST_IS_TAKEN : 0;
        op->rko_len = (int32_t)((int64_t)op->rko_len * messages_of(op) / before);
    }
    TAILQ_INSERT_HEAD(&queue->rkq_q, op, rko_link);
    queue->rkq_qlen++;
    queue->rkq_qsize += op->rko_len;
}

static void set_position(rd_kafka_op_t *op, const krs_rd_fetched_t *fetched, rd_dolock_t lock) {
    if (op->rko_type == RD_KAFKA_OP_FETCH && !op->rko_err && fetched->last_offset >= 0) {
        rd_kafka_fetch_pos_t after = {fetched->last_offset + 1, fetched->leader_epoch, false};
        rd_kafka_update_app_pos(op->rko_rktp->rktp_rkt->rkt_rk, op->rko_rktp, after, lock);
    }
}

void krs_rd_set_position(const krs_rd_fetched_t *fetched) {
    set_position(fetched->message->_private, fetched, RD_DO_LOCK);
}

static bool is_outdated(rd_kafka_op_t *op) { return rd_kafka_op_version_outdated(op, 0); }

/* Calls back with the partition locked: should it be paused meanwhile, it will go on after what was
 * taken. Its fetcher waits as long. */
static bool take_locked(rd_kafka_op_t *op, const taker_t *taker, krs_rd_fetched_t *fetched) {
    if (op->rko_rktp == NULL) {
        return taker->take(fetched, taker->opaque);
    }
    bool enough = false;
    rd_kafka_toppar_lock(op->rko_rktp);
    if (is_outdated(op)) {
        fetched->first_is_taken = true;
        fetched->size = 0;
    } else {
        enough = taker->take(fetched, taker->opaque);
        set_position(op, fetched, RD_DONT_LOCK);
    }
    rd_kafka_toppar_unlock(op->rko_rktp);
    return enough;
}

static rd_kafka_op_res_t take(rd_kafka_t *client, rd_kafka_q_t *queue, rd_kafka_op_t *op,
                              rd_kafka_q_cb_type_t type, void *opaque) {
    (void)client, (void)type;
    if (op->rko_type == RD_KAFKA_OP_BARRIER || is_outdated(op)) {
        rd_kafka_op_destroy(op);
        return RD_KAFKA_OP_RES_HANDLED;
    }
    krs_rd_fetched_t fetched = krs_rd_fetched_of(rd_kafka_message_get(op));
    bool enough = take_locked(op, opaque, &fetched);
    if (fetched.size > 0 || !fetched.first_is_taken) {
        put_back(queue, op, &fetched);
    } else {
        rd_kafka_op_destroy(op);
    }
    return enough ? RD_KAFKA_OP_RES_YIELD : RD_KAFKA_OP_RES_HANDLED;
}

void krs_rd_drain(rd_kafka_queue_t *queue, krs_rd_take_t *take_some, void *opaque) {
    taker_t taker = {take_some, opaque};
    rd_kafka_q_serve(queue->rkqu_q, 0, 0, RD_KAFKA_Q_CB_RETURN, take, &taker);
}

size_t krs_rd_waiting(rd_kafka_queue_t *queue) {
    rd_kafka_q_t *all = queue->rkqu_q;
    rd_kafka_op_t *op;
    size_t count = 0;
    mtx_lock(&all->rkq_lock);
    TAILQ_FOREACH(op, &all->rkq_q, rko_link) { count += (size_t)messages_of(op); }
    mtx_unlock(&all->rkq_lock);
    return count;
}
