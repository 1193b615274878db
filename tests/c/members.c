/* Promises on one member of a group: what it is told of itself, and when it is thrown out. */
#include "group.h"

static void next_rebalance(krs_client consumer, krs_batch **batch, krs_row *row, uint8_t kind) {
    do {
        OK(krs_client_poll(consumer, batch, PATIENCE_MS, row, &err));
    } while (row->kind != kind || row->flags & KRS_ROW_MORE);
}

static bool is_topic(const krs_row *row, const char *name) {
    return row->topic.len == strlen(name) && memcmp(row->topic.data, name, row->topic.len) == 0;
}

static void a_member_knows_its_id_and_its_topics(void) {
    const char *topics[2] = {fresh_name("known"), "^krs-known-no-such-.*"};
    krs_client consumer =
        open_client(KRS_CONSUMER, CONSUMER_SETTINGS, fresh_name("group"), (char *)NULL);
    krs_batch *batch = NULL, *answer = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_row row = KRS_ROW_INIT;
    char id[128] = "?", small[4];
    size_t len = 7;
    bool found[2] = {false};
    OK(krs_consumer_member_id(consumer, id, sizeof id, &len, &err));
    CHECK(len == 0 && id[0] == '\0', "%s before it is a member", id);
    OK(krs_consumer_subscription(consumer, &answer, &view, &err));
    CHECK(view.count == 0, "%u topics before there is one", view.count);

    send_values(topics[0], 0, 0, 1);
    OK(krs_consumer_subscribe(consumer, topics, 2, &err));
    OK(krs_consumer_subscription(consumer, &answer, &view, &err));
    CHECK(view.count == 2, "%u topics", view.count);
    for (uint32_t i = 0; i < 2; i++) {
        OK(krs_batch_row(answer, i, &row, &err));
        CHECK(row.kind == KRS_EVENT_PARTITION && row.partition == -1, "partition %d",
              row.partition);
        found[0] |= is_topic(&row, topics[0]);
        found[1] |= is_topic(&row, topics[1]);
    }
    CHECK(found[0] && found[1], "not both topics");
    poll_kind(consumer, &batch, &row, KRS_EVENT_MESSAGE);
    OK(krs_consumer_member_id(consumer, id, sizeof id, &len, &err));
    CHECK(len > 0 && strlen(id) == len, "%zu of %s", len, id);
    EXPECT(KRS_ERR_ARGUMENT, krs_consumer_member_id(consumer, small, sizeof small, &len, &err));
    CHECK(len == strlen(id), "%zu", len);

    OK(krs_consumer_unsubscribe(consumer, &err));
    OK(krs_consumer_subscription(consumer, &answer, &view, &err));
    CHECK(view.count == 0, "%u topics after all were left", view.count);
    krs_batch_free(answer);
    krs_batch_free(batch);
    close_client(consumer);
}

static uint32_t is_lost(krs_client consumer) {
    uint32_t lost = 7;
    OK(krs_consumer_assignment_lost(consumer, &lost, &err));
    return lost;
}

/* It holds a batch, and is not seen within max.poll.interval.ms. */
static void a_member_that_was_thrown_out_is_told_what_it_lost(void) {
    const char *topic = fresh_name("lost"), *group = fresh_name("group");
    krs_client consumer = open_client(
        KRS_CONSUMER, CONSUMER_SETTINGS, group, "go.application.rebalance.enable", "true",
        "max.poll.interval.ms", "6000", "enable.partition.eof", "false", "auto.commit.interval.ms",
        "3600000", "heartbeat.interval.ms", "500", (char *)NULL);
    krs_chan events = events_of(consumer);
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_row row = KRS_ROW_INIT;
    double end;
    int lost = 0, errors = 0;
    send_values(topic, 0, 0, 10);
    OK(krs_consumer_subscribe(consumer, &topic, 1, &err));
    do {
        OK(krs_chan_recv(events, &batch, KRS_ALL, 100, PATIENCE_MS, &view, &err));
    } while (view.kind[0] != KRS_EVENT_MESSAGE);
    CHECK(is_lost(consumer) == 0, "it is a member");
    for (end = seconds() + 60; !__atomic_load_n(view.attention, __ATOMIC_SEQ_CST);) {
        CHECK(seconds() < end, "nobody calls it back");
        work_for(1000);
    }
    OK(krs_chan_recv(events, &batch, KRS_ALL, 0, 0, &view, &err));
    do { /* The error that says why comes too. */
        OK(krs_client_poll(consumer, &batch, PATIENCE_MS, &row, &err));
        errors += row.kind == KRS_EVENT_ERROR && row.code == -147; /* _MAX_POLL_EXCEEDED */
        CHECK(row.kind != KRS_EVENT_MESSAGE, "a row of what is lost");
    } while (row.kind != KRS_EVENT_REVOKE);
    CHECK(is_lost(consumer) == 1, "nothing is lost");
    for (;; lost++) {
        CHECK(row.kind == KRS_EVENT_REVOKE && row.flags & KRS_ROW_LOST, "flags %d", row.flags);
        if (!(row.flags & KRS_ROW_MORE)) {
            break;
        }
        OK(krs_client_poll(consumer, &batch, PATIENCE_MS, &row, &err));
    }
    CHECK(lost + 1 == PARTITIONS, "%d partitions lost", lost + 1);
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, NULL, &err));
    CHECK(is_lost(consumer) == 0, "the question is answered");
    /* What was delivered could not be committed: it comes again, for the member may come back. */
    CHECK(committed_of(consumer, topic) == KRS_OFFSET_NONE, "committed %" PRId64,
          committed_of(consumer, topic));
    next_rebalance(consumer, &batch, &row, KRS_EVENT_ASSIGN);
    poll_kind(consumer, &batch, &row, KRS_EVENT_MESSAGE);
    CHECK(row.offset == 0, "%" PRId64, row.offset);
    printf("%d partitions lost, %d error said why\n", lost + 1, errors);
    krs_batch_free(batch);
    close_client(consumer);
}

