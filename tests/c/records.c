/* Promises on the records of a batch, as a broker keeps it: it is fetched as one, and taken row by
 * row. */
#include "flow.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

enum { COUNT = 3000, FIRST_S = 1600000000 };

static int64_t time_of(int number) { return (int64_t)FIRST_S * 1000 + number * 7; }

static bool has_key(int number) { return number % 3 != 0; }

static uint32_t headers_of(int number) { return (uint32_t)(number % 3); }

static void await_reports(krs_client producer, int count) {
    krs_chan events = events_of(producer);
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    while (count > 0) {
        OK(krs_chan_recv(events, &batch, KRS_ALL, 1000, PATIENCE_MS, &view, &err));
        for (uint32_t row = 0; row < view.count; row++) {
            CHECK(view.kind[row] == KRS_EVENT_REPORT && view.code[row] == KRS_OK, "row of kind %d",
                  view.kind[row]);
        }
        count -= (int)view.count;
    }
    krs_batch_free(batch);
}

/* Numbers, in batches of the broker of so many. Whole ones are sent when they are full, however
 * long that takes; a flush could find a part of one on its way to its partition. */
static void send_batches(const char *topic, const char *codec, int count, const char *batch) {
    const char *linger = count % atoi(batch) == 0 ? "60000" : "100";
    /* One at a time: what a broker that has just heard of the topic refuses must not be overtaken.
     */
    krs_client producer =
        open_client(KRS_PRODUCER, "compression.type", codec, "linger.ms", linger,
                    "batch.num.messages", batch, "max.in.flight", "1", (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    uint8_t headers[64];
    char value[32];
    message.topic = topic_of(producer, topic);
    message.partition = 0;
    for (int i = 0; i < count; i++) {
        snprintf(value, sizeof value, "%d", i);
        message.value = bytes(i % 10 == 9 ? NULL : value);
        message.key = bytes(has_key(i) ? value : NULL);
        message.timestamp = time_of(i);
        message.headers.data = headers;
        message.headers.len = 0;
        for (uint32_t h = 0; h < headers_of(i); h++) {
            OK(krs_headers_add(headers, sizeof headers, &message.headers.len, bytes("name"),
                               bytes(value), &err));
        }
        OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    }
    await_reports(producer, count);
    close_client(producer);
}

static void check_row(krs_batch *batch, uint32_t index, int number) {
    krs_row row = KRS_ROW_INIT;
    OK(krs_batch_row(batch, index, &row, &err));
    CHECK(row.kind == KRS_EVENT_MESSAGE && row.offset == number, "offset %" PRId64 ", not %d",
          row.offset, number);
    CHECK(row.timestamp == time_of(number) && row.timestamp_type == KRS_TIMESTAMP_CREATE_TIME,
          "time of %d: %" PRId64, number, row.timestamp);
    CHECK((row.value.data == NULL) == (number % 10 == 9), "value of %d", number);
    CHECK(row.value.data == NULL || number_of(row.value) == number, "value of %d", number);
    CHECK((row.key.data != NULL) == has_key(number), "key of %d", number);
    CHECK(!has_key(number) || number_of(row.key) == number, "key of %d", number);
    CHECK(row.header_count == headers_of(number), "headers of %d: %u", number, row.header_count);
    for (uint32_t h = 0; h < row.header_count; h++) {
        krs_bytes name, value;
        OK(krs_batch_header(batch, index, h, &name, &value, &err));
        CHECK(name.len == 4 && number_of(value) == number, "header of %d", number);
    }
}

typedef struct {
    krs_client consumer;
    krs_chan events;
    krs_batch *batch;
} reader_t;

/* Takes some rows at a time, at most `most`, until `end`. */
static void expect_rows(reader_t *reader, int first, int end, uint32_t most) {
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    while (first < end) {
        uint32_t left = (uint32_t)(end - first);
        OK(krs_chan_recv(reader->events, &reader->batch, KRS_ALL, left < most ? left : most,
                         PATIENCE_MS, &view, &err));
        CHECK(view.count <= most, "%u rows", view.count);
        for (uint32_t row = 0; row < view.count; row++) {
            if (view.kind[row] == KRS_EVENT_MESSAGE) {
                check_row(reader->batch, row, first++);
            }
        }
    }
}

static void a_batch_is_taken_bit_by_bit_from_anywhere_and_in_any_codec(void) {
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    for (size_t c = 0; c < sizeof codecs / sizeof *codecs; c++) {
        const char *topic = fresh_name(codecs[c]);
        reader_t reader = {.batch = NULL};
        partitions_t list;
        send_batches(topic, codecs[c], COUNT, "10000");
        reader.consumer =
            open_client(KRS_CONSUMER, CONSUMER_SETTINGS, fresh_name("group"), (char *)NULL);
        reader.events = events_of(reader.consumer);
        OK(krs_consumer_assign(reader.consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, 137),
                               &err));
        expect_rows(&reader, 137, 200, 1);
        OK(krs_consumer_seek(reader.consumer, one(&list, topic, 0, 0), PATIENCE_MS, NULL, NULL,
                             &err));
        for (int i = 0; i < 2400; i += 30) {
            expect_rows(&reader, i, i + 30, 7);
            one(&list, topic, 0, KRS_OFFSET_NONE);
            if (i % 240 == 0) {
                OK(krs_consumer_pause(reader.consumer, &list.columns, NULL, NULL, &err));
                OK(krs_consumer_resume(reader.consumer, &list.columns, NULL, NULL, &err));
            }
        }
        OK(krs_consumer_seek(reader.consumer, one(&list, topic, 0, 555), PATIENCE_MS, NULL, NULL,
                             &err));
        expect_rows(&reader, 555, COUNT, 10000);
        krs_batch_free(reader.batch);
        close_client(reader.consumer);
    }
}

static size_t waiting(krs_chan events) {
    size_t count = 0;
    OK(krs_chan_len(events, &count, NULL, &err));
    return count;
}

/* Opens a consumer that asks for little at a time. */
static reader_t little_by_little(const char *topic, const char *limit, const char *most) {
    partitions_t list;
    reader_t reader = {.batch = NULL};
    reader.consumer =
        open_client(KRS_CONSUMER, "fetch.wait.max.ms", "10", "fetch.message.max.bytes", "2000",
                    "fetch.queue.backoff.ms", "10", limit, most, "group.id", fresh_name("group"),
                    "enable.auto.commit", "false", (char *)NULL);
    reader.events = events_of(reader.consumer);
    OK(krs_consumer_assign(reader.consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, 0), &err));
    return reader;
}

