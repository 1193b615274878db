/* Promises on close: it returns by its deadline, whatever the brokers do, and leaves nothing
 * behind. */
#include "closing.h"

static void close_keeps_its_deadline_with_healthy_brokers(void) {
    const char *topic = fresh_name("healthy");
    start_brokers();
    send_values(topic, 0, 0, 100);
    for (int i = 0; i < TIMES; i++) {
        pair_t pair = open_pair(topic, true);
        fill(&pair);
        close_pair(&pair, "healthy");
    }
    say("healthy");
    end_brokers();
}

static void close_keeps_its_deadline_with_brokers_that_stopped(void) {
    const char *topic = fresh_name("stopped");
    start_brokers();
    send_values(topic, 0, 0, 100);
    for (int i = 0; i < TIMES; i++) {
        pair_t pair = open_pair(topic, true);
        (void)krs_consumer_commit(pair.consumer, 0, 0, NULL, NULL, NULL);
        stop_brokers();
        fill(&pair);
        close_pair(&pair, "stopped");
        kill(brokers, SIGCONT);
    }
    say("stopped");
    end_brokers();
}

static void close_keeps_its_deadline_with_brokers_that_are_gone(void) {
    for (int i = 0; i < TIMES; i++) {
        pair_t pair;
        snprintf(servers, sizeof servers, i % 2 ? "no-such-host.invalid:9092" : "127.0.0.1:1");
        pair = open_pair("nowhere", false);
        fill(&pair);
        close_pair(&pair, "gone");
    }
    say("gone, or of an unknown host");
    start_brokers();
    for (int i = 0; i < 5; i++) { /* Gone in the middle of work. */
        const char *topic = fresh_name("killed");
        pair_t pair;
        send_values(topic, 0, 0, 100);
        pair = open_pair(topic, true);
        fill(&pair);
        end_brokers();
        close_pair(&pair, "killed");
        start_brokers();
    }
    end_brokers();
}

/* ---- while others are inside ----------------------------------------------------------------- */

typedef struct {
    pair_t *pair;
    int number;
} caller_t;

/* Calls until it is told that the client is closed. */
static void *call_on(void *arg) {
    const caller_t *caller = arg;
    const pair_t *pair = caller->pair;
    krs_message message = KRS_MESSAGE_INIT;
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_chan chan = {0};
    krs_code code = KRS_OK;
    message.topic = pair->topic;
    message.value = bytes("x");
    while (code != KRS_ERR_CLOSED) {
        switch (caller->number % 4) {
        case 0:
            code = krs_producer_send(pair->producer, &message, -1, &err);
            break;
        case 1:
            code = krs_producer_flush(pair->producer, -1, NULL, &err);
            break;
        case 2:
            code = krs_client_events(pair->consumer, &chan, &err);
            if (code == KRS_OK) {
                code = krs_chan_recv(chan, &batch, KRS_ALL, 10, -1, &view, &err);
            }
            break;
        default:
            code = krs_consumer_commit(pair->consumer, -1, 0, NULL, NULL, &err);
            break;
        }
    }
    krs_batch_free(batch);
    return NULL;
}

static void closing_ends_the_calls_of_eight_threads(void) {
    enum { CALLERS = 8 };
    const char *topic = fresh_name("inside");
    start_brokers();
    send_values(topic, 0, 0, 100);
    for (int i = 0; i < TIMES; i++) {
        pair_t pair = open_pair(topic, i % 2 == 0);
        pthread_t threads[CALLERS];
        caller_t callers[CALLERS];
        for (int j = 0; j < CALLERS; j++) {
            callers[j] = (caller_t){&pair, j};
            CHECK(pthread_create(&threads[j], NULL, call_on, &callers[j]) == 0, "thread");
        }
        work_for(1000 * (i % 20)); /* Anywhere, also in mid-rebalance. */
        if (i % 5 == 4) {
            stop_brokers();
        }
        close_pair(&pair, "eight threads inside");
        for (int j = 0; j < CALLERS; j++) {
            pthread_join(threads[j], NULL);
        }
        kill(brokers, SIGCONT);
    }
    say("eight threads inside");
    end_brokers();
}

