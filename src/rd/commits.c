/*
 * A commit whose request failed on its way librdkafka sends again after a while, also when later
 * ones have been sent meanwhile: then the older offset stays, and rows come again that were
 * committed. And its timer goes on while commits wait: at a slow broker, or without one, they pile
 * up until there is no getting through for the rest. So a commit of the timer passes while another
 * of them is under way, and is not sent again: the next one has all that it had. The linker
 * (--wrap, in build.rs) sends the calls of librdkafka here; but for that which makes a group, those
 * of its main thread, of which each client has one.
 */
#include "internal.h"

#include <stdbool.h>

#include "rdkafka_cgrp.h"

/* Given by the linker where it wraps; elsewhere absent, and the rest is not called. */
__attribute__((weak)) __typeof__(rd_kafka_cgrp_new) __real_rd_kafka_cgrp_new;
__attribute__((weak)) __typeof__(rd_kafka_OffsetCommitRequest) __real_rd_kafka_OffsetCommitRequest;
__attribute__((weak)) __typeof__(rd_kafka_handle_OffsetCommit) __real_rd_kafka_handle_OffsetCommit;
__typeof__(rd_kafka_cgrp_new) __wrap_rd_kafka_cgrp_new;
__typeof__(rd_kafka_OffsetCommitRequest) __wrap_rd_kafka_OffsetCommitRequest;
__typeof__(rd_kafka_handle_OffsetCommit) __wrap_rd_kafka_handle_OffsetCommit;

/* Why, as librdkafka says it. */
static const char TIMER[] = "cgrp auto commit timer";

/* Of this thread's client: whether a commit of the timer waits for its answer. */
static _Thread_local bool is_under_way;

static void commit_what_is_stored(rd_kafka_timers_t *timers, void *arg) {
    rd_kafka_cgrp_t *group = arg;
    bool has_coordinator = group->rkcg_state == RD_KAFKA_CGRP_STATE_UP;
    bool in_rebalance = group->rkcg_subscription != NULL &&
                        group->rkcg_join_state != RD_KAFKA_CGRP_JOIN_STATE_STEADY;
    (void)timers;
    if (has_coordinator && !in_rebalance && !is_under_way) {
        rd_kafka_cgrp_assigned_offsets_commit(group, NULL, rd_true, TIMER);
    }
}

/* Its main thread, which has the timer go off, is made later. */
rd_kafka_cgrp_t *__wrap_rd_kafka_cgrp_new(rd_kafka_t *client, rd_kafka_group_protocol_t protocol,
                                          const rd_kafkap_str_t *id,
                                          const rd_kafkap_str_t *client_id) {
    rd_kafka_cgrp_t *group = __real_rd_kafka_cgrp_new(client, protocol, id, client_id);
    group->rkcg_offset_commit_tmr.rtmr_callback = commit_what_is_stored;
    return group;
}

static bool is_timer(const char *reason) { return strcmp(reason, TIMER) == 0; }

int __wrap_rd_kafka_OffsetCommitRequest(rd_kafka_broker_t *coordinator,
                                        rd_kafka_consumer_group_metadata_t *member,
                                        rd_kafka_topic_partition_list_t *offsets,
                                        rd_kafka_replyq_t answers, rd_kafka_resp_cb_t *answered,
                                        void *commit, const char *reason) {
    int is_sent = __real_rd_kafka_OffsetCommitRequest(coordinator, member, offsets, answers,
                                                      answered, commit, reason);
    if (is_sent && is_timer(reason)) {
        is_under_way = true;
    }
    return is_sent;
}

/* What another try may mend. */
static bool may_pass(rd_kafka_resp_err_t code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH:
        return true;
    default:
        return false;
    }
}

/* The admin client's have no request, and where there was nothing to commit none was sent. */
static bool was_sent_by_timer(const rd_kafka_buf_t *request) {
    if (request == NULL || request->rkbuf_reqhdr.ApiKey != RD_KAFKAP_OffsetCommit) {
        return false;
    }
    const rd_kafka_op_t *commit = request->rkbuf_opaque;
    return is_timer(commit->rko_u.offset_commit.reason);
}

rd_kafka_resp_err_t __wrap_rd_kafka_handle_OffsetCommit(
    rd_kafka_t *client, rd_kafka_broker_t *broker, rd_kafka_resp_err_t code, rd_kafka_buf_t *answer,
    rd_kafka_buf_t *request, rd_kafka_topic_partition_list_t *offsets, rd_bool_t alone) {
    bool by_timer = was_sent_by_timer(request);
    if (by_timer) {
        do_not_repeat(request);
        is_under_way = false;
    }
    code =
        __real_rd_kafka_handle_OffsetCommit(client, broker, code, answer, request, offsets, alone);
    /* Silent, for a commit that nobody asked for. */
    return by_timer && may_pass(code) ? RD_KAFKA_RESP_ERR__NO_OFFSET : code;
}
