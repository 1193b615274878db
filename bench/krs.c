/* The same work as in raw.c, through kafka_rs.h. */
#include "bench.h"

#include <kafka_rs.h>

static void must(krs_code code, const krs_error *err, const char *what) {
    if (code != KRS_OK) {
        fail(what, err->message);
    }
}

static krs_client open_client(const work_t *work, uint32_t kind, const char *const (*settings)[2],
                              size_t count) {
    char group[GROUP_SIZE];
    krs_error err = KRS_ERROR_INIT;
    krs_conf *conf = NULL;
    krs_client client;
    must(krs_conf_new(kind, &conf, &err), &err, "configuration");
    must(krs_conf_set(conf, "bootstrap.servers", work->servers, &err), &err, "configuration");
    for (size_t i = 0; i < count; i++) {
        must(krs_conf_set(conf, settings[i][0], settings[i][1], &err), &err, "configuration");
    }
    if (kind == KRS_CONSUMER) {
        new_group(group);
        must(krs_conf_set(conf, "group.id", group, &err), &err, "configuration");
    } else {
        /* As in raw.c, a report says which message and what came of it. */
        must(krs_conf_set(conf, "go.delivery.report.fields", "none", &err), &err, "configuration");
    }
    must(krs_client_open(conf, &client, &err), &err, "open");
    krs_conf_free(conf);
    return client;
}

static void close_client(krs_client client) {
    krs_error err = KRS_ERROR_INIT;
    must(krs_client_close(client, PATIENCE_MS, NULL, &err), &err, "close");
}

typedef struct {
    krs_chan events;
    krs_batch *batch;
    krs_batch_view view;
    size_t taken, bytes;
} drain_t;

static drain_t drain_of(krs_client client) {
    krs_error err = KRS_ERROR_INIT;
    drain_t drain = {{0}, NULL, KRS_BATCH_VIEW_INIT, 0, 0};
    must(krs_client_events(client, &drain.events, &err), &err, "events");
    return drain;
}

/* Takes up to ROWS rows of this kind; false if none came in time. */
static int take(drain_t *drain, uint8_t kind, int32_t timeout_ms) {
    krs_error err = KRS_ERROR_INIT;
    const krs_batch_view *view = &drain->view;
    krs_code code =
        krs_chan_recv(drain->events, &drain->batch, KRS_ALL, ROWS, timeout_ms, &drain->view, &err);
    if (code == KRS_ERR_WOULD_BLOCK || code == KRS_ERR_TIMED_OUT) {
        return 0;
    }
    must(code, &err, "receive");
    for (uint32_t row = 0; row < view->count; row++) {
        if (view->kind[row] == kind && view->code[row] == KRS_OK) {
            drain->taken++;
            drain->bytes += (size_t)(view->value.offsets[row + 1] - view->value.offsets[row]);
        } else if (view->kind[row] == kind) {
            fail("row", krs_error_text(view->code[row]));
        }
    }
    return 1;
}

/* Takes the reports that are left. */
static void finish(krs_client client, drain_t *reports, const work_t *work, moment_t start) {
    krs_error err = KRS_ERROR_INIT;
    must(krs_producer_flush(client, PATIENCE_MS, NULL, &err), &err, "flush");
    while (reports->taken < work->messages && take(reports, KRS_EVENT_REPORT, PATIENCE_MS)) {
    }
    if (reports->taken != work->messages) {
        fail("produce", "reports are missing");
    }
    print_result(work, start);
    krs_batch_free(reports->batch);
    close_client(client);
}

static void produce(const work_t *work) {
    krs_error err = KRS_ERROR_INIT;
    krs_message message = KRS_MESSAGE_INIT;
    krs_client client =
        open_client(work, KRS_PRODUCER, PRODUCER_SETTINGS, COUNT_OF(PRODUCER_SETTINGS));
    drain_t reports = drain_of(client);
    must(krs_client_topic(client, work->topic, &message.topic, &err), &err, "topic");
    message.value.data = (const uint8_t *)work->value;
    message.value.len = work->size;
    moment_t start = now();
    for (size_t i = 0; i < work->messages; i++) {
        message.opaque = i;
        must(krs_producer_send(client, &message, PATIENCE_MS, &err), &err, "send");
        if (i % REPORT_EVERY == 0) {
            take(&reports, KRS_EVENT_REPORT, 0);
        }
    }
    finish(client, &reports, work, start);
}

/* Many messages in one call, whose columns all say the same value. */
static void produce_batch(const work_t *work) {
    krs_error err = KRS_ERROR_INIT;
    krs_records records = KRS_RECORDS_INIT;
    static int64_t offsets[REPORT_EVERY + 1];
    static uint64_t opaque[REPORT_EVERY];
    krs_client client =
        open_client(work, KRS_PRODUCER, PRODUCER_SETTINGS, COUNT_OF(PRODUCER_SETTINGS));
    drain_t reports = drain_of(client);
    krs_topic topic;
    uint8_t *values = malloc(work->size * REPORT_EVERY);
    if (values == NULL) {
        fail("produce", "no memory");
    }
    must(krs_client_topic(client, work->topic, &topic, &err), &err, "topic");
    moment_t start = now();
    for (size_t sent = 0; sent < work->messages; sent += records.count) {
        size_t left = work->messages - sent;
        size_t done;
        records.count = left < REPORT_EVERY ? left : REPORT_EVERY;
        for (size_t row = 0; row < records.count; row++) {
            memcpy(values + row * work->size, work->value, work->size);
            offsets[row + 1] = (int64_t)((row + 1) * work->size);
            opaque[row] = sent + row;
        }
        records.topics = &topic;
        records.topic_count = 1;
        records.opaque = opaque;
        records.value.offsets = offsets;
        records.value.data = values;
        must(krs_producer_send_batch(client, &records, PATIENCE_MS, NULL, &done, &err), &err,
             "send");
        take(&reports, KRS_EVENT_REPORT, 0);
    }
    finish(client, &reports, work, start);
    free(values);
}

static void consume(const work_t *work) {
    krs_error err = KRS_ERROR_INIT;
    krs_client client =
        open_client(work, KRS_CONSUMER, CONSUMER_SETTINGS, COUNT_OF(CONSUMER_SETTINGS));
    drain_t rows = drain_of(client);
    moment_t start = {0};
    must(krs_consumer_subscribe(client, &work->topic, 1, &err), &err, "subscribe");
    while (rows.taken < work->messages) {
        if (!take(&rows, KRS_EVENT_MESSAGE, PATIENCE_MS)) {
            fail("consume", "no row in a minute");
        }
        if (start.wall == 0 && rows.taken > 0) {
            start = now();
        }
    }
    if (rows.bytes != work->messages * work->size) {
        fail("consume", "wrong number of bytes");
    }
    print_result(work, start);
    krs_batch_free(rows.batch);
    close_client(client);
}

int main(int argc, char **argv) {
    const way_t ways[] = {
        {"produce", produce}, {"produce_batch", produce_batch}, {"consume", consume}};
    return run_way(ways, COUNT_OF(ways), argc, argv);
}
