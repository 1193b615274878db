#include "raw.h"

static void count_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    size_t *reported = opaque;
    (void)client;
    if (message->err) {
        fail("delivery", rd_kafka_err2str(message->err));
    }
    ++*reported;
}

static rd_kafka_t *open_producer(const work_t *work, size_t *reported) {
    rd_kafka_conf_t *conf = raw_conf(work, false);
    rd_kafka_conf_set_dr_msg_cb(conf, count_report);
    rd_kafka_conf_set_opaque(conf, reported);
    return raw_open(RD_KAFKA_PRODUCER, conf);
}

/* With a key and headers: they need the call that takes all. */
static rd_kafka_resp_err_t send_whole(rd_kafka_t *client, rd_kafka_topic_t *topic,
                                      const work_t *work, int32_t partition, const char *value,
                                      size_t i) {
    char key[GROUP_SIZE];
    size_t key_size = key_of(key, sizeof key, i);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(HEADER_COUNT);
    for (size_t h = 0; h < HEADER_COUNT; h++) {
        rd_kafka_header_add(headers, HEADERS[h][0], -1, HEADERS[h][1], -1);
    }
    rd_kafka_resp_err_t code = rd_kafka_producev(
        client, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE((void *)value, work->size),
        RD_KAFKA_V_KEY(key, key_size), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (code) {
        rd_kafka_headers_destroy(headers);
    }
    return code;
}

static rd_kafka_resp_err_t send_plain(rd_kafka_topic_t *topic, const work_t *work,
                                      int32_t partition, const char *value, size_t i) {
    return rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, (void *)value, work->size, NULL,
                            0, (void *)i)
               ? rd_kafka_last_error()
               : RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* False where there is no room. */
static bool try_send(rd_kafka_t *client, rd_kafka_topic_t *topic, const work_t *work,
                     int32_t partition, const char *value, size_t i) {
    rd_kafka_resp_err_t code = work->extras ? send_whole(client, topic, work, partition, value, i)
                                            : send_plain(topic, work, partition, value, i);
    if (code && code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        fail("produce", rd_kafka_err2str(code));
    }
    return !code;
}

static void send_or_poll(rd_kafka_t *client, rd_kafka_topic_t *topic, const work_t *work,
                         int32_t partition, const char *value, size_t i) {
    while (!try_send(client, topic, work, partition, value, i)) {
        rd_kafka_poll(client, 100);
    }
}

/* Sends so many, and waits for their reports. */
static void send_some(rd_kafka_t *client, rd_kafka_topic_t *topic, const work_t *work, bool in_turn,
                      size_t count) {
    for (size_t i = 0; i < count; i++) {
        int32_t partition = in_turn ? (int32_t)(i % work->partitions) : RD_KAFKA_PARTITION_UA;
        send_or_poll(client, topic, work, partition, value_of(work, i), i);
        if (i % REPORT_EVERY == 0) {
            rd_kafka_poll(client, 0);
        }
    }
    rd_kafka_flush(client, PATIENCE_MS);
}

static void send_all(const work_t *work, bool in_turn, size_t before) {
    size_t reported = 0;
    rd_kafka_t *client = open_producer(work, &reported);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, work->topic, NULL);
    send_some(client, topic, work, in_turn, before);
    moment_t start = now();
    send_some(client, topic, work, in_turn, work->messages);
    if (reported != before + work->messages) {
        fail("produce", "reports are missing");
    }
    print_result(work->messages, work->messages * work->size, start, "");
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
}

void raw_produce(const work_t *work) { send_all(work, false, warm_up(work)); }

/* Fills a topic so that all its partitions have the same number of messages. */
void raw_fill(const work_t *work) { send_all(work, true, 0); }

/* ---- Many threads on one producer ---- */

typedef struct {
    const work_t *work;
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    size_t reported;
} shared_t;

static void *send_share(void *argument) {
    shared_t *shared = argument;
    const work_t *work = shared->work;
    for (size_t i = 0; i < work->messages / work->threads; i++) {
        while (!try_send(shared->client, shared->topic, work, RD_KAFKA_PARTITION_UA,
                         value_of(work, i), i)) {
            usleep(1000);
        }
    }
    return NULL;
}

/* One thread takes the reports for all who send. */
void raw_threads(const work_t *work) {
    shared_t shared = {.work = work};
    pthread_t *threads = must_allocate(work->threads * sizeof *threads);
    size_t total = work->messages / work->threads * work->threads;
    rd_kafka_conf_t *conf = raw_conf(work, false);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    shared.client = raw_open(RD_KAFKA_PRODUCER, conf);
    shared.topic = rd_kafka_topic_new(shared.client, work->topic, NULL);
    rd_kafka_queue_t *reports = rd_kafka_queue_get_main(shared.client);
    moment_t start = now();
    for (size_t t = 0; t < work->threads; t++) {
        pthread_create(&threads[t], NULL, send_share, &shared);
    }
    while (shared.reported < total) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(reports, PATIENCE_MS);
        if (event == NULL) {
            fail("produce", "reports are missing");
        }
        shared.reported += rd_kafka_event_message_count(event);
        rd_kafka_event_destroy(event);
    }
    print_result(total, total * work->size, start, "");
    for (size_t t = 0; t < work->threads; t++) {
        pthread_join(threads[t], NULL);
    }
    rd_kafka_queue_destroy(reports);
    rd_kafka_topic_destroy(shared.topic);
    rd_kafka_destroy(shared.client);
    free(threads);
}

/* ---- Latency ---- */

static void send_due(void *producer, const char *value, size_t i) {
    shared_t *shared = producer;
    send_or_poll(shared->client, shared->topic, shared->work, RD_KAFKA_PARTITION_UA, value, i);
    rd_kafka_poll(shared->client, 0);
}

static void *send_all_due(void *argument) {
    shared_t *shared = argument;
    send_at_rate(shared->work, send_due, shared);
    return NULL;
}

static void take_delay(rd_kafka_t *consumer, delays_t *delays) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, PATIENCE_MS);
    if (message == NULL || message->err) {
        fail("consume", message ? rd_kafka_message_errstr(message) : "no message in a minute");
    }
    note_delay(delays, message->payload);
    rd_kafka_message_destroy(message);
}

void raw_latency(const work_t *work) {
    delays_t delays = {must_allocate(work->messages * sizeof(double)), 0};
    shared_t shared = {.work = work};
    pthread_t sender;
    char *first = must_allocate(work->size);
    shared.client = open_producer(work, &shared.reported);
    shared.topic = rd_kafka_topic_new(shared.client, work->topic, NULL);
    rd_kafka_t *consumer = raw_open(RD_KAFKA_CONSUMER, raw_conf(work, true));
    rd_kafka_poll_set_consumer(consumer);
    raw_subscribe(consumer, work);
    send_due(&shared, first, 0);
    take_delay(consumer, &delays);
    moment_t start = now();
    pthread_create(&sender, NULL, send_all_due, &shared);
    while (delays.count < work->messages) {
        take_delay(consumer, &delays);
    }
    print_delays(work, &delays, start);
    pthread_join(sender, NULL);
    rd_kafka_flush(shared.client, PATIENCE_MS);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    rd_kafka_topic_destroy(shared.topic);
    rd_kafka_destroy(shared.client);
    free(first);
}
