/* Promises on what is held, and on what is counted. */
#include "flow.h"

#include <pthread.h>

enum { BATCHES = 64, VALUE = 10000, COUNT = 400, BUDGET_KB = 500 };

static void send_large(const char *topic) {
    static char value[VALUE];
    krs_client producer = open_client(KRS_PRODUCER, "go.delivery.reports", "false", (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    message.topic = topic_of(producer, topic);
    message.partition = 0;
    message.value.data = (const uint8_t *)value;
    message.value.len = sizeof value;
    for (int i = 0; i < COUNT; i++) {
        OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    }
    close_client(producer);
}

static uint64_t held(krs_client consumer) {
    krs_stats stats = KRS_STATS_INIT;
    OK(krs_client_stats(consumer, &stats, &err));
    return stats.bytes_held;
}

typedef struct {
    krs_chan events;
    krs_code code;
    uint32_t rows;
    int waiting;
} other_t;

/* Waits while others hold all that may be held. */
static void *wait_for_room(void *arg) {
    other_t *other = arg;
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    __atomic_store_n(&other->waiting, 1, __ATOMIC_SEQ_CST);
    other->code = krs_chan_recv(other->events, &batch, KRS_ALL, 1, PATIENCE_MS, &view, &err);
    other->rows = view.count;
    krs_batch_free(batch);
    return NULL;
}

/* A program that keeps its batches gets no more than the budget, and goes on as they come back. */
static void what_is_held_is_bounded_and_goes_on_as_it_comes_back(void) {
    const char *topic = fresh_name("budget");
    krs_client consumer =
        open_client(KRS_CONSUMER, "group.id", fresh_name("group"), "fetch.wait.max.ms", "10",
                    "krs.held.max.kbytes", "500", (char *)NULL);
    krs_chan events = events_of(consumer);
    krs_batch *batches[BATCHES] = {NULL};
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    partitions_t list;
    other_t other = {events, KRS_ERR_INTERNAL, 0, 0};
    pthread_t thread;
    const uint64_t most = BUDGET_KB * 1024 + VALUE;
    int out = 0, total = 0;
    send_large(topic);
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, 0), &err));
    while (held(consumer) < BUDGET_KB * 1024) {
        CHECK(out < BATCHES, "%d batches are out", out);
        OK(krs_chan_recv(events, &batches[out++], KRS_ALL, 10, PATIENCE_MS, &view, &err));
        CHECK(held(consumer) <= most, "%" PRIu64 " bytes", held(consumer));
        total += (int)view.count;
    }
    EXPECT(KRS_ERR_TIMED_OUT, krs_chan_recv(events, &batches[out], KRS_ALL, 10, 200, &view, &err));

    /* Another receiver waits, and one batch that comes back is room for it. */
    CHECK(pthread_create(&thread, NULL, wait_for_room, &other) == 0, "thread");
    while (!__atomic_load_n(&other.waiting, __ATOMIC_SEQ_CST)) {
        work_for(1000);
    }
    OK(krs_chan_recv(events, &batches[0], KRS_ALL, 0, 0, &view, &err));
    pthread_join(thread, NULL);
    CHECK(other.code == KRS_OK && other.rows == 1, "%s", krs_error_name(other.code));
    total += (int)other.rows;

    /* All of the rest comes, though never more than the budget at once. */
    for (int i = 1; total < COUNT; i = (i + 1) % out) {
        krs_code code = krs_chan_recv(events, &batches[i], KRS_ALL, 10, PATIENCE_MS, &view, &err);
        CHECK(code == KRS_OK, "%s after %d of %d", err.message, total, COUNT);
        CHECK(held(consumer) <= most, "%" PRIu64 " bytes", held(consumer));
        total += (int)view.count;
    }
    CHECK(total == COUNT, "%d of %d", total, COUNT);
    printf("%d rows of %d bytes, never more than %d kB out, in %d batches\n", total, VALUE,
           BUDGET_KB, out);
    for (int i = 0; i < BATCHES; i++) {
        krs_batch_free(batches[i]);
    }
    CHECK(held(consumer) == 0, "%" PRIu64 " bytes are still held", held(consumer));
    close_client(consumer);
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Takes rows until librdkafka's statistics say that so many messages went through. */
static krs_stats stats_with(krs_client client, krs_batch **batch, int64_t messages) {
    krs_stats stats = KRS_STATS_INIT;
    krs_row row = KRS_ROW_INIT;
    double end = seconds() + 60;
    int texts = 0;
    do {
        CHECK(seconds() < end, "%" PRId64 " sent, %" PRId64 " received of %" PRId64,
              stats.messages_sent, stats.messages_received, messages);
        OK(krs_client_poll(client, batch, PATIENCE_MS, &row, &err));
        if (row.kind == KRS_EVENT_STATS) {
            CHECK(row.value.len > 2 && row.value.data[0] == '{', "%.20s",
                  (const char *)row.value.data);
            texts++;
        }
        OK(krs_client_stats(client, &stats, &err));
    } while (stats.messages_sent + stats.messages_received < messages || stats.pending > 0 ||
             texts == 0);
    return stats;
}

