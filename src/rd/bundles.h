/* Messages that were sent one after another to a partition, as one of librdkafka's: bundling.c
 * makes them, writing.c makes batches of them, bundles.c stands in where librdkafka looks into one,
 * and bundle.rs reads what came of them. */
#ifndef KRS_RD_BUNDLES_H
#define KRS_RD_BUNDLES_H

#include "internal.h"

#include <stdbool.h>
#include <stddef.h>

/* One message, with its key and its value behind it. */
typedef struct {
    uint64_t token;
    int64_t timestamp;
    int32_t key_size, value_size; /* -1: NULL */
} item_t;

/* On librdkafka's queues it is one message, as long as all of its own. */
typedef struct {
    rd_kafka_msg_t message;
    int32_t count;
    int32_t told;       /* Of how many somebody wants to know what came of them. */
    size_t value_bytes; /* What librdkafka counts as the size of the messages. */
    size_t wire_bytes;  /* Most that they take in a batch. */
    size_t used, size;  /* Of the items. */
    uint8_t items[];
} bundle_t;

/* In rkm_flags, beside those of rdkafka_msg.h: it is a bundle; it takes no more; the queue that it
 * is in counts its messages, so that librdkafka finds a batch full when it is. */
enum { IS_BUNDLE = 0x2000000, IS_CLOSED = 0x4000000, IS_COUNTED = 0x8000000 };

static inline bool is_bundle(const rd_kafka_msg_t *message) {
    return (message->rkm_flags & IS_BUNDLE) != 0;
}

static inline bundle_t *bundle_of(rd_kafka_msg_t *message) { return (bundle_t *)message; }

/* Out of a queue; it counts as one from now on. */
static inline void take_out(rd_kafka_msgq_t *queue, rd_kafka_msg_t *message) {
    rd_kafka_msgq_deq(queue, message, 1);
    if ((message->rkm_flags & IS_COUNTED) != 0) {
        message->rkm_flags &= ~IS_COUNTED;
        queue->rkmq_msg_cnt -= bundle_of(message)->count - 1;
    }
}

static inline size_t bytes_of(int32_t size) { return size < 0 ? 0 : (size_t)size; }

static inline const uint8_t *key_of(const item_t *item) { return (const uint8_t *)(item + 1); }

static inline const uint8_t *value_of(const item_t *item) {
    return key_of(item) + bytes_of(item->key_size);
}

/* Each begins where a number may. */
static inline size_t item_size(size_t key_size, size_t value_size) {
    return (sizeof(item_t) + key_size + value_size + 7) & ~(size_t)7;
}

static inline const item_t *item_after(const item_t *item) {
    size_t size = item_size(bytes_of(item->key_size), bytes_of(item->value_size));
    return (const item_t *)((const uint8_t *)item + size);
}

/* Whether librdkafka's calls come to bundles.c. */
bool krs_rd_can_bundle(void);

/* How much goes into a batch of a topic, in records' bytes. */
size_t krs_rd_batch_room(const rd_kafka_topic_t *topic);

/* A request with as many bundles from the front of the queue as go into one batch. NULL: they wait
 * before they are sent again. */
rd_kafka_buf_t *krs_rd_write_batch(rd_kafka_broker_t *broker, rd_kafka_toppar_t *partition,
                                   rd_kafka_msgq_t *queue, size_t *size);

/* Of a batch that was just written librdkafka counts the messages, for its statistics; from then on
 * what it holds is bundles. */
void krs_rd_count_bundles(rd_kafka_msgq_t *batch);

/* Whether this broker takes what that writes. */
bool krs_rd_can_write_to(const rd_kafka_broker_t *broker);

/* ---- what the Rust side sees: see raw.rs ---- */

/* The token of a message of which nobody wants to know what came of it. */
#define KRS_RD_UNTOLD UINT64_MAX

/* What is the same for all messages to a topic. */
typedef struct {
    int32_t messages;  /* In a bundle; 0: none are made. */
    size_t wire_bytes; /* In a bundle, so that it goes into a batch. */
    size_t largest;    /* Key and value of a message. */
} krs_rd_limits_t;

krs_rd_limits_t krs_rd_limits_of(const rd_kafka_topic_t *topic);

typedef struct {
    const void *key, *value; /* NULL: none. */
    size_t key_size, value_size;
    int64_t timestamp; /* 0: now. */
    uint64_t token;
    int32_t code; /* What came of it. */
} krs_rd_outgoing_t;

/* Sends as many as can be bundled, from the first; returns how many it has dealt with. */
size_t krs_rd_bundle(rd_kafka_topic_t *topic, const krs_rd_limits_t *limits, int32_t partition,
                     krs_rd_outgoing_t *messages, size_t count);

typedef struct {
    const item_t *first; /* NULL: it is no bundle. */
    int32_t count, told;
} krs_rd_items_t;

krs_rd_items_t krs_rd_items_of(const rd_kafka_message_t *message);

#endif
