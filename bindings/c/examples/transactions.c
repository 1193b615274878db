/*
 * Reads messages from one topic and writes them in upper case to another, each exactly once,
 * whatever happens: what was written and how far it was read become valid in one transaction.
 *
 *   transactions <bootstrap servers> <transactional id> <group> <from> <to>
 *
 * Programs that run at the same time share the group, and each has a transactional id of its own. A
 * program that is started again takes its id again, which ends what the one before left open.
 *
 * Prints how many messages each transaction had, and errors as a line that begins with % on stderr.
 * Ctrl-C ends it, after it has committed what it read.
 */
#define _POSIX_C_SOURCE 200809L

#include <ctype.h>
#include <inttypes.h>
#include <kafka_rs.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 100, WAIT_MS = 100, TRY_MS = 2000, PATIENCE_MS = 30000, CLOSE_MS = 10000 };

typedef struct {
    krs_client consumer, producer;
    krs_topic to;
    const char *from;
    /* The open transaction, if it has messages, and what it read: from first up to before next. */
    size_t messages, partitions;
    int32_t partition[ROWS];
    int64_t first[ROWS], next[ROWS];
} app_t;

static volatile sig_atomic_t stopped;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static int failed(const char *what, const krs_error *err) {
    fprintf(stderr, "transactions: %s: %s\n", what, err->message);
    return 1;
}

/* Whether the same call may succeed later; the call itself waits. After Ctrl-C not for long. */
static bool again(const krs_error *err) {
    static int tries_left = 5;
    return (err->flags & KRS_ERROR_RETRIABLE) && (!stopped || tries_left-- > 0);
}

static krs_code send_upper(app_t *app, const krs_row *row, krs_error *err) {
    krs_message message = KRS_MESSAGE_INIT;
    uint8_t *upper = malloc(row->value.len + 1);
    krs_code code = KRS_ERR_SYSTEM;
    for (size_t i = 0; upper != NULL && i < row->value.len; i++) {
        upper[i] = (uint8_t)toupper(row->value.data[i]);
    }
    message.topic = app->to;
    message.key = row->key;
    message.value.data = row->value.data ? upper : NULL;
    message.value.len = row->value.len;
    if (upper != NULL) {
        code = krs_producer_send(app->producer, &message, PATIENCE_MS, err);
    }
    free(upper);
    return code;
}

/* Makes the message, and the offset after it, part of the transaction. */
static krs_code take(app_t *app, const krs_row *row, krs_error *err) {
    size_t i = 0;
    if (app->messages == 0 && krs_txn_begin(app->producer, err)) {
        return err->code;
    }
    app->messages++;
    while (i < app->partitions && app->partition[i] != row->partition) {
        i++;
    }
    if (i == app->partitions) {
        app->partition[i] = row->partition;
        app->first[i] = row->offset;
        app->partitions++;
    }
    app->next[i] = row->offset + 1;
    return send_upper(app, row, err);
}

static void columns(const app_t *app, krs_partitions *list, int64_t *name, const int64_t *offset) {
    name[0] = 0;
    name[1] = (int64_t)strlen(app->from);
    list->topics.offsets = name;
    list->topics.data = (const uint8_t *)app->from;
    list->topic_count = 1;
    list->count = app->partitions;
    list->partition = app->partition;
    list->offset = offset;
}

static krs_code commit(app_t *app, krs_error *err) {
    krs_partitions offsets = KRS_PARTITIONS_INIT;
    int64_t name[2];
    uint8_t metadata[1024];
    krs_bytes group = {metadata, 0};
    columns(app, &offsets, name, app->next);
    if (krs_consumer_group_metadata(app->consumer, metadata, sizeof metadata, &group.len, err)) {
        return err->code;
    }
    do {
        krs_txn_offsets(app->producer, &offsets, group, TRY_MS, err);
    } while (again(err));
    if (err->code != KRS_OK) {
        return err->code;
    }
    do {
        krs_txn_commit(app->producer, TRY_MS, err);
    } while (again(err));
    return err->code;
}

/* Aborts the transaction, and goes back to where it began: what the group has committed. A
 * partition that was taken away meanwhile (KRS_ERR_STATE) is for its next owner to read. */
static int take_back(app_t *app) {
    krs_error err = KRS_ERROR_INIT;
    krs_partitions starts = KRS_PARTITIONS_INIT;
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    int64_t name[2];
    int status = 0;
    do {
        krs_txn_abort(app->producer, TRY_MS, &err);
    } while (again(&err));
    if (err.code != KRS_OK) {
        return failed("abort", &err);
    }
    columns(app, &starts, name, app->first);
    if (krs_consumer_seek(app->consumer, &starts, PATIENCE_MS, &batch, &view, &err)) {
        status = failed("seek", &err);
    }
    for (uint32_t row = 0; row < view.count; row++) {
        if (view.code[row] != KRS_OK && view.code[row] != KRS_ERR_STATE) {
            fprintf(stderr, "transactions: seek: %s\n", krs_error_text(view.code[row]));
            status = 1;
        }
    }
    krs_batch_free(batch);
    printf("aborted %zu messages\n", app->messages);
    app->messages = app->partitions = 0;
    return status;
}

