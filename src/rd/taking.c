/*
 * Takes messages from a queue: what rd_kafka_consume_callback_queue() does, where an operation may
 * be of many (records.c). Who has enough leaves the rest, which comes first the next time.
 */
#include "records.h"

#include "rdkafka_offset.h"

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
