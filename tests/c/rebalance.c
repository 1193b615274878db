/* Promises on groups: what a rebalance lets through, and when. */
#include "group.h"

/* One member; `leave` ends it. */
typedef struct {
    group_t *group;
    pthread_t thread;
    bool open;
    int leave;
} member_t;

/* Every other rebalance is answered by the application, the others by the core. */
static void answer(krs_client consumer, const krs_row *row, int32_t *list, size_t *count,
                   const char *topic) {
    const char *protocol = NULL;
    partitions_t columns;
    bool assign = row->kind == KRS_EVENT_ASSIGN;
    if (row->partition >= 0) {
        list[(*count)++] = row->partition;
    }
    if (row->flags & KRS_ROW_MORE) {
        return;
    }
    OK(krs_consumer_rebalance_protocol(consumer, &protocol, &err));
    partitions(&columns, topic, *count, 0, KRS_OFFSET_NONE);
    memcpy(columns.partition, list, *count * sizeof *list);
    if (strcmp(protocol, "COOPERATIVE") == 0) {
        OK(krs_consumer_assign(consumer, assign ? KRS_ASSIGN_ADD : KRS_ASSIGN_REMOVE,
                               &columns.columns, &err));
    } else {
        OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, assign ? &columns.columns : NULL,
                               &err));
    }
    *count = 0;
}

static void *run_member(void *arg) {
    member_t *member = arg;
    group_t *group = member->group;
    krs_client consumer = join(group);
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    bool owned[PARTITIONS] = {false};
    int64_t next[PARTITIONS];
    int32_t list[PARTITIONS];
    size_t count = 0;
    bool ours = false;
    while (!__atomic_load_n(&member->leave, __ATOMIC_SEQ_CST)) {
        krs_code code = krs_client_poll(consumer, &batch, 20, &row, &err);
        if (code == KRS_ERR_TIMED_OUT || code == KRS_ERR_WOULD_BLOCK) {
            continue;
        }
        CHECK(code == KRS_OK, "%s", err.message);
        if (row.kind == KRS_EVENT_ASSIGN || row.kind == KRS_EVENT_REVOKE) {
            bool assign = row.kind == KRS_EVENT_ASSIGN;
            if (row.partition >= 0) {
                CHECK(owned[row.partition] != assign, "%d %s twice", row.partition,
                      assign ? "given" : "taken");
                owned[row.partition] = assign;
                next[row.partition] = -1;
            }
            if (count == 0) {
                ours = !ours;
                __atomic_add_fetch(assign ? &group->assigns : &group->revokes, 1, __ATOMIC_SEQ_CST);
            }
            if (row.flags & KRS_ROW_LOST) {
                __atomic_add_fetch(&group->lost, 1, __ATOMIC_SEQ_CST);
            }
            if (ours) {
                answer(consumer, &row, list, &count, group->topic);
            } else {
                count = row.flags & KRS_ROW_MORE ? 1 : 0;
            }
        } else if (row.kind == KRS_EVENT_MESSAGE) {
            CHECK(owned[row.partition], "a row of %d, which was revoked", row.partition);
            CHECK(next[row.partition] < 0 || row.offset == next[row.partition],
                  "%" PRId64 " instead of %" PRId64, row.offset, next[row.partition]);
            next[row.partition] = row.offset + 1;
            take(group, number_of(row.value), MEMBER);
        }
    }
    krs_batch_free(batch);
    close_client(consumer);
    return NULL;
}

static void start_member(member_t *member, group_t *group) {
    member->group = group;
    member->leave = 0;
    member->open = true;
    CHECK(pthread_create(&member->thread, NULL, run_member, member) == 0, "thread");
}

static void end_member(member_t *member) {
    __atomic_store_n(&member->leave, 1, __ATOMIC_SEQ_CST);
    pthread_join(member->thread, NULL);
    member->open = false;
}

static void await_assign(group_t *group, long before) {
    double end = seconds() + 60;
    while (__atomic_load_n(&group->assigns, __ATOMIC_SEQ_CST) == before) {
        CHECK(seconds() < end, "nobody is assigned anything");
        work_for(1000);
    }
}

