/*
 * Of each message that is sent librdkafka makes one of 250 bytes, which one thread allocates and
 * queues, and another one finds, sends, hands back and frees: for a small message more work than
 * all else. Here messages that are sent one after another to a partition are written one behind the
 * other, and librdkafka has one message for all of them (bundles.c).
 *
 * What is odd goes librdkafka's own way, message by message: large ones, those with headers, those
 * to a topic that is not known yet, and all of an idempotent producer, whose messages are numbered,
 * or of one with plugins, which look at each.
 */
#include "bundles.h"

#include "clock.h"
#include "rdkafka_topic.h"

enum {
    FIRST_SIZE = 256,
    LARGEST_SIZE = 65536,
    GROWTH = 4,
    LARGEST_ITEM = 8192,
    LEAST_ROOM = 16384, /* In a batch. */
    MAX_AGE_US = 5000,  /* Its messages time out together. */
};

krs_rd_limits_t krs_rd_limits_of(const rd_kafka_topic_t *topic) {
    const rd_kafka_t *client = topic->rkt_rk;
    const rd_kafka_conf_t *conf = &client->rk_conf;
    krs_rd_limits_t limits = {.wire_bytes = krs_rd_batch_room(topic), .largest = LARGEST_ITEM};
    /* The last: that the layout is the one that librdkafka was compiled with. */
    if (!rd_kafka_rkt_is_lw((rd_kafka_topic_t *)topic) && !conf->eos.idempotence &&
        limits.wire_bytes >= LEAST_ROOM &&
        topic->rkt_conf.queuing_strategy == RD_KAFKA_QUEUE_FIFO &&
        rd_list_cnt(&conf->interceptors.on_send) == 0 &&
        rd_list_cnt(&conf->interceptors.on_acknowledgement) == 0 &&
        client->rk_curr_msgs.max_cnt == (unsigned)conf->queue_buffering_max_msgs &&
        krs_rd_can_bundle()) {
        limits.messages = conf->batch_num_messages;
    }
    return limits;
}

/* ---- where to ---- */

/* In rdkafka_msg.c; no header declares it. */
__typeof__(rd_kafka_msg_partitioner_random) rd_kafka_msg_sticky_partition;

/* Whether a message goes where the one before went, for a while. */
static bool is_sticky(const rd_kafka_topic_t *topic, const krs_rd_outgoing_t *message) {
    bool has_no_key = message->key == NULL ||
                      (message->key_size == 0 &&
                       topic->rkt_conf.partitioner == rd_kafka_msg_partitioner_consistent_random);
    return has_no_key && !topic->rkt_conf.random_partitioner;
}

/* As rd_kafka_msg_partitioner() chooses. */
static int32_t choose(rd_kafka_topic_t *topic, const krs_rd_outgoing_t *message) {
    __typeof__(topic->rkt_conf.partitioner) partitioner =
        is_sticky(topic, message) ? rd_kafka_msg_sticky_partition : topic->rkt_conf.partitioner;
    return partitioner(topic, message->key, message->key_size, topic->rkt_partition_cnt,
                       topic->rkt_conf.opaque, (void *)(uintptr_t)message->token);
}

static rd_kafka_toppar_t *partition_of(const rd_kafka_topic_t *topic, int32_t partition) {
    bool is_known = partition >= 0 && partition < topic->rkt_partition_cnt;
    return is_known ? topic->rkt_p[partition] : NULL;
}

/* Where the one before went, locked, if that is where this one goes without looking further. */
static rd_kafka_toppar_t *lock_sticky(rd_kafka_topic_t *topic, rd_ts_t now) {
    const rd_interval_t *since = &topic->rkt_sticky_intvl;
    rd_ts_t end = since->ri_ts_last + since->ri_backoff +
                  topic->rkt_rk->rk_conf.sticky_partition_linger_ms * 1000;
    rd_kafka_toppar_t *partition = partition_of(topic, topic->rkt_sticky_partition);
    if (now > end || partition == NULL) {
        return NULL;
    }
    rd_kafka_toppar_lock(partition);
    const rd_kafka_broker_t *leader = partition->rktp_broker;
    if (leader != NULL && leader->rkb_source != RD_KAFKA_INTERNAL) {
        return partition;
    }
    rd_kafka_toppar_unlock(partition);
    return NULL;
}

/* The partition that a message goes to, locked; NULL: there is none. Whoever chooses one looks into
 * it, so that no other one may be locked. */
