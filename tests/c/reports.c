/* Promises on delivery reports, flush and len. */
#include "check.h"

enum { MILLION = 1000000, CHANNELS = 4 };

/* Every accepted message has a number, its opaque; a report counts for it. */
static unsigned char *reported;
static size_t accepted, reports;

static void take_reports(krs_chan chan, krs_batch **batch, int32_t timeout_ms) {
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    while (krs_chan_recv(chan, batch, KRS_ALL, 10000, timeout_ms, &view, &err) == KRS_OK) {
        for (uint32_t row = 0; row < view.count; row++) {
            if (view.kind[row] == KRS_EVENT_REPORT) {
                CHECK(view.opaque[row] < MILLION, "report of unknown %" PRIu64, view.opaque[row]);
                CHECK(reported[view.opaque[row]] == 0, "second report of %" PRIu64,
                      view.opaque[row]);
                reported[view.opaque[row]] = 1;
                reports++;
            }
        }
    }
}

/* A message's fate is decided by its number: none, own, shared, full or closed channel. */
static void exactly_one_report_per_accepted_message(void) {
    krs_client producer = open_client(KRS_PRODUCER, "linger.ms", "1", "go.delivery.report.fields",
                                      "none", "message.timeout.ms", "30000", (char *)NULL);
    krs_topic topic = topic_of(producer, fresh_name("reports"));
    krs_chan own = new_chan(MILLION), shared = new_chan(MILLION), full = new_chan(100);
    krs_chan closed = {0}, events = events_of(producer);
    krs_batch *batch = NULL;
    size_t wanted = 0, refused = 0, purges = 0, flushes = 0;
    unsigned seed = 20160713;
    reported = calloc(MILLION, 1);
    CHECK(reported != NULL, "memory");
    for (size_t i = 0; i < MILLION; i++) {
        krs_message message = KRS_MESSAGE_INIT;
        krs_chan routes[] = {{0}, own, shared, full, closed};
        size_t route = i % 6;
        krs_code code;
        if (i % 997 == 0) { /* A channel that closes while reports are on their way to it. */
            if (closed.id) {
                OK(krs_chan_close(closed, &err));
                take_reports(closed, &batch, 0);
            }
            closed = routes[4] = new_chan(1000);
        }
        message.topic = topic;
        message.value = bytes("0123456789");
        message.opaque = i;
        message.flags = route == 5 ? KRS_MESSAGE_NO_REPORT : 0;
        message.report = routes[route == 5 ? 0 : route];
        code = krs_producer_send(producer, &message, route == 3 ? 0 : PATIENCE_MS, &err);
        if (code == KRS_ERR_QUEUE_FULL) { /* Only the full channel's sender has to care. */
            CHECK(route == 3, "queue full on route %zu", route);
            refused++;
            continue;
        }
        CHECK(code == KRS_OK, "send: %s", err.message);
        accepted++;
        wanted += route != 5;
        if (rand_r(&seed) % 50000 == 0) {
            OK(krs_producer_purge(producer, KRS_PURGE_QUEUED | KRS_PURGE_IN_FLIGHT, &err));
            purges++;
        }
        if (rand_r(&seed) % 50000 == 0) {
            krs_code flushed = krs_producer_flush(producer, 1 + rand_r(&seed) % 50, NULL, &err);
            CHECK(flushed == KRS_OK || flushed == KRS_ERR_TIMED_OUT, "flush: %s", err.message);
            flushes++;
        }
        if (i % 100000 == 0) {
            take_reports(shared, &batch, 0);
        }
    }
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    CHECK(pending(producer) == 0, "%zu without a result", pending(producer));
    take_reports(own, &batch, 0);
    take_reports(shared, &batch, 0);
    take_reports(full, &batch, 0);
    take_reports(closed, &batch, 0);
    close_client(producer);
    take_reports(events, &batch, PATIENCE_MS); /* Until it is closed and empty. */
    CHECK(reports == wanted, "%zu of %zu reports", reports, wanted);
    printf("%zu messages accepted, %zu reports wanted and received once each, %zu refused by a "
           "full channel, %zu purges, %zu flushes\n",
           accepted, wanted, refused, purges, flushes);
    krs_batch_free(batch);
    free(reported);
}

