/* Promises on delivery reports, flush and len. */
#include "check.h"

#include <pthread.h>

enum { MILLION = 1000000, SENDERS = 2 };

/* Where the reports of a message go, decided by its number. */
typedef enum { CLIENTS, OWN, SHARED, FULL, CLOSED, NONE, ROUTES } route_t;

static route_t route_of(uint64_t number) { return (route_t)(number % ROUTES); }

typedef struct {
    krs_client producer;
    krs_topic topic;
    krs_chan own, shared, full;
    pthread_mutex_t lock;
    krs_chan closed; /* Closed and replaced now and then, under the lock. */
    unsigned char *reported;
    size_t reports, moved, purges, flushes;
    size_t refused[SENDERS];
    int senders;
} million_t;

/* Every accepted message has a number, its opaque; a report must come out of its own channel, or
 * if that was closed, out of the client's. */
static void take_reports(million_t *all, krs_chan chan, route_t from, krs_batch **batch,
                         int32_t timeout_ms) {
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    while (krs_chan_recv(chan, batch, KRS_ALL, KRS_ALL, timeout_ms, &view, &err) == KRS_OK) {
        for (uint32_t row = 0; row < view.count; row++) {
            uint64_t number = view.opaque[row];
            if (view.kind[row] != KRS_EVENT_REPORT) {
                continue;
            }
            CHECK(number < MILLION, "report of unknown %" PRIu64, number);
            CHECK(!all->reported[number], "second report of %" PRIu64, number);
            if (route_of(number) == CLOSED && from == CLIENTS) {
                all->moved++;
            } else {
                CHECK(route_of(number) == from, "report of %" PRIu64 " from channel %d", number,
                      from);
            }
            all->reported[number] = 1;
            all->reports++;
        }
    }
}

typedef struct {
    million_t *all;
    int number;
} sender_t;

static krs_chan channel_for(million_t *all, route_t route) {
    krs_chan closed, routes[ROUTES] = {{0}, all->own, all->shared, all->full, {0}, {0}};
    pthread_mutex_lock(&all->lock);
    closed = all->closed;
    pthread_mutex_unlock(&all->lock);
    return route == CLOSED ? closed : routes[route];
}