static rd_kafka_toppar_t *lock_partition(rd_kafka_topic_t *topic, int32_t number,
                                         const krs_rd_outgoing_t *message, rd_ts_t now) {
    rd_kafka_toppar_t *partition = NULL;
    if (number != RD_KAFKA_PARTITION_UA) {
        partition = partition_of(topic, number);
    } else if (is_sticky(topic, message) && (partition = lock_sticky(topic, now)) != NULL) {
        return partition;
    } else {
        partition = partition_of(topic, choose(topic, message));
    }
    if (partition != NULL) {
        rd_kafka_toppar_lock(partition);
    }
    return partition;
}

/* Unlocks it, and wakes its broker's thread. */
static void leave(rd_kafka_toppar_t *partition, bool wake) {
    rd_kafka_q_t *to_wake = wake ? partition->rktp_msgq_wakeup_q : NULL;
    if (to_wake == NULL) {
        rd_kafka_toppar_unlock(partition);
        return;
    }
    partition->rktp_msgq.rkmq_wakeup.signalled = rd_true;
    rd_kafka_q_keep(to_wake);
    rd_kafka_toppar_unlock(partition);
    rd_kafka_q_yield(to_wake);
    rd_kafka_q_destroy(to_wake);
}

/* ---- the last bundle of a partition ---- */

/* A batch is of bundles or of single messages: so that batches stay large, no bundle is begun
 * behind a single one. */
static bool takes_bundles(const rd_kafka_toppar_t *partition) {
    const rd_kafka_msg_t *last = rd_kafka_msgq_last(&partition->rktp_msgq);
    return last == NULL || is_bundle(last);
}

static bundle_t *new_bundle(rd_kafka_toppar_t *partition, size_t size, rd_ts_t now) {
    int64_t timeout_us = (int64_t)partition->rktp_rkt->rkt_conf.message_timeout_ms * 1000;
    bundle_t *bundle = rd_malloc(sizeof(*bundle) + size);
    rd_kafka_msg_t *message = &bundle->message;
    memset(bundle, 0, sizeof(*bundle));
    bundle->size = size;
    message->rkm_flags = RD_KAFKA_MSG_F_PRODUCER | RD_KAFKA_MSG_F_FREE_RKM | IS_BUNDLE | IS_COUNTED;
    message->rkm_rkmessage.rkt = rd_kafka_topic_keep(partition->rktp_rkt);
    message->rkm_partition = partition->rktp_partition;
    message->rkm_offset = RD_KAFKA_OFFSET_INVALID;
    message->rkm_broker_id = -1;
    message->rkm_status = RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
    message->rkm_tstype = RD_KAFKA_TIMESTAMP_CREATE_TIME;
    message->rkm_ts_enq = now;
    message->rkm_ts_timeout = timeout_us == 0 ? INT64_MAX : now + timeout_us;
    message->rkm_msgid = partition->rktp_msgid + 1;
    rd_kafka_msgq_enq(&partition->rktp_msgq, message);
    return bundle;
}

static bundle_t *grow(rd_kafka_msgq_t *queue, bundle_t *bundle, size_t least) {
    size_t size = RD_MAX(least, bundle->size * GROWTH);
    TAILQ_REMOVE(&queue->rkmq_msgs, &bundle->message, rkm_link);
    bundle = rd_realloc(bundle, sizeof(*bundle) + size);
    bundle->size = size;
    TAILQ_INSERT_TAIL(&queue->rkmq_msgs, &bundle->message, rkm_link);
    return bundle;
}

/* The bundle that this message goes into. */
static bundle_t *bundle_for(rd_kafka_toppar_t *partition, const krs_rd_limits_t *limits,
                            size_t size, size_t wire_bytes, rd_ts_t now) {
    rd_kafka_msgq_t *queue = &partition->rktp_msgq;
    rd_kafka_msg_t *last = rd_kafka_msgq_last(queue);
    if (last == NULL || (last->rkm_flags & IS_CLOSED) != 0 || now - last->rkm_ts_enq > MAX_AGE_US) {
        return new_bundle(partition, RD_MAX(size, FIRST_SIZE), now);
    }
    bundle_t *bundle = bundle_of(last);
    if (bundle->count >= limits->messages || bundle->wire_bytes + wire_bytes > limits->wire_bytes ||
        bundle->used + size > LARGEST_SIZE) {
        return new_bundle(partition, RD_MAX(size, bundle->used), now); /* It will be as large. */
    }
    size_t least = bundle->used + size;
    return least > bundle->size ? grow(queue, bundle, least) : bundle;
}

