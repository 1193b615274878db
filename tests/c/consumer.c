/* Promises on consumers. */
#include "flow.h"

#include <poll.h>

static void every_field_of_a_message_arrives_as_it_was_sent(void) {
    const char *topic = fresh_name("fields");
    krs_client producer = open_client(KRS_PRODUCER, (char *)NULL);
    krs_client consumer;
    krs_message message = KRS_MESSAGE_INIT;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    krs_bytes key, value, null = KRS_BYTES_NULL;
    uint8_t headers[64];
    size_t len = 0;
    OK(krs_headers_add(headers, sizeof headers, &len, bytes("first"), bytes("1"), &err));
    OK(krs_headers_add(headers, sizeof headers, &len, bytes("null"), null, &err));
    OK(krs_headers_add(headers, sizeof headers, &len, bytes("first"), bytes(""), &err));
    EXPECT(KRS_ERR_ARGUMENT,
           krs_headers_add(headers, sizeof headers, &len, bytes("too long for what is left"),
                           bytes("of the buffer"), &err));
    message.topic = topic_of(producer, topic);
    message.partition = 0;
    message.key = bytes("key");
    message.value = bytes("value");
    message.headers.data = headers;
    message.headers.len = len;
    message.timestamp = 1234567890123;
    OK(krs_producer_send(producer, &message, 0, &err));
    message.key = bytes("");
    message.value = null;
    message.headers = null;
    message.timestamp = 0;
    OK(krs_producer_send(producer, &message, 0, &err));
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));

    consumer = subscribed(fresh_name("group"), topic, "true");
    poll_kind(consumer, &batch, &row, KRS_EVENT_MESSAGE);
    CHECK(row.code == KRS_OK && row.partition == 0 && row.offset == 0, "%d", row.code);
    CHECK(row.topic.len == strlen(topic) && memcmp(row.topic.data, topic, row.topic.len) == 0,
          "topic");
    CHECK(row.timestamp == 1234567890123 && row.timestamp_type == KRS_TIMESTAMP_CREATE_TIME,
          "%" PRId64, row.timestamp);
    CHECK(row.key.len == 3 && memcmp(row.key.data, "key", 3) == 0, "key");
    CHECK(row.value.len == 5 && memcmp(row.value.data, "value", 5) == 0, "value");
    CHECK(row.header_count == 3, "%u headers", row.header_count);
    OK(krs_batch_header(batch, row.index, 0, &key, &value, &err));
    CHECK(key.len == 5 && memcmp(key.data, "first", 5) == 0 && value.len == 1, "header 0");
    OK(krs_batch_header(batch, row.index, 1, &key, &value, &err));
    CHECK(value.data == NULL, "header 1");
    OK(krs_batch_header(batch, row.index, 2, &key, &value, &err));
    CHECK(value.data != NULL && value.len == 0, "header 2");
    EXPECT(KRS_ERR_ARGUMENT, krs_batch_header(batch, row.index, 3, &key, &value, &err));

    poll_kind(consumer, &batch, &row, KRS_EVENT_MESSAGE);
    CHECK(row.key.data != NULL && row.key.len == 0, "an empty key");
    CHECK(row.value.data == NULL && row.header_count == 0, "a null value, no headers");
    CHECK(row.timestamp > 1500000000000, "%" PRId64, row.timestamp);
    poll_kind(consumer, &batch, &row, KRS_EVENT_PARTITION_EOF);
    CHECK(row.code == KRS_ERR_PARTITION_EOF, "%s", krs_error_name(row.code));
    krs_batch_free(batch);
    close_client(consumer);
    close_client(producer);
}

static void what_was_delivered_is_committed_and_nothing_else(void) {
    const char *topic = fresh_name("commit"), *group = fresh_name("group");
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    krs_client consumer;
    size_t rows = 0;
    send_values(topic, 0, 0, 1000);

    /* One at a time: of the many that were fetched, only the ten that were given out count. */
    consumer = subscribed(group, topic, "false");
    EXPECT(KRS_ERR_NO_OFFSET, krs_consumer_commit(consumer, PATIENCE_MS, 0, NULL, NULL, &err));
    expect_messages(consumer, &batch, 0, 10);
    OK(krs_consumer_commit(consumer, PATIENCE_MS, 0, NULL, NULL, &err));
    expect_messages(consumer, &batch, 10, 10);
    close_client(consumer);

    /* Its own automatic commit is off, so the last ten come again. Commit them without waiting. */
    consumer = subscribed(group, topic, "false");
    expect_messages(consumer, &batch, 10, 10);
    OK(krs_consumer_commit(consumer, 0, 4711, NULL, NULL, &err));
    poll_kind(consumer, &batch, &row, KRS_EVENT_COMMIT);
    do {
        CHECK(row.code == KRS_OK && row.opaque == 4711, "%s", krs_error_name(row.code));
        if (row.offset >= 0) {
            CHECK(row.offset >= 20, "%" PRId64, row.offset);
            rows++;
        }
        if (!(row.flags & KRS_ROW_MORE)) {
            break;
        }
        OK(krs_client_poll(consumer, &batch, PATIENCE_MS, &row, &err));
    } while (true);
    CHECK(rows == 1, "%zu partitions were committed", rows);
    krs_batch_free(batch);
    close_client(consumer);
}

/* A batch that begins with a message: what comes before one in the same batch is passed back alone.
 */
static void receive_messages(krs_chan events, krs_batch **batch, krs_batch_view *view) {
    uint32_t others = KRS_ALL;
    do {
        OK(krs_chan_recv(events, batch, others, 10, PATIENCE_MS, view, &err));
        for (others = 0; others < view->count && view->kind[others] != KRS_EVENT_MESSAGE;) {
            others++;
        }
    } while (others > 0);
}

