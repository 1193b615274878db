/* Sends numbers and receives them again, while the driver (soak.py) breaks what is around it.
 *
 *   load SERVERS TOPIC PARTITIONS RATE [producer.KEY=VALUE | consumer.KEY=VALUE]...
 *
 * RATE is in messages a second, 0 for as many as possible. Number n goes to partition n %
 * PARTITIONS and carries n / PARTITIONS, so each partition holds 0, 1, 2 … and a reader sees what
 * is missing or there twice. Every 200 ms, and at last with "final":true, it prints what it counted
 * as a line of JSON. Commands come on standard input:
 *
 *   join, leave      another member of the group comes or goes
 *   seek             goes back by some rows in one partition
 *   stop             sends no more, waits for what is under way, closes
 *   close MS         gives up all waits at once, and closes within MS
 *
 * load.go and load.py do the same. */
#include "../c/flow.h"

#include <poll.h>
#include <pthread.h>

enum { MOST_PARTITIONS = 64, MEMBERS = 2, BODY = 100, LIMIT_S = 120 };

typedef struct {
    int64_t next, offset; /* The number that is due, and where the last one stood. */
} place_t;

typedef struct {
    krs_client client;
    krs_chan leave;
    pthread_t thread;
    bool open;
} member_t;

static const char *topic;
static int partition_count;
static long rate;
static int setting_count;
static char **settings;