/* Two to five members join, leave and are killed while messages go on. */
static void rebalances(const char *protocol, int times) {
    group_t group = {
        .topic = fresh_name("rebalance"), .group = fresh_name("group"), .protocol = protocol};
    member_t members[MEMBERS] = {{0}};
    unsigned seed = 3;
    int open = 2, kills = 0;
    double start = seconds(), end;
    start_sending(&group);
    start_member(&members[0], &group);
    start_member(&members[1], &group);
    for (int i = 0; i < times; i++) {
        member_t *member = &members[rand_r(&seed) % MEMBERS];
        long before = __atomic_load_n(&group.arrived, __ATOMIC_SEQ_CST);
        if (i % 16 == 15) {
            kill_a_member(&group, &seed);
            kills++;
        } else if (!member->open) {
            long assigns = __atomic_load_n(&group.assigns, __ATOMIC_SEQ_CST);
            start_member(member, &group);
            if (++open <= PARTITIONS) { /* There is something for it. */
                await_assign(&group, assigns);
            }
        } else if (open > 2) {
            end_member(member);
            open--;
        } else {
            i--;
            continue;
        }
        end = seconds() + 60;
        while (__atomic_load_n(&group.arrived, __ATOMIC_SEQ_CST) < before + 20) {
            CHECK(seconds() < end, "nothing arrives after change %d", i);
            work_for(1000);
        }
        work_for(rand_r(&seed) % 200000);
    }
    stop_sending(&group);
    end = seconds() + 60;
    while (__atomic_load_n(&group.arrived, __ATOMIC_SEQ_CST) < group.sent) {
        CHECK(seconds() < end, "%ld of %d arrived", group.arrived, group.sent);
        work_for(1000);
    }
    for (int i = 0; i < MEMBERS; i++) {
        if (members[i].open) {
            end_member(&members[i]);
        }
    }
    printf("%s: %d changes of the group (%d kills) in %.0f s, %ld assigns and %ld revokes (%ld "
           "partitions lost): %ld of %d messages arrived, %ld twice, 0 stale\n",
           protocol, times, kills, seconds() - start, group.assigns, group.revokes, group.lost,
           group.arrived, group.sent, group.repeated);
    free(group.seen);
}

/* Each partition gives something that was not sent yet. */
static void await_all_partitions(group_t *group) {
    int first = __atomic_load_n(&group->sent, __ATOMIC_SEQ_CST);
    double start = seconds();
    for (int i = first; i < first + PARTITIONS; i++) {
        while (__atomic_load_n(&group->seen[i], __ATOMIC_SEQ_CST) == NOBODY) {
            CHECK(seconds() - start < well_within_a_session(group->protocol),
                  "%s: a partition waits", group->protocol);
            work_for(1000);
        }
    }
}

static void who_comes_and_goes_is_not_waited_for(const char *protocol) {
    enum { TIMES = 20, LATER_US = 10000 };
    group_t group = {.topic = fresh_name("brief"),
                     .group = fresh_name("group"),
                     .protocol = protocol,
                     .session = "45000"};
    member_t member = {0};
    start_sending(&group);
    start_member(&member, &group);
    await_all_partitions(&group);
    for (int i = 0; i < TIMES; i++) {
        krs_client brief = join(&group);
        work_for((long)i * LATER_US); /* Somewhere in its first rebalance. */
        close_client(brief);
        await_all_partitions(&group);
    }
    stop_sending(&group);
    end_member(&member);
    free(group.seen);
}

static void a_member_that_comes_and_goes_is_not_waited_for(void) {
    who_comes_and_goes_is_not_waited_for("range");
    who_comes_and_goes_is_not_waited_for("cooperative-sticky");
    who_comes_and_goes_is_not_waited_for("consumer");
}

static void no_stale_row_across_eager_rebalances(void) {
    rebalances("range", times_from_environment(14));
    rebalances("range", times_from_environment(60));
}

static void no_stale_row_across_cooperative_rebalances(void) {
    rebalances("cooperative-sticky", times_from_environment(14));
    rebalances("cooperative-sticky", times_from_environment(60));
}

static void no_stale_row_across_rebalances_by_the_broker(void) {
    rebalances("consumer", times_from_environment(14));
    rebalances("consumer", times_from_environment(60));
}

