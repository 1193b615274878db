/*
 * A consumer that receives batches from its events channel.
 *
 *   consumer_channel <bootstrap servers> <group> <topic>...
 *
 * Prints each message, and everything else as a line that begins with % on stderr. Ctrl-C ends it.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <kafka_rs.h>
#include <signal.h>
#include <stdio.h>

enum { ROWS = 1000, WAIT_MS = 100, CLOSE_MS = 10000 };

static volatile sig_atomic_t stopped;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static int failed(const char *what, const krs_error *err) {
    fprintf(stderr, "consumer_channel: %s: %s\n", what, err->message);
    return 1;
}

static krs_bytes value_of(const krs_column *column, uint32_t row) {
    krs_bytes value;
    value.data = column->data + column->offsets[row];
    value.len = (size_t)(column->offsets[row + 1] - column->offsets[row]);
    return value;
}

static void print_row(const krs_batch_view *view, uint32_t row) {
    krs_bytes value = value_of(&view->value, row);
    if (view->kind[row] == KRS_EVENT_MESSAGE) {
        krs_bytes topic = value_of(&view->topics, view->topic[row]);
        printf("%.*s[%" PRId32 "]@%" PRId64 ": %.*s\n", (int)topic.len, (const char *)topic.data,
               view->partition[row], view->offset[row], (int)value.len, (const char *)value.data);
    } else if (view->kind[row] == KRS_EVENT_ERROR) {
        fprintf(stderr, "%% %s: %.*s\n", krs_error_name(view->code[row]), (int)value.len,
                (const char *)value.data);
    }
}

/* Passing the batch back says that all of its rows were dealt with, and may be committed. */
static int receive(krs_chan events) {
    krs_error err = KRS_ERROR_INIT;
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_code code = KRS_OK;
    while (!stopped && (code == KRS_OK || code == KRS_ERR_TIMED_OUT)) {
        code = krs_chan_recv(events, &batch, KRS_ALL, ROWS, WAIT_MS, &view, &err);
        for (uint32_t row = 0; row < view.count; row++) {
            print_row(&view, row);
        }
        fflush(stdout);
    }
    krs_batch_free(batch);
    return code == KRS_OK || code == KRS_ERR_TIMED_OUT ? 0 : failed("receive", &err);
}

int main(int argc, char **argv) {
    krs_error err = KRS_ERROR_INIT;
    krs_conf *conf = NULL;
    krs_client consumer;
    krs_chan events;
    struct sigaction action = {0};
    int status;
    if (argc < 4) {
        fprintf(stderr, "usage: consumer_channel <bootstrap servers> <group> <topic>...\n");
        return 2;
    }
    action.sa_handler = stop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    if (krs_conf_new(KRS_CONSUMER, &conf, &err) ||
        krs_conf_set(conf, "bootstrap.servers", argv[1], &err) ||
        krs_conf_set(conf, "group.id", argv[2], &err) ||
        krs_conf_set(conf, "auto.offset.reset", "earliest", &err) ||
        krs_client_open(conf, &consumer, &err)) {
        krs_conf_free(conf);
        return failed("open", &err);
    }
    krs_conf_free(conf);
    if (krs_consumer_subscribe(consumer, (const char *const *)(argv + 3), (size_t)argc - 3, &err) ||
        krs_client_events(consumer, &events, &err)) {
        status = failed("subscribe", &err);
    } else {
        status = receive(events);
    }
    if (krs_client_close(consumer, CLOSE_MS, NULL, &err)) {
        status = failed("close", &err);
    }
    return status;
}
