/*
 * A topic that was made this moment is not yet known to all brokers. Whoever asks one that does not
 * know it is told that there is none; and librdkafka's consumer then
 *
 *  - assigns nothing of it, if it is the leader of its group, and keeps to that for good: it has
 *    seen the topic itself before, so nothing changes when it sees it again;
 *  - or asks again in topic.metadata.refresh.interval.ms, five minutes.
 *
 * Here a leader does not assign by an answer that knows less than its own, and who subscribes to a
 * topic that is not there asks every second. The linker (--wrap, in build.rs) sends the calls of
 * librdkafka's main thread, of which each client has one, here instead.
 */
#include "internal.h"

#include <stdbool.h>

#include "rdkafka_assignor.h"
#include "rdkafka_cgrp.h"
#include "rdkafka_metadata.h"

enum { ASK_EVERY_US = 1000 * 1000, JOIN_EVERY_US = 1000 * 1000, JOIN_AFTER_US = 200 * 1000 };

/* Given by the linker where it wraps; elsewhere absent, and the rest is not called. */
__attribute__((weak)) __typeof__(rd_kafka_assignor_run) __real_rd_kafka_assignor_run;
__attribute__((
    weak)) __typeof__(rd_kafka_metadata_topic_filter) __real_rd_kafka_metadata_topic_filter;
__attribute__((weak)) __typeof__(rd_kafka_cgrp_serve) __real_rd_kafka_cgrp_serve;
__typeof__(rd_kafka_assignor_run) __wrap_rd_kafka_assignor_run;
__typeof__(rd_kafka_metadata_topic_filter) __wrap_rd_kafka_metadata_topic_filter;
__typeof__(rd_kafka_cgrp_serve) __wrap_rd_kafka_cgrp_serve;

/* Of this thread's client: when to ask again, if a topic is missing, 0 if none is; and when answers
 * began to know less, and last did. */
static _Thread_local rd_ts_t ask_at, lagging_since, lagged_last;

static int partition_count(const rd_kafka_metadata_t *metadata, const char *topic) {
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *of = &metadata->topics[i];
        if (strcmp(of->topic, topic) == 0) {
            return of->err ? 0 : of->partition_cnt;
        }
    }
    return 0;
}

/* A subscribed topic of which the answer does not have all partitions that have been seen. */
static const char *topic_that_lags(rd_kafka_cgrp_t *group, const rd_kafka_metadata_t *metadata) {
    const rd_kafka_topic_info_t *seen;
    int i;
    RD_LIST_FOREACH(seen, group->rkcg_subscribed_topics, i) {
        if (partition_count(metadata, seen->topic) < seen->partition_cnt) {
            return seen->topic;
        }
    }
    return NULL;
}

static void ask_soon(void) {
    if (ask_at == 0) {
        ask_at = rd_clock() + ASK_EVERY_US;
    }
}

/* Some patience with brokers, from one rebalance to the next: a topic may have lost partitions. */
static bool may_wait(rd_ts_t patience) {
    rd_ts_t now = rd_clock();
    if (now - lagged_last > patience) {
        lagging_since = now;
    }
    lagged_last = now;
    return now - lagging_since < patience;
}

/* An error makes the member join again, with new metadata. */
rd_kafka_resp_err_t __wrap_rd_kafka_assignor_run(rd_kafka_cgrp_t *group,
                                                 const rd_kafka_assignor_t *assignor,
                                                 rd_kafka_metadata_t *metadata,
                                                 rd_kafka_group_member_t *members, int member_count,
                                                 char *text, size_t text_size) {
    const char *topic = topic_that_lags(group, metadata);
    rd_ts_t patience = (rd_ts_t)group->rkcg_rk->rk_conf.metadata_propagation_max_ms * 1000;
    if (topic != NULL && may_wait(patience)) {
        ask_soon(); /* What has been seen may be what is wrong: the topic may have been deleted. */
        rd_interval_reset_to_now(&group->rkcg_join_intvl, 0);
        rd_interval_expedite(&group->rkcg_join_intvl, JOIN_EVERY_US - JOIN_AFTER_US);
        snprintf(text, text_size, "the broker does not know all of topic %s yet", topic);
        return RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    }
    return __real_rd_kafka_assignor_run(group, assignor, metadata, members, member_count, text,
                                        text_size);
}

static bool is_unknown(const rd_kafka_topic_partition_t *topic) {
    return topic->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           topic->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

size_t __wrap_rd_kafka_metadata_topic_filter(rd_kafka_t *client, rd_list_t *found,
                                             const rd_kafka_topic_partition_list_t *subscribed,
                                             rd_kafka_topic_partition_list_t *missing) {
    size_t count = __real_rd_kafka_metadata_topic_filter(client, found, subscribed, missing);
    bool any = false;
    for (int i = 0; i < missing->cnt; i++) {
        any = any || is_unknown(&missing->elems[i]);
    }
    if (any) {
        ask_soon();
    } else {
        ask_at = 0;
    }
    return count;
}

/* Called again and again, once a second at least. */
void __wrap_rd_kafka_cgrp_serve(rd_kafka_cgrp_t *group) {
    __real_rd_kafka_cgrp_serve(group);
    if (group->rkcg_subscription == NULL || (group->rkcg_flags & RD_KAFKA_CGRP_F_TERMINATE)) {
        ask_at = 0;
    }
    if (ask_at != 0 && rd_clock() >= ask_at) {
        /* What comes of a pattern is not seen here: once is enough. */
        bool is_pattern = group->rkcg_flags & RD_KAFKA_CGRP_F_WILDCARD_SUBSCRIPTION;
        ask_at = is_pattern ? 0 : rd_clock() + ASK_EVERY_US;
        rd_kafka_metadata_refresh_consumer_topics(group->rkcg_rk, NULL,
                                                  "a subscribed topic is missing");
    }
}