/* Sends every other number until it is accepted, and purges and flushes at random. */
static void *send_half(void *arg) {
    sender_t *sender = arg;
    million_t *all = sender->all;
    unsigned seed = 20160713 + (unsigned)sender->number;
    for (uint64_t i = (uint64_t)sender->number; i < MILLION; i += SENDERS) {
        krs_message message = KRS_MESSAGE_INIT;
        krs_code code;
        message.topic = all->topic;
        message.value = bytes("0123456789");
        message.opaque = i;
        message.flags = route_of(i) == NONE ? KRS_MESSAGE_NO_REPORT : 0;
        do {
            message.report = channel_for(all, route_of(i));
            code = krs_producer_send(all->producer, &message, 100, &err);
            /* A bounded channel refuses while it is full, and once it was closed. */
            all->refused[sender->number] += code != KRS_OK;
        } while ((route_of(i) == FULL || route_of(i) == CLOSED) &&
                 (code == KRS_ERR_TIMED_OUT || code == KRS_ERR_CLOSED));
        CHECK(code == KRS_OK, "send on route %d: %s", route_of(i), err.message);
        if (rand_r(&seed) % 50000 == 0) {
            OK(krs_producer_purge(all->producer, KRS_PURGE_QUEUED | KRS_PURGE_IN_FLIGHT, &err));
            __atomic_add_fetch(&all->purges, 1, __ATOMIC_SEQ_CST);
        }
        if (rand_r(&seed) % 50000 == 0) {
            code = krs_producer_flush(all->producer, 1 + rand_r(&seed) % 50, NULL, &err);
            CHECK(code == KRS_OK || code == KRS_ERR_TIMED_OUT, "flush: %s", err.message);
            __atomic_add_fetch(&all->flushes, 1, __ATOMIC_SEQ_CST);
        }
    }
    __atomic_sub_fetch(&all->senders, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void replace_closed(million_t *all, krs_batch **batch) {
    krs_chan old = all->closed, next = new_chan(1000);
    pthread_mutex_lock(&all->lock);
    all->closed = next;
    pthread_mutex_unlock(&all->lock);
    OK(krs_chan_close(old, &err));
    take_reports(all, old, CLOSED, batch, 0);
}

static void exactly_one_report_per_accepted_message(void) {
    million_t all = {.lock = PTHREAD_MUTEX_INITIALIZER, .senders = SENDERS};
    pthread_t threads[SENDERS];
    sender_t senders[SENDERS];
    krs_batch *batch = NULL;
    krs_chan events;
    size_t wanted = MILLION - MILLION / ROUTES;
    all.producer = open_client(KRS_PRODUCER, "linger.ms", "1", "go.delivery.report.fields", "none",
                               "message.timeout.ms", "30000", (char *)NULL);
    all.topic = topic_of(all.producer, fresh_name("reports"));
    all.own = new_chan(MILLION);
    all.shared = new_chan(MILLION);
    all.full = new_chan(100);
    all.closed = new_chan(1000);
    all.reported = calloc(MILLION, 1);
    CHECK(all.reported != NULL, "memory");
    events = events_of(all.producer);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (sender_t){&all, i};
        CHECK(pthread_create(&threads[i], NULL, send_half, &senders[i]) == 0, "thread");
    }
    while (__atomic_load_n(&all.senders, __ATOMIC_SEQ_CST) > 0) {
        replace_closed(&all, &batch); /* While reports are on their way to it. */
        take_reports(&all, all.shared, SHARED, &batch, 0);
        take_reports(&all, all.full, FULL, &batch, 5);
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
    }
    OK(krs_producer_flush(all.producer, PATIENCE_MS, NULL, &err));
    CHECK(pending(all.producer) == 0, "%zu without a result", pending(all.producer));
    take_reports(&all, all.own, OWN, &batch, 0);
    take_reports(&all, all.shared, SHARED, &batch, 0);
    take_reports(&all, all.full, FULL, &batch, 0);
    take_reports(&all, all.closed, CLOSED, &batch, 0);
    close_client(all.producer);
    take_reports(&all, events, CLIENTS, &batch, PATIENCE_MS); /* Until it is closed and empty. */
    wanted = 0;
    for (uint64_t i = 0; i < MILLION; i++) {
        wanted += route_of(i) != NONE;
        CHECK(all.reported[i] == (route_of(i) != NONE), "message %" PRIu64, i);
    }
    CHECK(all.reports == wanted, "%zu of %zu reports", all.reports, wanted);
    printf("%d messages accepted, %zu reports wanted and received once each from their channel, "
           "%zu of them moved from a closed one; %zu sends refused, %zu purges, %zu flushes\n",
           MILLION, wanted, all.moved, all.refused[0] + all.refused[1], all.purges, all.flushes);
    krs_batch_free(batch);
    free(all.reported);
}

typedef struct {
    krs_chan chan;
    uint64_t opaque;
} waiting_t;

static void *wait_for_report(void *arg) {
    waiting_t *waiting = arg;
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    OK(krs_chan_recv(waiting->chan, &batch, KRS_ALL, 1, PATIENCE_MS, &view, &err));
    waiting->opaque = view.opaque[0];
    krs_batch_free(batch);
    return NULL;
}

static void a_receiver_that_waits_first_gets_the_report(void) {
    enum { ROUNDS = 200 };
    krs_client producer = open_client(KRS_PRODUCER, "linger.ms", "0", (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    double start = seconds();
    message.topic = topic_of(producer, fresh_name("first"));
    message.value = bytes("x");
    for (uint64_t i = 0; i < ROUNDS; i++) {
        waiting_t waiting = {new_chan(1), 0};
        pthread_t thread;
        message.report = waiting.chan;
        message.opaque = i + 1;
        CHECK(pthread_create(&thread, NULL, wait_for_report, &waiting) == 0, "thread");
        /* The sender does nothing more for this producer. */
        OK(krs_producer_send(producer, &message, 0, &err));
        pthread_join(thread, NULL);
        CHECK(waiting.opaque == i + 1, "%" PRIu64, waiting.opaque);
        OK(krs_chan_free(waiting.chan, &err));
    }
    printf("%d reports to a receiver that was there first, in %.2f s\n", ROUNDS, seconds() - start);
    close_client(producer);
}

static void reports_that_poll_fetched_outlive_the_client(void) {
    enum { COUNT = 500 };
    krs_client producer = open_client(KRS_PRODUCER, (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    int seen = 0;
    message.topic = topic_of(producer, fresh_name("outlive"));
    message.value = bytes("x");
    for (int i = 0; i < COUNT; i++) {
        OK(krs_producer_send(producer, &message, 0, &err));
    }
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    OK(krs_client_poll(producer, &batch, 0, &row, &err));
    close_client(producer);
    work_for(50000); /* So that they are too old to be given without a look at the client. */
    do {
        seen += row.kind == KRS_EVENT_REPORT;
    } while (krs_client_poll(producer, &batch, 0, &row, &err) == KRS_OK);
    CHECK(err.code == KRS_ERR_CLOSED, "%s", err.message);
    CHECK(row.kind == 0 && row.value.data == NULL, "the row of before is over");
    CHECK(seen == COUNT, "%d of %d reports", seen, COUNT);
    krs_batch_free(batch);
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

static void send_batch_tells_exactly_which_rows_it_took(void) {
    enum { ROWS = 1000, ROOM = 100 };
    krs_client producer = open_client(KRS_PRODUCER, "queue.buffering.max.messages", "100",
                                      "linger.ms", "1", (char *)NULL);
    krs_topic topic = topic_of(producer, fresh_name("room"));
    krs_records records = KRS_RECORDS_INIT;
    uint64_t opaque[ROWS];
    krs_code codes[ROWS];
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    unsigned char seen[ROWS] = {0};
    size_t sent = 0, calls = 0, reports = 0;
    for (int i = 0; i < ROWS; i++) {
        opaque[i] = (uint64_t)i;
    }
    records.topics = &topic;
    records.topic_count = 1;
    while (sent < ROWS) { /* As a caller would: what was not taken is sent again. */
        size_t done = 0;
        krs_code code;
        records.count = ROWS - sent;
        records.opaque = opaque + sent;
        memset(codes, 1, sizeof codes);
        code = krs_producer_send_batch(producer, &records, calls % 2 ? 1 : 0, codes, &done, &err);
        CHECK(code == KRS_OK || code == KRS_ERR_QUEUE_FULL || code == KRS_ERR_TIMED_OUT, "%s",
              err.message);
        CHECK(done <= records.count && (code == KRS_OK) == (done == records.count), "%zu", done);
        for (size_t row = 0; row < done; row++) {
            CHECK(codes[row] == KRS_OK, "row %zu: %s", sent + row, krs_error_name(codes[row]));
        }
        sent += done;
        calls++;
    }
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    while (krs_chan_recv(events_of(producer), &batch, KRS_ALL, KRS_ALL, 0, &view, &err) == KRS_OK) {
        for (uint32_t row = 0; row < view.count; row++) {
            CHECK(!seen[view.opaque[row]], "second report of %" PRIu64, view.opaque[row]);
            seen[view.opaque[row]] = 1;
            reports++;
        }
    }
    CHECK(reports == ROWS, "%zu reports", reports);
    printf("%d rows through a queue of %d in %zu calls, each sent once\n", ROWS, ROOM, calls);
    records.count = SIZE_MAX;
    EXPECT(KRS_ERR_ARGUMENT, krs_producer_send_batch(producer, &records, 0, NULL, &sent, &err));
    krs_batch_free(batch);
    close_client(producer);
}

TESTS(TEST(exactly_one_report_per_accepted_message),
      TEST(a_program_that_only_sends_and_flushes_never_stalls),
      TEST(an_unread_channel_delays_no_other),
      TEST(flush_and_len_count_messages_without_a_result_and_nothing_else),
      TEST(close_leaves_no_message_without_a_report),
      TEST(a_receiver_that_waits_first_gets_the_report),
      TEST(reports_that_poll_fetched_outlive_the_client),
      TEST(send_batch_tells_exactly_which_rows_it_took),
      TEST(reports_bring_back_the_fields_that_were_asked_for), TEST(send_batch_is_like_many_sends))
