/* Tries to send one message and to receive it, and prints all that it is told, as lines of JSON.
 * After the first and after the last it waits for a line of input: the driver looks at its memory.
 *
 *   probe SERVERS TOPIC SECONDS [KEY=VALUE]...
 *
 * Every setting is read back. SECONDS is how long to wait for the outcome, all of it if there is
 * none. PROBE_TOKEN is the answer to a wish for an OAUTHBEARER token; without it there is none. */
#include "../c/flow.h"

static const char *topic;
static double start, limit, first_error;
static int setting_count;
static char **settings;

static void print_text(const char *name, const char *text, size_t len) {
    printf("\"%s\":\"", name);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\' || c < ' ') {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void tell(const char *what, krs_code code, const char *text, size_t len) {
    printf("{\"%s\":\"%s\",", what, krs_error_name(code));
    print_text("text", text, len);
    printf("}\n");
}

static void await_driver(void) {
    fflush(stdout);
    for (int c = getchar(); c != '\n'; c = getchar()) {
        if (c == EOF) {
            exit(3); /* It is gone. */
        }
    }
}

static krs_client open_told(uint32_t kind) {
    krs_conf *conf = NULL;
    krs_client client = {0};
    OK(krs_conf_new(kind, &conf, &err));
    OK(krs_conf_set(conf, "bootstrap.servers", servers, &err));
    OK(krs_conf_set(conf, "go.logs.channel.enable", "true", &err));
    if (kind == KRS_CONSUMER) {
        OK(krs_conf_set(conf, "group.id", "probe", &err));
        OK(krs_conf_set(conf, "auto.offset.reset", "earliest", &err));
    } else {
        OK(krs_conf_set(conf, "message.timeout.ms", "3000", &err));
    }
    for (int i = 0; i < setting_count; i++) {
        char name[128], value[4096];
        size_t len = 0;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(settings[i], "="), settings[i]);
        if (krs_conf_set(conf, name, strchr(settings[i], '=') + 1, &err)) {
            tell("refused", err.code, err.message, err.message_len);
        } else if (krs_conf_get(conf, name, value, sizeof value, &len, &err) == KRS_OK) {
            tell("setting", KRS_OK, value, len);
        }
    }
    if (krs_client_open(conf, &client, &err)) {
        tell("open", err.code, err.message, err.message_len);
    }
    krs_conf_free(conf);
    return client;
}

static void answer_token(krs_client client) {
    const char *token = getenv("PROBE_TOKEN");
    krs_code code = token ? krs_client_set_token(client, token, ((int64_t)time(NULL) + 300) * 1000,
                                                 "probe", NULL, 0, &err)
                          : krs_client_token_failed(client, "no token to be had", &err);
    if (code) {
        tell("token", code, err.message, err.message_len);
    }
}

/* Rows until one of this kind, or the time is up; tells of all others. */
static krs_code wait_for(krs_client client, uint8_t kind) {
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    krs_code outcome = KRS_ERR_TIMED_OUT;
    while (outcome == KRS_ERR_TIMED_OUT && seconds() < start + limit) {
        if (krs_client_poll(client, &batch, 50, &row, &err)) {
            continue;
        }
        if (row.kind == kind) {
            outcome = row.code;
        } else if (row.kind == KRS_EVENT_TOKEN_REFRESH) {
            answer_token(client);
        } else if (row.kind == KRS_EVENT_ERROR) {
            first_error = first_error > 0 ? first_error : seconds() - start;
            tell("row", row.code, (const char *)row.value.data, row.value.len);
        }
    }
    krs_batch_free(batch);
    return outcome;
}

static void tell_logs(krs_client client) {
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_chan logs = {0};
    OK(krs_client_logs(client, &logs, &err));
    while (krs_chan_recv(logs, &batch, KRS_ALL, KRS_ALL, 0, &view, &err) == KRS_OK) {
        for (uint32_t i = 0; i < view.count; i++) {
            int64_t from = view.value.offsets[i], to = view.value.offsets[i + 1];
            tell("log", KRS_OK, (const char *)view.value.data + from, (size_t)(to - from));
        }
    }
    krs_batch_free(batch);
}

static double close_told(krs_client client) {
    double before = seconds();
    tell_logs(client);
    OK(krs_client_close(client, 1000, NULL, &err));
    return (seconds() - before) * 1000;
}

int main(int argc, char **argv) {
    krs_client producer, consumer;
    krs_message message = KRS_MESSAGE_INIT;
    krs_code sent = KRS_ERR_CLOSED, received = KRS_ERR_CLOSED;
    double closed = 0;
    CHECK(argc >= 4, "usage: probe SERVERS TOPIC SECONDS [KEY=VALUE]...");
    snprintf(servers, sizeof servers, "%s", argv[1]);
    topic = argv[2];
    limit = atof(argv[3]);
    setting_count = argc - 4;
    settings = argv + 4;
    printf("{\"begins\":true}\n");
    await_driver();
    start = seconds();
    producer = open_told(KRS_PRODUCER);
    if (producer.id) {
        message.topic = topic_of(producer, topic);
        message.value = bytes("probe");
        OK(krs_producer_send(producer, &message, 0, &err));
        sent = wait_for(producer, KRS_EVENT_REPORT);
        if (sent == KRS_OK) {
            consumer = open_told(KRS_CONSUMER);
            OK(krs_consumer_subscribe(consumer, &topic, 1, &err));
            received = wait_for(consumer, KRS_EVENT_MESSAGE);
            closed += close_told(consumer);
        } else {
            (void)wait_for(producer, 0); /* What else it is told. */
        }
        closed += close_told(producer);
    }
    printf("{\"final\":true,\"sent\":\"%s\",\"received\":\"%s\",\"first_error\":%.2f,\"close_ms\":%"
           ".0f,"
           "\"cpu\":%.3f,\"seconds\":%.2f}\n",
           krs_error_name(sent), krs_error_name(received), first_error, closed, cpu_seconds(),
           seconds() - start);
    await_driver();
    return 0;
}
