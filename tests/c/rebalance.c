/* Promises on groups: what a rebalance lets through, and when. */
#include "child.h"
#include "flow.h"

#include <poll.h>
#include <pthread.h>

enum { PARTITIONS = 4, MEMBERS = 5, MOST = 2000000 };

/* What all members of one group share. */
typedef struct {
    const char *topic, *group, *protocol;
    int stop; /* The sender, and those who read what is left. */
    int sent;
    unsigned char *seen; /* Which numbers arrived, by any member. */
    long arrived, repeated, revokes, assigns, lost;
} group_t;

/* One member; `leave` ends it. */
typedef struct {
    group_t *group;
    pthread_t thread;
    bool open;
    int leave;
} member_t;

static krs_client join(const group_t *group) {
    const char *protocol = group->protocol;
    bool next = strcmp(protocol, "consumer") == 0; /* KIP-848: the broker assigns. */
    krs_client consumer =
        open_client(KRS_CONSUMER, "auto.offset.reset", "earliest", "auto.commit.interval.ms", "50",
                    "fetch.wait.max.ms", "10", "topic.metadata.refresh.interval.ms", "1000",
                    "go.application.rebalance.enable", "true", "group.id", group->group,
                    next ? "group.protocol" : "partition.assignment.strategy",
                    next ? "consumer" : protocol, next ? (char *)NULL : "heartbeat.interval.ms",
                    "200", "session.timeout.ms", "6000", (char *)NULL);
    OK(krs_consumer_subscribe(consumer, &group->topic, 1, &err));
    return consumer;
}

static void take(group_t *group, int number) {
    if (__atomic_exchange_n(&group->seen[number], 1, __ATOMIC_SEQ_CST)) {
        __atomic_add_fetch(&group->repeated, 1, __ATOMIC_SEQ_CST);
    } else {
        __atomic_add_fetch(&group->arrived, 1, __ATOMIC_SEQ_CST);
    }
}

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
            take(group, number_of(row.value));
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

/* Sends numbers without an end, slowly enough to be followed. */
static void *send_on(void *arg) {
    group_t *group = arg;
    krs_client producer =
        open_client(KRS_PRODUCER, "linger.ms", "2", "go.delivery.reports", "false", (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    char value[32];
    message.topic = topic_of(producer, group->topic);
    for (int i = 0; i < MOST && !__atomic_load_n(&group->stop, __ATOMIC_SEQ_CST); i++) {
        snprintf(value, sizeof value, "%d", i);
        message.value = bytes(value);
        message.partition = i % PARTITIONS;
        OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
        __atomic_store_n(&group->sent, i + 1, __ATOMIC_SEQ_CST);
        if (i % 20 == 0) {
            work_for(5000);
        }
    }
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    CHECK(close_client(producer).clean, "not all were sent");
    return NULL;
}

/* A member of another process, which dies in the middle of its work. What it was given it tells
 * through a pipe before it asks for more, so before that can be committed. */
static void kill_a_member(group_t *group, unsigned *seed) {
    const char *argv[] = {"rebalance",  "victim",        servers, group->topic,
                          group->group, group->protocol, NULL};
    FILE *told_by;
    pid_t child = start_child(argv, &told_by);
    int number;
    /* Killed after some rows, or before it has any. */
    for (int rows = (int)(rand_r(seed) % 200); rows > 0; rows--) {
        if (fscanf(told_by, "%d", &number) == 1) {
            take(group, number);
        }
    }
    kill_child(child);
    while (fscanf(told_by, "%d", &number) == 1) {
        take(group, number);
    }
    fclose(told_by);
}

/* Takes rows, and has the core answer for it, until it is killed. */
static void victim(const char *topic, const char *group_id, const char *protocol) {
    group_t group = {.topic = topic, .group = group_id, .protocol = protocol};
    krs_client consumer = join(&group);
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    while (true) {
        if (krs_client_poll(consumer, &batch, 100, &row, &err) == KRS_OK &&
            row.kind == KRS_EVENT_MESSAGE) {
            printf("%d\n", number_of(row.value));
            fflush(stdout);
        }
    }
}

static void make_topic(const char *topic) {
    if (mock.id) {
        OK(krs_mock_topic(mock, topic, PARTITIONS, 1, &err));
    }
}

/* Two to five members join, leave and are killed while messages go on. */
static void rebalances(const char *protocol, int times) {
    group_t group = {
        .topic = fresh_name("rebalance"), .group = fresh_name("group"), .protocol = protocol};
    member_t members[MEMBERS] = {{0}};
    pthread_t sender;
    unsigned seed = 3;
    int open = 2, kills = 0;
    double start = seconds(), end;
    make_topic(group.topic);
    group.seen = calloc(MOST, 1);
    CHECK(group.seen != NULL, "memory");
    CHECK(pthread_create(&sender, NULL, send_on, &group) == 0, "thread");
    start_member(&members[0], &group);
    start_member(&members[1], &group);
    for (int i = 0; i < times; i++) {
        member_t *member = &members[rand_r(&seed) % MEMBERS];
        long before = __atomic_load_n(&group.arrived, __ATOMIC_SEQ_CST);
        if (i % 16 == 15) {
            kill_a_member(&group, &seed);
            kills++;
        } else if (!member->open) {
            start_member(member, &group);
            open++;
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
    __atomic_store_n(&group.stop, 1, __ATOMIC_SEQ_CST);
    pthread_join(sender, NULL);
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
    CHECK(kills > 0 || group.repeated == 0, "%ld came twice", group.repeated);
    printf("%s: %d changes of the group (%d kills) in %.0f s, %ld assigns and %ld revokes (%ld "
           "partitions lost): %ld of %d messages arrived, %ld twice, 0 stale\n",
           protocol, times, kills, seconds() - start, group.assigns, group.revokes, group.lost,
           group.arrived, group.sent, group.repeated);
    free(group.seen);
}

static int times_from_environment(int usual) {
    const char *times = getenv("KRS_REBALANCES");
    return times ? atoi(times) : usual;
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

static const test_t tests[] = {
    TEST(no_stale_row_across_eager_rebalances),
    TEST(no_stale_row_across_cooperative_rebalances),
    TEST(no_stale_row_across_rebalances_by_the_broker),
    TEST(a_revoke_comes_within_one_row),
    TEST(idle_waits_stay_in_their_group_and_a_stuck_application_leaves_it),
    TEST(an_application_may_start_where_it_wants),
    TEST(an_unknown_topic_does_not_flood),
};

int main(int argc, char **argv) {
    if (argc == 6 && strcmp(argv[1], "victim") == 0) {
        snprintf(servers, sizeof servers, "%s", argv[2]);
        victim(argv[3], argv[4], argv[5]);
    }
    return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