/* Ends the open transaction, if there is one. Not zero: the program can't go on. */
static int end(app_t *app, bool lost) {
    krs_error err = KRS_ERROR_INIT;
    if (app->messages == 0) {
        return 0;
    }
    if (lost) { /* Someone else may have read them already. */
        return take_back(app);
    }
    if (commit(app, &err) == KRS_OK) {
        printf("committed %zu messages\n", app->messages);
        app->messages = app->partitions = 0;
        return 0;
    }
    if (err.flags & KRS_ERROR_TXN_ABORT) {
        fprintf(stderr, "%% %s\n", err.message);
        return take_back(app);
    }
    return failed("commit", &err); /* Fatal, or interrupted: the next start sees to the rest. */
}

/* Before it gives partitions away, the transaction ends; the next poll lets them go. */
static int run(app_t *app) {
    krs_error err = KRS_ERROR_INIT;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    int status = 0;
    while (!stopped && status == 0) {
        krs_code code = krs_client_poll(app->consumer, &batch, WAIT_MS, &row, &err);
        if (code == KRS_ERR_TIMED_OUT) {
            status = end(app, false);
        } else if (code != KRS_OK) {
            status = failed("poll", &err);
        } else if (row.kind == KRS_EVENT_REVOKE) {
            status = end(app, row.flags & KRS_ROW_LOST);
        } else if (row.kind == KRS_EVENT_ERROR) {
            fprintf(stderr, "%% %.*s\n", (int)row.value.len, (const char *)row.value.data);
        } else if (row.kind == KRS_EVENT_MESSAGE && take(app, &row, &err)) {
            fprintf(stderr, "%% %s\n", err.message);
            status = app->messages > 0 ? take_back(app) : failed("begin", &err);
        } else if (app->messages == ROWS) {
            status = end(app, false);
        }
        fflush(stdout);
    }
    status = status ? status : end(app, false);
    krs_batch_free(batch);
    return status;
}

static int start(app_t *app, char **argv) {
    krs_error err = KRS_ERROR_INIT;
    krs_conf *reading = NULL, *writing = NULL;
    int status = 0;
    if (krs_conf_new(KRS_CONSUMER, &reading, &err) || krs_conf_new(KRS_PRODUCER, &writing, &err) ||
        krs_conf_set(writing, "bootstrap.servers", argv[1], &err) ||
        krs_conf_set(writing, "transactional.id", argv[2], &err) ||
        krs_conf_set(writing, "go.delivery.reports", "false", &err) || /* The commit tells. */
        krs_conf_set(reading, "bootstrap.servers", argv[1], &err) ||
        krs_conf_set(reading, "group.id", argv[3], &err) ||
        krs_conf_set(reading, "session.timeout.ms", "6000", &err) ||
        krs_conf_set(reading, "auto.offset.reset", "earliest", &err) ||
        krs_conf_set(reading, "isolation.level", "read_committed", &err) ||
        krs_conf_set(reading, "enable.auto.commit", "false", &err) ||
        krs_conf_set(reading, "go.application.rebalance.enable", "true", &err) ||
        krs_client_open(writing, &app->producer, &err) ||
        krs_client_open(reading, &app->consumer, &err) ||
        krs_client_topic(app->producer, argv[5], &app->to, &err)) {
        status = failed("open", &err);
    }
    krs_conf_free(reading);
    krs_conf_free(writing);
    return status;
}

int main(int argc, char **argv) {
    static app_t app;
    krs_error err = KRS_ERROR_INIT;
    struct sigaction action = {0};
    int status;
    if (argc != 6) {
        fprintf(stderr, "usage: transactions <bootstrap servers> <transactional id> <group> <from> "
                        "<to>\n");
        return 2;
    }
    action.sa_handler = stop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    app.from = argv[4];
    status = start(&app, argv);
    if (status == 0) {
        do {
            krs_txn_init(app.producer, TRY_MS, &err);
        } while (!stopped && again(&err));
        if (err.code != KRS_OK && !stopped) {
            status = failed("init", &err);
        } else if (krs_consumer_subscribe(app.consumer, &app.from, 1, &err)) {
            status = failed("subscribe", &err);
        } else {
            status = run(&app);
        }
        if (krs_client_close(app.consumer, CLOSE_MS, NULL, &err)) {
            status = failed("close", &err);
        }
        if (krs_client_close(app.producer, CLOSE_MS, NULL, &err)) {
            status = failed("close", &err);
        }
    }
    return status;
}
