/* Sends more than the brokers take, and receives more slowly than they give: memory has to stay
 * inside what the settings allow, and every sender gets its turn.
 *
 *   press SERVERS TOPIC PARTITIONS SENDERS
 *
 * The command line, the lines of JSON and the command `stop` are as in load.c. */
#include "../c/flow.h"

#include <poll.h>
#include <pthread.h>

enum { MOST_SENDERS = 64, BODY = 1000, PACE_US = 2000 };

static const char *topic;
static int partition_count, sender_count;
static krs_client producer, consumer;
static int stopping;
static long sent[MOST_SENDERS], reports, acked, received;

#define ADD(counter) __atomic_add_fetch(&(counter), 1, __ATOMIC_SEQ_CST)
#define GET(counter) __atomic_load_n(&(counter), __ATOMIC_SEQ_CST)

static void *send_on(void *arg) {
    long *count = arg;
    krs_message message = KRS_MESSAGE_INIT;
    static char body[BODY + 1];
    memset(body, 'x', BODY);
    message.topic = topic_of(producer, topic);
    message.value = bytes(body);
    while (!GET(stopping)) {
        message.partition = (int32_t)(*count % partition_count);
        /* Not -1, or it would wait on when it is to stop. */
        krs_code code = krs_producer_send(producer, &message, 5000, &err);
        if (code == KRS_OK) {
            ADD(*count);
        } else {
            CHECK(code == KRS_ERR_TIMED_OUT, "%s", err.message);
        }
    }
    return NULL;
}

static void *take_reports(void *arg) {
    krs_chan events = *(krs_chan *)arg;
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    while (krs_chan_recv(events, &batch, KRS_ALL, KRS_ALL, -1, &view, &err) == KRS_OK) {
        for (uint32_t i = 0; i < view.count; i++) {
            if (view.kind[i] == KRS_EVENT_REPORT) {
                ADD(reports);
                __atomic_add_fetch(&acked, view.code[i] == KRS_OK, __ATOMIC_SEQ_CST);
            }
        }
    }
    krs_batch_free(batch);
    return NULL;
}

static void *take_rows(void *unused) {
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    krs_code code;
    (void)unused;
    while ((code = krs_client_poll(consumer, &batch, 1000, &row, &err)) != KRS_ERR_CLOSED) {
        if (code == KRS_OK && row.kind == KRS_EVENT_MESSAGE) {
            ADD(received);
            work_for(PACE_US);
        }
    }
    krs_batch_free(batch);
    return NULL;
}

static void print_counts(const char *more) {
    long all = 0;
    printf("{\"shares\":[");
    for (int i = 0; i < sender_count; i++) {
        long count = GET(sent[i]);
        all += count;
        printf("%s%ld", i ? "," : "", count);
    }
    printf("],\"sent\":%ld,\"reports\":%ld,\"acked\":%ld,\"received\":%ld%s}\n", all, GET(reports),
           GET(acked), GET(received), more);
    fflush(stdout);
}

static void open_clients(void) {
    krs_new_topic made = KRS_NEW_TOPIC_INIT;
    producer = open_client(KRS_PRODUCER, "enable.idempotence", "true", "linger.ms", "50",
                           "queue.buffering.max.kbytes", "16384", "message.timeout.ms", "300000",
                           "go.delivery.report.fields", "none", (char *)NULL);
    consumer = open_client(KRS_CONSUMER, "group.id", topic, "auto.offset.reset", "earliest",
                           "queued.max.messages.kbytes", "4096", "krs.held.max.kbytes", "4096",
                           "fetch.message.max.bytes", "262144", (char *)NULL);
    made.name = topic;
    made.partitions = partition_count;
    OK(krs_admin_create_topics(producer, &made, 1, 0, PATIENCE_MS, NULL, NULL, &err));
    OK(krs_consumer_subscribe(consumer, &topic, 1, &err));
}

static bool told_to_stop(void) {
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    char line[80];
    if (poll(&input, 1, 200) == 1) {
        if (fgets(line, sizeof line, stdin) == NULL) {
            exit(3); /* The driver is gone. */
        }
        return strncmp(line, "stop", 4) == 0;
    }
    return false;
}

int main(int argc, char **argv) {
    pthread_t senders[MOST_SENDERS], reporter, receiver;
    krs_chan events;
    char more[80];
    double start;
    CHECK(argc >= 5, "usage: press SERVERS TOPIC PARTITIONS SENDERS");
    snprintf(servers, sizeof servers, "%s", argv[1]);
    topic = argv[2];
    partition_count = atoi(argv[3]);
    sender_count = atoi(argv[4]);
    CHECK(sender_count > 0 && sender_count <= MOST_SENDERS, "%d", sender_count);
    setvbuf(stdin, NULL, _IONBF, 0); /* poll() looks at the descriptor. */
    open_clients();
    events = events_of(producer);
    CHECK(pthread_create(&reporter, NULL, take_reports, &events) == 0, "thread");
    CHECK(pthread_create(&receiver, NULL, take_rows, NULL) == 0, "thread");
    for (int i = 0; i < sender_count; i++) {
        CHECK(pthread_create(&senders[i], NULL, send_on, &sent[i]) == 0, "thread");
    }
    while (!told_to_stop()) {
        print_counts("");
    }
    __atomic_store_n(&stopping, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < sender_count; i++) {
        pthread_join(senders[i], NULL);
    }
    start = seconds();
    OK(krs_client_close(consumer, 10000, NULL, &err));
    OK(krs_client_close(producer, 5000, NULL, &err)); /* What is left is purged. */
    snprintf(more, sizeof more, ",\"close_ms\":%.0f,\"final\":true", (seconds() - start) * 1000);
    pthread_join(receiver, NULL);
    pthread_join(reporter, NULL);
    print_counts(more);
    return 0;
}
