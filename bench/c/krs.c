/* The same work as in raw.c, through kafka_rs.h. */
#include "krs.h"

void must(krs_code code, const krs_error *err, const char *what) {
    if (code != KRS_OK) {
        fail(what, err->message);
    }
}

static void set(krs_conf *conf, const char *name, const char *value) {
    krs_error err = KRS_ERROR_INIT;
    must(krs_conf_set(conf, name, value, &err), &err, "configuration");
}

krs_client open_client(const work_t *work, uint32_t kind) {
    char group[GROUP_SIZE];
    krs_error err = KRS_ERROR_INIT;
    krs_conf *conf = NULL;
    krs_client client;
    must(krs_conf_new(kind, &conf, &err), &err, "configuration");
    set(conf, "bootstrap.servers", work->servers);
    for (size_t i = 0; i < work->setting_count; i++) {
        if (work->settings[i].consumer == (kind == KRS_CONSUMER)) {
            set(conf, work->settings[i].name, work->settings[i].value);
        }
    }
    if (kind == KRS_CONSUMER) {
        new_group(group);
        set(conf, "group.id", group);
        set(conf, "auto.offset.reset", "earliest");
    } else {
        /* As in raw.c, a report says which message and what came of it. */
        set(conf, "go.delivery.report.fields", "none");
    }
    must(krs_client_open(conf, &client, &err), &err, "open");
    krs_conf_free(conf);
    return client;
}

krs_client open_consumer(const work_t *work) {
    krs_error err = KRS_ERROR_INIT;
    krs_client client = open_client(work, KRS_CONSUMER);
    must(krs_consumer_subscribe(client, &work->topic, 1, &err), &err, "subscribe");
    return client;
}

void close_client(krs_client client) {
    krs_error err = KRS_ERROR_INIT;
    must(krs_client_close(client, PATIENCE_MS, NULL, &err), &err, "close");
}

drain_t drain_of(krs_client client) {
    krs_error err = KRS_ERROR_INIT;
    drain_t drain = {.client = client, .view = KRS_BATCH_VIEW_INIT};
    must(krs_client_events(client, &drain.events, &err), &err, "events");
    return drain;
}

bool take_rows(drain_t *drain, uint8_t kind, int32_t timeout_ms) {
    krs_error err = KRS_ERROR_INIT;
    const krs_batch_view *view = &drain->view;
    krs_code code =
        krs_chan_recv(drain->events, &drain->batch, KRS_ALL, ROWS, timeout_ms, &drain->view, &err);
    if (code == KRS_ERR_WOULD_BLOCK || code == KRS_ERR_TIMED_OUT) {
        return false;
    }
    must(code, &err, "receive");
    for (uint32_t row = 0; row < view->count; row++) {
        if (view->kind[row] == kind && view->code[row] == KRS_OK) {
            drain->taken++;
            drain->bytes += (size_t)(view->value.offsets[row + 1] - view->value.offsets[row]);
        } else if (view->kind[row] == kind) {
            fail("row", krs_error_text(view->code[row]));
        }
    }
    return true;
}

/* A client that does nothing for two seconds. */
static void idle(const work_t *work) {
    moment_t start = now();
    krs_client client = open_client(work, KRS_PRODUCER);
    sleep(2);
    print_result(0, 0, start, "");
    close_client(client);
}

/* A cluster in this process, for the programs' own test; it lives until stdin ends. */
static void mock(const work_t *work) {
    krs_error err = KRS_ERROR_INIT;
    krs_mock cluster;
    char servers[256];
    (void)work;
    must(krs_mock_open(1, &cluster, &err), &err, "mock");
    must(krs_mock_bootstrap(cluster, servers, sizeof servers, NULL, &err), &err, "mock");
    printf("%s\n", servers);
    fflush(stdout);
    while (getchar() != EOF) {
    }
    must(krs_mock_close(cluster, &err), &err, "mock");
}

int main(int argc, char **argv) {
    const way_t ways[] = {
        {"produce", way_produce},
        {"produce_batch", way_produce_batch},
        {"batch", way_batch},
        {"poll", way_poll},
        {"threads", way_threads},
        {"latency", way_latency},
        {"consumers", way_consumers},
        {"idle", idle},
        {"mock", mock},
    };
    return RUN_WAYS(ways, argc, argv);
}