/* Asks brokers that do not answer, and would for a minute. */
typedef struct {
    const pair_t *pair;
    const char *topic;
    int number, asking;
    double ended;
} asker_t;

static void *ask(void *arg) {
    asker_t *asker = arg;
    krs_client clients[2] = {asker->pair->producer, asker->pair->consumer};
    krs_client client = clients[asker->number % 2], consumer = asker->pair->consumer;
    krs_new_topic fresh = KRS_NEW_TOPIC_INIT;
    partitions_t list;
    int64_t low, high;
    krs_code code;
    const krs_partitions *place = one(&list, asker->topic, 0, 1);
    fresh.name = "new";
    fresh.partitions = 1;
    __atomic_store_n(&asker->asking, 1, __ATOMIC_SEQ_CST);
    switch (asker->number / 2) {
    case 0:
        code = krs_cluster_watermarks(client, asker->topic, 0, -1, &low, &high, &err);
        break;
    case 1:
        code = krs_cluster_metadata(client, NULL, 1, -1, NULL, NULL, &err);
        break;
    case 2:
        code = krs_cluster_offsets_for_times(client, place, -1, NULL, NULL, &err);
        break;
    case 3:
        code = krs_admin_create_topics(client, &fresh, 1, 0, -1, NULL, NULL, &err);
        break;
    default:
        code = krs_consumer_committed(consumer, place, -1, NULL, NULL, &err);
        break;
    }
    asker->ended = seconds();
    CHECK(code == KRS_ERR_CLOSED, "%s of question %d", krs_error_name(code), asker->number);
    return NULL;
}

static void closing_ends_the_calls_that_wait_for_brokers(void) {
    enum { ASKERS = 10 };
    const char *topic = fresh_name("ask");
    pthread_t threads[ASKERS];
    asker_t askers[ASKERS];
    double closed, last = 0;
    pair_t pair;
    start_brokers();
    send_values(topic, 0, 0, 100);
    pair = open_pair(topic, true);
    stop_brokers();
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (asker_t){&pair, topic, i, 0, 0};
        CHECK(pthread_create(&threads[i], NULL, ask, &askers[i]) == 0, "thread");
    }
    for (int i = 0; i < ASKERS; i++) {
        while (!__atomic_load_n(&askers[i].asking, __ATOMIC_SEQ_CST)) {
            work_for(1000);
        }
    }
    work_for(50000); /* Inside the library, rather than on the way. */
    close_pair(&pair, "others ask");
    closed = seconds();
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(threads[i], NULL);
        last = askers[i].ended > last ? askers[i].ended : last;
    }
    CHECK(last < closed + 2 * slowness(), "the last call ended %.1f s after the close",
          last - closed);
    printf("%d calls that would have waited a minute ended with the close\n", ASKERS);
    end_brokers();
}

typedef struct {
    krs_client producer;
    krs_bytes group;
    const krs_partitions *offsets;
    int way, asking;
    double ended;
} transactor_t;

static krs_code transact(krs_client producer, int way, int32_t timeout_ms) {
    switch (way) {
    case 0:
        return krs_txn_init(producer, timeout_ms, &err);
    case 2:
        return krs_txn_commit(producer, timeout_ms, &err);
    default:
        return krs_txn_abort(producer, timeout_ms, &err);
    }
}

static void *in_transaction(void *arg) {
    transactor_t *it = arg;
    krs_code code;
    __atomic_store_n(&it->asking, 1, __ATOMIC_SEQ_CST);
    code = it->way == 1 ? krs_txn_offsets(it->producer, it->offsets, it->group, -1, &err)
                        : transact(it->producer, it->way, -1);
    it->ended = seconds();
    CHECK(code == KRS_ERR_CLOSED, "%s in way %d", krs_error_name(code), it->way);
    return NULL;
}

