/*
 * A commit whose request failed on its way librdkafka sends again after a while, also when later
 * ones have been sent meanwhile: then the older offset stays, and rows come again that were
 * committed. And its timer goes on while commits wait: at a slow broker, or without one, they pile
 * up until there is no getting through for the rest. So a commit of the timer passes while another
 * is under way, and is not sent again: the next one has all that it had. The linker (--wrap, in
 * build.rs) sends the calls of librdkafka's main thread, of which each client has one, here.
 */
#include "internal.h"

#include <stdbool.h>
#include <stddef.h>

#include "rdkafka_cgrp.h"

/* Given by the linker where it wraps; elsewhere absent, and the rest is not called. */
__attribute__((weak)) __typeof__(rd_kafka_timer_start0) __real_rd_kafka_timer_start0;
__attribute__((weak)) __typeof__(rd_kafka_OffsetCommitRequest) __real_rd_kafka_OffsetCommitRequest;
__attribute__((weak)) __typeof__(rd_kafka_handle_OffsetCommit) __real_rd_kafka_handle_OffsetCommit;
__typeof__(rd_kafka_timer_start0) __wrap_rd_kafka_timer_start0;
__typeof__(rd_kafka_OffsetCommitRequest) __wrap_rd_kafka_OffsetCommitRequest;
__typeof__(rd_kafka_handle_OffsetCommit) __wrap_rd_kafka_handle_OffsetCommit;

enum { NEVER = -1 }; /* 0 would be once, for what was not sent yet. */

static const char TIMER[] = "auto commit timer";

/* Of this thread's client: commits that wait for an answer. */
static _Thread_local int under_way;

static void commit_what_is_stored(rd_kafka_timers_t *timers, void *arg) {
    rd_kafka_cgrp_t *group = arg;
    bool in_rebalance = group->rkcg_subscription != NULL &&
                        group->rkcg_join_state != RD_KAFKA_CGRP_JOIN_STATE_STEADY;
    bool has_coordinator = group->rkcg_state == RD_KAFKA_CGRP_STATE_UP;
    (void)timers;
    if (has_coordinator && !in_rebalance && under_way == 0) {
        rd_kafka_cgrp_assigned_offsets_commit(group, NULL, rd_true, TIMER);
    }
}

/* The timer of commits is known by its place in what it is given. */
void __wrap_rd_kafka_timer_start0(rd_kafka_timers_t *timers, rd_kafka_timer_t *timer,
                                  rd_ts_t interval, rd_bool_t oneshot, rd_bool_t restart,
                                  void (*callback)(rd_kafka_timers_t *, void *), void *arg) {
    size_t place = offsetof(rd_kafka_cgrp_t, rkcg_offset_commit_tmr);
    bool is_of_commits = arg != NULL && (char *)timer == (char *)arg + place;
    __real_rd_kafka_timer_start0(timers, timer, interval, oneshot, restart,
                                 is_of_commits ? commit_what_is_stored : callback, arg);
}

static bool is_of_timer(const rd_kafka_op_t *commit) {
    return strcmp(commit->rko_u.offset_commit.reason, TIMER) == 0;
}

/* Not those of the admin client, whose answers go elsewhere. */
static bool is_of_group(const rd_kafka_broker_t *coordinator, const rd_kafka_replyq_t *answers) {
    rd_kafka_cgrp_t *group = coordinator->rkb_rk->rk_cgrp;
    return group != NULL && answers->q == group->rkcg_ops;
}

int __wrap_rd_kafka_OffsetCommitRequest(rd_kafka_broker_t *coordinator,
                                        rd_kafka_consumer_group_metadata_t *member,
                                        rd_kafka_topic_partition_list_t *offsets,
                                        rd_kafka_replyq_t answers, rd_kafka_resp_cb_t *answered,
                                        void *commit, const char *reason) {
    bool counts = is_of_group(coordinator, &answers);
    int is_sent = __real_rd_kafka_OffsetCommitRequest(coordinator, member, offsets, answers,
                                                      answered, commit, reason);
    under_way += counts ? is_sent : 0;
    return is_sent;
}

/* What librdkafka would send again. */
static bool may_pass(rd_kafka_resp_err_t code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH:
        return true;
    default:
        return false;
    }
}

/* The admin client's have no request; and one that asked for nothing is of another kind. */
static bool is_commit(const rd_kafka_buf_t *request) {
    return request != NULL && request->rkbuf_reqhdr.ApiKey == RD_KAFKAP_OffsetCommit;
}

rd_kafka_resp_err_t __wrap_rd_kafka_handle_OffsetCommit(
    rd_kafka_t *client, rd_kafka_broker_t *broker, rd_kafka_resp_err_t code, rd_kafka_buf_t *answer,
    rd_kafka_buf_t *request, rd_kafka_topic_partition_list_t *offsets, rd_bool_t alone) {
    bool asked = is_commit(request), by_timer = asked && is_of_timer(request->rkbuf_opaque);
    if (by_timer) {
        request->rkbuf_max_retries = NEVER;
    }
    code =
        __real_rd_kafka_handle_OffsetCommit(client, broker, code, answer, request, offsets, alone);
    under_way -= asked && code != RD_KAFKA_RESP_ERR__IN_PROGRESS;
    /* Silent, for a commit that nobody asked for. */
    return by_timer && may_pass(code) ? RD_KAFKA_RESP_ERR__NO_OFFSET : code;
}
