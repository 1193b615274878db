/* The reference: what a C programmer can do at best straight on librdkafka. */
#include "raw.h"

rd_kafka_conf_t *raw_conf(const work_t *work, bool consumer) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256], group[GROUP_SIZE];
    if (rd_kafka_conf_set(conf, "bootstrap.servers", work->servers, why, sizeof why)) {
        fail("configuration", why);
    }
    for (size_t i = 0; i < work->setting_count; i++) {
        const setting_t *setting = &work->settings[i];
        if (setting->consumer == consumer &&
            rd_kafka_conf_set(conf, setting->name, setting->value, why, sizeof why)) {
            fail("configuration", why);
        }
    }
    new_group(group);
    if (consumer && (rd_kafka_conf_set(conf, "group.id", group, why, sizeof why) ||
                     rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", why, sizeof why))) {
        fail("configuration", why);
    }
    return conf;
}

rd_kafka_t *raw_open(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
    char why[256];
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (client == NULL) {
        fail("open", why);
    }
    return client;
}

void raw_subscribe(rd_kafka_t *client, const work_t *work) {
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, work->topic, RD_KAFKA_PARTITION_UA);
    if (rd_kafka_subscribe(client, topics)) {
        fail("subscribe", work->topic);
    }
    rd_kafka_topic_partition_list_destroy(topics);
}

static void expect_topic_result(const rd_kafka_topic_result_t **results) {
    rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[0]);
    if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        fail("topic", rd_kafka_topic_result_error_string(results[0]));
    }
}

/* Makes the topic, or takes it away if `partitions` is 0. */
void raw_topic(const work_t *work) {
    rd_kafka_t *client = raw_open(RD_KAFKA_PRODUCER, raw_conf(work, false));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    size_t count;
    if (work->partitions > 0) {
        rd_kafka_NewTopic_t *topic =
            rd_kafka_NewTopic_new(work->topic, (int)work->partitions, 1, NULL, 0);
        rd_kafka_CreateTopics(client, &topic, 1, NULL, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, PATIENCE_MS);
        if (event == NULL || rd_kafka_event_error(event)) {
            fail("topic", rd_kafka_event_error_string(event));
        }
        expect_topic_result(
            rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count));
        rd_kafka_event_destroy(event);
    } else {
        rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(work->topic);
        rd_kafka_DeleteTopics(client, &topic, 1, NULL, queue);
        rd_kafka_event_destroy(rd_kafka_queue_poll(queue, PATIENCE_MS));
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
}

/* A client that does nothing for two seconds: how many threads has it, how much memory? */
void raw_idle(const work_t *work) {
    moment_t start = now();
    rd_kafka_t *client = raw_open(RD_KAFKA_PRODUCER, raw_conf(work, false));
    sleep(2);
    print_result(0, 0, start, "");
    rd_kafka_destroy(client);
}

int main(int argc, char **argv) {
    const way_t ways[] = {
        {"poll", raw_poll},           {"event", raw_event},     {"batch", raw_batch},
        {"callback", raw_callback},   {"produce", raw_produce}, {"threads", raw_threads},
        {"consumers", raw_consumers}, {"latency", raw_latency}, {"idle", raw_idle},
        {"topic", raw_topic},         {"fill", raw_fill},
    };
    return RUN_WAYS(ways, argc, argv);
}
