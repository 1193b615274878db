/* Calls every function of the header, at random, from eight threads: with handles that are live,
 * closed, of another kind or made up, and with random data, within what the header allows a C
 * program to pass. A fault ends the process; so does a call that finds a defect, or that hangs.
 *
 *   calls SECONDS [SEED]
 *
 * calls.inc, which generate.py makes of the header, has the calls. */
#define _POSIX_C_SOURCE 200809L

#include <execinfo.h>
#include <inttypes.h>
#include <kafka_rs.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, MANY = 4, SLOTS = 8, STALE = 64, BUFFER = 256, HANGS_S = 120 };

/* The kinds of handle. */
typedef enum { CLIENT, CHAN, TOPIC, MOCK, KINDS } kind_t;

/* What one thread has. */
typedef struct {
    uint64_t random;
    int function; /* That it is in, for who looks after hangs. */
    double since;
    uint64_t calls;
    krs_client client;
    krs_chan chan;
    krs_topic topic;
    krs_mock mock;
    krs_conf *conf, *confs[2];
    krs_batch *batches[MANY];
    krs_batch_view views[MANY];
    krs_row row;
    krs_stats stats;
    krs_close_result result;
    krs_error err;
    krs_bytes bytes[2];
    krs_message message;
    krs_records records;
    krs_partitions partitions;
    krs_new_topic topics[MANY];
    krs_case cases[MANY];
    krs_topic record_topics[2];
    const char *texts[MANY + 1], *told;
    char buffer[BUFFER], data[BUFFER];
    krs_code codes[MANY];
    int32_t ints[2];
    uint32_t unsigneds[2], indices[MANY], starts[MANY + 1];
    int64_t longs[2], offsets[2][MANY + 1], numbers[MANY];
    int32_t parts[MANY];
    uint64_t opaques[MANY];
    uint8_t validity[2];
    size_t size;
} state_t;

typedef struct {
    const char *name;
    krs_code (*call)(state_t *s);
    unsigned rare;
} function_t;

static uint64_t live[KINDS][SLOTS], stale[KINDS][STALE];
static char servers[512];
static int stopping;

#define GET(place) __atomic_load_n(&(place), __ATOMIC_SEQ_CST)
#define SET(place, value) __atomic_store_n(&(place), (value), __ATOMIC_SEQ_CST)

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *name, const char *why) {
    fprintf(stderr, "%s: %s\n", name, why);
    abort();
}

/* ---- random values --------------------------------------------------------------------------- */

static uint64_t any(state_t *s) { /* xorshift64* */
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return s->random * UINT64_C(2685821657736338717) >> 16;
}

static size_t any_below(state_t *s, size_t end) { return (size_t)(any(s) % end); }

static bool one_in(state_t *s, size_t times) { return any_below(s, times) == 0; }

/* Mostly the pointer, and NULL now and then. */
#define maybe(s, pointer) (one_in(s, 16) ? NULL : (pointer))

static int64_t any_number(state_t *s) {
    static const int64_t edges[] = {0,         1,         -1,        2,          3,
                                    INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN,  -1000,
                                    -1001,     -2,        -2005,     UINT32_MAX, 64};
    if (one_in(s, 4)) {
        return (int64_t)any(s);
    }
    return one_in(s, 2) ? (int64_t)any_below(s, 8)
                        : edges[any_below(s, sizeof edges / sizeof *edges)];
}

static int32_t any_timeout(state_t *s) { return one_in(s, 16) ? (int32_t)any_below(s, 3) : 0; }

static size_t any_capacity(state_t *s) { return one_in(s, 4) ? any_below(s, BUFFER + 1) : BUFFER; }

static size_t *any_size(state_t *s) {
    s->size = one_in(s, 4) ? any_below(s, BUFFER + 1) : 0; /* Also what a buffer holds so far. */
    return maybe(s, &s->size);
}

/* No strategies of assignment: librdkafka's mock cluster ends the process when the members of a
 * group differ in theirs. */