static uint8_t *copy(uint8_t *to, const void *bytes, size_t size) {
    if (size > 0) {
        memcpy(to, bytes, size);
    }
    return to + size;
}

static void append(bundle_t *bundle, const krs_rd_outgoing_t *message, size_t size,
                   int64_t timestamp) {
    item_t *item = (item_t *)(bundle->items + bundle->used);
    item->token = message->token;
    item->timestamp = timestamp;
    item->key_size = message->key == NULL ? -1 : (int32_t)message->key_size;
    item->value_size = message->value == NULL ? -1 : (int32_t)message->value_size;
    copy(copy((uint8_t *)(item + 1), message->key, message->key_size), message->value,
         message->value_size);
    bundle->used += size;
    bundle->value_bytes += message->value_size;
    bundle->count++;
    bundle->told += message->token != KRS_RD_UNTOLD;
}

/* With the partition locked. */
static void add(rd_kafka_toppar_t *partition, const krs_rd_limits_t *limits,
                const krs_rd_outgoing_t *message, krs_rd_now_t now) {
    rd_kafka_msgq_t *queue = &partition->rktp_msgq;
    size_t bytes = message->key_size + message->value_size;
    size_t wire_bytes = RD_KAFKAP_MESSAGE_V2_MAX_OVERHEAD + bytes;
    size_t size = item_size(message->key_size, message->value_size);
    bundle_t *bundle = bundle_for(partition, limits, size, wire_bytes, now.steady_us);
    append(bundle, message, size, message->timestamp != 0 ? message->timestamp : now.day_ms);
    bundle->wire_bytes += wire_bytes;
    bundle->message.rkm_len += bytes;
    queue->rkmq_msg_bytes += (int64_t)bytes;
    queue->rkmq_msg_cnt += bundle->count > 1; /* The first came with the bundle. */
    partition->rktp_msgid++;                  /* So that each may go on alone, in its place. */
    rd_atomic64_add(&partition->rktp_c.producer_enq_msgs, 1);
}

/* ---- sending ---- */

/* None overtakes one that found no room. */
static void refuse(krs_rd_outgoing_t *messages, size_t count) {
    for (size_t i = 0; i < count; i++) {
        messages[i].code = RD_KAFKA_RESP_ERR__QUEUE_FULL;
    }
}

/* With the topic locked. */
static size_t send_all(rd_kafka_topic_t *topic, const krs_rd_limits_t *limits, int32_t number,
                       krs_rd_outgoing_t *messages, size_t count) {
    krs_rd_now_t now = krs_rd_now();
    rd_kafka_toppar_t *held = NULL;
    bool wake = false;
    size_t done = 0;
    for (; done < count; done++) {
        krs_rd_outgoing_t *message = &messages[done];
        bool stays = number != RD_KAFKA_PARTITION_UA ||
                     (done > 0 && is_sticky(topic, message - 1) && is_sticky(topic, message));
        if (message->key_size + message->value_size > limits->largest) {
            break;
        }
        if (held != NULL && !stays) {
            leave(held, wake);
            held = NULL;
            wake = false;
        }
        if (held == NULL &&
            (held = lock_partition(topic, number, message, now.steady_us)) == NULL) {
            break;
        }
        if (!takes_bundles(held)) {
            break;
        }
        if (rd_kafka_curr_msgs_add(topic->rkt_rk, 1, message->value_size, 0, NULL) != 0) {
            refuse(message, count - done);
            done = count;
            break;
        }
        add(held, limits, message, now);
        message->code = RD_KAFKA_RESP_ERR_NO_ERROR;
        /* After each, for one that comes first may be what the thread waits for. */
        wake = wake || rd_kafka_msgq_may_wakeup(&held->rktp_msgq, now.steady_us);
    }
    if (held != NULL) {
        leave(held, wake);
    }
    return done;
}

size_t krs_rd_bundle(rd_kafka_topic_t *topic, const krs_rd_limits_t *limits, int32_t partition,
                     krs_rd_outgoing_t *messages, size_t count) {
    size_t done = 0;
    if (limits->messages == 0 || rd_kafka_fatal_error_code(topic->rkt_rk) != 0) {
        return 0;
    }
    rd_kafka_topic_rdlock(topic);
    if (topic->rkt_state == RD_KAFKA_TOPIC_S_EXISTS && topic->rkt_partition_cnt > 0) {
        done = send_all(topic, limits, partition, messages, count);
    }
    rd_kafka_topic_rdunlock(topic);
    return done;
}