/* Waits until nothing more is fetched, and returns how much was. */
static size_t fetched(krs_chan events, size_t least) {
    size_t before, now = 0;
    double end = seconds() + 60;
    do {
        before = now;
        work_for(300000);
        now = waiting(events);
        CHECK(seconds() < end, "%zu rows are waiting", now);
    } while (now < least || now != before);
    return now;
}

/* Both limits are of messages and of their bytes, not of batches. */
static void no_more_is_fetched_ahead_than_was_asked_for(void) {
    enum { LIMIT = 500, SLACK = 300, KBYTES = 8, LOTS = 20000 };
    const char *topic = fresh_name("ahead");
    reader_t few, small;
    size_t of_few, of_small;
    send_batches(topic, "none", LOTS, "50");

    few = little_by_little(topic, "queued.min.messages", "500");
    of_few = fetched(few.events, LIMIT);
    CHECK(of_few <= LIMIT + SLACK, "%zu messages, not %d", of_few, LIMIT);
    expect_rows(&few, 0, LOTS, 333);

    small = little_by_little(topic, "queued.max.messages.kbytes", "8");
    of_small = fetched(small.events, 1);
    /* A value of a few bytes, a key and headers of as many. */
    CHECK(of_small * 4 <= (KBYTES + 4) * 1024, "%zu messages in %d kB", of_small, KBYTES);
    expect_rows(&small, 0, LOTS, 333);
    printf("%zu messages ahead of %d; %zu in %d kB\n", of_few, LIMIT, of_small, KBYTES);
    krs_batch_free(few.batch);
    krs_batch_free(small.batch);
    close_client(few.consumer);
    close_client(small.consumer);
}

