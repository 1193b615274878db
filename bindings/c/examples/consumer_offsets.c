/*
 * A consumer that keeps its offsets itself, and answers the rebalances of its group: each partition
 * that it is given it reads from where its own file says.
 *
 *   consumer_offsets <bootstrap servers> <group> <topic> <directory> [strategy]
 *
 * The file <directory>/<topic>.<partition> holds the offset to go on at. It is written after the
 * rows were printed, so that a program that is killed in between prints them again. All members of
 * the group use the same directory. The strategy is one of partition.assignment.strategy, such as
 * range (eager) or cooperative-sticky.
 *
 * Prints each message and each partition that comes or goes, and errors as a line that begins with
 * % on stderr. Ctrl-C ends it.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <kafka_rs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 1000, WAIT_MS = 100, CLOSE_MS = 10000, PARTITIONS = 1024 };

typedef struct {
    krs_client consumer;
    const char *topic, *directory;
    /* The partitions of a rebalance, while its rows come. */
    size_t count;
    int32_t partition[PARTITIONS];
    int64_t offset[PARTITIONS];
} app_t;

static volatile sig_atomic_t stopped;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static int failed(const char *what, const char *why) {
    fprintf(stderr, "consumer_offsets: %s: %s\n", what, why);
    return 1;
}

static int64_t load(const app_t *app, int32_t partition) {
    char path[4096];
    int64_t next = KRS_OFFSET_BEGINNING;
    snprintf(path, sizeof path, "%s/%s.%" PRId32, app->directory, app->topic, partition);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        if (fscanf(file, "%" SCNd64, &next) != 1) {
            next = KRS_OFFSET_BEGINNING;
        }
        fclose(file);
    }
    return next;
}

/* Written beside and moved: the file is always whole. */
static int save(const app_t *app, int32_t partition, int64_t next) {
    char path[4096], fresh[4100];
    snprintf(path, sizeof path, "%s/%s.%" PRId32, app->directory, app->topic, partition);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = fopen(fresh, "w");
    if (file == NULL) {
        return failed(fresh, "can't be written");
    }
    int written = fprintf(file, "%" PRId64 "\n", next);
    if (fclose(file) != 0 || written < 0 || rename(fresh, path) != 0) {
        return failed(path, "can't be written");
    }
    return 0;
}

/* The eager protocol gives and takes all partitions at once, the cooperative one some of them. */
static int answer(app_t *app, int assign) {
    krs_error err = KRS_ERROR_INIT;
    krs_partitions list = KRS_PARTITIONS_INIT;
    const char *protocol = NULL;
    const int64_t name[2] = {0, (int64_t)strlen(app->topic)};
    uint32_t how = KRS_ASSIGN_REPLACE;
    list.topics.offsets = name;
    list.topics.data = (const uint8_t *)app->topic;
    list.topic_count = 1;
    list.count = app->count;
    list.partition = app->partition;
    list.offset = app->offset;
    app->count = 0;
    if (krs_consumer_rebalance_protocol(app->consumer, &protocol, &err)) {
        return failed("rebalance", err.message);
    }
    if (strcmp(protocol, "COOPERATIVE") == 0) {
        how = assign ? KRS_ASSIGN_ADD : KRS_ASSIGN_REMOVE;
    } else if (!assign) {
        list.count = 0;
    }
    return krs_consumer_assign(app->consumer, how, &list, &err) ? failed("assign", err.message) : 0;
}

/* The rows of one rebalance come one after the other, and the last one has no KRS_ROW_MORE. What
 * was read of a partition that is taken away was saved before its row came. */
static int rebalance(app_t *app, const krs_row *row) {
    int assign = row->kind == KRS_EVENT_ASSIGN;
    if (row->partition >= 0) { /* A rebalance without partitions is one row without any. */
        int64_t next = load(app, row->partition);
        if (app->count == PARTITIONS) {
            return failed("rebalance", "too many partitions");
        }
        app->partition[app->count] = row->partition;
        app->offset[app->count++] = next;
        printf("%s [%" PRId32 "]@%" PRId64 "\n", assign ? "assigned" : "revoked", row->partition,
               next);
    }
    return row->flags & KRS_ROW_MORE ? 0 : answer(app, assign);
}

static int take_rows(app_t *app, const krs_batch *batch, const krs_batch_view *view) {
    krs_row row = KRS_ROW_INIT;
    int status = 0;
    for (uint32_t i = 0; i < view->count && status == 0; i++) {
        krs_batch_row(batch, i, &row, NULL);
        if (row.kind == KRS_EVENT_ASSIGN || row.kind == KRS_EVENT_REVOKE) {
            status = rebalance(app, &row);
        } else if (row.kind == KRS_EVENT_ERROR) {
            fprintf(stderr, "%% %s: %.*s\n", krs_error_name(row.code), (int)row.value.len,
                    (const char *)row.value.data);
        } else if (row.kind == KRS_EVENT_MESSAGE) {
            printf("%.*s[%" PRId32 "]@%" PRId64 ": %.*s\n", (int)row.topic.len,
                   (const char *)row.topic.data, row.partition, row.offset, (int)row.value.len,
                   (const char *)row.value.data);
            if (i + 1 == view->count || view->kind[i + 1] != KRS_EVENT_MESSAGE ||
                view->partition[i + 1] != row.partition) {
                fflush(stdout); /* First what the offset stands for. */
                status = save(app, row.partition, row.offset + 1);
            }
        }
    }
    fflush(stdout);
    return status;
}

static int receive(app_t *app, krs_chan events) {
    krs_error err = KRS_ERROR_INIT;
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    int status = 0;
    while (!stopped && status == 0) {
        krs_code code = krs_chan_recv(events, &batch, KRS_ALL, ROWS, WAIT_MS, &view, &err);
        if (code == KRS_OK) {
            status = take_rows(app, batch, &view);
        } else if (code != KRS_ERR_TIMED_OUT) {
            status = failed("receive", err.message);
        }
    }
    krs_batch_free(batch);
    return status;
}

int main(int argc, char **argv) {
    static app_t app;
    krs_error err = KRS_ERROR_INIT;
    krs_conf *conf = NULL;
    krs_chan events;
    struct sigaction action = {0};
    int status;
    if (argc < 5 || argc > 6) {
        fprintf(stderr, "usage: consumer_offsets <bootstrap servers> <group> <topic> <directory> "
                        "[strategy]\n");
        return 2;
    }
    action.sa_handler = stop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    app.topic = argv[3];
    app.directory = argv[4];
    if (krs_conf_new(KRS_CONSUMER, &conf, &err) ||
        krs_conf_set(conf, "bootstrap.servers", argv[1], &err) ||
        krs_conf_set(conf, "group.id", argv[2], &err) ||
        krs_conf_set(conf, "partition.assignment.strategy", argc > 5 ? argv[5] : "range", &err) ||
        krs_conf_set(conf, "enable.auto.commit", "false", &err) ||
        krs_conf_set(conf, "go.application.rebalance.enable", "true", &err) ||
        krs_client_open(conf, &app.consumer, &err)) {
        krs_conf_free(conf);
        return failed("open", err.message);
    }
    krs_conf_free(conf);
    if (krs_consumer_subscribe(app.consumer, &app.topic, 1, &err) ||
        krs_client_events(app.consumer, &events, &err)) {
        status = failed("subscribe", err.message);
    } else {
        status = receive(&app, events);
    }
    if (krs_client_close(app.consumer, CLOSE_MS, NULL, &err)) {
        status = failed("close", err.message);
    }
    return status;
}