static krs_client producer;
static krs_chan cancel; /* Closed to end every wait. */
static member_t members[MEMBERS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static place_t places[MOST_PARTITIONS]; /* Under the lock, and the counts of what was received. */
static long received, again, duplicated, gaps, wild;
static long sent, reports, acked, failed, errors, seeks, members_joined;
static int stopping, seek_wanted;
static char last_error[200];

#define ADD(counter) __atomic_add_fetch(&(counter), 1, __ATOMIC_SEQ_CST)
#define GET(counter) __atomic_load_n(&(counter), __ATOMIC_SEQ_CST)

/* ---- clients --------------------------------------------------------------------------------- */

/* Those of the command line come last, so they win. */
static krs_client open_with(uint32_t kind, const char *prefix, const char *const *usual) {
    krs_conf *conf = NULL;
    krs_client client = {0};
    OK(krs_conf_new(kind, &conf, &err));
    OK(krs_conf_set(conf, "bootstrap.servers", servers, &err));
    for (; *usual; usual += 2) {
        OK(krs_conf_set(conf, usual[0], usual[1], &err));
    }
    for (int i = 0; i < setting_count; i++) {
        size_t len = strlen(prefix);
        if (strncmp(settings[i], prefix, len) == 0) {
            char name[128], *value = strchr(settings[i], '=');
            CHECK(value != NULL, "%s", settings[i]);
            snprintf(name, sizeof name, "%.*s", (int)(value - settings[i] - (long)len),
                     settings[i] + len);
            OK(krs_conf_set(conf, name, value + 1, &err));
        }
    }
    OK(krs_client_open(conf, &client, &err));
    krs_conf_free(conf);
    return client;
}

static void note_error(const krs_row *row) {
    ADD(errors);
    pthread_mutex_lock(&lock);
    snprintf(last_error, sizeof last_error, "%s: %.*s", krs_error_name(row->code),
             (int)row->value.len, (const char *)row->value.data);
    pthread_mutex_unlock(&lock);
}

static void make_topic(void) {
    krs_new_topic made = KRS_NEW_TOPIC_INIT;
    krs_code code;
    made.name = topic;
    made.partitions = partition_count;
    code = krs_admin_create_topics(producer, &made, 1, 0, PATIENCE_MS, NULL, NULL, &err);
    CHECK(code == KRS_OK || code == KRS_ERR_TOPIC_ALREADY_EXISTS, "%s", err.message);
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Waits for room like a blocking send, unless all waits are given up. */
static bool send_one(krs_chan chan, const krs_message *message) {
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_case cases[] = {KRS_CASE_INIT, KRS_CASE_INIT};
    size_t chosen = 0;
    krs_code code;
    cases[0].op = KRS_CASE_SEND;
    cases[0].chan = chan;
    cases[0].message = message;
    cases[1].op = KRS_CASE_RECV;
    cases[1].chan = cancel;
    cases[1].max = 1;
    cases[1].batch = &batch;
    cases[1].view = &view;
    code = krs_chan_select(cases, 2, -1, &chosen, &err);
    krs_batch_free(batch);
    if (chosen == 1 || code == KRS_ERR_CLOSED) {
        return false;
    }
    CHECK(code == KRS_OK, "%s", err.message);
    return true;
}

static void *send_on(void *unused) {
    krs_message message = KRS_MESSAGE_INIT;
    krs_chan chan = {0};
    char value[BODY + 1];
    double start = seconds();
    (void)unused;
    OK(krs_producer_channel(producer, &chan, &err));
    message.topic = topic_of(producer, topic);
    for (long i = 0; !GET(stopping); i++) {
        snprintf(value, sizeof value, "%-*ld", BODY, i / partition_count);
        message.value = bytes(value);
        message.partition = (int32_t)(i % partition_count);
        if (!send_one(chan, &message)) {
            break;
        }
        ADD(sent);
        while (rate > 0 && !GET(stopping) && (double)i > (seconds() - start) * (double)rate) {
            work_for(1000);
        }
        if (rate > 0 && (double)i < (seconds() - start - 1) * (double)rate) {
            start = seconds() - (double)i / (double)rate; /* Not a burst after a stall. */
        }
    }
    return NULL;
}

/* One wait for what a client has to say; false once all waits are given up. */
static bool receive(krs_chan chan, krs_chan end, krs_batch **batch, krs_batch_view *view) {
    krs_batch *none = NULL;
    krs_batch_view empty = KRS_BATCH_VIEW_INIT;
    krs_case cases[] = {KRS_CASE_INIT, KRS_CASE_INIT};
    size_t chosen = 0;
    krs_code code;
    cases[0].op = cases[1].op = KRS_CASE_RECV;
    cases[0].chan = chan;
    cases[0].batch = batch;
    cases[0].view = view;
    cases[0].max = 1000;
    cases[1].chan = end;
    cases[1].max = 1;
    cases[1].batch = &none;
    cases[1].view = &empty;
    code = krs_chan_select(cases, 2, -1, &chosen, &err);
    krs_batch_free(none);
    if (chosen == 1 || code == KRS_ERR_CLOSED) {
        return false;
    }
    CHECK(code == KRS_OK, "%s", err.message);
    return true;
}

static void count_reports(const krs_batch *batch, uint32_t count) {
    krs_row row = KRS_ROW_INIT;
    for (uint32_t i = 0; i < count; i++) {
        OK(krs_batch_row(batch, i, &row, &err));
        if (row.kind == KRS_EVENT_REPORT) {
            ADD(reports);
            if (row.code == KRS_OK) {
                ADD(acked);
            } else {
                ADD(failed);
            }
        } else if (row.kind == KRS_EVENT_ERROR) {
            note_error(&row);
        }
    }
}

static void *take_reports(void *unused) {
    krs_chan events = events_of(producer);
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    (void)unused;
    while (receive(events, cancel, &batch, &view)) {
        count_reports(batch, view.count);
    }
    krs_batch_free(batch);
    return NULL;
}

/* A close leaves its reports in the channel, until that ends too. */
static void take_last_reports(krs_chan events) {
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    while (krs_chan_recv(events, &batch, KRS_ALL, 1000, 0, &view, &err) == KRS_OK) {
        count_reports(batch, view.count);
    }
    krs_batch_free(batch);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static int64_t number_in(krs_bytes value) {
    int64_t number = 0;
    for (size_t i = 0; i < value.len && value.data[i] >= '0' && value.data[i] <= '9'; i++) {
        number = 10 * number + (value.data[i] - '0');
    }
    return number;
}

static void count_row(const krs_row *row) {
    place_t *place;
    int64_t number = number_in(row->value);
    CHECK(row->partition >= 0 && row->partition < partition_count, "%d", row->partition);
    place = &places[row->partition];
    if (row->offset <= place->offset) {
        again++; /* After a seek, or of another member that had not committed. */
    } else if (number < place->next) {
        duplicated++;
    } else {
        gaps += number - place->next;
        place->next = number + 1;
        received++;
    }
    place->offset = row->offset > place->offset ? row->offset : place->offset;
}

static void count_batch(const krs_batch *batch, uint32_t count) {
    krs_row row = KRS_ROW_INIT;
    for (uint32_t i = 0; i < count; i++) {
        OK(krs_batch_row(batch, i, &row, &err));
        if (row.kind == KRS_EVENT_MESSAGE) {
            pthread_mutex_lock(&lock);
            count_row(&row);
            pthread_mutex_unlock(&lock);
        } else if (row.kind == KRS_EVENT_ERROR) {
            note_error(&row);
        }
    }
}

/* Goes back by 500 rows in the first partition that the member has. */
static void seek_back(krs_client consumer) {
    krs_batch *batch = NULL, *row_batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_row row = KRS_ROW_INIT;
    partitions_t list;
    OK(krs_consumer_assignment(consumer, &batch, &view, &err));
    if (view.count > 0 && view.offset[0] > 0) {
        int32_t partition = view.partition[0];
        int64_t to = view.offset[0] > 500 ? view.offset[0] - 500 : 0;
        /* A rebalance may have taken the partition meanwhile. */
        if (krs_consumer_seek(consumer, one(&list, topic, partition, to), -1, NULL, NULL, &err) ==
            KRS_OK) {
            ADD(seeks);
            do {
                if (krs_client_poll(consumer, &row_batch, 5000, &row, &err) != KRS_OK ||
                    row.kind == KRS_EVENT_REVOKE) {
                    break;
                }
                if (row.kind == KRS_EVENT_MESSAGE) {
                    pthread_mutex_lock(&lock);
                    wild += row.partition == partition && row.offset != to;
                    count_row(&row);
                    pthread_mutex_unlock(&lock);
                }
            } while (row.kind != KRS_EVENT_MESSAGE || row.partition != partition);
        }
    }
    krs_batch_free(row_batch);
    krs_batch_free(batch);
}

static void *take_rows(void *arg) {
    member_t *member = arg;
    krs_chan events = events_of(member->client);
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    while (receive(events, member->leave, &batch, &view)) {
        count_batch(batch, view.count);
        if (member == members && __atomic_exchange_n(&seek_wanted, 0, __ATOMIC_SEQ_CST)) {
            OK(krs_chan_recv(events, &batch, KRS_ALL, 0, 0, &view, &err));
            seek_back(member->client);
        }
    }
    krs_batch_free(batch);
    return NULL;
}

static void join_group(member_t *member) {
    const char *usual[] = {"group.id",
                           topic,
                           "auto.offset.reset",
                           "earliest",
                           "session.timeout.ms",
                           "10000",
                           "heartbeat.interval.ms",
                           "1000",
                           "auto.commit.interval.ms",
                           "500",
                           NULL};
    member->client = open_with(KRS_CONSUMER, "consumer.", usual);
    member->leave = new_chan(1);
    member->open = true;
    OK(krs_consumer_subscribe(member->client, &topic, 1, &err));
    CHECK(pthread_create(&member->thread, NULL, take_rows, member) == 0, "thread");
    members_joined++;
}

static void end_waits(member_t *member) {
    if (member->open) {
        OK(krs_chan_close(member->leave, &err));
        pthread_join(member->thread, NULL);
        (void)krs_chan_free(member->leave, NULL);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static double close_for_ms(krs_client client, int32_t deadline_ms) {
    double start = seconds();
    OK(krs_client_close(client, deadline_ms, NULL, &err));
    return (seconds() - start) * 1000;
}

static void leave_group(member_t *member) {
    end_waits(member);
    close_for_ms(member->client, PATIENCE_MS);
    member->open = false;
}

static void print_counts(const char *more) {
    pthread_mutex_lock(&lock);
    printf("{\"sent\":%ld,\"reports\":%ld,\"acked\":%ld,\"failed\":%ld,\"received\":%ld,"
           "\"again\":%ld,\"duplicated\":%ld,\"gaps\":%ld,\"wild\":%ld,\"errors\":%ld,"
           "\"seeks\":%ld,\"joins\":%ld,\"error\":\"",
           GET(sent), GET(reports), GET(acked), GET(failed), received, again, duplicated, gaps,
           wild, GET(errors), GET(seeks), members_joined);
    for (const char *c = last_error; *c; c++) { /* As JSON wants it. */
        putchar(*c == '"' || *c == '\\' || (unsigned char)*c < ' ' ? '\'' : *c);
    }
    printf("\"%s}\n", more);
    fflush(stdout);
    pthread_mutex_unlock(&lock);
}

static void drain(void) {
    double end = seconds() + LIMIT_S;
    long before = -1, now = 0;
    (void)krs_producer_flush(producer, LIMIT_S * 1000, NULL, &err);
    while (seconds() < end) {
        pthread_mutex_lock(&lock);
        now = received;
        pthread_mutex_unlock(&lock);
        if (now >= GET(acked) && GET(reports) >= GET(sent)) {
            break;
        }
        if (now != before) {
            before = now;
            end = seconds() + LIMIT_S; /* As long as there is progress. */
            print_counts("");
        }
        work_for(10000);
    }
}

static void finish(pthread_t sender, pthread_t reporter, int32_t deadline_ms) {
    krs_chan events = events_of(producer);
    char more[120];
    double start = seconds(), cancelled, slowest = 0, took;
    OK(krs_chan_close(cancel, &err));
    for (int i = 0; i < MEMBERS; i++) {
        end_waits(&members[i]);
    }
    pthread_join(reporter, NULL);
    pthread_join(sender, NULL);
    cancelled = (seconds() - start) * 1000;
    for (int i = 0; i < MEMBERS; i++) {
        if (members[i].open) {
            took = close_for_ms(members[i].client, deadline_ms);
            slowest = took > slowest ? took : slowest;
        }
    }
    took = close_for_ms(producer, deadline_ms);
    slowest = took > slowest ? took : slowest;
    take_last_reports(events);
    snprintf(more, sizeof more, ",\"cancel_ms\":%.0f,\"close_ms\":%.0f,\"final\":true", cancelled,
             slowest);
    print_counts(more);
}

/* The next line of standard input, or an empty one when 200 ms have passed. */
static void command(char *line, int size) {
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    line[0] = '\0';
    if (poll(&input, 1, 200) == 1 && fgets(line, size, stdin) == NULL) {
        exit(3); /* The driver is gone. */
    }
}

static void obey(void) {
    const char *usual[] = {"enable.idempotence", "true",   "linger.ms", "5",
                           "message.timeout.ms", "300000", NULL};
    pthread_t sender, reporter;
    char line[80];
    producer = open_with(KRS_PRODUCER, "producer.", usual);
    cancel = new_chan(1);
    make_topic();
    join_group(&members[0]);
    CHECK(pthread_create(&reporter, NULL, take_reports, NULL) == 0, "thread");
    CHECK(pthread_create(&sender, NULL, send_on, NULL) == 0, "thread");
    while (true) {
        command(line, sizeof line);
        if (strncmp(line, "join", 4) == 0 && !members[1].open) {
            join_group(&members[1]);
        } else if (strncmp(line, "leave", 5) == 0 && members[1].open) {
            leave_group(&members[1]);
        } else if (strncmp(line, "seek", 4) == 0) {
            __atomic_store_n(&seek_wanted, 1, __ATOMIC_SEQ_CST);
        } else if (strncmp(line, "stop", 4) == 0) {
            __atomic_store_n(&stopping, 1, __ATOMIC_SEQ_CST);
            drain();
            finish(sender, reporter, 10000);
            return;
        } else if (strncmp(line, "close", 5) == 0) {
            finish(sender, reporter, atoi(line + 5));
            return;
        }
        print_counts("");
    }
}

int main(int argc, char **argv) {
    CHECK(argc >= 5, "usage: load SERVERS TOPIC PARTITIONS RATE [SETTING]...");
    snprintf(servers, sizeof servers, "%s", argv[1]);
    topic = argv[2];
    partition_count = atoi(argv[3]);
    rate = atol(argv[4]);
    setting_count = argc - 5;
    settings = argv + 5;
    CHECK(partition_count > 0 && partition_count <= MOST_PARTITIONS, "%d", partition_count);
    for (int i = 0; i < partition_count; i++) {
        places[i].offset = -1;
    }
    setvbuf(stdin, NULL, _IONBF, 0); /* poll() looks at the descriptor. */
    obey();
    return 0;
}
