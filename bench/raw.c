/* The reference: what a C programmer can do at best straight on librdkafka. */
#include "bench.h"

#include <rdkafka.h>

typedef struct {
    rd_kafka_queue_t *rows;
    unsigned char *arena; /* What a row's payload is copied into. */
    size_t used, capacity, in_batch, taken, bytes;
} drain_t;

static rd_kafka_conf_t *conf_of(const work_t *work, const char *const (*settings)[2],
                                size_t count) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];
    if (rd_kafka_conf_set(conf, "bootstrap.servers", work->servers, why, sizeof why)) {
        fail("configuration", why);
    }
    for (size_t i = 0; i < count; i++) {
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why)) {
            fail("configuration", why);
        }
    }
    return conf;
}

static rd_kafka_t *open_client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
    char why[256];
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (client == NULL) {
        fail("open", why);
    }
    return client;
}

static void count_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    size_t *reported = opaque;
    (void)client;
    if (message->err) {
        fail("delivery", rd_kafka_err2str(message->err));
    }
    ++*reported;
}

static void produce(const work_t *work) {
    size_t reported = 0;
    rd_kafka_conf_t *conf = conf_of(work, PRODUCER_SETTINGS, COUNT_OF(PRODUCER_SETTINGS));
    rd_kafka_conf_set_dr_msg_cb(conf, count_report);
    rd_kafka_conf_set_opaque(conf, &reported);
    rd_kafka_t *client = open_client(RD_KAFKA_PRODUCER, conf);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, work->topic, NULL);
    moment_t start = now();
    for (size_t i = 0; i < work->messages; i++) {
        while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, work->value,
                                work->size, NULL, 0, (void *)i)) {
            if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
                fail("produce", rd_kafka_err2str(rd_kafka_last_error()));
            }
            rd_kafka_poll(client, PATIENCE_MS);
        }
        if (i % REPORT_EVERY == 0) {
            rd_kafka_poll(client, 0);
        }
    }
    rd_kafka_flush(client, PATIENCE_MS);
    if (reported != work->messages) {
        fail("produce", "reports are missing");
    }
    print_result(work, start);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
}

/* Rows go to one queue of their own, not past the consumer's queue. */
static void rebalance(rd_kafka_t *client, rd_kafka_resp_err_t what,
                      rd_kafka_topic_partition_list_t *list, void *opaque) {
    drain_t *drain = opaque;
    if (what != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        rd_kafka_assign(client, NULL);
        return;
    }
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *partition = &list->elems[i];
        rd_kafka_queue_t *queue =
            rd_kafka_queue_get_partition(client, partition->topic, partition->partition);
        rd_kafka_queue_forward(queue, drain->rows);
        rd_kafka_queue_destroy(queue);
    }
    rd_kafka_assign(client, list);
}

static void take_row(rd_kafka_message_t *message, void *opaque) {
    drain_t *drain = opaque;
    if (message->err) {
        fail("consume", rd_kafka_message_errstr(message));
    }
    if (drain->used + message->len > drain->capacity) {
        drain->used = 0;
    }
    memcpy(drain->arena + drain->used, message->payload, message->len);
    drain->used += message->len;
    drain->bytes += message->len;
    drain->taken++;
    if (++drain->in_batch == ROWS) {
        rd_kafka_yield(NULL);
    }
}

static void consume(const work_t *work) {
    char group[GROUP_SIZE], why[256];
    drain_t drain = {0};
    moment_t start = {0};
    rd_kafka_conf_t *conf = conf_of(work, CONSUMER_SETTINGS, COUNT_OF(CONSUMER_SETTINGS));
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    new_group(group);
    if (rd_kafka_conf_set(conf, "group.id", group, why, sizeof why)) {
        fail("configuration", why);
    }
    rd_kafka_conf_set_rebalance_cb(conf, rebalance);
    rd_kafka_conf_set_opaque(conf, &drain);
    rd_kafka_t *client = open_client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(client);
    drain.rows = rd_kafka_queue_new(client);
    drain.capacity = (size_t)ROWS * work->size;
    drain.arena = calloc(1, drain.capacity + 1);
    rd_kafka_topic_partition_list_add(topics, work->topic, RD_KAFKA_PARTITION_UA);
    if (rd_kafka_subscribe(client, topics)) {
        fail("subscribe", work->topic);
    }
    rd_kafka_topic_partition_list_destroy(topics);
    while (drain.taken < work->messages) {
        rd_kafka_message_t *control = rd_kafka_consumer_poll(client, 0);
        if (control != NULL) {
            rd_kafka_message_destroy(control);
        }
        drain.in_batch = 0;
        rd_kafka_consume_callback_queue(drain.rows, 10, take_row, &drain);
        if (start.wall == 0 && drain.taken > 0) {
            start = now();
        }
    }
    if (drain.bytes != work->messages * work->size) {
        fail("consume", "wrong number of bytes");
    }
    print_result(work, start);
    rd_kafka_queue_destroy(drain.rows);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    free(drain.arena);
}

int main(int argc, char **argv) {
    const way_t ways[] = {{"produce", produce}, {"consume", consume}};
    return run_way(ways, COUNT_OF(ways), argc, argv);
}
