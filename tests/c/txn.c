/* Promises on transactions, and on what a killed program left. */
#include "child.h"
#include "flow.h"

#include <pthread.h>

static krs_client transactional(const char *id) {
    krs_client producer = open_client(KRS_PRODUCER, "transactional.id", id,
                                      "transaction.timeout.ms", "10000", (char *)NULL);
    OK(krs_txn_init(producer, PATIENCE_MS, &err));
    return producer;
}

static krs_client reader(const char *group, const char *topic, const char *level) {
    krs_client consumer = open_client(KRS_CONSUMER, CONSUMER_SETTINGS, group, "isolation.level",
                                      level, "enable.auto.commit", "false", (char *)NULL);
    OK(krs_consumer_subscribe(consumer, &topic, 1, &err));
    return consumer;
}

static void send_number(krs_client producer, krs_topic topic, int32_t partition, int number) {
    krs_message message = KRS_MESSAGE_INIT;
    char value[32];
    snprintf(value, sizeof value, "%d", number);
    message.topic = topic;
    message.partition = partition;
    message.value = bytes(value);
    OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
}

static void a_drained_transactional_topic_shows_no_lag(void) {
    const char *name = fresh_name("lag"), *group = fresh_name("group");
    krs_client producer = transactional(fresh_name("id")), consumer;
    krs_topic topic = topic_of(producer, name);
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    int64_t low, high, committed;
    for (int i = 0; i < 10; i++) {
        OK(krs_txn_begin(producer, &err));
        for (int j = 0; j < 10; j++) {
            send_number(producer, topic, 0, 10 * i + j);
        }
        OK(krs_txn_commit(producer, PATIENCE_MS, &err));
    }
    OK(krs_txn_begin(producer, &err)); /* At the end one that is taken back. */
    send_number(producer, topic, 0, 1000);
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    OK(krs_txn_abort(producer, PATIENCE_MS, &err));
    consumer = reader(group, name, "read_committed");
    expect_messages(consumer, &batch, 0, 100);
    do {
        poll_kind(consumer, &batch, &row, KRS_EVENT_PARTITION_EOF);
    } while (row.partition != 0);
    OK(krs_consumer_commit(consumer, PATIENCE_MS, 0, NULL, NULL, &err));
    OK(krs_cluster_watermarks(consumer, name, 0, PATIENCE_MS, &low, &high, &err));
    committed = committed_of(consumer, name);
    CHECK(high == 112 && committed == high, "committed %" PRId64 ", end %" PRId64, committed, high);
    printf("100 rows in 10 transactions and one taken back: committed %" PRId64
           ", the end is %" PRId64 "\n",
           committed, high);
    krs_batch_free(batch);
    close_client(consumer);
    close_client(producer);
}

static void an_aborted_transaction_is_never_seen(void) {
    const char *name = fresh_name("abort");
    krs_client producer = transactional(fresh_name("id")), consumer;
    krs_topic topic = topic_of(producer, name);
    krs_batch *batch = NULL;
    for (int i = 0; i < 100; i++) {
        OK(krs_txn_begin(producer, &err));
        send_number(producer, topic, 0, i % 2 ? -1 : i / 2);
        if (i % 4 == 1) { /* Some have been sent when they are taken back, others not yet. */
            OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
        }
        if (i % 2) {
            OK(krs_txn_abort(producer, PATIENCE_MS, &err));
        } else {
            OK(krs_txn_commit(producer, PATIENCE_MS, &err));
        }
        CHECK(pending(producer) == 0, "%zu without a result", pending(producer));
    }
    consumer = reader(fresh_name("group"), name, "read_committed");
    expect_messages(consumer, &batch, 0, 50);
    printf("50 transactions committed, 50 taken back\n");
    krs_batch_free(batch);
    close_client(consumer);
    close_client(producer);
}