/* The application needs 100 ms for a row, and thousands are queued. */
static void a_revoke_comes_within_one_row(void) {
    group_t group = {.topic = fresh_name("slow"),
                     .group = fresh_name("group"),
                     .protocol = "cooperative-sticky"};
    member_t second = {0};
    krs_client consumer;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    int rows = 0, after = 0;
    double joined = 0, revoked = 0;
    make_topic(group.topic);
    group.seen = calloc(MOST, 1);
    CHECK(group.seen != NULL, "memory");
    for (int32_t partition = 0; partition < 2; partition++) {
        send_values(group.topic, partition, 0, 5000);
    }
    consumer = join(&group);
    while (revoked == 0) {
        OK(krs_client_poll(consumer, &batch, PATIENCE_MS, &row, &err));
        if (row.kind == KRS_EVENT_REVOKE && row.partition >= 0) {
            revoked = seconds();
        } else if (row.kind == KRS_EVENT_MESSAGE) {
            work_for(100000);
            rows++;
            after += joined > 0;
            if (rows == 5) {
                start_member(&second, &group);
                joined = seconds();
            }
            CHECK(rows < 200, "no revoke");
        }
    }
    /* Two heartbeats pass until the group knows; at ten rows a second that is some rows. */
    CHECK(revoked - joined < 10 && after < 100, "%d rows, %.1f s", after, revoked - joined);
    printf("the revoke came %.1f s after another member joined, past %d of 10,000 rows\n",
           revoked - joined, rows);
    end_member(&second);
    krs_batch_free(batch);
    close_client(consumer);
    free(group.seen);
}

/* The ways to wait for an idle topic. */
typedef enum { RECV, SELECT, DESCRIPTOR, WAYS } way_t;

typedef struct {
    way_t way;
    const char *topic, *group;
} idle_t;

static krs_client join_idle(const idle_t *idle) {
    krs_client consumer = open_client(
        KRS_CONSUMER, CONSUMER_SETTINGS, idle->group, "max.poll.interval.ms", "6000",
        "go.application.rebalance.enable", "true", "heartbeat.interval.ms", "500", (char *)NULL);
    OK(krs_consumer_subscribe(consumer, &idle->topic, 1, &err));
    return consumer;
}

/* Waits twice the interval; nothing but the assignment and the message at the end may come. */
static void *wait_idle(void *arg) {
    const idle_t *idle = arg;
    krs_client consumer = join_idle(idle);
    krs_chan events = events_of(consumer);
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_case one = KRS_CASE_INIT;
    double message_at = 0;
    int fd = -1;
    OK(krs_chan_fd(events, &fd, &err));
    one.op = KRS_CASE_RECV;
    one.max = KRS_ALL;
    one.chan = events;
    one.batch = &batch;
    one.view = &view;
    while (message_at == 0) {
        size_t chosen = 0;
        krs_code code = KRS_OK;
        if (idle->way == RECV) {
            code = krs_chan_recv(events, &batch, KRS_ALL, KRS_ALL, -1, &view, &err);
        } else if (idle->way == SELECT) {
            code = krs_chan_select(&one, 1, -1, &chosen, &err);
        } else {
            struct pollfd wait = {fd, POLLIN, 0};
            CHECK(poll(&wait, 1, PATIENCE_MS) == 1, "poll");
            code = krs_chan_recv(events, &batch, KRS_ALL, KRS_ALL, 0, &view, &err);
        }
        CHECK(code == KRS_OK || code == KRS_ERR_WOULD_BLOCK, "%s", err.message);
        for (uint32_t row = 0; row < view.count; row++) {
            CHECK(view.kind[row] != KRS_EVENT_REVOKE, "out of the group while it waits, way %d",
                  idle->way);
            if (view.kind[row] == KRS_EVENT_MESSAGE) {
                message_at = seconds();
            }
        }
    }
    krs_batch_free(batch);
    close_client(consumer);
    return NULL;
}

static void idle_waits_stay_in_their_group_and_a_stuck_application_leaves_it(void) {
    idle_t idle[WAYS];
    pthread_t threads[WAYS];
    idle_t stuck = {RECV, fresh_name("stuck"), fresh_name("group")};
    krs_client first, second;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    double start = seconds();
    send_values(stuck.topic, 0, 0, 1);
    for (int way = 0; way < WAYS; way++) {
        idle[way] = (idle_t){(way_t)way, fresh_name("idle"), fresh_name("group")};
        send_values(idle[way].topic, 1, 0, 0);
        CHECK(pthread_create(&threads[way], NULL, wait_idle, &idle[way]) == 0, "thread");
    }
    /* This one takes its first row, and is never seen again. */
    first = join_idle(&stuck);
    poll_kind(first, &batch, &row, KRS_EVENT_MESSAGE);
    second = join_idle(&stuck);
    while (row.kind != KRS_EVENT_ASSIGN || row.partition < 0) {
        static krs_batch *others;
        krs_code code = krs_client_poll(second, &others, 1000, &row, &err);
        row.kind = code == KRS_OK ? row.kind : 0;
        CHECK(seconds() - start < 60, "the stuck member keeps its partitions");
    }
    printf("a member that was stuck lost its partitions after %.1f s", seconds() - start);
    while (seconds() - start < 13) { /* Twice max.poll.interval.ms, and some more. */
        work_for(100000);
    }
    for (int way = 0; way < WAYS; way++) {
        send_values(idle[way].topic, 0, 0, 1);
        pthread_join(threads[way], NULL);
    }
    printf("; three that waited for %.0f s kept theirs\n", seconds() - start);
    krs_batch_free(batch);
    close_client(second);
    close_client(first);
}

