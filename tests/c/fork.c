/* Promises on fork(): the child is told, and can begin anew; the parent notices nothing. */
#include "flow.h"

#include <pthread.h>
#include <sys/wait.h>

enum { FORKS = 50 };

/* What the parent has when it forks. */
typedef struct {
    krs_client producer, consumer;
    krs_topic topic;
    krs_chan chan, events;
    krs_batch *batch;
    const char *name;
    int stop;
    size_t sent;
} parent_t;

static void *send_on(void *arg) {
    parent_t *parent = arg;
    krs_message message = KRS_MESSAGE_INIT;
    message.topic = parent->topic;
    message.value = bytes("x");
    while (!__atomic_load_n(&parent->stop, __ATOMIC_SEQ_CST)) {
        OK(krs_producer_send(parent->producer, &message, PATIENCE_MS, &err));
        parent->sent++;
        if (parent->sent % 100 == 0) {
            work_for(100);
        }
    }
    return NULL;
}

static double worst;

/* Each call on something from before the fork: an error that says so, at once. */
#define TOLD(call)                                                                                 \
    do {                                                                                           \
        double start_ = seconds();                                                                 \
        EXPECT(KRS_ERR_FORKED, call);                                                              \
        if (seconds() - start_ > worst) {                                                          \
            worst = seconds() - start_;                                                            \
        }                                                                                          \
    } while (0)

static void use_inherited(parent_t *parent) {
    krs_message message = KRS_MESSAGE_INIT;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_row row = KRS_ROW_INIT;
    krs_chan chan;
    size_t len;
    int fd;
    message.topic = parent->topic;
    TOLD(krs_producer_send(parent->producer, &message, -1, &err));
    TOLD(krs_chan_send(parent->chan, &message, -1, &err));
    TOLD(krs_producer_flush(parent->producer, -1, NULL, &err));
    TOLD(krs_producer_len(parent->producer, &len, &err));
    TOLD(krs_producer_purge(parent->producer, 3, &err));
    TOLD(krs_chan_recv(parent->events, &parent->batch, KRS_ALL, 10, -1, &view, &err));
    TOLD(krs_client_poll(parent->consumer, &parent->batch, -1, &row, &err));
    TOLD(krs_chan_len(parent->chan, &len, NULL, &err));
    TOLD(krs_chan_fd(parent->events, &fd, &err));
    TOLD(krs_chan_close(parent->chan, &err));
    TOLD(krs_chan_free(parent->chan, &err));
    TOLD(krs_client_events(parent->consumer, &chan, &err));
    TOLD(krs_consumer_unsubscribe(parent->consumer, &err));
    TOLD(krs_consumer_commit(parent->consumer, -1, 0, NULL, NULL, &err));
    TOLD(krs_client_close(parent->consumer, -1, NULL, &err));
    TOLD(krs_client_close(parent->producer, -1, NULL, &err));
    CHECK(strstr(err.message, "fork") != NULL, "%s", err.message);
    krs_batch_free(parent->batch);
}

static void begin_anew(const parent_t *parent) {
    krs_client producer = open_client(KRS_PRODUCER, (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    message.topic = topic_of(producer, parent->name);
    message.value = bytes("from a child");
    OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    CHECK(close_client(producer).clean, "not clean");
}

static void a_child_is_told_and_can_begin_anew(void) {
    parent_t parent = {.name = fresh_name("fork")};
    krs_row row = KRS_ROW_INIT;
    pthread_t sender;
    parent.producer =
        open_client(KRS_PRODUCER, "linger.ms", "1", "go.delivery.reports", "false", (char *)NULL);
    parent.topic = topic_of(parent.producer, parent.name);
    parent.chan = new_chan(10);
    parent.consumer = subscribed(fresh_name("group"), parent.name, "true");
    parent.events = events_of(parent.consumer);
    CHECK(pthread_create(&sender, NULL, send_on, &parent) == 0, "thread");
    poll_kind(parent.consumer, &parent.batch, &row, KRS_EVENT_MESSAGE);
    for (int i = 0; i < FORKS; i++) {
        int status;
        pid_t child = fork(); /* While another thread is inside the library. */
        CHECK(child >= 0, "no process");
        if (child == 0) {
            use_inherited(&parent);
            if (i % 5 == 0) {
                begin_anew(&parent);
            }
            /* Of many calls some may be slowed by the machine; none may wait. */
            _exit(worst < 0.1 ? 0 : 2);
        }
        CHECK(waitpid(child, &status, 0) == child, "child");
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d ended with %x", i, status);
        poll_kind(parent.consumer, &parent.batch, &row, KRS_EVENT_MESSAGE);
    }
    parent.stop = 1;
    pthread_join(sender, NULL);
    OK(krs_producer_flush(parent.producer, PATIENCE_MS, NULL, &err));
    krs_batch_free(parent.batch);
    OK(krs_chan_free(parent.chan, &err));
    close_client(parent.consumer);
    CHECK(close_client(parent.producer).clean, "not clean");
    printf("%d children, each refused 16 calls; %d of them sent with a client of their own; the "
           "parent sent %zu meanwhile\n",
           FORKS, FORKS / 5, parent.sent);
}

TESTS(TEST(a_child_is_told_and_can_begin_anew))