/* A producer with a message in a transaction; or not begun, for way 0. */
static krs_client for_way(int way, const char *topic) {
    const char *id = fresh_name("id");
    krs_client producer;
    if (way == 0) {
        return open_client(KRS_PRODUCER, "transactional.id", id, (char *)NULL);
    }
    producer = transactional(id);
    OK(krs_txn_begin(producer, &err));
    send_one(producer, topic_of(producer, topic));
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    return producer;
}

static void closing_ends_the_calls_of_a_transaction(void) {
    enum { WAYS = 4, ROUNDS = 5 };
    const char *topic = fresh_name("txn");
    uint8_t metadata[200];
    krs_bytes group = {metadata, 0};
    partitions_t list;
    start_brokers();
    send_values(topic, 0, 0, 1);
    for (int i = 0; i < WAYS * ROUNDS; i++) {
        pair_t pair = open_pair(topic, true);
        transactor_t it = {
            for_way(i % WAYS, topic), group, one(&list, topic, 0, 1), i % WAYS, 0, 0};
        pthread_t thread;
        OK(krs_consumer_group_metadata(pair.consumer, metadata, sizeof metadata, &it.group.len,
                                       &err));
        stop_brokers();
        CHECK(pthread_create(&thread, NULL, in_transaction, &it) == 0, "thread");
        while (!__atomic_load_n(&it.asking, __ATOMIC_SEQ_CST)) {
            work_for(1000);
        }
        work_for(50000); /* Inside the library, rather than on the way. */
        close_in_time(it.producer, "in a transaction");
        double closed = seconds();
        pthread_join(thread, NULL);
        CHECK(it.ended < closed + slowness(), "way %d ended %.1f s after the close", it.way,
              it.ended - closed);
        kill(brokers, SIGCONT);
        close_in_time(pair.consumer, "beside a transaction");
        close_in_time(pair.producer, "beside a transaction");
        krs_batch_free(pair.batch);
    }
    say("calls of a transaction");
    end_brokers();
}

static void a_call_of_a_transaction_that_ran_out_of_time_goes_on(void) {
    static const int ways[] = {0, 2, 3, 2};
    const char *topic = fresh_name("txn");
    start_brokers();
    send_values(topic, 0, 0, 1);
    for (int i = 0; i < 4; i++) {
        krs_client producer = for_way(ways[i], topic);
        double start, took;
        krs_code code = -177;
        stop_brokers();
        for (int again = 0; again < 3; again++) {
            start = seconds();
            EXPECT(KRS_ERR_TIMED_OUT, transact(producer, ways[i], 100));
            took = seconds() - start;
            CHECK(err.flags & KRS_ERROR_RETRIABLE, "%s", err.message);
            CHECK(took > 0.09 && took < 0.5 * slowness(), "way %d took %.2f s", ways[i], took);
        }
        for (int j = 0; j < 3; j++) { /* Meanwhile no other begins. */
            if (ways[j] != ways[i]) {
                CHECK(transact(producer, ways[j], 100) == -177 && (err.flags & KRS_ERROR_RETRIABLE),
                      "way %d beside %d: %s", ways[j], ways[i], err.message);
            }
        }
        CHECK(krs_txn_begin(producer, &err) == -177, "%s", err.message);
        kill(brokers, SIGCONT);
        if (i < 3) {
            OK(transact(producer, ways[i], PATIENCE_MS));
        }
        while (code == -177) { /* The last one's outcome nobody asks for. */
            code = krs_txn_begin(producer, &err);
        }
        CHECK(code == KRS_OK, "%s", err.message);
        OK(krs_txn_commit(producer, PATIENCE_MS, &err));
        close_in_time(producer, "after a transaction");
    }
    say("calls of a transaction that ran out of time");
    end_brokers();
}

/* ---- what is left ---------------------------------------------------------------------------- */