static void errors_tell_what_to_do(void) {
    const char *id = fresh_name("id"), *name = fresh_name("fenced");
    krs_client plain = open_client(KRS_PRODUCER, (char *)NULL);
    krs_client first = transactional(id), second;
    krs_topic topic = topic_of(first, name);
    krs_code code;
    EXPECT(KRS_ERR_STATE, krs_txn_commit(first, PATIENCE_MS, &err));
    CHECK(krs_txn_init(plain, PATIENCE_MS, &err) != KRS_OK, "not transactional");
    OK(krs_txn_begin(first, &err));
    send_number(first, topic, 0, 1);
    second = transactional(id); /* Takes over; the first one can't go on. */
    code = krs_txn_commit(first, PATIENCE_MS, &err);
    CHECK(code != KRS_OK && (err.flags & KRS_ERROR_FATAL) && !(err.flags & KRS_ERROR_RETRIABLE),
          "%s, flags %u", err.message, err.flags);
    CHECK(krs_client_fatal(first, &err) != KRS_OK, "fatal");
    OK(krs_txn_begin(second, &err));
    OK(krs_txn_abort(second, PATIENCE_MS, &err));
    close_client(plain);
    close_client(second);
    close_client(first);
}

/* ---- many threads ---------------------------------------------------------------------------- */

enum { CALLERS = 4, EACH_CALLS = 300 };

static krs_client shared;

/* All calls of transactions, in any order: answered with an error where it is the wrong one. */
static void *call_at_random(void *arg) {
    unsigned seed = *(unsigned *)arg;
    for (int i = 0; i < EACH_CALLS; i++) {
        krs_code code = KRS_OK;
        switch (rand_r(&seed) % 4) {
        case 0:
            code = krs_txn_begin(shared, &err);
            break;
        case 1:
            code = krs_txn_commit(shared, (int32_t)(rand_r(&seed) % 3), &err);
            break;
        case 2:
            code = krs_txn_abort(shared, (int32_t)(rand_r(&seed) % 3), &err);
            break;
        default:
            code = krs_txn_init(shared, (int32_t)(rand_r(&seed) % 3), &err);
            break;
        }
        CHECK(code == KRS_OK || err.message_len > 0, "no text for %d", code);
    }
    return NULL;
}

static void transaction_calls_of_many_threads_are_errors_at_worst(void) {
    pthread_t threads[CALLERS];
    unsigned seeds[CALLERS] = {1, 2, 3, 4};
    for (int round = 0; round < 5; round++) {
        shared = transactional(fresh_name("id"));
        for (int i = 0; i < CALLERS; i++) {
            CHECK(pthread_create(&threads[i], NULL, call_at_random, &seeds[i]) == 0, "thread");
            seeds[i] += 10;
        }
        for (int i = 0; i < CALLERS; i++) {
            pthread_join(threads[i], NULL);
        }
        OK(krs_client_close(shared, 1000, NULL, &err));
    }
}

static void a_commit_without_time_is_called_again(void) {
    krs_client producer = transactional(fresh_name("id"));
    krs_topic topic = topic_of(producer, fresh_name("hasty"));
    int again = 0;
    for (int i = 0; i < 2000; i++) {
        krs_code code;
        OK(krs_txn_begin(producer, &err));
        if (i % 50 == 0) {
            send_number(producer, topic, 0, i);
        }
        while ((code = krs_txn_commit(producer, i % 2, &err)) != KRS_OK) {
            CHECK(err.flags & KRS_ERROR_RETRIABLE, "%s", err.message);
            again++;
        }
    }
    printf("2000 commits, called again %d times\n", again);
    close_client(producer);
}

/* ---- programs that are killed ---------------------------------------------------------------- */

static pid_t start_role(const char *role, const char *a, const char *b, const char *c,
                        FILE **told) {
    const char *argv[] = {"txn", role, servers, a, b, c, NULL};
    return start_child(argv, told);
}

