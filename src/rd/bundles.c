/*
 * What librdkafka does with a message that stands for many (bundling.c): it queues, times out,
 * retries, purges and hands it back as any other. Where it looks into one, the linker (--wrap, in
 * build.rs) sends its calls here.
 */
#include "bundles.h"

#include "rdkafka_broker.h"
#include "rdkafka_msgset.h"
#include "rdkafka_topic.h"

/* Given by the linker where it wraps; elsewhere absent, and the rest is not called. */
__attribute__((weak)) __typeof__(rd_kafka_msgset_create_ProduceRequest)
    __real_rd_kafka_msgset_create_ProduceRequest;
__attribute__((
    weak)) __typeof__(rd_kafka_broker_buf_enq_replyq) __real_rd_kafka_broker_buf_enq_replyq;
__attribute__((weak)) __typeof__(rd_kafka_msgq_age_scan) __real_rd_kafka_msgq_age_scan;
__attribute__((weak)) __typeof__(rd_kafka_msgq_set_metadata) __real_rd_kafka_msgq_set_metadata;
__attribute__((weak)) __typeof__(rd_kafka_dr_msgq0) __real_rd_kafka_dr_msgq0;
__attribute__((weak)) __typeof__(rd_kafka_msg_destroy) __real_rd_kafka_msg_destroy;
__typeof__(rd_kafka_msgset_create_ProduceRequest) __wrap_rd_kafka_msgset_create_ProduceRequest;
__typeof__(rd_kafka_broker_buf_enq_replyq) __wrap_rd_kafka_broker_buf_enq_replyq;
__typeof__(rd_kafka_msgq_age_scan) __wrap_rd_kafka_msgq_age_scan;
__typeof__(rd_kafka_msgq_set_metadata) __wrap_rd_kafka_msgq_set_metadata;
__typeof__(rd_kafka_dr_msgq0) __wrap_rd_kafka_dr_msgq0;
__typeof__(rd_kafka_msg_destroy) __wrap_rd_kafka_msg_destroy;

bool krs_rd_can_bundle(void) { return __real_rd_kafka_msgset_create_ProduceRequest != NULL; }

/* ---- message by message ---- */

/* A message of its own, as librdkafka would have made it. */
static rd_kafka_msg_t *single_of(const bundle_t *bundle, int32_t index, const item_t *item) {
    size_t key_size = bytes_of(item->key_size), value_size = bytes_of(item->value_size);
    rd_kafka_msg_t *message = rd_malloc(sizeof(*message) + key_size + value_size);
    memcpy(message, &bundle->message, sizeof(*message));
    message->rkm_flags = RD_KAFKA_MSG_F_PRODUCER | RD_KAFKA_MSG_F_FREE_RKM | RD_KAFKA_MSG_F_ACCOUNT;
    message->rkm_rkmessage.rkt = rd_kafka_topic_keep(message->rkm_rkmessage.rkt);
    message->rkm_msgid += (uint64_t)index;
    message->rkm_opaque = (void *)(uintptr_t)item->token;
    message->rkm_err = RD_KAFKA_RESP_ERR_NO_ERROR;
    message->rkm_u.producer.errstr = NULL;
    message->rkm_timestamp = item->timestamp;
    message->rkm_key = item->key_size < 0 ? NULL : message + 1;
    message->rkm_key_len = key_size;
    message->rkm_payload = item->value_size < 0 ? NULL : (uint8_t *)(message + 1) + key_size;
    message->rkm_len = value_size;
    memcpy(message + 1, key_of(item), key_size + value_size);
    return message;
}

/* Puts the messages of the first bundle in its place. */
static void unbundle_first(rd_kafka_msgq_t *queue) {
    rd_kafka_msgq_t singles = RD_KAFKA_MSGQ_INITIALIZER(singles);
    rd_kafka_msg_t *message = rd_kafka_msgq_first(queue);
    bundle_t *bundle = bundle_of(message);
    const item_t *item = (const item_t *)bundle->items;
    take_out(queue, message);
    for (int32_t i = 0; i < bundle->count; i++, item = item_after(item)) {
        rd_kafka_msgq_enq(&singles, single_of(bundle, i, item));
    }
    rd_kafka_msgq_prepend(queue, &singles);
    bundle->count = 0; /* Its messages are counted as before. */
    bundle->value_bytes = 0;
    rd_kafka_msg_destroy(NULL, message);
}

