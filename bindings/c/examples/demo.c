/*
 * Sends messages through a produce channel while a consumer group reads them through its events
 * channel, and counts: every message must arrive once, and every one must have one report.
 *
 *   demo [messages] [bootstrap servers]
 *
 * Without servers it starts a mock cluster inside the process.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <kafka_rs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { VALUE_SIZE = 100, PARTITIONS = 16, PATIENCE_MS = 60000, ROWS = 4096 };

typedef struct {
    krs_client producer, consumer;
    krs_topic topic;
    size_t messages;
    /* How often each message arrived, and how often it was reported. */
    unsigned char *arrived, *reported;
    size_t arrived_count, reported_count, failed_count;
    /* Highest offset seen of each partition, to tell why a message is missing. */
    int64_t next_offset[PARTITIONS], skipped;
} demo_t;

static void must(krs_code code, const krs_error *err, const char *what) {
    if (code != KRS_OK) {
        fprintf(stderr, "demo: %s: %s (%s)\n", what, err->message, krs_error_name(code));
        exit(1);
    }
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void set(krs_conf *conf, const char *name, const char *value) {
    krs_error err = KRS_ERROR_INIT;
    must(krs_conf_set(conf, name, value, &err), &err, "configuration");
}

static krs_client open_client(uint32_t kind, const char *servers, const char *group) {
    krs_error err = KRS_ERROR_INIT;
    krs_conf *conf = NULL;
    krs_client client;
    must(krs_conf_new(kind, &conf, &err), &err, "configuration");
    set(conf, "bootstrap.servers", servers);
    if (kind == KRS_CONSUMER) {
        set(conf, "group.id", group);
        set(conf, "auto.offset.reset", "earliest");
        set(conf, "allow.auto.create.topics", "true");
        set(conf, "enable.partition.eof", "true");
    } else {
        set(conf, "go.delivery.report.fields", "none");
        /* Evenly over all partitions, of which the mock cluster keeps only 5 MiB each. */
        set(conf, "sticky.partitioning.linger.ms", "0");
    }
    must(krs_client_open(conf, &client, &err), &err, "open");
    krs_conf_free(conf);
    return client;
}

/* A message's value begins with its number. */
static void *send_all(void *arg) {
    demo_t *demo = arg;
    krs_error err = KRS_ERROR_INIT;
    krs_chan produce;
    char value[VALUE_SIZE];
    memset(value, '.', sizeof value);
    must(krs_producer_channel(demo->producer, &produce, &err), &err, "produce channel");
    for (size_t i = 0; i < demo->messages; i++) {
        krs_message message = KRS_MESSAGE_INIT;
        uint64_t number = i;
        memcpy(value, &number, sizeof number);
        message.topic = demo->topic;
        message.value.data = (const uint8_t *)value;
        message.value.len = sizeof value;
        message.opaque = number;
        must(krs_chan_send(produce, &message, -1, &err), &err, "send");
    }
    must(krs_producer_flush(demo->producer, PATIENCE_MS, NULL, &err), &err, "flush");
    return NULL;
}

static void count(demo_t *demo, unsigned char *seen, size_t *total, uint64_t number) {
    if (number >= demo->messages) {
        fprintf(stderr, "demo: message %" PRIu64 " was never sent\n", number);
        exit(1);
    }
    if (seen[number] < 255) {
        seen[number]++;
    }
    (*total)++;
}

static void take_message(demo_t *demo, const krs_batch_view *view, uint32_t row) {
    uint64_t number = UINT64_MAX;
    int32_t partition = view->partition[row];
    if (view->value.offsets[row + 1] - view->value.offsets[row] == VALUE_SIZE) {
        memcpy(&number, view->value.data + view->value.offsets[row], sizeof number);
    }
    count(demo, demo->arrived, &demo->arrived_count, number);
    if (partition >= 0 && partition < PARTITIONS) {
        demo->skipped += view->offset[row] - demo->next_offset[partition];
        demo->next_offset[partition] = view->offset[row] + 1;
    }
}

static void take_rows(demo_t *demo, const krs_batch_view *view) {
    for (uint32_t row = 0; row < view->count; row++) {
        switch (view->kind[row]) {
        case KRS_EVENT_MESSAGE:
            take_message(demo, view, row);
            break;
        case KRS_EVENT_REPORT:
            count(demo, demo->reported, &demo->reported_count, view->opaque[row]);
            demo->failed_count += view->code[row] != KRS_OK;
            break;
        case KRS_EVENT_ERROR:
            if (view->flags[row] & KRS_ROW_FATAL) {
                fprintf(stderr, "demo: %s\n", krs_error_text(view->code[row]));
                exit(1);
            }
            break;
        default:
            break;
        }
    }
}

static void show_progress(const demo_t *demo, bool end) {
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%zu of %zu received, %zu reported%s", demo->arrived_count,
                demo->messages, demo->reported_count, end ? "\n" : "");
    }
}

/* Waits until the consumer has reached the end of a partition: it is in its group then. */
static void wait_for_group(krs_client consumer) {
    krs_error err = KRS_ERROR_INIT;
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    do {
        must(krs_client_poll(consumer, &batch, PATIENCE_MS, &row, &err), &err, "joining the group");
    } while (row.kind != KRS_EVENT_PARTITION_EOF);
    krs_batch_free(batch);
}

