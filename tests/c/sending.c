/* Promises on messages that are sent one after another: they go to the broker together, and nobody
 * sees that from outside. */
#include "flow.h"

enum { COUNT = 20000, LARGE = 9000, FIRST_S = 1600000000 };

/* The shape of a message is decided by its number. */
static bool is_large(int number) { return number % 997 == 0; }
static bool has_headers(int number) { return number % 1009 < 3; }
static bool has_key(int number) { return number % 3 != 0; }
static bool has_empty_key(int number) { return number % 3 == 2; }
static bool has_value(int number) { return number % 10 != 9; }
/* Now and then far from those beside it. */
static int64_t time_of(int number) {
    return number % 5 == 0 ? (int64_t)FIRST_S * 1000 + (int64_t)number * number % 1000000007 : 0;
}

typedef struct {
    char number[32];
    char large[LARGE];
    uint8_t headers[64];
    krs_message message;
} shaped_t;

static void shape(shaped_t *shaped, krs_topic topic, int number) {
    krs_message init = KRS_MESSAGE_INIT, *message = &shaped->message;
    *message = init;
    snprintf(shaped->number, sizeof shaped->number, "%d", number);
    message->topic = topic;
    message->partition = 0;
    message->opaque = (uint64_t)number;
    message->timestamp = time_of(number);
    if (has_key(number)) {
        message->key = bytes(has_empty_key(number) ? "" : shaped->number);
    }
    if (is_large(number)) {
        memset(shaped->large, 'x', sizeof shaped->large);
        memcpy(shaped->large, shaped->number, strlen(shaped->number) + 1);
        message->value.data = (const uint8_t *)shaped->large;
        message->value.len = sizeof shaped->large;
    } else if (has_value(number)) {
        message->value = bytes(shaped->number);
    }
    if (has_headers(number)) {
        message->headers.data = shaped->headers;
        OK(krs_headers_add(shaped->headers, sizeof shaped->headers, &message->headers.len,
                           bytes("h"), bytes(shaped->number), &err));
    }
}

static void check_bytes(krs_bytes got, krs_bytes sent, const char *what, int number) {
    CHECK((got.data == NULL) == (sent.data == NULL) && got.len == sent.len &&
              (got.len == 0 || memcmp(got.data, sent.data, got.len) == 0),
          "%s of %d: %zu bytes, %zu were sent", what, number, got.len, sent.len);
}

/* A message or a report of one, which is the one of this number. */
static void check_row(krs_batch *batch, uint32_t index, int number, int64_t offset) {
    static shaped_t shaped;
    krs_topic nowhere = {0};
    krs_row row = KRS_ROW_INIT;
    OK(krs_batch_row(batch, index, &row, &err));
    shape(&shaped, nowhere, number);
    CHECK(row.code == KRS_OK, "%d: %s", number, krs_error_name(row.code));
    CHECK(row.offset == offset, "%d at %" PRId64 ", not %" PRId64, number, row.offset, offset);
    check_bytes(row.key, shaped.message.key, "key", number);
    check_bytes(row.value, shaped.message.value, "value", number);
    if (row.kind == KRS_EVENT_MESSAGE) {
        CHECK(row.header_count == has_headers(number), "headers of %d: %u", number,
              row.header_count);
        CHECK(time_of(number) == 0 ? row.timestamp > (int64_t)FIRST_S * 1000
                                   : row.timestamp == time_of(number),
              "time of %d: %" PRId64, number, row.timestamp);
    } else if (!mock.id) { /* Which answers with an append time of its own. */
        CHECK(time_of(number) == 0 || row.timestamp == time_of(number), "time of %d: %" PRId64,
              number, row.timestamp);
    }
}

/* A producer that knows its topic, with one message in it. */
static krs_topic known_topic(krs_client producer, const char *name) {
    krs_message message = KRS_MESSAGE_INIT;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    message.topic = topic_of(producer, name);
    message.partition = 0;
    OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    poll_kind(producer, &batch, &row, KRS_EVENT_REPORT);
    CHECK(row.code == KRS_OK && row.offset == 0, "%s", krs_error_name(row.code));
    krs_batch_free(batch);
    return message.topic;
}

/* Those of one partition come in order. */
static int take_reports(krs_client producer, krs_batch **batch, int next, int32_t timeout_ms) {
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_code code =
        krs_chan_recv(events_of(producer), batch, KRS_ALL, KRS_ALL, timeout_ms, &view, &err);
    for (uint32_t row = 0; code == KRS_OK && row < view.count; row++) {
        if (view.kind[row] == KRS_EVENT_REPORT) {
            CHECK(view.opaque[row] == (uint64_t)next, "report of %" PRIu64 ", not of %d",
                  view.opaque[row], next);
            check_row(*batch, row, next, next + 1);
            next++;
        }
    }
    return next;
}

