/* Messages that were fetched, as records.c leaves them, taking.c gives them, and records.rs reads
 * them. */
#ifndef KRS_RD_RECORDS_H
#define KRS_RD_RECORDS_H

#include "internal.h"

#include <stdbool.h>
#include <stddef.h>

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

static inline rd_kafka_msg_t *message_of(rd_kafka_op_t *op) { return &op->rko_u.fetch.rkm; }

static inline span_t *span_of(rd_kafka_msg_t *message) { return (span_t *)&message->rkm_link; }

static inline batch_t *batch_of(rd_kafka_msg_t *message) { return (batch_t *)&message->rkm_u; }

/* Messages that an operation of a queue stands for. */
static inline int32_t messages_of(rd_kafka_op_t *op) {
    if (op->rko_type != RD_KAFKA_OP_FETCH) {
        return 1;
    }
    rd_kafka_msg_t *message = message_of(op);
    return batch_of(message)->left + (message->rkm_flags & FIRST_IS_TAKEN ? 0 : 1);
}

/* ---- what records.rs sees: see there ---- */

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

#endif
