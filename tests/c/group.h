/* What tests of groups share: members that come, go and are killed, and numbers without an end. */
#ifndef GROUP_H
#define GROUP_H

#include "child.h"
#include "flow.h"

#include <poll.h>
#include <pthread.h>

enum { PARTITIONS = 4, MEMBERS = 5, MOST = 2000000 };

/* Who took a number. */
enum { NOBODY, MEMBER, VICTIM };

/* What all members of one group share. */
typedef struct {
    const char *topic, *group, *protocol;
    const char *session; /* Its length in ms, of the classic protocols; 6000 if NULL. */
    pthread_t sender;
    int stop; /* The sender, and those who read what is left. */
    int sent;
    unsigned char *seen; /* Which numbers arrived, and with whom. */
    long arrived, repeated, revokes, assigns, lost;
} group_t;

static inline krs_client join(const group_t *group) {
    const char *protocol = group->protocol;
    bool next = strcmp(protocol, "consumer") == 0; /* KIP-848: the broker assigns. */
    krs_client consumer = open_client(
        KRS_CONSUMER, "auto.offset.reset", "earliest", "auto.commit.interval.ms", "50",
        "fetch.wait.max.ms", "10", "topic.metadata.refresh.interval.ms", "1000",
        "go.application.rebalance.enable", "true", "group.id", group->group,
        next ? "group.protocol" : "partition.assignment.strategy", next ? "consumer" : protocol,
        next ? (char *)NULL : "heartbeat.interval.ms", "200", "session.timeout.ms",
        group->session ? group->session : "6000", (char *)NULL);
    OK(krs_consumer_subscribe(consumer, &group->topic, 1, &err));
    return consumer;
}

/* In seconds. The others would wait for a whole session if a member did not leave: 45 s where a
 * test sets it so, and 6 s where the broker says how long it is (KIP-848). */
static inline double well_within_a_session(const char *protocol) {
    return strcmp(protocol, "consumer") == 0 ? 5 : 20;
}

/* A number may come twice only if a member that was killed had it first: what such a member was
 * given and could not commit. The others commit all that they had before they let a partition go.
 */
static inline void take(group_t *group, int number, unsigned char whose) {
    unsigned char before = __atomic_exchange_n(&group->seen[number], whose, __ATOMIC_SEQ_CST);
    if (before == NOBODY) {
        __atomic_add_fetch(&group->arrived, 1, __ATOMIC_SEQ_CST);
        return;
    }
    __atomic_add_fetch(&group->repeated, 1, __ATOMIC_SEQ_CST);
    CHECK(before == VICTIM || whose == VICTIM ||
              __atomic_load_n(&group->lost, __ATOMIC_SEQ_CST) > 0,
          "%d came twice, and nobody was killed over it", number);
}

/* Sends numbers without an end, slowly enough to be followed: number i to partition i % PARTITIONS,
 * at offset i / PARTITIONS. */
static inline void *send_on(void *arg) {
    group_t *group = arg;
    krs_client producer = open_client(KRS_PRODUCER, "linger.ms", "2", "go.delivery.reports",
                                      "false", "enable.idempotence", "true", (char *)NULL);
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
static inline void kill_a_member(group_t *group, unsigned *seed) {
    const char *argv[] = {"group",      "victim",        servers, group->topic,
                          group->group, group->protocol, NULL};
    FILE *told_by;
    pid_t child = start_child(argv, &told_by);
    int number;
    setvbuf(told_by, NULL, _IONBF, 0); /* So that poll sees all that is there. */
    /* Killed after some rows, or before it has any: there may be no partition left for it. */
    for (int rows = (int)(rand_r(seed) % 200); rows > 0; rows--) {
        struct pollfd wait = {fileno(told_by), POLLIN, 0};
        if (poll(&wait, 1, 3000) != 1 || fscanf(told_by, "%d", &number) != 1) {
            break;
        }
        take(group, number, VICTIM);
    }
    kill_child(child);
    while (fscanf(told_by, "%d", &number) == 1) {
        take(group, number, VICTIM);
    }
    fclose(told_by);
}

/* Takes rows, and has the core answer for it, until it is killed. */
static inline void victim(const char *topic, const char *group_id, const char *protocol) {
    group_t group = {.topic = topic, .group = group_id, .protocol = protocol};
    krs_client consumer = join(&group);
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    end_with_parent();
    while (true) {
        if (krs_client_poll(consumer, &batch, 100, &row, &err) == KRS_OK &&
            row.kind == KRS_EVENT_MESSAGE) {
            printf("%d\n", number_of(row.value));
            fflush(stdout);
        }
    }
}

static inline void make_topic(const char *topic) {
    if (mock.id) {
        OK(krs_mock_topic(mock, topic, PARTITIONS, 1, &err));
    }
}

/* Makes the topic and has numbers sent to it. What was seen of them is to be freed. */
static inline void start_sending(group_t *group) {
    make_topic(group->topic);
    group->seen = calloc(MOST, 1);
    CHECK(group->seen != NULL, "memory");
    CHECK(pthread_create(&group->sender, NULL, send_on, group) == 0, "thread");
}

static inline void stop_sending(group_t *group) {
    __atomic_store_n(&group->stop, 1, __ATOMIC_SEQ_CST);
    pthread_join(group->sender, NULL);
}

static inline int times_from_environment(int usual) {
    const char *times = getenv("KRS_REBALANCES");
    return times ? atoi(times) : usual;
}

/* A test program whose children are victims. */
#define TESTS_WITH_VICTIMS(...)                                                                    \
    int main(int argc, char **argv) {                                                              \
        static const test_t tests[] = {__VA_ARGS__};                                               \
        if (argc == 6 && strcmp(argv[1], "victim") == 0) {                                         \
            snprintf(servers, sizeof servers, "%s", argv[2]);                                      \
            victim(argv[3], argv[4], argv[5]);                                                     \
        }                                                                                          \
        return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);                       \
    }

#endif
