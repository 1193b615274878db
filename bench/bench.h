/* What both sides of the benchmark share, so that they differ in the library only. */
#ifndef BENCH_H
#define BENCH_H

#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
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
};

/* The same for both; what else there is has librdkafka's default. */
static const char *const PRODUCER_SETTINGS[][2] = {
    {"linger.ms", "5"},
    {"queue.buffering.max.messages", "100000"},
};
static const char *const CONSUMER_SETTINGS[][2] = {
    {"auto.offset.reset", "earliest"},
    {"enable.auto.commit", "false"},
    {"fetch.queue.backoff.ms", "5"},
};
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

typedef struct {
    const char *servers, *topic;
    size_t messages, size;
    char *value; /* `size` bytes. */
} work_t;

/* Time that passed, and time that this process spent on all its processors. */
typedef struct {
    double wall, cpu;
} moment_t;

static inline moment_t now(void) {
    struct timespec wall;
    struct rusage used;
    clock_gettime(CLOCK_MONOTONIC, &wall);
    getrusage(RUSAGE_SELF, &used);
    return (moment_t){(double)wall.tv_sec + (double)wall.tv_nsec / 1e9,
                      (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                          (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6};
}

static inline void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

/* One line: ns of CPU a message, messages a second. */
static inline void print_result(const work_t *work, moment_t start) {
    moment_t end = now();
    printf("%.0f %.0f\n", (end.cpu - start.cpu) * 1e9 / (double)work->messages,
           (double)work->messages / (end.wall - start.wall));
}

static inline void new_group(char *group) {
    snprintf(group, GROUP_SIZE, "bench-%ld", (long)getpid());
}

typedef void (*way_fn)(const work_t *work);
typedef struct {
    const char *name;
    way_fn run;
} way_t;

static inline int run_way(const way_t *ways, size_t count, int argc, char **argv) {
    work_t work = {0};
    for (size_t i = 0; argc == 6 && i < count; i++) {
        if (strcmp(argv[1], ways[i].name) == 0) {
            work.servers = argv[2];
            work.topic = argv[3];
            work.messages = strtoull(argv[4], NULL, 10);
            work.size = strtoull(argv[5], NULL, 10);
            work.value = calloc(work.size + 1, 1);
            if (work.messages == 0 || work.value == NULL) {
                break;
            }
            memset(work.value, 'x', work.size);
            ways[i].run(&work);
            free(work.value);
            return 0;
        }
    }
    fprintf(stderr, "usage: %s <way> <bootstrap servers> <topic> <messages> <size>\n", argv[0]);
    return 2;
}

#endif