static long resident_kib(void) {
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    CHECK(statm != NULL && fscanf(statm, "%*d %ld", &pages) == 1, "statm");
    fclose(statm);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void open_and_close(const char *topic, int times) {
    for (int i = 0; i < times; i++) {
        krs_client clients[] = {
            open_client(KRS_PRODUCER, "go.logs.channel.enable", "true", (char *)NULL),
            open_client(KRS_CONSUMER, "group.id", "cycles", (char *)NULL)};
        krs_chan logs, chan = new_chan(3);
        krs_message message = KRS_MESSAGE_INIT;
        int fd;
        message.topic = topic_of(clients[0], topic);
        message.value = bytes("x");
        OK(krs_producer_send(clients[0], &message, 0, &err));
        OK(krs_client_logs(clients[0], &logs, &err));
        for (int j = 0; j < 2; j++) {
            krs_chan events = events_of(clients[j]);
            OK(krs_chan_fd(events, &fd, &err));
            CHECK(close_client(clients[j]).clean, "not clean");
            OK(krs_chan_free(events, &err));
        }
        (void)krs_chan_free(logs, NULL);
        OK(krs_chan_free(chan, &err));
    }
}

static void a_thousand_cycles_leave_nothing_behind(void) {
    enum { CYCLES = 1000 };
    const char *topic = fresh_name("cycles");
    int threads, descriptors;
    long memory, after;
    double end;
    start_brokers();
    open_and_close(topic, 200); /* What is made once is there. */
    threads = entries("/proc/self/task");
    descriptors = entries("/proc/self/fd");
    memory = resident_kib();
    open_and_close(topic, CYCLES);
    after = resident_kib();
    printf("%d cycles of a producer and a consumer: threads %d, then %d; descriptors %d, then %d; "
           "memory %ld KiB, then %ld\n",
           CYCLES, threads, entries("/proc/self/task"), descriptors, entries("/proc/self/fd"),
           memory, after);
    end = seconds() + 10; /* The last one is about to end. */
    while (entries("/proc/self/task") > threads) {
        CHECK(seconds() < end, "threads are left");
        work_for(1000);
    }
    CHECK(entries("/proc/self/fd") == descriptors, "descriptors are left");
    /* A sanitizer keeps what was freed, and finds leaks by itself. */
    CHECK(slowness() > 1 || after < memory + 4096, "memory is left");
    end_brokers();
}

/* A reaper is still inside librdkafka when the program ends. */
static void leave_in_a_hurry(void) {
    const char *topic = fresh_name("hurry");
    pair_t pair;
    start_brokers();
    send_values(topic, 0, 0, 100);
    pair = open_pair(topic, true);
    stop_brokers();
    fill(&pair);
    (void)krs_client_close(pair.producer, 0, NULL, NULL);
    (void)krs_client_close(pair.consumer, 0, NULL, NULL);
    kill(brokers, SIGKILL);
    exit(0); /* With all that exit() runs. */
}

static void a_program_may_end_while_a_client_is_given_back(void) {
    for (int i = 0; i < TIMES; i++) {
        char *argv[] = {(char *)"close", (char *)"hurry", NULL};
        int status;
        pid_t child;
        CHECK(posix_spawn(&child, own_path(), NULL, NULL, argv, environ) == 0, "process");
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0,
              "run %d ended with %x", i, status);
    }
    printf("%d programs ended in the middle of a close\n", TIMES);
}

static const test_t tests[] = {
    TEST(close_keeps_its_deadline_with_healthy_brokers),
    TEST(close_keeps_its_deadline_with_brokers_that_stopped),
    TEST(close_keeps_its_deadline_with_brokers_that_are_gone),
    TEST(closing_ends_the_calls_of_eight_threads),
    TEST(closing_ends_the_calls_that_wait_for_brokers),
    TEST(closing_ends_the_calls_of_a_transaction),
    TEST(a_call_of_a_transaction_that_ran_out_of_time_goes_on),
    TEST(a_thousand_cycles_leave_nothing_behind),
    TEST(a_program_may_end_while_a_client_is_given_back),
};

int main(int argc, char **argv) {
    be_brokers_if_asked(argc, argv);
    if (argc == 2 && strcmp(argv[1], "hurry") == 0) {
        leave_in_a_hurry();
    }
    return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
