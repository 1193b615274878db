/* Promises on close: whatever state a client is in, it returns by its deadline. */
#include "closing.h"

/* ---- a client that can't go on --------------------------------------------------------------- */

static void expect_fatal(krs_client client) {
    krs_code code = krs_client_fatal(client, &err);
    CHECK(code != KRS_OK && (err.flags & KRS_ERROR_FATAL), "%s", krs_error_name(code));
}

static void close_keeps_its_deadline_when_a_producer_was_fenced(void) {
    const char *id = fresh_name("fenced"), *name = fresh_name("fenced");
    krs_client old = transactional(id);
    for (int i = 0; i < TIMES; i++) {
        krs_client next = transactional(id);
        krs_topic topic = topic_of(old, name);
        OK(krs_txn_begin(old, &err));
        send_one(old, topic);
        CHECK(krs_txn_commit(old, PATIENCE_MS, &err) != KRS_OK, "not fenced");
        expect_fatal(old);
        close_in_time(old, "fenced producer");
        old = next;
    }
    close_client(old);
    say("fenced producer");
}

static krs_client static_member(const char *group, const char *topic) {
    krs_client consumer = open_client(KRS_CONSUMER, "group.id", group, "group.instance.id", "one",
                                      "session.timeout.ms", "6000", "heartbeat.interval.ms", "100",
                                      "auto.offset.reset", "earliest", (char *)NULL);
    OK(krs_consumer_subscribe(consumer, &topic, 1, &err));
    return consumer;
}

static void poll_until_fatal(krs_client consumer, krs_batch **batch) {
    krs_row row = KRS_ROW_INIT;
    double end = seconds() + PATIENCE_MS / 1000;
    while (krs_client_fatal(consumer, NULL) == KRS_OK) {
        CHECK(seconds() < end, "not fenced");
        (void)krs_client_poll(consumer, batch, 100, &row, NULL);
    }
    expect_fatal(consumer);
}

static void close_keeps_its_deadline_when_a_static_member_was_fenced(void) {
    const char *group = fresh_name("static"), *topic = fresh_name("static");
    krs_client old;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    send_values(topic, 0, 0, TIMES + 1);
    old = static_member(group, topic);
    poll_kind(old, &batch, &row, KRS_EVENT_MESSAGE);
    for (int i = 0; i < TIMES; i++) {
        krs_batch *next_batch = NULL;
        krs_client next = static_member(group, topic);
        poll_kind(next, &next_batch, &row, KRS_EVENT_MESSAGE);
        poll_until_fatal(old, &batch);
        close_in_time(old, "fenced static member");
        krs_batch_free(batch);
        old = next;
        batch = next_batch;
    }
    close_client(old);
    krs_batch_free(batch);
    say("fenced static member");
}

/* ---- a client in the middle of something ----------------------------------------------------- */

static void close_keeps_its_deadline_in_mid_rebalance(void) {
    enum { MEMBERS = 3 };
    const char *topic = fresh_name("rebalance");
    start_brokers();
    send_values(topic, 0, 0, 100);
    for (int i = 0; i < TIMES; i++) {
        const char *group = fresh_name("group");
        krs_client members[MEMBERS];
        krs_batch *batch = NULL;
        krs_row row = KRS_ROW_INIT;
        for (int j = 0; j < MEMBERS; j++) {
            members[j] = subscribed(group, topic, "true");
            if (j == 0) {
                poll_kind(members[j], &batch, &row, KRS_EVENT_MESSAGE);
            }
        }
        work_for(1000 * (i % 10)); /* Somewhere in it. */
        for (int j = 0; j < MEMBERS; j++) {
            close_in_time(members[j], "in mid-rebalance");
        }
        krs_batch_free(batch);
    }
    say("in mid-rebalance");
    end_brokers();
}

/* librdkafka then answers its own request to leave, as in its issue 5347. */
static void close_keeps_its_deadline_when_the_coordinator_has_gone(void) {
    for (int i = 0; i < TIMES; i++) {
        const char *topic = fresh_name("coordinator");
        krs_client consumer;
        krs_batch *batch = NULL;
        start_brokers();
        send_values(topic, 0, 0, 10);
        consumer = subscribed(fresh_name("group"), topic, "true");
        expect_messages(consumer, &batch, 0, 10);
        end_brokers();
        work_for(1000 * (i % 10)); /* Noticed, or not yet. */
        close_in_time(consumer, "coordinator gone");
        krs_batch_free(batch);
    }
    say("coordinator gone");
}

static void close_keeps_its_deadline_with_a_commit_in_flight(void) {
    const char *topic = fresh_name("commit");
    start_brokers();
    send_values(topic, 0, 0, 100);
    for (int i = 0; i < TIMES; i++) {
        krs_client consumer = subscribed(fresh_name("group"), topic, "false");
        krs_batch *batch = NULL;
        expect_messages(consumer, &batch, 0, 10);
        stop_brokers(); /* So the commit stays where it is. */
        OK(krs_consumer_commit(consumer, 0, 1, NULL, NULL, &err));
        close_in_time(consumer, "commit in flight");
        kill(brokers, SIGCONT);
        krs_batch_free(batch);
    }
    say("commit in flight");
    end_brokers();
}