static const char *any_text(state_t *s) {
    static const char *const texts[] = {
        "",
        "a",
        "topic-1",
        "topic-2",
        "^topic.*",
        "^(",
        "\xff\xfe",
        "group.id",
        "linger.ms",
        "5",
        "true",
        "enable.idempotence",
        "enable.auto.commit",
        "go.logs.channel.enable",
        "go.delivery.reports",
        "go.delivery.report.fields",
        "key,value,headers",
        "go.application.rebalance.enable",
        "statistics.interval.ms",
        "sasl.password",
        "queue.buffering.max.messages",
        "transactional.id",
        "-1",
        "99999999999999999999",
        "a text that is rather longer than names of topics are, so that it does not fit everywhere",
    };
    return one_in(s, 16) ? NULL : texts[any_below(s, sizeof texts / sizeof *texts)];
}

static const char *const *any_texts(state_t *s) {
    for (int i = 0; i < MANY; i++) {
        s->texts[i] = any_text(s);
    }
    return maybe(s, s->texts);
}

static krs_bytes any_bytes(state_t *s) {
    krs_bytes made = {NULL, 0};
    if (one_in(s, 8)) {
        made.len = any_below(s, 3);
        return made;
    }
    made.data = (const uint8_t *)s->data;
    made.len = any_below(s, one_in(s, 4) ? BUFFER + 1 : 16);
    for (size_t i = 0; i < made.len && i < 16; i++) {
        s->data[i] = (char)(one_in(s, 2) ? 0 : any(s));
    }
    return made;
}

/* ---- handles --------------------------------------------------------------------------------- */

static uint64_t any_handle(state_t *s, kind_t kind) {
    switch (any_below(s, 16)) {
    case 0:
        return 0;
    case 1:
        return any(s);
    case 2:
        return GET(stale[kind][any_below(s, STALE)]);
    case 3:
        return GET(live[any_below(s, KINDS)][any_below(s, SLOTS)]);
    case 4:
        return GET(live[kind][any_below(s, SLOTS)]) ^ UINT64_C(1) << any_below(s, 64);
    default:
        return GET(live[kind][any_below(s, SLOTS)]);
    }
}

static krs_client any_client(state_t *s) { return (krs_client){any_handle(s, CLIENT)}; }
static krs_chan any_chan(state_t *s) { return (krs_chan){any_handle(s, CHAN)}; }
static krs_topic any_topic(state_t *s) { return (krs_topic){any_handle(s, TOPIC)}; }
static krs_mock any_mock(state_t *s) { return (krs_mock){any_handle(s, MOCK)}; }

/* Puts a new handle among the live ones; what was there is closed, and stale from now on. */
static void keep(state_t *s, kind_t kind, uint64_t id) {
    uint64_t before;
    if (id == 0) {
        return;
    }
    before = __atomic_exchange_n(&live[kind][any_below(s, SLOTS)], id, __ATOMIC_SEQ_CST);
    SET(stale[kind][any_below(s, STALE)], before);
    if (before == 0 || before == id) {
        return;
    }
    if (kind == CLIENT) {
        (void)krs_client_close((krs_client){before}, 0, NULL, NULL);
    } else if (kind == CHAN) {
        (void)krs_chan_free((krs_chan){before}, NULL);
    } else if (kind == MOCK) {
        (void)krs_mock_close((krs_mock){before}, NULL);
    }
}

static void keep_all(state_t *s) {
    keep(s, CLIENT, s->client.id);
    keep(s, CHAN, s->chan.id);
    keep(s, TOPIC, s->topic.id);
    keep(s, MOCK, s->mock.id);
    s->client.id = s->chan.id = s->topic.id = s->mock.id = 0;
    if (s->conf) {
        size_t slot = any_below(s, 2);
        krs_conf_free(s->confs[slot]);
        s->confs[slot] = s->conf;
        s->conf = NULL;
    }
}

/* ---- objects of one owner -------------------------------------------------------------------- */

static void make_conf(state_t *s, size_t slot) {
    (void)krs_conf_new(slot ? KRS_CONSUMER : KRS_PRODUCER, &s->confs[slot], NULL);
    (void)krs_conf_set(s->confs[slot], "bootstrap.servers", servers, NULL);
    (void)krs_conf_set(s->confs[slot], "group.id", "fuzz", NULL);
    (void)krs_conf_set(s->confs[slot], "go.logs.channel.enable", "true", NULL);
    (void)krs_conf_set(s->confs[slot], "go.events.channel.size", "1000", NULL);
    (void)krs_conf_set(s->confs[slot], "queue.buffering.max.messages", "1000", NULL);
}