static void unbundle(rd_kafka_msgq_t *queue) {
    rd_kafka_msgq_t left = RD_KAFKA_MSGQ_INITIALIZER(left);
    rd_kafka_msg_t *message;
    rd_kafka_msgq_move(&left, queue);
    while ((message = rd_kafka_msgq_first(&left)) != NULL) {
        if (is_bundle(message)) {
            unbundle_first(&left);
            continue;
        }
        rd_kafka_msgq_deq(&left, message, 1);
        rd_kafka_msgq_enq(queue, message);
    }
}

/* ---- a batch ---- */

/* Whether all of a bundle goes into a batch with these. */
static bool fits(const rd_kafka_conf_t *conf, const rd_kafka_msgq_t *singles,
                 const bundle_t *bundle) {
    size_t count = (size_t)rd_kafka_msgq_len(singles);
    size_t size = rd_kafka_msgq_size(singles) + count * RD_KAFKAP_MESSAGE_V2_MAX_OVERHEAD;
    return count + (size_t)bundle->count <= (size_t)conf->batch_num_messages &&
           size + bundle->wire_bytes <= krs_rd_batch_room(bundle->message.rkm_rkmessage.rkt);
}

/* By librdkafka's own writer, which may leave some. */
static rd_kafka_buf_t *create_of_singles(rd_kafka_broker_t *broker, rd_kafka_toppar_t *partition,
                                         rd_kafka_msgq_t *queue, const rd_kafka_pid_t producer_id,
                                         uint64_t epoch_base, size_t *size) {
    const rd_kafka_conf_t *conf = &broker->rkb_rk->rk_conf;
    rd_kafka_msgq_t singles = RD_KAFKA_MSGQ_INITIALIZER(singles);
    rd_kafka_msg_t *message = rd_kafka_msgq_first(queue);
    if (message != NULL && message->rkm_u.producer.ts_backoff > rd_clock()) {
        return NULL; /* It waits before it is sent again. */
    }
    while (rd_kafka_msgq_len(&singles) < conf->batch_num_messages &&
           (message = rd_kafka_msgq_first(queue)) != NULL) {
        if (!is_bundle(message)) {
            rd_kafka_msgq_deq(queue, message, 1);
            rd_kafka_msgq_enq(&singles, message);
        } else if (RD_KAFKA_MSGQ_EMPTY(&singles) || fits(conf, &singles, bundle_of(message))) {
            unbundle_first(queue);
        } else {
            break;
        }
    }
    rd_kafka_buf_t *request = __real_rd_kafka_msgset_create_ProduceRequest(
        broker, partition, &singles, producer_id, epoch_base, size);
    rd_kafka_msgq_prepend(queue, &singles);
    return request;
}

rd_kafka_buf_t *__wrap_rd_kafka_msgset_create_ProduceRequest(rd_kafka_broker_t *broker,
                                                             rd_kafka_toppar_t *partition,
                                                             rd_kafka_msgq_t *queue,
                                                             const rd_kafka_pid_t producer_id,
                                                             uint64_t epoch_base, size_t *size) {
    const rd_kafka_msg_t *first = rd_kafka_msgq_first(queue);
    if (rd_kafka_pid_valid(producer_id)) { /* Of an idempotent producer, which has no bundles. */
        return __real_rd_kafka_msgset_create_ProduceRequest(broker, partition, queue, producer_id,
                                                            epoch_base, size);
    }
    if (first != NULL && is_bundle(first) && krs_rd_can_write_to(broker)) {
        return krs_rd_write_batch(broker, partition, queue, size);
    }
    return create_of_singles(broker, partition, queue, producer_id, epoch_base, size);
}

