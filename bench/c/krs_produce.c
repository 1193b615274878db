#include "krs.h"

/* Takes the reports that are left. */
static void await_reports(drain_t *reports, size_t count) {
    krs_error err = KRS_ERROR_INIT;
    must(krs_producer_flush(reports->client, PATIENCE_MS, NULL, &err), &err, "flush");
    while (reports->taken < count && take_rows(reports, KRS_EVENT_REPORT, PATIENCE_MS)) {
    }
    if (reports->taken != count) {
        fail("produce", "reports are missing");
    }
    reports->taken = 0;
}

static void finish(drain_t *reports, const work_t *work, size_t messages, moment_t start) {
    print_result(messages, messages * work->size, start, "");
    krs_batch_free(reports->batch);
    close_client(reports->client);
}

static krs_bytes bytes_of(const char *data, size_t size) {
    return (krs_bytes){(const uint8_t *)data, size};
}

static krs_message message_to(krs_client client, const work_t *work) {
    krs_error err = KRS_ERROR_INIT;
    krs_message message = KRS_MESSAGE_INIT;
    must(krs_client_topic(client, work->topic, &message.topic, &err), &err, "topic");
    return message;
}

static void send_one(krs_client client, krs_message *message, const work_t *work, const char *value,
                     size_t i) {
    krs_error err = KRS_ERROR_INIT;
    uint8_t headers[256];
    char key[GROUP_SIZE];
    message->opaque = i;
    message->value = bytes_of(value, work->size);
    if (work->extras) {
        size_t used = 0;
        for (size_t h = 0; h < HEADER_COUNT; h++) {
            must(krs_headers_add(headers, sizeof headers, &used,
                                 bytes_of(HEADERS[h][0], strlen(HEADERS[h][0])),
                                 bytes_of(HEADERS[h][1], strlen(HEADERS[h][1])), &err),
                 &err, "headers");
        }
        message->headers = bytes_of((char *)headers, used);
        message->key = bytes_of(key, key_of(key, sizeof key, i));
    }
    must(krs_producer_send(client, message, PATIENCE_MS, &err), &err, "send");
}

static void send_some(drain_t *reports, const work_t *work, size_t count) {
    krs_message message = message_to(reports->client, work);
    for (size_t i = 0; i < count; i++) {
        send_one(reports->client, &message, work, value_of(work, i), i);
        if (i % REPORT_EVERY == 0) {
            take_rows(reports, KRS_EVENT_REPORT, 0);
        }
    }
    await_reports(reports, count);
}

/* Many messages in one call: their values are copied into a column first. */
static void send_columns(drain_t *reports, const work_t *work, size_t count) {
    krs_error err = KRS_ERROR_INIT;
    krs_records records = KRS_RECORDS_INIT;
    static int64_t offsets[REPORT_EVERY + 1];
    static uint64_t opaque[REPORT_EVERY];
    krs_topic topic = message_to(reports->client, work).topic;
    uint8_t *values = must_allocate(work->size * REPORT_EVERY);
    records.topics = &topic;
    records.topic_count = 1;
    records.opaque = opaque;
    records.value = (krs_column){offsets, values, NULL};
    for (size_t sent = 0; sent < count; sent += records.count) {
        size_t left = count - sent;
        size_t done;
        records.count = left < REPORT_EVERY ? left : REPORT_EVERY;
        for (size_t row = 0; row < records.count; row++) {
            memcpy(values + row * work->size, value_of(work, sent + row), work->size);
            offsets[row + 1] = (int64_t)((row + 1) * work->size);
            opaque[row] = sent + row;
        }
        must(krs_producer_send_batch(reports->client, &records, PATIENCE_MS, NULL, &done, &err),
             &err, "send");
        take_rows(reports, KRS_EVENT_REPORT, 0);
    }
    free(values);
    await_reports(reports, count);
}

static void produce(const work_t *work, void (*send)(drain_t *, const work_t *, size_t)) {
    drain_t reports = drain_of(open_client(work, KRS_PRODUCER));
    send(&reports, work, warm_up(work));
    moment_t start = now();
    send(&reports, work, work->messages);
    finish(&reports, work, work->messages, start);
}

void way_produce(const work_t *work) { produce(work, send_some); }
void way_produce_batch(const work_t *work) { produce(work, send_columns); }

/* ---- Many threads on one producer ---- */

typedef struct {
    const work_t *work;
    krs_client client;
    krs_message message;
} shared_t;

static void *send_share(void *argument) {
    shared_t *shared = argument;
    const work_t *work = shared->work;
    krs_message message = shared->message;
    for (size_t i = 0; i < work->messages / work->threads; i++) {
        send_one(shared->client, &message, work, value_of(work, i), i);
    }
    return NULL;
}

void way_threads(const work_t *work) {
    drain_t reports = drain_of(open_client(work, KRS_PRODUCER));
    shared_t shared = {work, reports.client, message_to(reports.client, work)};
    pthread_t *threads = must_allocate(work->threads * sizeof *threads);
    size_t total = work->messages / work->threads * work->threads;
    moment_t start = now();
    for (size_t t = 0; t < work->threads; t++) {
        pthread_create(&threads[t], NULL, send_share, &shared);
    }
    while (reports.taken < total && take_rows(&reports, KRS_EVENT_REPORT, PATIENCE_MS)) {
    }
    await_reports(&reports, total);
    for (size_t t = 0; t < work->threads; t++) {
        pthread_join(threads[t], NULL);
    }
    finish(&reports, work, total, start);
    free(threads);
}

/* ---- Latency ---- */

static void send_due(void *producer, const char *value, size_t i) {
    shared_t *shared = producer;
    send_one(shared->client, &shared->message, shared->work, value, i);
}

static void *send_all_due(void *argument) {
    shared_t *shared = argument;
    send_at_rate(shared->work, send_due, shared);
    return NULL;
}

static void take_delays(drain_t *rows, delays_t *delays) {
    const krs_batch_view *view = &rows->view;
    if (!take_rows(rows, KRS_EVENT_MESSAGE, PATIENCE_MS)) {
        fail("consume", "no row in a minute");
    }
    for (uint32_t row = 0; row < view->count; row++) {
        if (view->kind[row] == KRS_EVENT_MESSAGE) {
            note_delay(delays, view->value.data + view->value.offsets[row]);
        }
    }
}

/* Nobody reads the reports: they are few enough to wait in their channel. */
void way_latency(const work_t *work) {
    delays_t delays = {must_allocate(work->messages * sizeof(double)), 0};
    krs_client producer = open_client(work, KRS_PRODUCER);
    shared_t shared = {work, producer, message_to(producer, work)};
    drain_t rows = drain_of(open_consumer(work));
    char *first = must_allocate(work->size);
    pthread_t sender;
    send_due(&shared, first, 0);
    while (rows.taken == 0) {
        take_delays(&rows, &delays);
    }
    moment_t start = now();
    pthread_create(&sender, NULL, send_all_due, &shared);
    while (delays.count < work->messages) {
        take_delays(&rows, &delays);
    }
    print_delays(work, &delays, start);
    pthread_join(sender, NULL);
    krs_batch_free(rows.batch);
    close_client(rows.client);
    close_client(producer);
    free(first);
}