static krs_conf *any_conf(state_t *s) {
    size_t slot = any_below(s, 2);
    if (s->confs[slot] == NULL) {
        make_conf(s, slot);
    }
    return maybe(s, s->confs[slot]);
}

static krs_conf *take_conf(state_t *s) {
    size_t slot = any_below(s, 2);
    krs_conf *conf = s->confs[slot];
    s->confs[slot] = NULL;
    return conf;
}

static krs_batch **any_batch(state_t *s) { return maybe(s, &s->batches[any_below(s, MANY)]); }
static const krs_batch *a_batch(state_t *s) { return s->batches[any_below(s, MANY)]; }

static krs_batch *take_batch(state_t *s) {
    size_t slot = any_below(s, MANY);
    krs_batch *batch = s->batches[slot];
    s->batches[slot] = NULL;
    return batch;
}

/* ---- structs --------------------------------------------------------------------------------- */

/* Mostly right, now and then none, too small, or a later version's. */
static uint32_t size_of(state_t *s, size_t size) {
    return one_in(s, 32) ? (uint32_t)any_below(s, size + 1) : (uint32_t)size;
}

/* Begins as its INIT macro says. */
#define BEGIN(type, place, init)                                                                   \
    do {                                                                                           \
        static const type first_ = init;                                                           \
        (place) = first_;                                                                          \
        (place).struct_size = size_of(s, sizeof first_);                                           \
    } while (0)

static krs_batch_view *any_view(state_t *s) {
    size_t slot = any_below(s, MANY);
    BEGIN(krs_batch_view, s->views[slot], KRS_BATCH_VIEW_INIT);
    return maybe(s, &s->views[slot]);
}

static krs_row *any_row(state_t *s) {
    BEGIN(krs_row, s->row, KRS_ROW_INIT);
    return maybe(s, &s->row);
}

static krs_stats *any_stats(state_t *s) {
    BEGIN(krs_stats, s->stats, KRS_STATS_INIT);
    return maybe(s, &s->stats);
}

static krs_close_result *any_result(state_t *s) {
    BEGIN(krs_close_result, s->result, KRS_CLOSE_RESULT_INIT);
    return maybe(s, &s->result);
}

static krs_error *any_error(state_t *s) {
    BEGIN(krs_error, s->err, KRS_ERROR_INIT);
    return maybe(s, &s->err);
}

static void fill_message(state_t *s, krs_message *message) {
    BEGIN(krs_message, *message, KRS_MESSAGE_INIT);
    message->flags = one_in(s, 4) ? (uint32_t)any_number(s) : (uint32_t)any_below(s, 2);
    message->topic = any_topic(s);
    message->partition = one_in(s, 4) ? (int32_t)any_number(s) : KRS_PARTITION_ANY;
    message->key = any_bytes(s);
    message->value = any_bytes(s);
    message->headers = one_in(s, 4) ? any_bytes(s) : message->headers;
    message->timestamp = one_in(s, 4) ? any_number(s) : 0;
    message->opaque = any(s);
    message->report = one_in(s, 4) ? any_chan(s) : message->report;
}

static const krs_message *any_message(state_t *s) {
    fill_message(s, &s->message);
    return maybe(s, &s->message);
}

/* Positions inside the data, mostly in order. */
static krs_column any_column(state_t *s, int number) {
    krs_column column = KRS_COLUMN_NULL;
    int64_t *offsets = s->offsets[number];
    if (one_in(s, 4)) {
        return column;
    }
    offsets[0] = (int64_t)any_below(s, 4);
    for (int i = 1; i <= MANY; i++) {
        offsets[i] =
            one_in(s, 32) ? any_number(s) % BUFFER : offsets[i - 1] + (int64_t)any_below(s, 9);
    }
    column.offsets = offsets;
    column.data = (const uint8_t *)s->data;
    s->validity[number] = (uint8_t)any(s);
    column.validity = one_in(s, 2) ? &s->validity[number] : NULL;
    return column;
}