static void send_all(krs_client producer, krs_topic topic) {
    static shaped_t shaped;
    krs_batch *batch = NULL;
    int reported = 0;
    for (int i = 0; i < COUNT; i++) {
        shape(&shaped, topic, i);
        OK(krs_producer_send(producer, &shaped.message, PATIENCE_MS, &err));
        if (i % 100 == 0) {
            reported = take_reports(producer, &batch, reported, 0);
        }
    }
    while (reported < COUNT) {
        reported = take_reports(producer, &batch, reported, PATIENCE_MS);
    }
    krs_batch_free(batch);
}

static void expect_all(const char *topic) {
    krs_client consumer =
        open_client(KRS_CONSUMER, CONSUMER_SETTINGS, fresh_name("group"), (char *)NULL);
    krs_chan events = events_of(consumer);
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    partitions_t list;
    int next = 0;
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, 1), &err));
    while (next < COUNT) {
        OK(krs_chan_recv(events, &batch, KRS_ALL, KRS_ALL, PATIENCE_MS, &view, &err));
        for (uint32_t row = 0; row < view.count; row++) {
            if (view.kind[row] == KRS_EVENT_MESSAGE) {
                check_row(batch, row, next, next + 1);
                next++;
            }
        }
    }
    krs_batch_free(batch);
    close_client(consumer);
}

static void messages_of_all_shapes_arrive_in_order_in_any_codec(void) {
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    for (size_t c = 0; c < sizeof codecs / sizeof *codecs; c++) {
        const char *name = fresh_name(codecs[c]);
        krs_client producer = open_client(KRS_PRODUCER, "compression.type", codecs[c], "linger.ms",
                                          "2", (char *)NULL);
        krs_topic topic = known_topic(producer, name);
        send_all(producer, topic);
        CHECK(pending(producer) == 0, "%zu without a result", pending(producer));
        close_client(producer);
        expect_all(name);
    }
}

static void what_is_sent_together_waits_no_longer(void) {
    enum { ROUNDS = 40 };
    krs_client producer = open_client(KRS_PRODUCER, "linger.ms", "5", (char *)NULL);
    krs_topic topic = known_topic(producer, fresh_name("linger"));
    krs_records records = KRS_RECORDS_INIT;
    int64_t offsets[] = {0, 1, 2};
    int32_t partitions[] = {0, 0};
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    size_t done = 0;
    double begun = seconds();
    records.count = 2;
    records.topics = &topic;
    records.topic_count = 1;
    records.partition = partitions;
    records.value.offsets = offsets;
    records.value.data = (const uint8_t *)"xy";
    for (int i = 0; i < ROUNDS; i++) {
        OK(krs_producer_send_batch(producer, &records, 0, NULL, &done, &err));
        poll_kind(producer, &batch, &row, KRS_EVENT_REPORT);
        poll_kind(producer, &batch, &row, KRS_EVENT_REPORT);
    }
    /* A broker's thread that nobody wakes looks after a second. */
    CHECK(seconds() - begun < ROUNDS * 0.3 * slowness(), "%f s", seconds() - begun);
    krs_batch_free(batch);
    close_client(producer);
}