/* Also where some of a batch has been taken. */
static void no_more_is_fetched_ahead_when_a_row_was_taken(void) {
    enum { BATCH = 10000, BATCHES_SENT = 4 };
    const char *topic = fresh_name("rest");
    reader_t reader;
    size_t before, after;
    for (int i = 0; i < BATCHES_SENT; i++) {
        send_batches(topic, "none", BATCH, "10000");
    }
    reader = little_by_little(topic, "queued.min.messages", "500");
    before = fetched(reader.events, BATCH / 2);
    expect_rows(&reader, 0, 1, 1);
    after = fetched(reader.events, 1);
    CHECK(after < before, "%zu messages, then %zu", before, after);
    krs_batch_free(reader.batch);
    close_client(reader.consumer);
}

/* What is sent by hand. */
typedef struct {
    uint8_t data[16384];
    size_t size;
} wire_t;

static void put(wire_t *to, const void *data, size_t size) {
    CHECK(to->size + size <= sizeof to->data, "%zu bytes", to->size + size);
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

static void put_number(wire_t *to, int64_t number, int size) {
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) {
        uint8_t byte = (uint8_t)((uint64_t)number >> shift);
        put(to, &byte, 1);
    }
}

static void put_text(wire_t *to, const char *text) {
    put_number(to, (int64_t)strlen(text), 2);
    put(to, text, strlen(text));
}

static void put_whole(wire_t *to, const wire_t *what) {
    put_number(to, (int64_t)what->size, 4);
    put(to, what->data, what->size);
}

/* A number of a record, from -64 to 8191. */
static void put_varint(wire_t *to, int number) {
    unsigned bits = number < 0 ? (unsigned)(-2 * number - 1) : (unsigned)(2 * number);
    if (bits >= 0x80) {
        put_number(to, (int)(bits & 0x7f) | 0x80, 1);
        bits >>= 7;
    }
    put_number(to, (int)bits, 1);
}

/* Record `i` of a batch, that says of its value that it is so much longer than it is. */
static void put_record(wire_t *to, int i, int longer) {
    wire_t record = {.size = 0};
    char value[32];
    snprintf(value, sizeof value, "%d", i + 1);
    put_number(&record, 0, 1);
    put_varint(&record, 0);
    put_varint(&record, i);
    put_varint(&record, -1);
    put_varint(&record, (int)strlen(value) + longer);
    put(&record, value, strlen(value));
    put_varint(&record, 0);
    put_varint(to, (int)record.size);
    put(to, record.data, record.size);
}

/* Sends a batch of so many records, and one more that is not well-formed. */
static void send_a_batch_with_a_bad_end(const char *topic, int good) {
    wire_t records = {.size = 0}, batch = {.size = 0}, body = {.size = 0}, request = {.size = 0};
    struct sockaddr_in at = {.sin_family = AF_INET};
    char answer[4];
    int broker = socket(AF_INET, SOCK_STREAM, 0);
    for (int i = 0; i <= good; i++) {
        put_record(&records, i, i == good ? 1000 : 0);
    }
    put_number(&batch, 0, 8); /* The offset, which the broker gives. */
    put_number(&batch, 49 + (int64_t)records.size, 4);
    put_number(&batch, 0, 4);
    put_number(&batch, 2, 1);
    put_number(&batch, 0, 4); /* A check that nobody makes by default. */
    put_number(&batch, 0, 2);
    put_number(&batch, good, 4);
    put_number(&batch, time_of(0), 8);
    put_number(&batch, time_of(0), 8);
    put_number(&batch, -1, 8);
    put_number(&batch, -1, 2);
    put_number(&batch, -1, 4);
    put_number(&batch, good + 1, 4);
    put(&batch, records.data, records.size);

    put_number(&body, 0, 2); /* Produce, in version 7. */
    put_number(&body, 7, 2);
    put_number(&body, 1, 4);
    put_text(&body, "by hand");
    put_number(&body, -1, 2);
    put_number(&body, 1, 2);
    put_number(&body, 1000, 4);
    put_number(&body, 1, 4);
    put_text(&body, topic);
    put_number(&body, 1, 4);
    put_number(&body, 0, 4);
    put_whole(&body, &batch);
    put_whole(&request, &body);

    at.sin_port = htons((uint16_t)atoi(strrchr(servers, ':') + 1));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(broker, (struct sockaddr *)&at, sizeof at) == 0, "connect");
    CHECK(send(broker, request.data, request.size, 0) == (ssize_t)request.size, "send");
    CHECK(recv(broker, answer, sizeof answer, 0) == sizeof answer, "answer");
    close(broker);
}