static void an_application_may_start_where_it_wants(void) {
    const char *topic = fresh_name("start");
    krs_client consumer = open_client(KRS_CONSUMER, CONSUMER_SETTINGS, fresh_name("group"),
                                      "go.application.rebalance.enable", "true", (char *)NULL);
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    partitions_t list;
    size_t count = 0;
    send_values(topic, 0, 0, 100);
    OK(krs_consumer_subscribe(consumer, &topic, 1, &err));
    do {
        poll_kind(consumer, &batch, &row, KRS_EVENT_ASSIGN);
        if (count == 0) {
            partitions(&list, topic, 0, 0, 0);
        }
        list.partition[count] = row.partition;
        list.offset[count++] = row.partition == 0 ? 42 : KRS_OFFSET_NONE;
    } while (row.flags & KRS_ROW_MORE);
    list.columns.count = count;
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, &list.columns, &err));
    poll_kind(consumer, &batch, &row, KRS_EVENT_MESSAGE);
    CHECK(row.offset == 42, "%" PRId64, row.offset);
    krs_batch_free(batch);
    close_client(consumer);
}

static void next_rebalance(krs_client consumer, krs_batch **batch, krs_row *row, uint8_t kind) {
    do {
        OK(krs_client_poll(consumer, batch, PATIENCE_MS, row, &err));
    } while (row->kind != kind || row->partition < 0);
    while (row->flags & KRS_ROW_MORE) {
        OK(krs_client_poll(consumer, batch, PATIENCE_MS, row, &err));
    }
}

/* A thread that knows nothing of a rebalance adds a partition of its own. */
static void what_is_added_beside_a_rebalance_does_not_answer_it(void) {
    group_t group = {.topic = fresh_name("beside"),
                     .group = fresh_name("group"),
                     .protocol = "cooperative-sticky"};
    const char *other = fresh_name("other");
    krs_client consumer;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    partitions_t list;
    bool seen[2] = {false};
    make_topic(group.topic);
    make_topic(other);
    send_values(group.topic, 0, 0, 10);
    send_values(other, 0, 0, 10);
    consumer = join(&group);
    next_rebalance(consumer, &batch, &row, KRS_EVENT_ASSIGN);
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_ADD, one(&list, other, 0, 0), &err));
    while (!seen[0] || !seen[1]) { /* The core answers, for the rows go back. */
        poll_kind(consumer, &batch, &row, KRS_EVENT_MESSAGE);
        seen[row.topic.len == strlen(other) && memcmp(row.topic.data, other, row.topic.len) == 0] =
            true;
    }
    krs_batch_free(batch);
    close_client(consumer);
}

static void what_the_group_takes_away_cannot_be_assigned(void) {
    const char *const protocols[] = {"range", "cooperative-sticky"};
    for (int i = 0; i < 2; i++) {
        group_t group = {
            .topic = fresh_name("away"), .group = fresh_name("group"), .protocol = protocols[i]};
        member_t second = {0};
        krs_client first;
        krs_batch *batch = NULL;
        krs_row row = KRS_ROW_INIT;
        partitions_t list;
        double end;
        make_topic(group.topic);
        group.seen = calloc(MOST, 1);
        CHECK(group.seen != NULL, "memory");
        send_values(group.topic, 0, 0, 10);
        first = join(&group);
        next_rebalance(first, &batch, &row, KRS_EVENT_ASSIGN);
        start_member(&second, &group);
        next_rebalance(first, &batch, &row, KRS_EVENT_REVOKE);
        one(&list, group.topic, row.partition, 0);
        EXPECT(KRS_ERR_STATE,
               krs_consumer_assign(first, i == 0 ? KRS_ASSIGN_REPLACE : KRS_ASSIGN_ADD,
                                   &list.columns, &err));
        CHECK(strstr(err.message, "taking") != NULL, "%s", err.message);
        if (i == 1) { /* Also once it was answered: who has the rows may not know. */
            OK(krs_consumer_assign(first, KRS_ASSIGN_REMOVE, &list.columns, &err));
            EXPECT(KRS_ERR_STATE, krs_consumer_assign(first, KRS_ASSIGN_ADD, &list.columns, &err));
        }
        /* Where the question is still open, passing the rows back answers it. */
        end = seconds() + 60;
        while (__atomic_load_n(&group.assigns, __ATOMIC_SEQ_CST) == 0) {
            CHECK(seconds() < end, "the second member gets no answer");
            (void)krs_client_poll(first, &batch, 20, &row, &err);
        }
        end_member(&second);
        krs_batch_free(batch);
        close_client(first);
        free(group.seen);
    }
}

