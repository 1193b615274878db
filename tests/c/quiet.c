/* The library leaves the process as it found it. */
#include "check.h"

#include <pthread.h>
#include <signal.h>

enum { SIGNALS = 64 };

typedef struct {
    struct sigaction actions[SIGNALS + 1];
    sigset_t mask;
} signals_t;

static void read_signals(signals_t *signals) {
    memset(signals, 0, sizeof *signals);
    for (int number = 1; number <= SIGNALS; number++) {
        (void)sigaction(number, NULL, &signals->actions[number]);
    }
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &signals->mask) == 0, "mask");
}

static void expect_same(const signals_t *before) {
    signals_t after;
    read_signals(&after);
    for (int number = 1; number <= SIGNALS; number++) {
        CHECK(after.actions[number].sa_handler == before->actions[number].sa_handler,
              "handler of signal %d", number);
        CHECK(sigismember(&after.mask, number) == sigismember(&before->mask, number),
              "mask of signal %d", number);
    }
}

/* Everything that makes librdkafka talk: debugging, a broker that refuses, a bad setting. */
static void no_output_and_no_signal_handler_or_mask(void) {
    signals_t before;
    krs_client working, failing, consumer, logging;
    krs_conf *conf = NULL;
    krs_message message = KRS_MESSAGE_INIT;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    krs_chan logs = {0};
    const char *topic = fresh_name("quiet");
    char working_servers[sizeof servers];
    read_signals(&before);

    working = open_client(KRS_PRODUCER, "debug", "all", (char *)NULL);
    message.topic = topic_of(working, topic);
    message.value = bytes("x");
    OK(krs_producer_send(working, &message, 0, &err));
    OK(krs_producer_flush(working, PATIENCE_MS, NULL, &err));
    consumer = open_client(KRS_CONSUMER, "group.id", fresh_name("group"), "auto.offset.reset",
                           "earliest", "debug", "all", (char *)NULL);
    OK(krs_consumer_subscribe(consumer, &topic, 1, &err));
    do {
        OK(krs_client_poll(consumer, &batch, PATIENCE_MS, &row, &err));
    } while (row.kind != KRS_EVENT_MESSAGE);
    expect_same(&before);

    memcpy(working_servers, servers, sizeof servers);
    snprintf(servers, sizeof servers, "127.0.0.1:1");
    failing = open_client(KRS_PRODUCER, (char *)NULL);
    do {
        OK(krs_client_poll(failing, &batch, PATIENCE_MS, &row, &err));
    } while (row.code != KRS_ERR_ALL_BROKERS_DOWN);
    OK(krs_conf_new(KRS_PRODUCER, &conf, &err));
    CHECK(krs_conf_set(conf, "no.such.key", "x", &err) != KRS_OK, "set");
    krs_conf_free(conf);

    /* Log lines are there for who asks for them. */
    logging = open_client(KRS_PRODUCER, "go.logs.channel.enable", "true", (char *)NULL);
    EXPECT(KRS_ERR_STATE, krs_client_logs(failing, &logs, &err));
    OK(krs_client_logs(logging, &logs, &err));
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    OK(krs_chan_recv(logs, &batch, KRS_ALL, 1, PATIENCE_MS, &view, &err));
    CHECK(view.kind[0] == KRS_EVENT_LOG && view.code[0] >= 0 && view.code[0] <= 7, "level %d",
          view.code[0]);
    OK(krs_batch_row(batch, 0, &row, &err));
    CHECK(row.key.len > 0 && row.value.len > 0, "a facility and a text");

    krs_batch_free(batch);
    close_client(working);
    close_client(consumer);
    OK(krs_client_close(failing, 0, NULL, &err));
    OK(krs_client_close(logging, 0, NULL, &err));
    expect_same(&before);
}

TESTS(TEST(no_output_and_no_signal_handler_or_mask))