void __wrap_rd_kafka_broker_buf_enq_replyq(rd_kafka_broker_t *broker, rd_kafka_buf_t *request,
                                           rd_kafka_replyq_t answers, rd_kafka_resp_cb_t *call_back,
                                           void *opaque) {
    if (request->rkbuf_reqhdr.ApiKey == RD_KAFKAP_Produce) {
        krs_rd_count_bundles(&request->rkbuf_batch.msgq);
    }
    __real_rd_kafka_broker_buf_enq_replyq(broker, request, answers, call_back, opaque);
}

/* ---- what came of a batch ---- */

int __wrap_rd_kafka_msgq_age_scan(rd_kafka_toppar_t *partition, rd_kafka_msgq_t *queue,
                                  rd_kafka_msgq_t *too_old, rd_ts_t now, rd_ts_t *next) {
    int count = __real_rd_kafka_msgq_age_scan(partition, queue, too_old, now, next);
    rd_kafka_msg_t *message;
    TAILQ_FOREACH(message, &too_old->rkmq_msgs, rkm_link) {
        if ((message->rkm_flags & IS_COUNTED) != 0) {
            int others = bundle_of(message)->count - 1;
            message->rkm_flags &= ~IS_COUNTED;
            queue->rkmq_msg_cnt -= others;
            count += others;
        }
    }
    return count;
}

void __wrap_rd_kafka_msgq_set_metadata(rd_kafka_msgq_t *queue, int32_t broker_id,
                                       int64_t base_offset, int64_t timestamp,
                                       rd_kafka_msg_status_t status) {
    rd_kafka_msg_t *message = rd_kafka_msgq_first(queue);
    __real_rd_kafka_msgq_set_metadata(queue, broker_id, base_offset, timestamp, status);
    for (; message != NULL && is_bundle(message); message = TAILQ_NEXT(message, rkm_link)) {
        message->rkm_offset = base_offset;
        base_offset += base_offset < 0 ? 0 : bundle_of(message)->count;
    }
}

/* The broker has named records of the batch, none of which it took. */
static void tell_errors(rd_kafka_msgq_t *queue, const rd_kafka_Produce_result_t *result) {
    int64_t index = 0;
    int32_t next = 0;
    rd_kafka_msg_t *message;
    TAILQ_FOREACH(message, &queue->rkmq_msgs, rkm_link) {
        if (next == result->record_errors_cnt ||
            result->record_errors[next].batch_index != index++) {
            message->rkm_err = RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD;
        } else if (next++, result->record_errors_cnt > 1) {
            message->rkm_err = RD_KAFKA_RESP_ERR_INVALID_RECORD;
        }
    }
}

void __wrap_rd_kafka_dr_msgq0(rd_kafka_topic_t *topic, rd_kafka_msgq_t *queue,
                              rd_kafka_resp_err_t code, const rd_kafka_Produce_result_t *result) {
    rd_kafka_msg_t *first = rd_kafka_msgq_first(queue);
    if (first != NULL && is_bundle(first) && result != NULL && result->record_errors_cnt > 0) {
        unbundle(queue);
        tell_errors(queue, result);
    }
    __real_rd_kafka_dr_msgq0(topic, queue, code, result);
}

void __wrap_rd_kafka_msg_destroy(rd_kafka_t *client, rd_kafka_msg_t *message) {
    if (is_bundle(message)) {
        const bundle_t *bundle = bundle_of(message);
        rd_kafka_curr_msgs_sub(message->rkm_rkmessage.rkt->rkt_rk, (unsigned)bundle->count,
                               bundle->value_bytes);
    }
    __real_rd_kafka_msg_destroy(client, message);
}

krs_rd_items_t krs_rd_items_of(const rd_kafka_message_t *message) {
    const rd_kafka_msg_t *native = (const rd_kafka_msg_t *)message;
    const bundle_t *bundle = (const bundle_t *)native;
    if (!is_bundle(native)) {
        return (krs_rd_items_t){0};
    }
    return (krs_rd_items_t){(const item_t *)bundle->items, bundle->count, bundle->told};
}
