/*
 * A producer that sends each line of its input to its produce channel, while a thread prints what
 * comes out of its events channel.
 *
 *   producer_channel <bootstrap servers> <topic>
 *
 * The end of the input or Ctrl-C ends it, and what was read by then is sent.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <kafka_rs.h>
#include <pthread.h>
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
    fprintf(stderr, "producer_channel: %s: %s\n", what, err->message);
    return 1;
}

typedef struct {
    krs_chan events;
    int status;
} reports_t;

static void print_report(reports_t *reports, const krs_batch_view *view, uint32_t row) {
    if (view->kind[row] == KRS_EVENT_REPORT && view->code[row] == KRS_OK) {
        printf("delivered line %" PRIu64 " to [%" PRId32 "]@%" PRId64 "\n", view->opaque[row],
               view->partition[row], view->offset[row]);
    } else if (view->kind[row] == KRS_EVENT_REPORT) {
        fprintf(stderr, "%% line %" PRIu64 " was not delivered: %s\n", view->opaque[row],
                krs_error_text(view->code[row]));
        reports->status = 1;
    } else if (view->kind[row] == KRS_EVENT_ERROR) {
        fprintf(stderr, "%% %s\n", krs_error_text(view->code[row]));
    }
}

/* The channel ends when the producer has closed and every report was received. */
static void *print_reports(void *arg) {
    reports_t *reports = arg;
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    while (krs_chan_recv(reports->events, &batch, KRS_ALL, KRS_ALL, -1, &view, NULL) == KRS_OK) {
        for (uint32_t row = 0; row < view.count; row++) {
            print_report(reports, &view, row);
        }
        fflush(stdout);
    }
    krs_batch_free(batch);
    return NULL;
}

static int send_lines(krs_chan produce, krs_topic topic) {
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
            code = krs_chan_send(produce, &message, 100, &err);
        } while (code == KRS_ERR_TIMED_OUT && !stopped);
        if (code != KRS_OK && !stopped) {
            status = failed("send", &err);
        }
    }
    free(line);
    return status;
}

static int produce(krs_client producer, const char *name) {
    krs_error err = KRS_ERROR_INIT;
    reports_t reports = {0};
    krs_chan produce;
    krs_topic topic;
    pthread_t printer;
    sigset_t signals, before;
    int status;
    if (krs_client_events(producer, &reports.events, &err) ||
        krs_producer_channel(producer, &produce, &err) ||
        krs_client_topic(producer, name, &topic, &err)) {
        return failed("topic", &err);
    }
    /* Ctrl-C is to interrupt the reading, so the thread does not take it. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, &before);
    if (pthread_create(&printer, NULL, print_reports, &reports) != 0) {
        fprintf(stderr, "producer_channel: no thread to be had\n");
        return 1;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    status = send_lines(produce, topic);
    if (krs_client_close(producer, CLOSE_MS, NULL, &err)) {
        status = failed("close", &err);
    }
    pthread_join(printer, NULL);
    return status ? status : reports.status;
}

int main(int argc, char **argv) {
    krs_error err = KRS_ERROR_INIT;
    krs_conf *conf = NULL;
    krs_client producer;
    struct sigaction action = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: producer_channel <bootstrap servers> <topic>\n");
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
    return produce(producer, argv[2]);
}
