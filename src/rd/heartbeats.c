/*
 * The broker of a group tells a member once what it has and has to give up (KIP-848), in the answer
 * to a heartbeat. When librdkafka has waited for that answer too long, it goes on as if there were
 * none: the member keeps what it should give up, and another waits for it, until
 * max.poll.interval.ms has passed. After such a wait the next heartbeat tells the broker all there
 * is, and is told all there is, as librdkafka does it where a connection broke. Before the first
 * answer all are such. The linker (--wrap, in build.rs) sends the calls of librdkafka's main thread
 * here.
 */
#include "internal.h"

#include <stdbool.h>

#include "rdkafka_cgrp.h"

/* Given by the linker where it wraps; elsewhere absent, and the rest is not called. */
__attribute__((weak)) __typeof__(rd_kafka_ConsumerGroupHeartbeatRequest)
    __real_rd_kafka_ConsumerGroupHeartbeatRequest;
__typeof__(rd_kafka_ConsumerGroupHeartbeatRequest) __wrap_rd_kafka_ConsumerGroupHeartbeatRequest;

/* librdkafka declares it only where it is. */
rd_kafka_resp_cb_t rd_kafka_cgrp_handle_ConsumerGroupHeartbeat;

static void heartbeat_answered(rd_kafka_t *client, rd_kafka_broker_t *coordinator,
                               rd_kafka_resp_err_t code, rd_kafka_buf_t *answer,
                               rd_kafka_buf_t *request, void *arg) {
    rd_kafka_cgrp_t *group = client->rk_cgrp;
    bool is_lost = code == RD_KAFKA_RESP_ERR__TIMED_OUT && group->rkcg_heartbeat_intvl_ms > 0;
    if (is_lost) {
        do_not_repeat(request); /* The same again would not ask for all. */
    }
    rd_kafka_cgrp_handle_ConsumerGroupHeartbeat(client, coordinator, code, answer, request, arg);
    if (is_lost) {
        group->rkcg_consumer_flags |= RD_KAFKA_CGRP_CONSUMER_F_SEND_FULL_REQUEST;
    }
}

void __wrap_rd_kafka_ConsumerGroupHeartbeatRequest(
    rd_kafka_broker_t *coordinator, const rd_kafkap_str_t *group, const rd_kafkap_str_t *member,
    int32_t epoch, const rd_kafkap_str_t *instance, const rd_kafkap_str_t *rack,
    int32_t rebalance_timeout_ms, const rd_kafka_topic_partition_list_t *topics,
    rd_kafkap_str_t *pattern, const rd_kafkap_str_t *assignor,
    const rd_kafka_topic_partition_list_t *assigned, rd_kafka_replyq_t answers,
    rd_kafka_resp_cb_t *answered, void *arg) {
    /* Who leaves waits for another kind of answer. */
    bool stays = answered == rd_kafka_cgrp_handle_ConsumerGroupHeartbeat;
    __real_rd_kafka_ConsumerGroupHeartbeatRequest(
        coordinator, group, member, epoch, instance, rack, rebalance_timeout_ms, topics, pattern,
        assignor, assigned, answers, stays ? heartbeat_answered : answered, arg);
}