static const krs_records *any_records(state_t *s) {
    BEGIN(krs_records, s->records, KRS_RECORDS_INIT);
    for (int i = 0; i < MANY; i++) {
        s->indices[i] = (uint32_t)(one_in(s, 16) ? any(s) : any_below(s, 2));
        s->parts[i] = one_in(s, 8) ? (int32_t)any_number(s) : (int32_t)any_below(s, 4);
        s->numbers[i] = one_in(s, 8) ? any_number(s) : 0;
        s->opaques[i] = any(s);
    }
    for (int i = 0; i <= MANY; i++) {
        s->starts[i] = (uint32_t)(one_in(s, 16) ? any_below(s, MANY) : (size_t)i);
    }
    s->record_topics[0] = any_topic(s);
    s->record_topics[1] = any_topic(s);
    s->records.flags = (uint32_t)any_below(s, 2);
    s->records.count = any_below(s, MANY + 1);
    s->records.topics = maybe(s, s->record_topics);
    s->records.topic_count = any_below(s, 3);
    s->records.topic = one_in(s, 2) ? s->indices : NULL;
    s->records.partition = one_in(s, 2) ? s->parts : NULL;
    s->records.timestamp = one_in(s, 2) ? s->numbers : NULL;
    s->records.opaque = one_in(s, 2) ? s->opaques : NULL;
    s->records.key = any_column(s, 0);
    s->records.value = any_column(s, 1);
    if (one_in(s, 4)) {
        s->records.header_start = s->starts;
        s->records.header_key = s->records.key;
        s->records.header_value = s->records.value;
    }
    s->records.report = one_in(s, 4) ? any_chan(s) : s->records.report;
    return maybe(s, &s->records);
}

static const krs_partitions *any_partitions(state_t *s) {
    BEGIN(krs_partitions, s->partitions, KRS_PARTITIONS_INIT);
    for (int i = 0; i < MANY; i++) {
        s->indices[i] = (uint32_t)(one_in(s, 16) ? any(s) : any_below(s, MANY));
        s->parts[i] = one_in(s, 8) ? (int32_t)any_number(s) : (int32_t)any_below(s, 4);
        s->numbers[i] = any_number(s);
    }
    memcpy(s->data, "topic-1topic-2", 14);
    s->partitions.count = any_below(s, MANY + 1);
    s->partitions.topics = any_column(s, 0);
    s->partitions.topic_count = any_below(s, MANY + 1);
    s->partitions.topic = one_in(s, 2) ? s->indices : NULL;
    s->partitions.partition = maybe(s, s->parts);
    s->partitions.offset = one_in(s, 2) ? s->numbers : NULL;
    s->partitions.metadata = any_column(s, 1);
    return maybe(s, &s->partitions);
}

static const krs_new_topic *any_new_topics(state_t *s) {
    for (int i = 0; i < MANY; i++) {
        BEGIN(krs_new_topic, s->topics[i], KRS_NEW_TOPIC_INIT);
        s->topics[i].partitions = (int32_t)any_number(s);
        s->topics[i].replication = (int32_t)any_number(s);
        s->topics[i].name = any_text(s);
        s->topics[i].config = any_texts(s);
        s->topics[i].config_count = any_below(s, MANY + 1);
    }
    return maybe(s, s->topics);
}

static const krs_case *any_cases(state_t *s) {
    fill_message(s, &s->message);
    for (int i = 0; i < MANY; i++) {
        BEGIN(krs_case, s->cases[i], KRS_CASE_INIT);
        BEGIN(krs_batch_view, s->views[i], KRS_BATCH_VIEW_INIT);
        s->cases[i].op = one_in(s, 8) ? (uint32_t)any_number(s) : 1 + (uint32_t)any_below(s, 2);
        s->cases[i].chan = any_chan(s);
        s->cases[i].message = maybe(s, &s->message);
        s->cases[i].batch = maybe(s, &s->batches[i]);
        s->cases[i].view = maybe(s, &s->views[i]);
        s->cases[i].delivered = (uint32_t)any_number(s);
        s->cases[i].max = (uint32_t)any_number(s);
    }
    return maybe(s, s->cases);
}