static void a_clean_close_commits_what_was_delivered(void) {
    const char *topic = fresh_name("close"), *group = fresh_name("group");
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_client consumer;
    krs_chan events;
    krs_row row = KRS_ROW_INIT;
    int next = 7;
    send_values(topic, 0, 0, 100);

    /* Seven rows one by one, although a hundred were fetched. */
    consumer = subscribed(group, topic, "true");
    expect_messages(consumer, &batch, 0, 7);
    close_client(consumer);
    krs_batch_free(batch);
    batch = NULL;

    /* A batch of which five were dealt with. */
    consumer = subscribed(group, topic, "true");
    events = events_of(consumer);
    receive_messages(events, &batch, &view);
    OK(krs_batch_row(batch, 0, &row, &err));
    CHECK(number_of(row.value) == next, "%d", number_of(row.value));
    CHECK(view.count >= 5, "%u", view.count);
    OK(krs_chan_recv(events, &batch, 5, 0, 0, &view, &err));
    next += 5;
    close_client(consumer);
    krs_batch_free(batch);
    batch = NULL;

    /* A batch that is still out when the client closes counts as a whole, and stays readable. */
    consumer = subscribed(group, topic, "true");
    events = events_of(consumer);
    receive_messages(events, &batch, &view);
    OK(krs_batch_row(batch, 0, &row, &err));
    CHECK(number_of(row.value) == next, "%d instead of %d", number_of(row.value), next);
    next += (int)view.count;
    close_client(consumer);
    CHECK(view.opaque[view.count - 1] == 0 && *view.attention <= 1, "still readable");
    OK(krs_batch_row(batch, view.count - 1, &row, &err));
    CHECK(number_of(row.value) == next - 1, "%d", number_of(row.value));
    EXPECT(KRS_ERR_CLOSED, krs_chan_recv(events, &batch, KRS_ALL, 10, 0, &view, &err));
    krs_batch_free(batch);
    batch = NULL;

    consumer = subscribed(group, topic, "true");
    expect_messages(consumer, &batch, next, 100 - next);
    krs_batch_free(batch);
    close_client(consumer);
}

static void waiting_on_the_descriptor_is_enough(void) {
    const char *topic = fresh_name("fd");
    krs_client consumer = subscribed(fresh_name("group"), topic, "true");
    krs_chan events = events_of(consumer);
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    int fd = -1, seen = 0;
    send_values(topic, 0, 0, 500);
    OK(krs_chan_fd(events, &fd, &err));
    while (seen < 500) {
        struct pollfd wait = {fd, POLLIN, 0};
        krs_code code;
        CHECK(poll(&wait, 1, PATIENCE_MS) == 1, "nothing came; %d of 500", seen);
        code = krs_chan_recv(events, &batch, KRS_ALL, 100, 0, &view, &err);
        CHECK(code == KRS_OK || code == KRS_ERR_WOULD_BLOCK, "%s", err.message);
        for (uint32_t row = 0; row < view.count; row++) {
            seen += view.kind[row] == KRS_EVENT_MESSAGE;
        }
    }
    krs_batch_free(batch);
    close_client(consumer);
}

/* Two members: each message arrives once, and a member that leaves hands over. */
static void a_group_shares_its_topic(void) {
    enum { COUNT = 4000 };
    const char *topic = fresh_name("share"), *group = fresh_name("group");
    static unsigned char seen[2 * COUNT];
    krs_client members[2];
    krs_batch *batches[2] = {NULL, NULL};
    krs_row row = KRS_ROW_INIT;
    int assigned = 0, total = 0;
    double end = seconds() + 60;
    memset(seen, 0, sizeof seen);
    members[0] = subscribed(group, topic, "true");
    send_values(topic, KRS_PARTITION_ANY, 0, 1);
    poll_kind(members[0], &batches[0], &row, KRS_EVENT_MESSAGE);
    members[1] = subscribed(group, topic, "true");
    /* Both have partitions when the second one reaches an end. */
    while (!assigned) {
        CHECK(seconds() < end, "the second member has no partition");
        (void)krs_client_poll(members[0], &batches[0], 20, &row, &err);
        assigned = krs_client_poll(members[1], &batches[1], 20, &row, &err) == KRS_OK &&
                   row.kind == KRS_EVENT_PARTITION_EOF;
    }
    for (int32_t partition = 0; partition < 4; partition++) {
        send_values(topic, partition, 1 + partition * COUNT / 4, COUNT / 4);
    }
    for (int turn = 0; total < COUNT; turn++) {
        int member = members[1].id ? turn % 2 : 0;
        CHECK(seconds() < end, "%d of %d arrived", total, COUNT);
        if (krs_client_poll(members[member], &batches[member], 5, &row, &err) == KRS_OK &&
            row.kind == KRS_EVENT_MESSAGE) {
            /* The mock cluster, unlike Kafka, refuses the commit of a member that has to rejoin. */
            CHECK(mock.id || seen[number_of(row.value)] == 0, "%d came twice",
                  number_of(row.value));
            total += seen[number_of(row.value)]++ == 0;
        }
        if (total == COUNT / 2 && members[1].id != 0) {
            close_client(members[1]);
            krs_batch_free(batches[1]);
            batches[1] = NULL;
            members[1].id = 0;
        }
    }
    krs_batch_free(batches[0]);
    close_client(members[0]);
    printf("%d messages to two members, the second of which left half way: each once\n", COUNT);
}

TESTS(TEST(every_field_of_a_message_arrives_as_it_was_sent),
      TEST(what_was_delivered_is_committed_and_nothing_else),
      TEST(a_clean_close_commits_what_was_delivered), TEST(waiting_on_the_descriptor_is_enough),
      TEST(a_group_shares_its_topic))
