/* What both sides of the benchmark share, so that they differ in the library only. */
#ifndef BENCH_H
#define BENCH_H

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    ROWS = 4096,        /* Rows taken at once. */
    REPORT_EVERY = 512, /* Messages sent between two looks at the reports. */
    PATIENCE_MS = 60000,
    GROUP_SIZE = 64,
    MAX_SETTINGS = 32,
    STEP = 4099, /* From one message's place in the payload to the next. */
    HEADER_COUNT = 2,
};

/* A setting of the client, for one kind of it. */
typedef struct {
    bool consumer;
    const char *name, *value;
} setting_t;

typedef struct {
    const char *servers, *topic;
    size_t messages, size, partitions, clients, threads;
    double rate;   /* Messages a second; 0 = as fast as it goes. */
    bool extras;   /* With a key and headers. */
    char *payload; /* Values are slices of it. */
    size_t payload_size;
    setting_t settings[MAX_SETTINGS];
    size_t setting_count;
} work_t;

static const char *const HEADERS[HEADER_COUNT][2] = {{"trace", "00-4bf92f3577b34da6"},
                                                     {"kind", "order"}};

/* Time that passed, and time that this process spent on all its processors. */
typedef struct {
    double wall, user, system;
} moment_t;

static inline void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static inline void *must_allocate(size_t size) {
    void *memory = calloc(1, size + 1);
    if (memory == NULL) {
        fail("bench", "no memory");
    }
    return memory;
}

static inline int64_t clock_ns(void) {
    struct timespec wall;
    clock_gettime(CLOCK_MONOTONIC, &wall);
    return (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec;
}

static inline double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static inline moment_t now(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (moment_t){(double)clock_ns() / 1e9, seconds_of(used.ru_utime),
                      seconds_of(used.ru_stime)};
}

/* What is done before the clock starts: memory has grown by then, and what is asked once was asked.
 */
static inline size_t warm_up(const work_t *work) { return work->messages / 4; }

/* The one line that the driver reads; `more` are further members of its object. */
static inline void print_result(size_t messages, size_t bytes, moment_t start, const char *more) {
    moment_t end = now();
    printf("{\"messages\": %zu, \"bytes\": %zu, \"seconds\": %.6f, \"user\": %.6f, "
           "\"system\": %.6f%s}\n",
           messages, bytes, end.wall - start.wall, end.user - start.user, end.system - start.system,
           more);
    fflush(stdout);
}

static inline void new_group(char *group) {
    snprintf(group, GROUP_SIZE, "bench-%ld-%" PRId64, (long)getpid(), clock_ns());
}

static inline char *value_of(const work_t *work, size_t i) {
    return work->payload + i * STEP % (work->payload_size - work->size + 1);
}

static inline size_t key_of(char *key, size_t room, size_t i) {
    return (size_t)snprintf(key, room, "key-%zu", i % 1000);
}

/* ---- Latency: each value begins with the time at which it was due ---- */

static inline void sleep_until(int64_t due) {
    struct timespec wall = {due / 1000000000, due % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wall, NULL) != 0) {
    }
}

typedef struct {
    double *ms;
    size_t count;
} delays_t;

/* A due time of 0 is that of the message that finds out whether all is set up. */
static inline void note_delay(delays_t *delays, const void *value) {
    int64_t due;
    memcpy(&due, value, sizeof due);
    if (due != 0) {
        delays->ms[delays->count++] = (double)(clock_ns() - due) / 1e6;
    }
}