static int kills_from_environment(int usual) {
    const char *kills = getenv("KRS_KILLS");
    return kills ? atoi(kills) : usual;
}

/* Doubles numbers from one topic to another, ten in a transaction. A static member, for which the
 * group does not wait after a kill. */
static void transform(const char *from, const char *to, const char *group) {
    krs_client producer = transactional(group);
    krs_client consumer =
        open_client(KRS_CONSUMER, CONSUMER_SETTINGS, group, "isolation.level", "read_committed",
                    "enable.auto.commit", "false", "group.instance.id", "transform", (char *)NULL);
    krs_topic topic = topic_of(producer, to);
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    bool more = true;
    OK(krs_consumer_subscribe(consumer, &from, 1, &err));
    while (more) {
        partitions_t list;
        uint8_t metadata[1024];
        krs_bytes packed = {metadata, 0};
        size_t len = 0;
        int rows = 0;
        int64_t next[4] = {-1, -1, -1, -1};
        OK(krs_txn_begin(producer, &err));
        while (rows < 10) {
            krs_code code = krs_client_poll(consumer, &batch, 200, &row, &err);
            if (code == KRS_ERR_TIMED_OUT || code == KRS_ERR_WOULD_BLOCK) {
                break;
            }
            CHECK(code == KRS_OK, "%s", err.message);
            if (row.kind == KRS_EVENT_MESSAGE) {
                send_number(producer, topic, KRS_PARTITION_ANY, 2 * number_of(row.value));
                next[row.partition] = row.offset + 1;
                rows++;
            }
        }
        partitions(&list, from, 0, 0, 0);
        for (int32_t partition = 0; partition < 4; partition++) {
            if (next[partition] >= 0) {
                list.partition[list.columns.count] = partition;
                list.offset[list.columns.count++] = next[partition];
            }
        }
        if (rows > 0) {
            OK(krs_consumer_group_metadata(consumer, metadata, sizeof metadata, &len, &err));
            packed.len = len;
            OK(krs_txn_offsets(producer, &list.columns, packed, PATIENCE_MS, &err));
        }
        OK(krs_txn_commit(producer, PATIENCE_MS, &err));
        printf("%d\n", rows);
        fflush(stdout);
    }
}

static void read_transform_write_is_exact_across_kills(void) {
    const int most = kills_from_environment(20), numbers = 200 * most;
    const char *from = fresh_name("from"), *to = fresh_name("to"), *group = fresh_name("group");
    unsigned char *seen = calloc((size_t)numbers, 2);
    krs_client consumer;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    unsigned seed = 5;
    int done = 0, doubled = 0, number, kills = 0, eof = 0;
    double end = seconds() + 12 * most;
    CHECK(seen != NULL, "memory");
    for (int32_t partition = 0; partition < 4; partition++) {
        send_values(from, partition, partition * numbers / 4, numbers / 4);
    }
    while (kills <= most) {
        int rows, target = 5 + (int)(rand_r(&seed) % 10), idle = 0;
        FILE *told;
        pid_t child = start_role("transform", from, to, group, &told);
        /* The last one goes on until nothing is left, past the session of the one before. */
        while ((kills < most ? target-- > 0 : idle < 50) && fscanf(told, "%d", &rows) == 1) {
            idle = rows == 0 ? idle + 1 : 0;
            done += rows;
            CHECK(seconds() < end, "%d done", done);
        }
        if (kills < most) {
            work_for(rand_r(&seed) % 20000); /* Somewhere in the next transaction. */
        }
        kill_child(child);
        fclose(told);
        kills++;
    }
    consumer = reader(fresh_name("group"), to, "read_committed");
    while (doubled < numbers || eof < 4) {
        CHECK(seconds() < end, "%d of %d arrived", doubled, numbers);
        OK(krs_client_poll(consumer, &batch, PATIENCE_MS, &row, &err));
        eof += row.kind == KRS_EVENT_PARTITION_EOF;
        if (row.kind == KRS_EVENT_MESSAGE) {
            number = number_of(row.value);
            CHECK(number % 2 == 0 && number < 2 * numbers && !seen[number], "%d again", number);
            seen[number] = 1;
            doubled++;
        }
    }
    printf("%d numbers transformed across %d kills: each once\n", doubled, most);
    krs_batch_free(batch);
    close_client(consumer);
    free(seen);
}

