/* What tests of close share: a cluster that can be stopped and killed, clients that are busy, and a
 * close whose time is taken. */
#ifndef CLOSING_H
#define CLOSING_H

#include "child.h"
#include "flow.h"

#include <dirent.h>
#include <pthread.h>

enum { TIMES = 50, DEADLINE_MS = 300, GRACE_MS = 100 };

/* ---- a cluster that can be stopped and killed ------------------------------------------------ */

static pid_t brokers;

/* The mock cluster in a process of its own. */
static inline void start_brokers(void) {
    const char *argv[] = {"closing", "brokers", NULL};
    FILE *told;
    brokers = start_child(argv, &told);
    CHECK(fscanf(told, "%500s", servers) == 1, "no cluster");
    fclose(told);
}

static inline void run_brokers(void) {
    /* However the test ends, its cluster ends with it. */
    end_with_parent();
    OK(krs_mock_open(1, &mock, &err));
    OK(krs_mock_bootstrap(mock, servers, sizeof servers, NULL, &err));
    printf("%s\n", servers);
    fflush(stdout);
    while (true) {
        pause();
    }
}

static inline void end_brokers(void) { kill_child(brokers); }

/* When this returns they have stopped: until then they may answer. */
static inline void stop_brokers(void) {
    int status = 0;
    kill(brokers, SIGSTOP);
    CHECK(waitpid(brokers, &status, WUNTRACED) == brokers && WIFSTOPPED(status), "status %d",
          status);
}

/* For `main`: this process is the cluster of another. */
static inline void be_brokers_if_asked(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "brokers") == 0) {
        run_brokers();
    }
}

/* ---- closing --------------------------------------------------------------------------------- */

static double longest;
static int closes, unclean, late;

static inline void close_in_time(krs_client client, const char *situation) {
    krs_close_result result = KRS_CLOSE_RESULT_INIT;
    double start = seconds(), took;
    OK(krs_client_close(client, DEADLINE_MS, &result, &err));
    took = seconds() - start;
    /* A busy machine may keep this thread waiting once in a while, but not for long. */
    closes++;
    late += took * 1000 >= DEADLINE_MS + GRACE_MS * slowness();
    CHECK(took < 2 * slowness() && late <= 2, "%s: close took %.0f ms", situation, took * 1000);
    longest = took > longest ? took : longest;
    unclean += !result.clean;
}

static inline void say(const char *situation) {
    printf("%s: %d closes, the longest %.0f ms of %d, %d not clean\n", situation, closes,
           longest * 1000, DEADLINE_MS, unclean);
    longest = 0;
    closes = unclean = late = 0;
}

/* A producer that has sent, one whose messages wait, and a consumer in its group. */
typedef struct {
    krs_client producer, consumer;
    krs_topic topic;
    krs_batch *batch;
} pair_t;

static inline pair_t open_pair(const char *topic, bool take) {
    pair_t pair = {0};
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    pair.producer = open_client(KRS_PRODUCER, "linger.ms", "0", "queue.buffering.max.messages",
                                "100", (char *)NULL);
    pair.topic = topic_of(pair.producer, topic);
    pair.consumer = open_client(KRS_CONSUMER, "group.id", fresh_name("group"), "auto.offset.reset",
                                "earliest", "auto.commit.interval.ms", "10", (char *)NULL);
    OK(krs_consumer_subscribe(pair.consumer, &topic, 1, &err));
    while (take) { /* Its batch is held from now on, and rows are left unread. */
        OK(krs_chan_recv(events_of(pair.consumer), &pair.batch, KRS_ALL, 5, PATIENCE_MS, &view,
                         &err));
        take = view.kind[0] != KRS_EVENT_MESSAGE;
    }
    return pair;
}

static inline void fill(const pair_t *pair) {
    krs_message message = KRS_MESSAGE_INIT;
    message.topic = pair->topic;
    message.value = bytes("x");
    while (krs_producer_send(pair->producer, &message, 0, &err) == KRS_OK) {
    }
}

static inline void close_pair(pair_t *pair, const char *situation) {
    close_in_time(pair->producer, situation);
    close_in_time(pair->consumer, situation);
    krs_batch_free(pair->batch);
}

static inline krs_client transactional(const char *id) {
    krs_client producer = open_client(KRS_PRODUCER, "transactional.id", id, (char *)NULL);
    OK(krs_txn_init(producer, PATIENCE_MS, &err));
    return producer;
}

static inline void send_one(krs_client producer, krs_topic topic) {
    krs_message message = KRS_MESSAGE_INIT;
    message.topic = topic;
    message.value = bytes("x");
    OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
}

/* ---- what is left ---------------------------------------------------------------------------- */

static inline int entries(const char *directory) {
    DIR *dir = opendir(directory);
    int count = 0;
    CHECK(dir != NULL, "%s", directory);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

#endif
