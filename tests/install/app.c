/* A program of somebody who installed the library: sends a message, receives it, and prints what is
 * built in. */
#include <kafka_rs.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 60000

static krs_error err = KRS_ERROR_INIT;
static char servers[256];

/* For a row of calls that all return 0. */
static int failed(void) {
    fprintf(stderr, "%s: %s\n", krs_error_name(err.code), err.message);
    return 1;
}

static int open_client(uint32_t kind, const char *codec, krs_client *client) {
    krs_conf *conf = NULL;
    const char *name = kind == KRS_PRODUCER ? "compression.type" : "auto.offset.reset";
    const char *value = kind == KRS_PRODUCER ? codec : "earliest";
    int bad = krs_conf_new(kind, &conf, &err) ||
              krs_conf_set(conf, "bootstrap.servers", servers, &err) ||
              krs_conf_set(conf, name, value, &err) ||
              (kind == KRS_CONSUMER && krs_conf_set(conf, "group.id", "app", &err)) ||
              krs_client_open(conf, client, &err);
    krs_conf_free(conf);
    return bad;
}

static int send_to(const char *codec, const char *text) {
    krs_client producer = {0};
    krs_message message = KRS_MESSAGE_INIT;
    krs_close_result result = KRS_CLOSE_RESULT_INIT;
    message.flags = KRS_MESSAGE_NO_REPORT;
    message.value.data = (const uint8_t *)text;
    message.value.len = strlen(text);
    return open_client(KRS_PRODUCER, codec, &producer) ||
           krs_client_topic(producer, codec, &message.topic, &err) ||
           krs_producer_send(producer, &message, PATIENCE_MS, &err) ||
           krs_producer_flush(producer, PATIENCE_MS, NULL, &err) ||
           krs_client_close(producer, PATIENCE_MS, &result, &err) || !result.clean;
}

/* One message of each topic. */
static int receive(const char *const *topics, size_t count, const char *text) {
    krs_client consumer = {0};
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    size_t received = 0;
    if (open_client(KRS_CONSUMER, NULL, &consumer) ||
        krs_consumer_subscribe(consumer, topics, count, &err)) {
        return 1;
    }
    while (received < count) {
        if (krs_client_poll(consumer, &batch, PATIENCE_MS, &row, &err)) {
            return 1;
        }
        if (row.kind != KRS_EVENT_MESSAGE) {
            continue;
        }
        if (row.value.len != strlen(text) || memcmp(row.value.data, text, row.value.len) != 0) {
            return 1;
        }
        received++;
    }
    krs_batch_free(batch);
    return krs_client_close(consumer, PATIENCE_MS, NULL, &err);
}

int main(void) {
    /* The name of a codec is that of its topic, too. */
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    const size_t codec_count = sizeof codecs / sizeof codecs[0];
    char text[1000], features[512];
    krs_mock mock = {0};
    krs_conf *conf = NULL;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    if (krs_mock_open(1, &mock, &err) ||
        krs_mock_bootstrap(mock, servers, sizeof servers, NULL, &err) ||
        krs_conf_new(KRS_PRODUCER, &conf, &err) ||
        krs_conf_get(conf, "builtin.features", features, sizeof features, NULL, &err)) {
        return failed();
    }
    krs_conf_free(conf);
    for (size_t i = 0; i < codec_count; i++) {
        if (send_to(codecs[i], text)) {
            return failed();
        }
    }
    if (receive(codecs, codec_count, text)) {
        return failed();
    }
    printf("%s\n", features);
    return krs_mock_close(mock, &err);
}