static inline int compare_doubles(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static inline void print_delays(const work_t *work, delays_t *delays, moment_t start) {
    char more[128];
    qsort(delays->ms, delays->count, sizeof *delays->ms, compare_doubles);
    snprintf(more, sizeof more, ", \"latency\": [%.4f, %.4f, %.4f]", delays->ms[delays->count / 2],
             delays->ms[delays->count * 99 / 100], delays->ms[delays->count * 999 / 1000]);
    print_result(delays->count, delays->count * work->size, start, more);
    free(delays->ms);
}

typedef void (*send_fn)(void *producer, const char *value, size_t i);

/* Sends each message when it is due, or at once if that has passed. */
static inline void send_at_rate(const work_t *work, send_fn send, void *producer) {
    char *value = must_allocate(work->size);
    int64_t start = clock_ns();
    for (size_t i = 0; i < work->messages; i++) {
        int64_t due = work->rate > 0 ? start + (int64_t)((double)i * 1e9 / work->rate) : clock_ns();
        if (work->rate > 0 && due > clock_ns()) {
            sleep_until(due);
        }
        memcpy(value, value_of(work, i), work->size);
        memcpy(value, &due, sizeof due);
        send(producer, value, i);
    }
    free(value);
}

/* ---- Arguments: <way> name=value... and settings: produce:<name>=value, consume:<name>=value ----
 */

typedef void (*way_fn)(const work_t *work);
typedef struct {
    const char *name;
    way_fn run;
} way_t;

static inline void read_payload(work_t *work, const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        fail(path, "can't be read");
    }
    work->payload_size = (size_t)ftell(file);
    work->payload = must_allocate(work->payload_size);
    rewind(file);
    if (fread(work->payload, 1, work->payload_size, file) != work->payload_size) {
        fail(path, "can't be read");
    }
    fclose(file);
}

static inline void read_argument(work_t *work, char *argument) {
    char *value = strchr(argument, '=');
    struct {
        const char *name;
        size_t *number;
    } numbers[] = {{"messages", &work->messages},
                   {"size", &work->size},
                   {"partitions", &work->partitions},
                   {"clients", &work->clients},
                   {"threads", &work->threads}};
    if (value == NULL) {
        fail(argument, "is not of the form name=value");
    }
    *value++ = '\0';
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (strcmp(argument, numbers[i].name) == 0) {
            *numbers[i].number = strtoull(value, NULL, 10);
            return;
        }
    }
    bool consumer = strncmp(argument, "consume:", 8) == 0;
    if (consumer || strncmp(argument, "produce:", 8) == 0) {
        if (work->setting_count == MAX_SETTINGS) {
            fail(argument, "is one setting too many");
        }
        work->settings[work->setting_count++] = (setting_t){consumer, argument + 8, value};
    } else if (strcmp(argument, "servers") == 0) {
        work->servers = value;
    } else if (strcmp(argument, "topic") == 0) {
        work->topic = value;
    } else if (strcmp(argument, "rate") == 0) {
        work->rate = strtod(value, NULL);
    } else if (strcmp(argument, "extras") == 0) {
        work->extras = strcmp(value, "1") == 0;
    } else if (strcmp(argument, "payload") == 0) {
        read_payload(work, value);
    } else {
        fail(argument, "is no argument");
    }
}

/* What each of many consumers in one process reads. */
static inline size_t share_of(const work_t *work) { return work->messages / work->clients; }

/* Many consumers in one process, each in a group and on a thread of its own, until each has read
 * its share. */
static inline void in_threads(const work_t *work, void *(*read_share)(void *)) {
    pthread_t *threads = must_allocate(work->clients * sizeof *threads);
    size_t total = share_of(work) * work->clients;
    moment_t start = now();
    for (size_t c = 0; c < work->clients; c++) {
        pthread_create(&threads[c], NULL, read_share, (void *)work);
    }
    for (size_t c = 0; c < work->clients; c++) {
        pthread_join(threads[c], NULL);
    }
    print_result(total, total * work->size, start, "");
    /* Leaving 200 groups takes long, and is not what is measured. */
    _exit(0);
}

static inline int run_way(const way_t *ways, size_t count, int argc, char **argv) {
    work_t work = {.messages = 1, .size = 100, .partitions = 4, .clients = 1, .threads = 1};
    for (int i = 2; i < argc; i++) {
        read_argument(&work, argv[i]);
    }
    for (size_t i = 0; argc > 1 && i < count; i++) {
        if (strcmp(argv[1], ways[i].name) == 0) {
            ways[i].run(&work);
            free(work.payload);
            return 0;
        }
    }
    fprintf(stderr, "usage: %s <way> [name=value]...; ways:", argv[0]);
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, " %s", ways[i].name);
    }
    fprintf(stderr, "\n");
    return 2;
}
#define RUN_WAYS(ways, argc, argv) run_way(ways, sizeof(ways) / sizeof *(ways), argc, argv)

#endif