static void the_statistics_are_there_as_text_and_as_figures(void) {
    enum { MESSAGES = 100 };
    const char *topic = fresh_name("stats");
    krs_client producer =
        open_client(KRS_PRODUCER, "statistics.interval.ms", "50", "linger.ms", "0", (char *)NULL);
    krs_client consumer = open_client(KRS_CONSUMER, CONSUMER_SETTINGS, fresh_name("group"),
                                      "statistics.interval.ms", "50", (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    krs_stats stats = KRS_STATS_INIT;
    krs_batch *batch = NULL;
    partitions_t list;
    OK(krs_client_stats(producer, &stats, &err));
    CHECK(stats.taken_at == 0, "taken at %" PRId64 " before the first", stats.taken_at);
    message.topic = topic_of(producer, topic);
    message.partition = 0;
    message.value = bytes("0123456789");
    for (int i = 0; i < MESSAGES; i++) {
        OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    }
    OK(krs_client_stats(producer, &stats, &err));
    CHECK(stats.pending <= MESSAGES, "%" PRIu64 " pending", stats.pending);
    stats = stats_with(producer, &batch, MESSAGES);
    CHECK(stats.messages_sent == MESSAGES && stats.pending == 0, "%" PRId64 " sent",
          stats.messages_sent);
    CHECK(stats.bytes_sent > 10 * MESSAGES && stats.requests > 0 && stats.responses > 0 &&
              stats.bytes_received > 0,
          "%" PRId64 " bytes in %" PRId64 " requests", stats.bytes_sent, stats.requests);
    CHECK(llabs(now_ms() - stats.taken_at) < 120000, "taken at %" PRId64, stats.taken_at);
    krs_batch_free(batch);
    batch = NULL;

    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, 0), &err));
    stats = stats_with(consumer, &batch, MESSAGES);
    CHECK(stats.messages_received == MESSAGES, "%" PRId64 " received", stats.messages_received);
    printf("%" PRId64 " messages in %" PRId64 " responses\n", stats.messages_received,
           stats.responses);
    krs_batch_free(batch);
    close_client(consumer);
    close_client(producer);
}

/* librdkafka's own thread would turn in a circle here, and take a whole processor. */
static void a_producer_whose_broker_is_slow_leaves_the_processor_alone(void) {
    enum { SECONDS = 3, A_SECOND = 1000 };
    krs_mock slow;
    krs_client producer;
    krs_message message = KRS_MESSAGE_INIT;
    char at[500];
    double start, used;
    OK(krs_mock_open(1, &slow, &err));
    OK(krs_mock_bootstrap(slow, at, sizeof at, NULL, &err));
    OK(krs_mock_set_broker_delay(slow, 1, 100, &err));
    producer = open_client(KRS_PRODUCER, "bootstrap.servers", at, "enable.idempotence", "true",
                           (char *)NULL);
    message.topic = topic_of(producer, "slow");
    message.value = bytes("x");
    OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    start = cpu_seconds();
    for (int i = 0; i < SECONDS * A_SECOND; i++) {
        message.partition = i % 4;
        OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
        work_for(1000000 / A_SECOND);
    }
    used = cpu_seconds() - start;
    CHECK(used < 0.5 * SECONDS * slowness(), "%.1f s in %d s", used, SECONDS);
    printf("%.0f %% of a processor for %d messages a second, answered after 100 ms\n",
           100 * used / SECONDS, A_SECOND);
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    close_client(producer);
    OK(krs_mock_close(slow, &err));
}

TESTS(TEST(what_is_held_is_bounded_and_goes_on_as_it_comes_back),
      TEST(the_statistics_are_there_as_text_and_as_figures),
      TEST(a_producer_whose_broker_is_slow_leaves_the_processor_alone))