static void a_program_that_only_sends_and_flushes_never_stalls(void) {
    enum { COUNT = 300000 };
    krs_client producer = open_client(KRS_PRODUCER, "go.events.channel.size", "1000", (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    krs_close_result result;
    size_t len = 0;
    message.topic = topic_of(producer, fresh_name("send"));
    message.value = bytes("nobody reads the report of this");
    for (int i = 0; i < COUNT; i++) {
        OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    }
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    OK(krs_chan_len(events_of(producer), &len, NULL, &err));
    CHECK(len >= COUNT, "%zu reports are kept", len);
    result = close_client(producer);
    CHECK(result.clean, "%" PRIu64 " purged, %" PRIu64 " unknown", result.purged, result.unknown);
    printf("%d messages sent and flushed, and all %zu reports were kept\n", COUNT, len);
}

static void an_unread_channel_delays_no_other(void) {
    krs_client producer = open_client(KRS_PRODUCER, "linger.ms", "0", (char *)NULL);
    krs_topic topic = topic_of(producer, fresh_name("unread"));
    krs_chan unread = new_chan(1), read = new_chan(1);
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_message message = KRS_MESSAGE_INIT;
    double start;
    message.topic = topic;
    message.value = bytes("x");
    message.report = unread;
    OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    EXPECT(KRS_ERR_QUEUE_FULL, krs_producer_send(producer, &message, 0, &err));
    start = seconds();
    EXPECT(KRS_ERR_TIMED_OUT, krs_producer_send(producer, &message, 50, &err));
    CHECK(seconds() - start >= 0.045, "only %.3f s", seconds() - start);
    for (uint64_t i = 0; i < 1000; i++) {
        message.report = read;
        message.opaque = i;
        OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
        OK(krs_chan_recv(read, &batch, KRS_ALL, 1, PATIENCE_MS, &view, &err));
        CHECK(view.opaque[0] == i, "report of %" PRIu64, view.opaque[0]);
    }
    OK(krs_chan_recv(unread, &batch, KRS_ALL, 10, PATIENCE_MS, &view, &err));
    CHECK(view.count == 1, "%u rows", view.count);
    close_client(producer);
    krs_batch_free(batch);
    printf("1000 reports passed by a full channel\n");
}

static void flush_and_len_count_messages_without_a_result_and_nothing_else(void) {
    krs_client producer =
        open_client(KRS_PRODUCER, "linger.ms", "5000", "message.timeout.ms", "60000", (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    size_t left = 7, len = 0;
    double start = seconds();
    message.topic = topic_of(producer, fresh_name("flush"));
    message.value = bytes("x");
    CHECK(pending(producer) == 0, "%zu", pending(producer));
    for (int i = 0; i < 100; i++) {
        OK(krs_producer_send(producer, &message, 0, &err));
    }
    CHECK(pending(producer) == 100, "%zu", pending(producer));
    EXPECT(KRS_ERR_TIMED_OUT, krs_producer_flush(producer, 0, &left, &err));
    CHECK(left == 100, "%zu", left);
    /* Nobody has read a report; flush and len don't mind, and don't linger. */
    OK(krs_producer_flush(producer, PATIENCE_MS, &left, &err));
    CHECK(left == 0 && pending(producer) == 0, "%zu, %zu", left, pending(producer));
    CHECK(seconds() - start < 4.5, "%.1f s: it lingered", seconds() - start);
    OK(krs_chan_len(events_of(producer), &len, NULL, &err));
    CHECK(len == 100, "%zu reports wait", len);
    close_client(producer);
}

static void close_leaves_no_message_without_a_report(void) {
    enum { COUNT = 1000 };
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_close_result result = KRS_CLOSE_RESULT_INIT;
    krs_message message = KRS_MESSAGE_INIT;
    krs_client producer;
    krs_chan events;
    size_t seen = 0;
    double start;
    snprintf(servers, sizeof servers, "127.0.0.1:1"); /* Nobody is there. */
    producer = open_client(KRS_PRODUCER, (char *)NULL);
    events = events_of(producer);
    message.topic = topic_of(producer, "nowhere");
    message.value = bytes("x");
    for (int i = 0; i < COUNT; i++) {
        OK(krs_producer_send(producer, &message, 0, &err));
    }
    start = seconds();
    OK(krs_client_close(producer, 500, &result, &err));
    CHECK(seconds() - start < 1.5, "close took %.2f s", seconds() - start);
    CHECK(!result.clean && result.purged + result.unknown == COUNT,
          "%" PRIu64 " purged, %" PRIu64 " unknown", result.purged, result.unknown);
    while (krs_chan_recv(events, &batch, KRS_ALL, 10000, 0, &view, &err) == KRS_OK) {
        for (uint32_t row = 0; row < view.count; row++) {
            if (view.kind[row] == KRS_EVENT_REPORT) {
                CHECK(view.code[row] == KRS_ERR_PURGE_QUEUE, "%s", krs_error_name(view.code[row]));
                seen++;
            }
        }
    }
    CHECK(err.code == KRS_ERR_CLOSED, "%s", err.message);
    CHECK(seen == COUNT, "%zu reports", seen);
    EXPECT(KRS_ERR_CLOSED, krs_producer_send(producer, &message, 0, &err));
    krs_batch_free(batch);
}

static void reports_bring_back_the_fields_that_were_asked_for(void) {
    const char *asked[] = {"key,value", "none", "all", "headers"};
    for (int i = 0; i < 4; i++) {
        krs_client producer =
            open_client(KRS_PRODUCER, "go.delivery.report.fields", asked[i], (char *)NULL);
        krs_message message = KRS_MESSAGE_INIT;
        krs_batch *batch = NULL;
        krs_row row = KRS_ROW_INIT;
        uint8_t headers[64];
        size_t len = 0;
        bool key_value = i == 0 || i == 2, with_headers = i >= 2;
        OK(krs_headers_add(headers, sizeof headers, &len, bytes("h"), bytes("1"), &err));
        message.topic = topic_of(producer, fresh_name("fields"));
        message.key = bytes("k");
        message.value = bytes("v");
        message.headers.data = headers;
        message.headers.len = len;
        message.opaque = UINT64_MAX;
        message.timestamp = 1234567890123;
        OK(krs_producer_send(producer, &message, 0, &err));
        do {
            OK(krs_client_poll(producer, &batch, PATIENCE_MS, &row, &err));
        } while (row.kind != KRS_EVENT_REPORT);
        CHECK(row.code == KRS_OK, "%s", krs_error_name(row.code));
        CHECK(row.opaque == UINT64_MAX, "%" PRIu64, row.opaque);
        /* The mock cluster answers with an append time of its own. */
        CHECK(mock.id || row.timestamp == 1234567890123, "%" PRId64, row.timestamp);
        CHECK((row.key.data != NULL) == key_value && (row.value.data != NULL) == key_value, "%s",
              asked[i]);
        CHECK((row.header_count == 1) == with_headers, "%s: %u headers", asked[i],
              row.header_count);
        krs_batch_free(batch);
        close_client(producer);
    }
}

static void send_batch_is_like_many_sends(void) {
    enum { ROWS = 1000 };
    krs_client producer = open_client(KRS_PRODUCER, (char *)NULL);
    krs_topic topic = topic_of(producer, fresh_name("batch"));
    krs_records records = KRS_RECORDS_INIT;
    int64_t offsets[ROWS + 1] = {0};
    uint64_t opaque[ROWS];
    uint8_t data[ROWS], validity[ROWS / 8 + 1];
    krs_code codes[ROWS];
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    size_t done = 0;
    for (int i = 0; i < ROWS; i++) { /* Every third value is null, every other one empty. */
        offsets[i + 1] = offsets[i] + (i % 3 == 1);
        opaque[i] = (uint64_t)i;
    }
    memset(data, 'v', sizeof data);
    memset(validity, 0, sizeof validity);
    for (int i = 0; i < ROWS; i++) {
        validity[i / 8] |= (uint8_t)((i % 3 != 0) << (i % 8));
    }
    records.count = ROWS;
    records.topics = &topic;
    records.topic_count = 1;
    records.value.offsets = offsets;
    records.value.data = data;
    records.value.validity = validity;
    records.opaque = opaque;
    OK(krs_producer_send_batch(producer, &records, PATIENCE_MS, codes, &done, &err));
    CHECK(done == ROWS, "%zu done", done);
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    for (int seen = 0; seen < ROWS;) {
        OK(krs_client_poll(producer, &batch, PATIENCE_MS, &row, &err));
        if (row.kind == KRS_EVENT_REPORT) {
            CHECK(row.code == KRS_OK && codes[row.opaque] == KRS_OK, "row %" PRIu64, row.opaque);
            CHECK((row.value.data == NULL) == (row.opaque % 3 == 0), "row %" PRIu64, row.opaque);
            CHECK(row.value.len == (row.opaque % 3 == 1), "row %" PRIu64, row.opaque);
            seen++;
        }
    }
    offsets[5] = 10000;
    EXPECT(KRS_ERR_ARGUMENT, krs_producer_send_batch(producer, &records, 0, codes, &done, &err));
    CHECK(strstr(err.message, "records.value") != NULL, "%s", err.message);
    krs_batch_free(batch);
    close_client(producer);
}

TESTS(TEST(exactly_one_report_per_accepted_message),
      TEST(a_program_that_only_sends_and_flushes_never_stalls),
      TEST(an_unread_channel_delays_no_other),
      TEST(flush_and_len_count_messages_without_a_result_and_nothing_else),
      TEST(close_leaves_no_message_without_a_report),
      TEST(reports_bring_back_the_fields_that_were_asked_for), TEST(send_batch_is_like_many_sends))