/* A member of another process, which tells of rows and of what it lost. */
static void sleeper(const char *topic, const char *group_id) {
    group_t group = {.topic = topic, .group = group_id, .protocol = "range"};
    krs_client consumer = join(&group);
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    end_with_parent();
    while (true) {
        if (krs_client_poll(consumer, &batch, 100, &row, &err) == KRS_OK) {
            bool lost = row.kind == KRS_EVENT_REVOKE && row.flags & KRS_ROW_LOST;
            printf("%s\n", lost ? "lost" : row.kind == KRS_EVENT_MESSAGE ? "row" : "other");
            fflush(stdout);
        }
    }
}

/* Waits for a word of the sleeper, and looks after a member of our own meanwhile. */
static void hear(FILE *told_by, const char *word, krs_client own, krs_batch **batch) {
    double end = seconds() + 60;
    char said[16] = "";
    krs_row row = KRS_ROW_INIT;
    while (strcmp(said, word) != 0) {
        struct pollfd wait = {fileno(told_by), POLLIN, 0};
        CHECK(seconds() < end, "no \"%s\"", word);
        if (poll(&wait, 1, own.id ? 0 : 1000) == 1) {
            CHECK(fscanf(told_by, "%15s", said) == 1, "the member has ended");
        } else if (own.id) {
            (void)krs_client_poll(own, batch, 20, &row, &err);
        }
    }
}

/* Its process was stopped for longer than its session lasts, and another member has its work. */
static void a_member_that_slept_too_long_is_told_what_it_lost(void) {
    group_t group = {
        .topic = fresh_name("slept"), .group = fresh_name("group"), .protocol = "range"};
    const char *argv[] = {"members", "sleeper", servers, group.topic, group.group, NULL};
    krs_client own = {0};
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    FILE *told_by;
    pid_t child;
    int given = 0;
    make_topic(group.topic);
    send_values(group.topic, 0, 0, 10);
    child = start_child(argv, &told_by);
    setvbuf(told_by, NULL, _IONBF, 0);
    hear(told_by, "row", own, &batch);
    kill(child, SIGSTOP);
    own = join(&group);
    while (given < PARTITIONS) {
        OK(krs_client_poll(own, &batch, PATIENCE_MS, &row, &err));
        given += row.kind == KRS_EVENT_ASSIGN && row.partition >= 0;
    }
    kill(child, SIGCONT);
    hear(told_by, "lost", own, &batch);
    kill_child(child);
    fclose(told_by);
    krs_batch_free(batch);
    close_client(own);
}

static krs_client join_as(const char *group, const char *topic, const char *instance) {
    krs_client consumer =
        open_client(KRS_CONSUMER, CONSUMER_SETTINGS, group, "group.instance.id", instance,
                    "session.timeout.ms", "30000", "heartbeat.interval.ms", "200",
                    "go.application.rebalance.enable", "true", (char *)NULL);
    OK(krs_consumer_subscribe(consumer, &topic, 1, &err));
    return consumer;
}