static void close_keeps_its_deadline_with_an_open_transaction(void) {
    const char *topic = fresh_name("txn");
    start_brokers();
    for (int i = 0; i < TIMES; i++) {
        krs_client producer = transactional(fresh_name("id"));
        OK(krs_txn_begin(producer, &err));
        send_one(producer, topic_of(producer, topic));
        if (i % 2) { /* And it can't be aborted either. */
            stop_brokers();
        }
        close_in_time(producer, "open transaction");
        kill(brokers, SIGCONT);
    }
    say("open transaction");
    end_brokers();
}

typedef struct {
    krs_chan chan;
    krs_topic topic;
    krs_code last;
} blocked_t;

/* Sends until it is told that the channel is closed. */
static void *send_on(void *arg) {
    blocked_t *blocked = arg;
    krs_message message = KRS_MESSAGE_INIT;
    message.topic = blocked->topic;
    message.value = bytes("x");
    while ((blocked->last = krs_chan_send(blocked->chan, &message, -1, &err)) == KRS_OK) {
    }
    return NULL;
}

static void close_keeps_its_deadline_while_the_produce_channel_is_full(void) {
    enum { PLACES = 10 };
    start_brokers();
    stop_brokers(); /* So nothing leaves the queue. */
    for (int i = 0; i < TIMES; i++) {
        krs_client producer =
            open_client(KRS_PRODUCER, "queue.buffering.max.messages", "10", (char *)NULL);
        blocked_t blocked = {{0}, topic_of(producer, "t"), KRS_OK};
        pthread_t sender;
        OK(krs_producer_channel(producer, &blocked.chan, &err));
        CHECK(pthread_create(&sender, NULL, send_on, &blocked) == 0, "thread");
        while (pending(producer) < PLACES) {
            work_for(100);
        }
        close_in_time(producer, "produce channel full");
        pthread_join(sender, NULL);
        CHECK(blocked.last == KRS_ERR_CLOSED, "%s", krs_error_name(blocked.last));
    }
    say("produce channel full");
    end_brokers();
}

/* ---- and afterwards -------------------------------------------------------------------------- */

/* Opens members of a group, and works for all of them until each has something to read. */
static void open_members(krs_client *members, int count, const char *group, const char *topic) {
    int ready = 0;
    for (int i = 0; i < count; i++) {
        members[i] = subscribed(group, topic, "true");
    }
    while (ready < count) {
        ready = 0;
        for (int i = 0; i < count; i++) {
            krs_batch *batch = NULL;
            krs_row row = KRS_ROW_INIT;
            (void)krs_client_poll(members[i], &batch, 10, &row, &err);
            krs_batch_free(batch);
            ready += assigned_count(members[i]) > 0;
        }
    }
}

/* Who had no time to leave its group leaves it by itself, and uses no time meanwhile. */
static void members_that_had_no_time_to_leave_are_gone_soon(void) {
    enum { MEMBERS = 4, WITHIN = 15 };
    const char *topic = fresh_name("members"), *group = fresh_name("group");
    krs_client members[MEMBERS + 1];
    int threads;
    double start, cpu;
    start_brokers();
    send_values(topic, 0, 0, 100);
    threads = entries("/proc/self/task");
    open_members(members, MEMBERS, group, topic);
    members[MEMBERS] = subscribed(group, topic, "true"); /* A rebalance begins. */
    start = seconds();
    cpu = cpu_seconds();
    for (int i = 0; i <= MEMBERS; i++) {
        OK(krs_client_close(members[i], 0, NULL, &err));
    }
    while (entries("/proc/self/task") > threads) {
        CHECK(seconds() - start < WITHIN, "%d threads instead of %d", entries("/proc/self/task"),
              threads);
        work_for(10000);
    }
    cpu = cpu_seconds() - cpu;
    printf("%d members closed in no time were gone after %.1f s, of which %.2f s CPU time\n",
           MEMBERS + 1, seconds() - start, cpu);
    CHECK(cpu < 2 * slowness(), "%.2f s", cpu);
    end_brokers();
}

static const test_t tests[] = {
    TEST(close_keeps_its_deadline_when_a_producer_was_fenced),
    TEST(close_keeps_its_deadline_when_a_static_member_was_fenced),
    TEST(close_keeps_its_deadline_in_mid_rebalance),
    TEST(close_keeps_its_deadline_when_the_coordinator_has_gone),
    TEST(close_keeps_its_deadline_with_a_commit_in_flight),
    TEST(close_keeps_its_deadline_with_an_open_transaction),
    TEST(close_keeps_its_deadline_while_the_produce_channel_is_full),
    TEST(members_that_had_no_time_to_leave_are_gone_soon),
};

int main(int argc, char **argv) {
    be_brokers_if_asked(argc, argv);
    return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
