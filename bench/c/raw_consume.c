#include "raw.h"

typedef struct {
    rd_kafka_t *client;
    rd_kafka_queue_t *rows;
    unsigned char *arena; /* What a row's payload is copied into. */
    size_t used, capacity, in_batch, taken, bytes, extras;
} drain_t;

typedef void (*take_fn)(drain_t *drain);

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

static void read_extras(const rd_kafka_message_t *message, drain_t *drain) {
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size;
    drain->extras += message->key_len;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
            drain->extras += size;
        }
    }
}

static bool with_extras; /* One process does one work. */

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
    if (with_extras) {
        read_extras(message, drain);
    }
    if (++drain->in_batch == ROWS) {
        rd_kafka_yield(NULL);
    }
}

/* Only the consumer's own queue brings rebalances. */
static void serve(const drain_t *drain) {
    rd_kafka_message_t *control = rd_kafka_consumer_poll(drain->client, 0);
    if (control != NULL) {
        rd_kafka_message_destroy(control);
    }
}

static void by_callback(drain_t *drain) {
    serve(drain);
    drain->in_batch = 0;
    rd_kafka_consume_callback_queue(drain->rows, 10, take_row, drain);
}

static void by_batch(drain_t *drain) {
    rd_kafka_message_t *rows[ROWS];
    serve(drain);
    drain->in_batch = 0;
    ssize_t count = rd_kafka_consume_batch_queue(drain->rows, 10, rows, ROWS);
    for (ssize_t i = 0; i < count; i++) {
        take_row(rows[i], drain);
        rd_kafka_message_destroy(rows[i]);
    }
}

static void by_event(drain_t *drain) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(drain->rows, 10);
    const rd_kafka_message_t *message;
    while (event != NULL && (message = rd_kafka_event_message_next(event)) != NULL) {
        take_row((rd_kafka_message_t *)message, drain);
    }
    rd_kafka_event_destroy(event);
    if (event == NULL || drain->in_batch >= ROWS) {
        drain->in_batch = 0;
        serve(drain);
    }
}

static void by_poll(drain_t *drain) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(drain->client, 100);
    if (message != NULL) {
        take_row(message, drain);
        rd_kafka_message_destroy(message);
    }
}

static drain_t open_drain(const work_t *work) {
    drain_t drain = {.capacity = (size_t)ROWS * work->size};
    drain.arena = must_allocate(drain.capacity);
    return drain;
}

static void close_drain(drain_t *drain) {
    if (drain->rows != NULL) {
        rd_kafka_queue_destroy(drain->rows);
    }
    rd_kafka_consumer_close(drain->client);
    rd_kafka_destroy(drain->client);
    free(drain->arena);
}

static void consume(const work_t *work, take_fn take, bool own_queue) {
    drain_t drain = open_drain(work);
    moment_t start = {0};
    size_t first = 0; /* What was taken before the start. */
    rd_kafka_conf_t *conf = raw_conf(work, true);
    with_extras = work->extras;
    if (own_queue) {
        rd_kafka_conf_set_rebalance_cb(conf, rebalance);
        rd_kafka_conf_set_opaque(conf, &drain);
    }
    drain.client = raw_open(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(drain.client);
    drain.rows = own_queue ? rd_kafka_queue_new(drain.client) : NULL;
    raw_subscribe(drain.client, work);
    while (drain.taken < work->messages) {
        take(&drain);
        if (start.wall == 0 && drain.taken > warm_up(work)) {
            start = now();
            first = drain.taken;
            drain.bytes = 0;
        }
    }
    print_result(drain.taken - first, drain.bytes, start, "");
    close_drain(&drain);
}

void raw_poll(const work_t *work) { consume(work, by_poll, false); }
void raw_event(const work_t *work) { consume(work, by_event, true); }
void raw_batch(const work_t *work) { consume(work, by_batch, true); }
void raw_callback(const work_t *work) { consume(work, by_callback, true); }

static void *read_share(void *argument) {
    const work_t *work = argument;
    drain_t drain = open_drain(work);
    drain.client = raw_open(RD_KAFKA_CONSUMER, raw_conf(work, true));
    rd_kafka_poll_set_consumer(drain.client);
    raw_subscribe(drain.client, work);
    while (drain.taken < share_of(work)) {
        by_poll(&drain);
    }
    return NULL;
}

void raw_consumers(const work_t *work) { in_threads(work, read_share); }