#include "calls.inc"

enum { FUNCTIONS = sizeof functions / sizeof *functions };

static uint64_t called[FUNCTIONS], succeeded[FUNCTIONS];

/* ---- faults ---------------------------------------------------------------------------------- */

static state_t states[THREADS];

static void say(const char *text) {
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

/* Where it happened, and what every thread was about. */
static void on_fault(int signal_number) {
    void *frames[64];
    signal(signal_number, SIG_DFL);
    for (int i = 0; i < THREADS; i++) {
        int function = GET(states[i].function);
        say(function >= 0 ? functions[function].name : "(none)");
        say("\n");
    }
    backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
    raise(signal_number);
}

/* ---- running --------------------------------------------------------------------------------- */

static void call_one(state_t *s) {
    size_t number = any_below(s, FUNCTIONS);
    const function_t *function = &functions[number];
    krs_code code;
    if (!one_in(s, function->rare)) {
        return;
    }
    SET(s->function, (int)number);
    s->since = seconds();
    code = function->call(s);
    SET(s->function, -1);
    if (code == KRS_ERR_INTERNAL) {
        fail(function->name, s->err.message);
    }
    __atomic_add_fetch(&called[number], 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&succeeded[number], code == KRS_OK, __ATOMIC_RELAXED);
    s->calls++;
    keep_all(s);
}

static void *call_on(void *arg) {
    state_t *s = arg;
    while (!GET(stopping)) {
        call_one(s);
    }
    for (int i = 0; i < MANY; i++) {
        krs_batch_free(s->batches[i]);
    }
    krs_conf_free(s->confs[0]);
    krs_conf_free(s->confs[1]);
    return NULL;
}

static void look_for_hangs(void) {
    for (int i = 0; i < THREADS; i++) {
        int function = GET(states[i].function);
        if (function >= 0 && seconds() - states[i].since > HANGS_S) {
            fail(functions[function].name, "hangs");
        }
    }
}

static void close_all(void) {
    for (int i = 0; i < SLOTS; i++) {
        (void)krs_client_close((krs_client){live[CLIENT][i]}, 100, NULL, NULL);
        (void)krs_chan_free((krs_chan){live[CHAN][i]}, NULL);
        (void)krs_mock_close((krs_mock){live[MOCK][i]}, NULL);
    }
}

static void sum_up(void) {
    uint64_t calls = 0;
    int without = 0;
    for (int i = 0; i < THREADS; i++) {
        calls += states[i].calls;
    }
    for (int i = 0; i < FUNCTIONS; i++) {
        without += succeeded[i] == 0;
        if (called[i] == 0 && functions[i].rare < 1000) {
            fail(functions[i].name, "was never called: give it more time");
        }
        if (getenv("KRS_FUZZ_VERBOSE")) {
            printf("%10" PRIu64 " %10" PRIu64 " %s\n", called[i], succeeded[i], functions[i].name);
        }
    }
    printf("random calls: %" PRIu64
           " of %d functions from %d threads, no fault; %d never succeeded\n",
           calls, FUNCTIONS, THREADS, without);
}

int main(int argc, char **argv) {
    pthread_t threads[THREADS];
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    double end = seconds() + (argc > 1 ? atof(argv[1]) : 60);
    krs_mock mock = {0}, toy = {0}; /* One to work with, and one that calls may close. */
    if (krs_mock_open(1, &mock, NULL) || krs_mock_open(1, &toy, NULL) ||
        krs_mock_bootstrap(mock, servers, sizeof servers, NULL, NULL)) {
        return 2;
    }
    live[MOCK][0] = toy.id;
    signal(SIGABRT, on_fault);
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
    printf("seed %" PRIu64 "\n", seed);
    fflush(stdout);
    for (int i = 0; i < THREADS; i++) {
        states[i].random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)i * 0x1234567 + 1;
        states[i].function = -1;
        if (pthread_create(&threads[i], NULL, call_on, &states[i])) {
            return 2;
        }
    }
    while (seconds() < end) {
        sleep(1);
        look_for_hangs();
    }
    SET(stopping, 1);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    close_all();
    (void)krs_mock_close(mock, NULL);
    sum_up();
    return 0;
}
