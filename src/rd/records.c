/*
 * What a broker sends are batches of records. Of each record librdkafka makes an operation of 350
 * bytes, which one thread allocates, fills and queues, and another one looks at and frees: more
 * work than all else that a small message takes. Here the records that follow the first in its
 * batch stay where they are, in the answer: the operation of the first one says where, and is on
 * its queue for all of them. Who takes them (taking.c) may leave some.
 *
 * What is odd is left to librdkafka, record by record: batches of the old formats and of control
 * records, those that are not well-formed, and all of a client with plugins, which look at each
 * message.
 *
 * The linker (--wrap, in build.rs) sends the calls of librdkafka here; elsewhere each operation is
 * of one record.
 */
#include "records.h"

#include "rdkafka_msgset.h"

/* Given by the linker where it wraps; elsewhere absent, and the rest is not called. */
__attribute__((weak)) __typeof__(rd_kafka_msgset_parse) __real_rd_kafka_msgset_parse;
__attribute__((weak)) __typeof__(rd_kafka_op_new_fetch_msg) __real_rd_kafka_op_new_fetch_msg;
__typeof__(rd_kafka_msgset_parse) __wrap_rd_kafka_msgset_parse;
__typeof__(rd_kafka_op_new_fetch_msg) __wrap_rd_kafka_op_new_fetch_msg;

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
    if (size == 0) {
        return true;
    }
    const uint8_t *start = rd_slice_ensure_contig(&rest, size);
    int64_t base = base_offset_of(header), bytes = 0;
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