/* A broker of Kafka refuses such a batch; its disk may have one. */
static void a_batch_that_is_not_well_formed_gives_no_row_twice(void) {
    enum { GOOD = 100 };
    const char *topic = fresh_name("bad");
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    krs_client consumer;
    partitions_t list;
    double end;
    OK(krs_mock_open(1, &mock, &err));
    OK(krs_mock_bootstrap(mock, servers, sizeof servers, NULL, &err));
    send_values(topic, 0, 0, 1);
    send_a_batch_with_a_bad_end(topic, GOOD);
    consumer = open_client(KRS_CONSUMER, "group.id", fresh_name("group"), "fetch.wait.max.ms", "10",
                           "fetch.error.backoff.ms", "10", (char *)NULL);
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, 0), &err));
    expect_messages(consumer, &batch, 0, GOOD + 1);
    for (end = seconds() + 1; seconds() < end;) {
        if (krs_client_poll(consumer, &batch, 100, &row, &err) == KRS_OK) {
            CHECK(row.kind != KRS_EVENT_MESSAGE, "offset %" PRId64 " came again", row.offset);
        }
    }
    krs_batch_free(batch);
    close_client(consumer);
}

/* Where the broker gives the time, all of a batch have the same. */
static void the_time_of_the_broker_is_that_of_each_row(void) {
    const char *name = fresh_name("append");
    const char *config[] = {"message.timestamp.type", "LogAppendTime"};
    krs_new_topic topic = KRS_NEW_TOPIC_INIT;
    krs_client consumer =
        open_client(KRS_CONSUMER, CONSUMER_SETTINGS, fresh_name("group"), (char *)NULL);
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    partitions_t list;
    topic.name = name;
    topic.partitions = topic.replication = 1;
    topic.config = config;
    topic.config_count = 2;
    OK(krs_admin_create_topics(consumer, &topic, 1, 0, PATIENCE_MS, NULL, NULL, &err));
    send_batches(name, "none", COUNT, "10000");
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, name, 0, 0), &err));
    for (int i = 0; i < COUNT; i++) {
        poll_kind(consumer, &batch, &row, KRS_EVENT_MESSAGE);
        CHECK(row.offset == i && row.timestamp_type == KRS_TIMESTAMP_LOG_APPEND_TIME &&
                  row.timestamp > time_of(COUNT),
              "%" PRId64 " of type %u at %" PRId64, row.timestamp, row.timestamp_type, row.offset);
    }
    krs_batch_free(batch);
    close_client(consumer);
}

TESTS(TEST(a_batch_is_taken_bit_by_bit_from_anywhere_and_in_any_codec),
      TEST(no_more_is_fetched_ahead_than_was_asked_for),
      TEST(no_more_is_fetched_ahead_when_a_row_was_taken),
      TEST(a_batch_that_is_not_well_formed_gives_no_row_twice),
      TEST(the_time_of_the_broker_is_that_of_each_row))