/* Tells each row that it is given, before it asks for the next. A static member, for which the
 * group does not wait after a kill. */
static void read_on(const char *topic, const char *group, const char *way) {
    krs_client consumer =
        open_client(KRS_CONSUMER, CONSUMER_SETTINGS, group, "auto.commit.interval.ms", "20",
                    "heartbeat.interval.ms", "200", "group.instance.id", "reader", (char *)NULL);
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_row row = KRS_ROW_INIT;
    OK(krs_consumer_subscribe(consumer, &topic, 1, &err));
    while (strcmp(way, "poll") == 0) {
        if (krs_client_poll(consumer, &batch, 100, &row, &err) == KRS_OK &&
            row.kind == KRS_EVENT_MESSAGE) {
            printf("%d\n", number_of(row.value));
            fflush(stdout);
        }
    }
    while (true) { /* By the batch: passed back when all of it was told. */
        if (krs_chan_recv(events_of(consumer), &batch, KRS_ALL, 64, 100, &view, &err) == KRS_OK) {
            for (uint32_t i = 0; i < view.count; i++) {
                OK(krs_batch_row(batch, i, &row, &err));
                if (row.kind == KRS_EVENT_MESSAGE) {
                    printf("%d\n", number_of(row.value));
                    fflush(stdout);
                }
            }
        }
    }
}

/* After each kill the next program goes on where the last one was, or before. */
static void kills(const char *way, int times) {
    const int numbers = 800 * times;
    const char *topic = fresh_name("kill"), *group = fresh_name("group");
    unsigned seed = 11;
    int next = 0, repeated = 0;
    send_values(topic, 0, 0, numbers);
    for (int i = 0; i < times; i++) {
        int number, left = (int)(rand_r(&seed) % 500);
        bool first = true;
        FILE *told;
        pid_t child = start_role("read", topic, group, way, &told);
        while (left-- > 0 && fscanf(told, "%d", &number) == 1) {
            CHECK(number <= next, "%d was skipped: %d came after kill %d", next, number, i);
            CHECK(first || number == next || number < next, "order");
            repeated += number < next;
            next = number >= next ? number + 1 : next;
            first = false;
        }
        kill_child(child);
        while (fscanf(told, "%d", &number) == 1) {
            CHECK(number <= next, "%d was skipped: %d came after kill %d", next, number, i);
            repeated += number < next;
            next = number >= next ? number + 1 : next;
        }
        fclose(told);
    }
    printf("%s: %d kills, %d rows given, none skipped, %d given again\n", way, times, next,
           repeated);
}

static void a_kill_skips_nothing_undelivered(void) {
    kills("poll", kills_from_environment(25));
    kills("batch", kills_from_environment(25));
}

static const test_t tests[] = {
    TEST(a_drained_transactional_topic_shows_no_lag),
    TEST(an_aborted_transaction_is_never_seen),
    TEST(errors_tell_what_to_do),
    TEST(a_commit_without_time_is_called_again),
    TEST(transaction_calls_of_many_threads_are_errors_at_worst),
    TEST(read_transform_write_is_exact_across_kills),
    TEST(a_kill_skips_nothing_undelivered),
};

int main(int argc, char **argv) {
    if (argc == 6) {
        snprintf(servers, sizeof servers, "%s", argv[2]);
        if (strcmp(argv[1], "transform") == 0) {
            transform(argv[3], argv[4], argv[5]);
        } else {
            read_on(argv[3], argv[4], argv[5]);
        }
    }
    return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