static void what_was_not_sent_has_no_offset(void) {
    enum { PURGED = 3000 };
    krs_client producer = open_client(KRS_PRODUCER, "linger.ms", "60000", (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    message.topic = topic_of(producer, fresh_name("purged"));
    message.partition = 0;
    message.value = bytes("x");
    OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    poll_kind(producer, &batch, &row, KRS_EVENT_REPORT);
    for (int i = 0; i < PURGED; i++) {
        OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    }
    OK(krs_producer_purge(producer, KRS_PURGE_QUEUED | KRS_PURGE_IN_FLIGHT, &err));
    for (int i = 0; i < PURGED; i++) {
        poll_kind(producer, &batch, &row, KRS_EVENT_REPORT);
        CHECK(row.code != KRS_OK && row.offset == KRS_OFFSET_NONE, "%s at %" PRId64,
              krs_error_name(row.code), row.offset);
    }
    krs_batch_free(batch);
    close_client(producer);
}

/* The first number behind `"key":{`, and in there behind `"of":`. */
static int64_t number_in(krs_bytes json, const char *key, const char *of) {
    char *text = calloc(json.len + 1, 1), *at;
    int64_t number;
    CHECK(text != NULL, "memory");
    memcpy(text, json.data, json.len);
    at = strstr(text, key);
    CHECK(at != NULL, "no %s", key);
    at = strstr(at, of);
    CHECK(at != NULL, "no %s in %s", of, key);
    number = strtoll(at + strlen(of), NULL, 10);
    free(text);
    return number;
}

/* Sends so many, of which a batch holds 100 at most, and tells the average and the greatest. */
static void count_in_batches(int count, int64_t *average, int64_t *greatest) {
    krs_client producer =
        open_client(KRS_PRODUCER, "batch.num.messages", "100", "linger.ms", "20",
                    "statistics.interval.ms", "100", "go.delivery.reports", "false", (char *)NULL);
    const char *name = fresh_name("batches");
    krs_message message = KRS_MESSAGE_INIT;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    message.topic = topic_of(producer, name);
    message.partition = 0;
    message.value = bytes("x");
    OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    for (int i = 0; i < count; i++) {
        OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    }
    *greatest = 0;
    do {
        poll_kind(producer, &batch, &row, KRS_EVENT_STATS);
        if (number_in(row.value, "\"batchcnt\":", "\"max\":") > *greatest) {
            *greatest = number_in(row.value, "\"batchcnt\":", "\"max\":");
            *average = number_in(row.value, "\"batchcnt\":", "\"avg\":");
        }
    } while (number_in(row.value, "\"txmsgs\":", "\"txmsgs\":") <= count);
    krs_batch_free(batch);
    close_client(producer);
}

static void a_batch_holds_as_many_as_it_may_and_the_statistics_count_them(void) {
    int64_t average = 0, greatest = 0;
    count_in_batches(5000, &average, &greatest);
    CHECK(greatest == 100, "%" PRId64 " in a batch", greatest);
    CHECK(average > 10, "%" PRId64 " on average", average);
}

static void make_topic(krs_client client, const char *name, const char *const *config) {
    krs_new_topic topic = KRS_NEW_TOPIC_INIT;
    topic.name = name;
    topic.partitions = 1;
    topic.config = config;
    topic.config_count = 2;
    OK(krs_admin_create_topics(client, &topic, 1, 0, PATIENCE_MS, NULL, NULL, &err));
}

/* Codes of brokers and of librdkafka that the header does not name. */
enum { INVALID_RECORD = 87, INVALID_DIFFERENT_RECORD = -138 };

static void of_refused_records_each_is_told_apart(void) {
    static const char *const compacted[] = {"cleanup.policy", "compact"};
    const char *name = fresh_name("compacted");
    krs_client producer =
        open_client(KRS_PRODUCER, "linger.ms", "60000", "batch.num.messages", "10", (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    make_topic(producer, name, compacted);
    message.topic = topic_of(producer, name);
    message.key = bytes("k");
    message.partition = 0;
    OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    poll_kind(producer, &batch, &row, KRS_EVENT_REPORT);
    for (int i = 0; i < 10; i++) {
        message.key = bytes(i == 3 || i == 7 ? NULL : "k"); /* Which a compacted topic wants. */
        message.opaque = (uint64_t)i;
        OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    }
    for (int i = 0; i < 10; i++) {
        krs_code wanted = i == 3 || i == 7 ? INVALID_RECORD : INVALID_DIFFERENT_RECORD;
        poll_kind(producer, &batch, &row, KRS_EVENT_REPORT);
        CHECK(row.opaque == (uint64_t)i && row.code == wanted, "%" PRIu64 ": %s", row.opaque,
              krs_error_name(row.code));
    }
    CHECK(pending(producer) == 0, "%zu without a result", pending(producer));
    krs_batch_free(batch);
    close_client(producer);
}

static void reports_tell_the_time_that_the_broker_chose(void) {
    static const char *const appended[] = {"message.timestamp.type", "LogAppendTime"};
    const char *name = fresh_name("appended");
    krs_client producer = open_client(KRS_PRODUCER, "linger.ms", "20", (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    int64_t first = 0;
    make_topic(producer, name, appended);
    message.topic = known_topic(producer, name);
    message.partition = 0;
    message.timestamp = 1234567890123;
    for (int i = 0; i < 100; i++) {
        OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    }
    for (int i = 0; i < 100; i++) {
        poll_kind(producer, &batch, &row, KRS_EVENT_REPORT);
        first = i == 0 ? row.timestamp : first;
        CHECK(row.timestamp_type == KRS_TIMESTAMP_LOG_APPEND_TIME, "type %d", row.timestamp_type);
        CHECK(row.timestamp >= first && first > (int64_t)FIRST_S * 1000, "%" PRId64, row.timestamp);
    }
    krs_batch_free(batch);
    close_client(producer);
}

TESTS(TEST(messages_of_all_shapes_arrive_in_order_in_any_codec),
      TEST(what_is_sent_together_waits_no_longer), TEST(what_was_not_sent_has_no_offset),
      TEST(a_batch_holds_as_many_as_it_may_and_the_statistics_count_them),
      TEST(of_refused_records_each_is_told_apart),
      TEST(reports_tell_the_time_that_the_broker_chose))
