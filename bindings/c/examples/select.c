/*
 * Forwards messages from one topic to another, and waits for all that may happen in one place:
 * messages, room to send them on, what came of them, commands, and a clock.
 *
 *   select <bootstrap servers> <group> <from> <to>
 *
 * Commands, each a line of the input: pause, resume, quit. Prints now and then how many messages
 * were delivered, and errors as a line that begins with % on stderr. Ctrl-C ends it too, and what
 * was taken by then is sent.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <kafka_rs.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 1000, TICK_MS = 500, CLOSE_MS = 10000 };

/* What is waited for: NEXT is a message or, when there is one, room to send it on. */
enum { NEXT, REPORTS, COMMANDS, CASES };

typedef struct {
    krs_client consumer, producer;
    krs_chan messages, forward, commands;
    krs_batch *batch[CASES];
    krs_batch_view view[CASES];
    krs_case cases[CASES];
    krs_message message;
    uint32_t row; /* Which of the batch to send on next. */
    uint64_t delivered;
    int status;
} app_t;

static volatile sig_atomic_t stopped;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static int failed(const char *what, const krs_error *err) {
    fprintf(stderr, "select: %s: %s\n", what, err->message);
    return 1;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A thread that ends with the program. Without stdio, which would have exit wait for the input. */
static void *read_commands(void *arg) {
    krs_message message = KRS_MESSAGE_INIT;
    char line[64];
    size_t len = 0;
    message.value.data = (const uint8_t *)line;
    while (len < sizeof line && read(STDIN_FILENO, line + len, 1) == 1) {
        if (line[len++] == '\n') {
            message.value.len = len - 1;
            krs_chan_send(*(krs_chan *)arg, &message, -1, NULL);
            len = 0;
        }
    }
    return NULL;
}

/* The partitions that are assigned now; an answer has the columns that a question needs. */
static void pause_or_resume(app_t *app, bool pause) {
    krs_error err = KRS_ERROR_INIT;
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_partitions list = KRS_PARTITIONS_INIT;
    if (krs_consumer_assignment(app->consumer, &batch, &view, &err) == KRS_OK) {
        list.count = view.count;
        list.topics = view.topics;
        list.topic_count = view.topic_count;
        list.topic = view.topic;
        list.partition = view.partition;
        if (pause) {
            krs_consumer_pause(app->consumer, &list, NULL, NULL, &err);
        } else {
            krs_consumer_resume(app->consumer, &list, NULL, NULL, &err);
        }
        printf("%s %" PRIu32 " partitions\n", pause ? "paused" : "resumed", view.count);
    }
    if (err.code != KRS_OK) {
        fprintf(stderr, "%% %s\n", err.message);
    }
    krs_batch_free(batch);
}

static void command(app_t *app) {
    krs_row row = KRS_ROW_INIT;
    char word[64] = "";
    krs_batch_row(app->batch[COMMANDS], 0, &row, NULL);
    memcpy(word, row.value.data, row.value.len);
    if (strcmp(word, "quit") == 0) {
        stopped = 1;
    } else if (strcmp(word, "pause") == 0 || strcmp(word, "resume") == 0) {
        pause_or_resume(app, word[0] == 'p');
    } else {
        fprintf(stderr, "%% pause, resume or quit, not %s\n", word);
    }
}

/* Sends on the next message of the batch, or receives again, which tells that all of it was dealt
 * with. */
static void next_message(app_t *app) {
    krs_case *next = &app->cases[NEXT];
    krs_row row = KRS_ROW_INIT;
    next->op = KRS_CASE_RECV;
    next->chan = app->messages;
    for (; krs_batch_row(app->batch[NEXT], app->row, &row, NULL) == KRS_OK; app->row++) {
        if (row.kind == KRS_EVENT_MESSAGE) {
            next->op = KRS_CASE_SEND;
            next->chan = app->forward;
            app->message.key = row.key;
            app->message.value = row.value;
            break;
        }
        fprintf(stderr, "%% %.*s\n", (int)row.value.len, (const char *)row.value.data);
    }
}

static void take_reports(app_t *app) {
    const krs_batch_view *view = &app->view[REPORTS];
    for (uint32_t row = 0; row < view->count; row++) {
        if (view->kind[row] == KRS_EVENT_REPORT && view->code[row] == KRS_OK) {
            app->delivered++;
        } else {
            fprintf(stderr, "%% %s\n", krs_error_text(view->code[row]));
            app->status = view->kind[row] == KRS_EVENT_REPORT ? 1 : app->status;
        }
    }
}

static void run(app_t *app) {
    krs_error err = KRS_ERROR_INIT;
    int64_t tick = now_ms() + TICK_MS;
    while (!stopped && app->status == 0) {
        int64_t left = tick - now_ms();
        size_t chosen;
        krs_code code =
            krs_chan_select(app->cases, CASES, left > 0 ? (int32_t)left : 0, &chosen, &err);
        if (chosen == CASES) { /* None, in that time. */
            printf("%" PRIu64 " delivered\n", app->delivered);
            tick = now_ms() + TICK_MS;
        } else if (code != KRS_OK) {
            app->status = failed("select", &err);
        } else if (chosen == COMMANDS) {
            command(app);
        } else if (chosen == REPORTS) {
            take_reports(app);
        } else {
            app->row = app->cases[NEXT].op == KRS_CASE_SEND ? app->row + 1 : 0;
            next_message(app);
        }
        fflush(stdout);
    }
}

static int start(app_t *app, const char *servers, const char *group, const char *from,
                 const char *to) {
    krs_error err = KRS_ERROR_INIT;
    krs_conf *reading = NULL, *sending = NULL;
    int status = 0;
    if (krs_conf_new(KRS_CONSUMER, &reading, &err) || krs_conf_new(KRS_PRODUCER, &sending, &err) ||
        krs_conf_set(reading, "bootstrap.servers", servers, &err) ||
        krs_conf_set(sending, "bootstrap.servers", servers, &err) ||
        krs_conf_set(reading, "group.id", group, &err) ||
        krs_conf_set(reading, "auto.offset.reset", "earliest", &err) ||
        krs_conf_set(sending, "go.delivery.report.fields", "none", &err) ||
        krs_client_open(reading, &app->consumer, &err) ||
        krs_client_open(sending, &app->producer, &err) || krs_chan_new(0, &app->commands, &err) ||
        krs_client_events(app->consumer, &app->messages, &err) ||
        krs_client_events(app->producer, &app->cases[REPORTS].chan, &err) ||
        krs_producer_channel(app->producer, &app->forward, &err) ||
        krs_client_topic(app->producer, to, &app->message.topic, &err) ||
        krs_consumer_subscribe(app->consumer, &from, 1, &err)) {
        status = failed("open", &err);
    }
    krs_conf_free(reading);
    krs_conf_free(sending);
    return status;
}

/* First the producer, which sends what it has, then the consumer, which commits what was sent: of
 * its last batch, the rows from app->row on are for the next one in the group. */
static void finish(app_t *app) {
    krs_error err = KRS_ERROR_INIT;
    uint32_t sent = app->cases[NEXT].op == KRS_CASE_SEND ? app->row : KRS_ALL;
    krs_chan_recv(app->messages, &app->batch[NEXT], sent, 0, 0, &app->view[NEXT], NULL);
    if (krs_client_close(app->producer, CLOSE_MS, NULL, &err)) {
        app->status = failed("close", &err);
    }
    while (krs_chan_recv(app->cases[REPORTS].chan, &app->batch[REPORTS], KRS_ALL, ROWS, 0,
                         &app->view[REPORTS], NULL) == KRS_OK) {
        take_reports(app);
    }
    printf("%" PRIu64 " delivered\n", app->delivered);
    if (krs_client_close(app->consumer, CLOSE_MS, NULL, &err)) {
        app->status = failed("close", &err);
    }
    for (int i = 0; i < CASES; i++) {
        krs_batch_free(app->batch[i]);
    }
}

int main(int argc, char **argv) {
    const krs_batch_view view = KRS_BATCH_VIEW_INIT;
    const krs_case one = KRS_CASE_INIT;
    const krs_message message = KRS_MESSAGE_INIT;
    static app_t app; /* The thread outlives main. */
    struct sigaction action = {0};
    pthread_t thread;
    if (argc != 5) {
        fprintf(stderr, "usage: select <bootstrap servers> <group> <from> <to>\n");
        return 2;
    }
    action.sa_handler = stop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    app.message = message;
    for (int i = 0; i < CASES; i++) {
        app.view[i] = view;
        app.cases[i] = one;
        app.cases[i].op = KRS_CASE_RECV;
        app.cases[i].message = &app.message;
        app.cases[i].batch = &app.batch[i];
        app.cases[i].view = &app.view[i];
        app.cases[i].max = i == COMMANDS ? 1 : ROWS;
    }
    app.status = start(&app, argv[1], argv[2], argv[3], argv[4]);
    app.cases[NEXT].chan = app.messages;
    app.cases[COMMANDS].chan = app.commands;
    if (app.status == 0 && pthread_create(&thread, NULL, read_commands, &app.commands)) {
        fprintf(stderr, "select: no thread to be had\n");
        app.status = 1;
    }
    if (app.status == 0) {
        run(&app);
        finish(&app);
    }
    return app.status;
}