/* Receives from both events channels, whichever has something. */
static void receive_all(demo_t *demo) {
    krs_error err = KRS_ERROR_INIT;
    krs_batch *batches[2] = {NULL, NULL};
    krs_batch_view views[2] = {KRS_BATCH_VIEW_INIT, KRS_BATCH_VIEW_INIT};
    krs_case cases[2] = {KRS_CASE_INIT, KRS_CASE_INIT};
    double shown = 0;
    must(krs_client_events(demo->consumer, &cases[0].chan, &err), &err, "events");
    must(krs_client_events(demo->producer, &cases[1].chan, &err), &err, "events");
    for (int i = 0; i < 2; i++) {
        cases[i].op = KRS_CASE_RECV;
        cases[i].batch = &batches[i];
        cases[i].view = &views[i];
        cases[i].max = ROWS;
    }
    while (demo->arrived_count < demo->messages || demo->reported_count < demo->messages) {
        size_t chosen;
        krs_code code = krs_chan_select(cases, 2, PATIENCE_MS, &chosen, &err);
        if (code == KRS_ERR_TIMED_OUT) {
            break;
        }
        must(code, &err, "select");
        take_rows(demo, &views[chosen]);
        if (seconds() - shown > 0.1) {
            shown = seconds();
            show_progress(demo, false);
        }
    }
    show_progress(demo, true);
    krs_batch_free(batches[0]);
    krs_batch_free(batches[1]);
}

/* Rows that come after all have: there must be none. */
static void receive_late(demo_t *demo, krs_chan events) {
    krs_error err = KRS_ERROR_INIT;
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    while (krs_chan_recv(events, &batch, KRS_ALL, ROWS, 1000, &view, &err) == KRS_OK) {
        take_rows(demo, &view);
    }
    krs_batch_free(batch);
}

static size_t not_once(const demo_t *demo, const unsigned char *seen) {
    size_t wrong = 0;
    for (size_t i = 0; i < demo->messages; i++) {
        wrong += seen[i] != 1;
    }
    return wrong;
}

static int report(const demo_t *demo, double took) {
    size_t messages = not_once(demo, demo->arrived);
    size_t reports = not_once(demo, demo->reported);
    printf("messages  %zu sent, %zu received in %.2f s\n", demo->messages, demo->arrived_count,
           took);
    printf("data      %.1f MB, %.1f MB/s\n", (double)demo->messages * VALUE_SIZE / 1e6,
           (double)demo->messages * VALUE_SIZE / 1e6 / took);
    printf("rate      %.0f messages/s\n", (double)demo->arrived_count / took);
    printf("reports   %zu, of which %zu say that a message was not delivered\n",
           demo->reported_count, demo->failed_count);
    if (messages + reports + demo->failed_count > 0) {
        printf("FAILED    %zu messages did not arrive exactly once, %zu were not reported once\n",
               messages, reports);
        if (demo->skipped > 0) {
            printf("          %" PRId64 " offsets were skipped: the mock cluster keeps 5 MiB of a "
                   "partition, and cut off what was not read in time\n",
                   demo->skipped);
        }
        return 1;
    }
    printf("OK        every message arrived exactly once and has exactly one report\n");
    return 0;
}

static krs_mock start_mock(const char *topic, char *servers, size_t size) {
    krs_error err = KRS_ERROR_INIT;
    krs_mock mock;
    must(krs_mock_open(1, &mock, &err), &err, "mock cluster");
    must(krs_mock_topic(mock, topic, PARTITIONS, 1, &err), &err, "topic");
    must(krs_mock_bootstrap(mock, servers, size, NULL, &err), &err, "mock cluster");
    return mock;
}

static void close_client(krs_client client) {
    krs_error err = KRS_ERROR_INIT;
    must(krs_client_close(client, 10000, NULL, &err), &err, "close");
}

int main(int argc, char **argv) {
    krs_error err = KRS_ERROR_INIT;
    demo_t demo = {0};
    krs_mock mock = {0};
    char servers[512] = "", name[64];
    const char *topics[1] = {name};
    krs_chan consumer_events, producer_events;
    double start;
    pthread_t sender;

    demo.messages = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
    demo.arrived = calloc(demo.messages + 1, 1);
    demo.reported = calloc(demo.messages + 1, 1);
    if (demo.messages == 0 || demo.arrived == NULL || demo.reported == NULL) {
        fprintf(stderr, "usage: demo [messages] [bootstrap servers]\n");
        return 2;
    }
    snprintf(name, sizeof name, "kafka_rs-demo-%ld-%ld", (long)time(NULL), (long)getpid());
    if (argc > 2 && argv[2][0] != '\0') {
        snprintf(servers, sizeof servers, "%s", argv[2]);
    } else {
        mock = start_mock(name, servers, sizeof servers);
    }
    printf("cluster   %s\n", mock.id ? "mock, inside this process" : servers);
    fflush(stdout);

    demo.consumer = open_client(KRS_CONSUMER, servers, name);
    demo.producer = open_client(KRS_PRODUCER, servers, NULL);
    must(krs_client_topic(demo.producer, name, &demo.topic, &err), &err, "topic");
    must(krs_consumer_subscribe(demo.consumer, topics, 1, &err), &err, "subscribe");
    wait_for_group(demo.consumer);
    start = seconds();
    if (pthread_create(&sender, NULL, send_all, &demo) != 0) {
        fprintf(stderr, "demo: no thread to be had\n");
        return 1;
    }
    receive_all(&demo);
    start = seconds() - start;
    pthread_join(sender, NULL);
    must(krs_client_events(demo.consumer, &consumer_events, &err), &err, "events");
    must(krs_client_events(demo.producer, &producer_events, &err), &err, "events");
    receive_late(&demo, consumer_events);
    close_client(demo.producer);
    receive_late(&demo, producer_events); /* Until it is closed and empty. */
    close_client(demo.consumer);
    if (mock.id) {
        must(krs_mock_close(mock, &err), &err, "mock cluster");
    }
    int failed = report(&demo, start);
    free(demo.arrived);
    free(demo.reported);
    return failed;
}
