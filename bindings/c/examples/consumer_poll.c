/*
 * A consumer that polls for one message at a time.
 *
 *   consumer_poll <bootstrap servers> <group> <topic>...
 *
 * Prints each message, and everything else as a line that begins with % on stderr. Ctrl-C ends it.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <kafka_rs.h>
#include <signal.h>
#include <stdio.h>

enum { WAIT_MS = 100, CLOSE_MS = 10000 };

static volatile sig_atomic_t stopped;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static int failed(const char *what, const krs_error *err) {
    fprintf(stderr, "consumer_poll: %s: %s\n", what, err->message);
    return 1;
}

static void print_row(const krs_row *row) {
    if (row->kind == KRS_EVENT_MESSAGE) {
        printf("%.*s[%" PRId32 "]@%" PRId64 ": %.*s\n", (int)row->topic.len,
               (const char *)row->topic.data, row->partition, row->offset, (int)row->value.len,
               (const char *)row->value.data);
        fflush(stdout);
    } else if (row->kind == KRS_EVENT_ERROR) {
        fprintf(stderr, "%% %s: %.*s\n", krs_error_name(row->code), (int)row->value.len,
                (const char *)row->value.data);
    }
}

/* poll returned the row, so it counts as dealt with, and may be committed from now on. */
static int receive(krs_client consumer) {
    krs_error err = KRS_ERROR_INIT;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    krs_code code = KRS_OK;
    while (!stopped && (code == KRS_OK || code == KRS_ERR_TIMED_OUT)) {
        code = krs_client_poll(consumer, &batch, WAIT_MS, &row, &err);
        if (code == KRS_OK) {
            print_row(&row);
        }
    }
    krs_batch_free(batch);
    return code == KRS_OK || code == KRS_ERR_TIMED_OUT ? 0 : failed("poll", &err);
}

int main(int argc, char **argv) {
    krs_error err = KRS_ERROR_INIT;
    krs_conf *conf = NULL;
    krs_client consumer;
    struct sigaction action = {0};
    int status;
    if (argc < 4) {
        fprintf(stderr, "usage: consumer_poll <bootstrap servers> <group> <topic>...\n");
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
    if (krs_consumer_subscribe(consumer, (const char *const *)(argv + 3), (size_t)argc - 3, &err)) {
        status = failed("subscribe", &err);
    } else {
        status = receive(consumer);
    }
    if (krs_client_close(consumer, CLOSE_MS, NULL, &err)) {
        status = failed("close", &err);
    }
    return status;
}
