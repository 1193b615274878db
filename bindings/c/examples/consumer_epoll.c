/*
 * A consumer inside an event loop (Linux): epoll waits for its events channel, for commands on the
 * input, and for signals, all in one place.
 *
 *   consumer_epoll <bootstrap servers> <group> <topic>...
 *
 * Prints each message, and everything else as a line that begins with % on stderr. The command
 * `count` prints how many messages came; `quit` or Ctrl-C ends it.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <kafka_rs.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { ROWS = 1000, BATCHES = 10, CLOSE_MS = 10000 };

typedef struct {
    krs_chan events;
    krs_batch *batch;
    uint64_t messages;
    char line[64]; /* What was typed since the last end of line. */
    size_t typed;
    bool done;
} app_t;

static int failed(const char *what, const char *why) {
    fprintf(stderr, "consumer_epoll: %s: %s\n", what, why);
    return 1;
}

static void take_row(app_t *app, uint32_t index) {
    krs_row row = KRS_ROW_INIT;
    krs_batch_row(app->batch, index, &row, NULL);
    if (row.kind == KRS_EVENT_MESSAGE) {
        app->messages++;
        printf("%.*s[%" PRId32 "]@%" PRId64 ": %.*s\n", (int)row.topic.len,
               (const char *)row.topic.data, row.partition, row.offset, (int)row.value.len,
               (const char *)row.value.data);
    } else if (row.kind == KRS_EVENT_ERROR) {
        fprintf(stderr, "%% %s: %.*s\n", krs_error_name(row.code), (int)row.value.len,
                (const char *)row.value.data);
    }
}

/* Receives without waiting, until nothing is left: that also passes back the last batch, so that
 * it may be committed. If there is more than some batches, the others have their turn first; the
 * descriptor stays readable. */
static int take_rows(app_t *app) {
    krs_error err = KRS_ERROR_INIT;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_code code = KRS_OK;
    for (int i = 0; i < BATCHES && code == KRS_OK; i++) {
        code = krs_chan_recv(app->events, &app->batch, KRS_ALL, ROWS, 0, &view, &err);
        for (uint32_t row = 0; row < view.count; row++) {
            take_row(app, row);
        }
    }
    fflush(stdout);
    return code == KRS_OK || code == KRS_ERR_WOULD_BLOCK ? 0 : failed("receive", err.message);
}

static void command(app_t *app) {
    app->line[app->typed] = '\0';
    if (strcmp(app->line, "count") == 0) {
        printf("%" PRIu64 " messages\n", app->messages);
        fflush(stdout);
    } else if (strcmp(app->line, "quit") == 0) {
        app->done = true;
    } else {
        fprintf(stderr, "%% count or quit, not %s\n", app->line);
    }
    app->typed = 0;
}

/* Reads what is there, which may be a part of a line, or several. False at the end of the input. */
static bool read_commands(app_t *app) {
    char text[256];
    ssize_t len = read(STDIN_FILENO, text, sizeof text);
    for (ssize_t i = 0; i < len; i++) {
        if (text[i] == '\n') {
            command(app);
        } else if (app->typed < sizeof app->line - 1) {
            app->line[app->typed++] = text[i];
        }
    }
    return len > 0;
}

static int watch(int loop, int fd) {
    struct epoll_event event = {0};
    event.events = EPOLLIN;
    event.data.fd = fd;
    return epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
}

static int run(app_t *app, int loop, int rows, int signals) {
    int status = 0;
    if (watch(loop, rows) || watch(loop, signals)) {
        return failed("epoll", strerror(errno));
    }
    if (watch(loop, STDIN_FILENO) && errno != EPERM) { /* A file: there is nothing to wait for. */
        return failed("input", strerror(errno));
    }
    while (!app->done && status == 0) {
        struct epoll_event ready[3];
        int count = epoll_wait(loop, ready, 3, -1);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.fd == rows) {
                status = take_rows(app);
            } else if (ready[i].data.fd == signals) {
                app->done = true;
            } else if (!read_commands(app)) {
                epoll_ctl(loop, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
            }
        }
    }
    return status;
}

int main(int argc, char **argv) {
    krs_error err = KRS_ERROR_INIT;
    krs_conf *conf = NULL;
    krs_client consumer;
    app_t app = {0};
    sigset_t set;
    int status, rows, loop = epoll_create1(EPOLL_CLOEXEC), signals;
    if (argc < 4) {
        fprintf(stderr, "usage: consumer_epoll <bootstrap servers> <group> <topic>...\n");
        return 2;
    }
    /* Signals are read from a descriptor; threads that start from now on leave them alone. */
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals = signalfd(-1, &set, SFD_CLOEXEC);

    if (krs_conf_new(KRS_CONSUMER, &conf, &err) ||
        krs_conf_set(conf, "bootstrap.servers", argv[1], &err) ||
        krs_conf_set(conf, "group.id", argv[2], &err) ||
        krs_conf_set(conf, "auto.offset.reset", "earliest", &err) ||
        krs_client_open(conf, &consumer, &err)) {
        krs_conf_free(conf);
        return failed("open", err.message);
    }
    krs_conf_free(conf);
    if (krs_consumer_subscribe(consumer, (const char *const *)(argv + 3), (size_t)argc - 3, &err) ||
        krs_client_events(consumer, &app.events, &err) || krs_chan_fd(app.events, &rows, &err)) {
        status = failed("subscribe", err.message);
    } else {
        status = run(&app, loop, rows, signals);
    }
    close(loop);
    krs_batch_free(app.batch);
    if (krs_client_close(consumer, CLOSE_MS, NULL, &err)) {
        status = failed("close", err.message);
    }
    return status;
}