/* Rebalances that a member sees: it looks once. */
static int look(krs_client consumer, krs_batch **batch, uint8_t kind) {
    krs_row row = KRS_ROW_INIT;
    krs_code code = krs_client_poll(consumer, batch, 5, &row, &err);
    return code == KRS_OK && row.kind == kind && row.partition >= 0;
}

/* group.instance.id: nobody else notices that a member was restarted. */
static void a_restart_of_a_static_member_is_no_rebalance(void) {
    const char *topic = fresh_name("static"), *group = fresh_name("group");
    krs_client members[2];
    krs_batch *batches[2] = {NULL, NULL};
    int given = 0, disturbed = 0;
    double end = seconds() + 60;
    send_values(topic, 0, 0, 1);
    members[0] = join_as(group, topic, "one");
    members[1] = join_as(group, topic, "two");
    while (given < PARTITIONS / 2) { /* Until the second has its half. */
        CHECK(seconds() < end, "%d partitions", given);
        look(members[0], &batches[0], KRS_EVENT_ASSIGN);
        given += look(members[1], &batches[1], KRS_EVENT_ASSIGN);
    }
    for (int restart = 0; restart < 3; restart++) {
        close_client(members[1]);
        krs_batch_free(batches[1]);
        batches[1] = NULL;
        members[1] = join_as(group, topic, "two");
        for (given = 0, end = seconds() + 60; given < PARTITIONS / 2;) {
            CHECK(seconds() < end, "%d partitions after restart %d", given, restart);
            disturbed += look(members[0], &batches[0], KRS_EVENT_REVOKE);
            given += look(members[1], &batches[1], KRS_EVENT_ASSIGN);
        }
    }
    CHECK(disturbed == 0, "the other member lost %d partitions", disturbed);
    for (int i = 0; i < 2; i++) {
        krs_batch_free(batches[i]);
        close_client(members[i]);
    }
    printf("3 restarts, and the other member kept its partitions\n");
}

/* Both are members, and both were given something. */
static void share(krs_client *both, krs_batch **batches, const group_t *group) {
    krs_row row = KRS_ROW_INIT;
    both[0] = join(group);
    both[1] = join(group);
    while (assigned_count(both[0]) != PARTITIONS / 2 || assigned_count(both[1]) != PARTITIONS / 2) {
        (void)krs_client_poll(both[0], &batches[0], 20, &row, &err);
        (void)krs_client_poll(both[1], &batches[1], 20, &row, &err);
    }
    for (int32_t partition = 0; partition < PARTITIONS; partition++) {
        send_values(group->topic, partition, 0, 10);
    }
    poll_kind(both[0], &batches[0], &row, KRS_EVENT_MESSAGE);
    poll_kind(both[1], &batches[1], &row, KRS_EVENT_MESSAGE);
}

/* librdkafka's own member of the cooperative protocol lets its session run out. */
static void who_leaves_is_not_waited_for(const char *protocol) {
    group_t group = {.topic = fresh_name("left"),
                     .group = fresh_name("group"),
                     .protocol = protocol,
                     .session = "45000"};
    krs_client both[2];
    krs_batch *batches[2] = {NULL, NULL};
    krs_row row = KRS_ROW_INIT;
    double left;
    send_values(group.topic, 0, 0, 1); /* Which makes the topic. */
    share(both, batches, &group);
    left = seconds();
    krs_batch_free(batches[0]);
    CHECK(close_client(both[0]).clean, "it did not leave");
    while (assigned_count(both[1]) != PARTITIONS) {
        (void)krs_client_poll(both[1], &batches[1], 20, &row, &err);
    }
    CHECK(seconds() - left < well_within_a_session(protocol), "%s: waited for %.1f s", protocol,
          seconds() - left);
    printf("%s: %.1f s after the other left\n", protocol, seconds() - left);
    krs_batch_free(batches[1]);
    close_client(both[1]);
}

static void nobody_waits_for_a_member_that_left(void) {
    who_leaves_is_not_waited_for("range");
    who_leaves_is_not_waited_for("cooperative-sticky");
    who_leaves_is_not_waited_for("consumer");
}

static const test_t tests[] = {
    TEST(a_member_knows_its_id_and_its_topics),
    TEST(a_member_that_was_thrown_out_is_told_what_it_lost),
    TEST(a_member_that_slept_too_long_is_told_what_it_lost),
    TEST(a_restart_of_a_static_member_is_no_rebalance),
    TEST(nobody_waits_for_a_member_that_left),
};

int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "sleeper") == 0) {
        snprintf(servers, sizeof servers, "%s", argv[2]);
        sleeper(argv[3], argv[4]);
    }
    return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
