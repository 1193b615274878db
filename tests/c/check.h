/* What the C tests share: checks that say what they saw, and clients in one line. */
#ifndef CHECK_H
#define CHECK_H

#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <kafka_rs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 60000

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: expected %s: ", __FILE__, __LINE__, #condition);               \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fprintf(stderr, "\n");                                                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* The call's last argument is &err. */
#define OK(call) EXPECT(KRS_OK, call)

#define EXPECT(expected, call)                                                                     \
    do {                                                                                           \
        krs_code code_ = (call);                                                                   \
        CHECK(code_ == (expected), "%s from %s: %s", krs_error_name(code_), #call, err.message);   \
    } while (0)

typedef void (*test_fn)(void);
typedef struct {
    const char *name;
    test_fn run;
} test_t;

#define TEST(name)                                                                                 \
    { #name, name }

static __thread krs_error err = KRS_ERROR_INIT;
static char servers[512];
static krs_mock mock;

static inline void remember(const char *what) {
    /* For a person who reads the output of a test that passed. */
    printf("%s\n", what);
}

static inline double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What this process has spent on all processors. */
static inline double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* How many times as long as usual a thing may take: more than once under `tests/sanitize`. */
static inline int slowness(void) {
    const char *times = getenv("KRS_SLOW");
    return times != NULL ? atoi(times) : 1;
}

/* The pace of an application, not a wait for something. */
static inline void work_for(long microseconds) {
    struct timespec time = {microseconds / 1000000, microseconds % 1000000 * 1000};
    nanosleep(&time, NULL);
}

/* A name that no other test has. */
static inline const char *fresh_name(const char *what) {
    /* For as long as the test runs; all can be reached, so none is a leak. */
    static struct name {
        struct name *before;
        char text[96];
    } * last;
    static int count;
    struct name *name = malloc(sizeof *name);
    CHECK(name != NULL, "memory");
    name->before = last;
    last = name;
    snprintf(name->text, sizeof name->text, "krs-%s-%ld-%ld-%d", what, (long)time(NULL),
             (long)getpid(), ++count);
    return name->text;
}

static inline krs_bytes bytes(const char *text) {
    krs_bytes result = KRS_BYTES_NULL;
    result.data = (const uint8_t *)text;
    result.len = text ? strlen(text) : 0;
    return result;
}

/* Opens a client with settings in pairs, ended by NULL. */
static inline krs_client open_client(uint32_t kind, ...) {
    krs_conf *conf = NULL;
    krs_client client = {0};
    const char *name;
    va_list settings;
    OK(krs_conf_new(kind, &conf, &err));
    OK(krs_conf_set(conf, "bootstrap.servers", servers, &err));
    va_start(settings, kind);
    while ((name = va_arg(settings, const char *)) != NULL) {
        OK(krs_conf_set(conf, name, va_arg(settings, const char *), &err));
    }
    va_end(settings);
    OK(krs_client_open(conf, &client, &err));
    krs_conf_free(conf);
    return client;
}

static inline krs_topic topic_of(krs_client producer, const char *name) {
    krs_topic topic = {0};
    OK(krs_client_topic(producer, name, &topic, &err));
    return topic;
}

static inline krs_chan events_of(krs_client client) {
    krs_chan chan = {0};
    OK(krs_client_events(client, &chan, &err));
    return chan;
}

static inline krs_chan new_chan(size_t capacity) {
    krs_chan chan = {0};
    OK(krs_chan_new(capacity, &chan, &err));
    return chan;
}

static inline size_t pending(krs_client producer) {
    size_t count = 0;
    OK(krs_producer_len(producer, &count, &err));
    return count;
}

static inline krs_close_result close_client(krs_client client) {
    krs_close_result result = KRS_CLOSE_RESULT_INIT;
    OK(krs_client_close(client, PATIENCE_MS, &result, &err));
    return result;
}

/* Runs the test named by the first argument, on the cluster named by the second. */
static inline int run_tests(const test_t *tests, size_t count, int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s <test> mock|<bootstrap servers>\n", argv[0]);
        return 2;
    }
    if (strcmp(argv[2], "mock") == 0) {
        OK(krs_mock_open(1, &mock, &err));
        OK(krs_mock_bootstrap(mock, servers, sizeof servers, NULL, &err));
    } else {
        snprintf(servers, sizeof servers, "%s", argv[2]);
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tests[i].name, argv[1]) == 0) {
            tests[i].run();
            return 0;
        }
    }
    fprintf(stderr, "%s: no test %s\n", argv[0], argv[1]);
    return 2;
}

#define TESTS(...)                                                                                 \
    int main(int argc, char **argv) {                                                              \
        static const test_t tests[] = {__VA_ARGS__};                                               \
        return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);                       \
    }

#endif