static void an_unknown_topic_does_not_flood(void) {
    const char *topic = fresh_name("unknown");
    krs_client consumer =
        open_client(KRS_CONSUMER, "group.id", fresh_name("group"), "allow.auto.create.topics",
                    "false", "topic.metadata.refresh.interval.ms", "100", (char *)NULL);
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    int errors = 0;
    double end = seconds() + 6;
    OK(krs_consumer_subscribe(consumer, &topic, 1, &err));
    while (seconds() < end) {
        if (krs_client_poll(consumer, &batch, 100, &row, &err) == KRS_OK) {
            errors += row.kind == KRS_EVENT_ERROR;
        }
    }
    CHECK(errors >= 1 || mock.id, "no error");
    CHECK(errors <= 2, "%d errors in 6 s", errors);
    printf("%d error rows in 6 s\n", errors);
    krs_batch_free(batch);
    close_client(consumer);
}

/* Of itself librdkafka would look again after topic.metadata.refresh.interval.ms, five minutes. */
static void a_topic_that_is_made_after_the_subscription_is_read_soon(void) {
    const char *topic = fresh_name("later");
    krs_client consumer = open_client(KRS_CONSUMER, CONSUMER_SETTINGS, fresh_name("group"),
                                      "allow.auto.create.topics", "false", (char *)NULL);
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    double made;
    OK(krs_consumer_subscribe(consumer, &topic, 1, &err));
    poll_kind(consumer, &batch, &row, KRS_EVENT_ERROR); /* That there is none. */
    made = seconds();
    send_values(topic, 0, 0, 1);
    poll_kind(consumer, &batch, &row, KRS_EVENT_MESSAGE);
    CHECK(seconds() - made < 10 * slowness(), "read after %.1f s", seconds() - made);
    printf("read %.1f s after it was made\n", seconds() - made);
    krs_batch_free(batch);
    close_client(consumer);
}

/* A leader that has seen it does not wait for it to come back. */
static void a_deleted_topic_keeps_nobody_from_the_others(void) {
    const char *both[] = {fresh_name("stays"), fresh_name("goes")}, *group = fresh_name("group");
    krs_client first = open_client(KRS_CONSUMER, CONSUMER_SETTINGS, group, (char *)NULL), second;
    krs_batch *batch = NULL, *others = NULL;
    krs_row row = KRS_ROW_INIT;
    double deleted;
    send_values(both[0], 0, 0, 1);
    send_values(both[1], 0, 0, 1);
    OK(krs_consumer_subscribe(first, both, 2, &err));
    poll_kind(first, &batch, &row, KRS_EVENT_MESSAGE);
    poll_kind(first, &batch, &row, KRS_EVENT_MESSAGE);
    OK(krs_admin_delete_topics(first, &both[1], 1, PATIENCE_MS, NULL, NULL, &err));
    deleted = seconds();
    second = subscribed(group, both[0], "true");
    while (assigned_count(second) == 0) {
        CHECK(seconds() - deleted < 20 * slowness(), "nothing in %.1f s", seconds() - deleted);
        (void)krs_client_poll(first, &batch, 50, &row, &err);
        (void)krs_client_poll(second, &others, 50, &row, &err);
    }
    printf("shared %.1f s after the other was deleted\n", seconds() - deleted);
    krs_batch_free(batch);
    krs_batch_free(others);
    close_client(second);
    close_client(first);
}

TESTS_WITH_VICTIMS(TEST(no_stale_row_across_eager_rebalances),
                   TEST(no_stale_row_across_cooperative_rebalances),
                   TEST(no_stale_row_across_rebalances_by_the_broker),
                   TEST(a_member_that_comes_and_goes_is_not_waited_for),
                   TEST(a_revoke_comes_within_one_row),
                   TEST(idle_waits_stay_in_their_group_and_a_stuck_application_leaves_it),
                   TEST(an_application_may_start_where_it_wants),
                   TEST(what_is_added_beside_a_rebalance_does_not_answer_it),
                   TEST(what_the_group_takes_away_cannot_be_assigned),
                   TEST(an_unknown_topic_does_not_flood),
                   TEST(a_topic_that_is_made_after_the_subscription_is_read_soon),
                   TEST(a_deleted_topic_keeps_nobody_from_the_others))
