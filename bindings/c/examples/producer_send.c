/*
 * A producer that sends each line of its input with a function call.
 *
 *   producer_send <bootstrap servers> <topic>
 *
 * Prints what came of each message. The end of the input or Ctrl-C ends it, and what was read by
 * then is sent.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <kafka_rs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLOSE_MS = 30000 };

static volatile sig_atomic_t stopped;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static int failed(const char *what, const krs_error *err) {
    fprintf(stderr, "producer_send: %s: %s\n", what, err->message);
    return 1;
}

static void print_report(const krs_row *row, int *status) {
    if (row->kind == KRS_EVENT_REPORT && row->code == KRS_OK) {
        printf("delivered line %" PRIu64 " to [%" PRId32 "]@%" PRId64 "\n", row->opaque,
               row->partition, row->offset);
    } else if (row->kind == KRS_EVENT_REPORT) {
        fprintf(stderr, "%% line %" PRIu64 " was not delivered: %s\n", row->opaque,
                krs_error_text(row->code));
        *status = 1;
    } else {
        fprintf(stderr, "%% %.*s\n", (int)row->value.len, (const char *)row->value.data);
    }
}

/* Prints the reports that are there, waiting `timeout_ms` for each. */
static void print_reports(krs_chan events, int timeout_ms, int *status) {
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_row row = KRS_ROW_INIT;
    while (krs_chan_recv(events, &batch, KRS_ALL, KRS_ALL, timeout_ms, &view, NULL) == KRS_OK) {
        for (uint32_t i = 0; i < view.count; i++) {
            if (krs_batch_row(batch, i, &row, NULL) == KRS_OK) {
                print_report(&row, status);
            }
        }
    }
    krs_batch_free(batch);
    fflush(stdout);
}

static int send_lines(krs_client producer, krs_chan events, krs_topic topic) {
    krs_error err = KRS_ERROR_INIT;
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    int status = 0;
    for (uint64_t number = 1; !stopped && (len = getline(&line, &size, stdin)) >= 0; number++) {
        krs_message message = KRS_MESSAGE_INIT;
        message.topic = topic;
        message.opaque = number;
        message.value.data = (const uint8_t *)line;
        message.value.len = strcspn(line, "\n");
        krs_code code;
        do { /* Waits for room, and looks for Ctrl-C now and then. */
            code = krs_producer_send(producer, &message, 100, &err);
        } while (code == KRS_ERR_TIMED_OUT && !stopped);
        if (code != KRS_OK && !stopped) {
            status = failed("send", &err);
        }
        print_reports(events, 0, &status);
    }
    free(line);
    return status;
}

int main(int argc, char **argv) {
    krs_error err = KRS_ERROR_INIT;
    krs_conf *conf = NULL;
    krs_client producer;
    krs_chan events = {0};
    krs_topic topic;
    struct sigaction action = {0};
    int status;
    if (argc != 3) {
        fprintf(stderr, "usage: producer_send <bootstrap servers> <topic>\n");
        return 2;
    }
    action.sa_handler = stop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    if (krs_conf_new(KRS_PRODUCER, &conf, &err) ||
        krs_conf_set(conf, "bootstrap.servers", argv[1], &err) ||
        krs_client_open(conf, &producer, &err)) {
        krs_conf_free(conf);
        return failed("open", &err);
    }
    krs_conf_free(conf);
    if (krs_client_events(producer, &events, &err) ||
        krs_client_topic(producer, argv[2], &topic, &err)) {
        status = failed("topic", &err);
    } else {
        status = send_lines(producer, events, topic);
    }
    if (krs_client_close(producer, CLOSE_MS, NULL, &err)) {
        status = failed("close", &err);
    }
    /* The channel outlives its producer: what was reported at last is there. */
    print_reports(events, 0, &status);
    return status;
}
