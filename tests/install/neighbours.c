/*
 * A program that has all of ours twice: it uses another librdkafka, OpenSSL, zlib and Rust library
 * beside kafka_rs. The other librdkafka sends to the mock cluster inside ours.
 */
#include <kafka_rs.h>
#include <openssl/evp.h>
#include <rdkafka.h>
#include <stdio.h>
#include <zlib.h>

/* Of neighbour.rs: a panic that it catches itself. */
int neighbour_catches(void);

static krs_error err = KRS_ERROR_INIT;

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, err.message);
    return 1;
}

static int send_by_theirs(const char *servers) {
    char reason[256] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *producer;
    rd_kafka_resp_err_t code;
    if (rd_kafka_conf_set(conf, "bootstrap.servers", servers, reason, sizeof reason) ||
        rd_kafka_conf_set(conf, "compression.type", "gzip", reason, sizeof reason)) {
        return fail(reason);
    }
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (producer == NULL) {
        return fail(reason);
    }
    code = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("neighbours"), RD_KAFKA_V_VALUE("x", 1),
                             RD_KAFKA_V_END);
    if (code || rd_kafka_flush(producer, 60000)) {
        return fail(rd_kafka_err2str(code));
    }
    rd_kafka_destroy(producer);
    return 0;
}

static int receive_by_ours(const char *servers) {
    const char *topic = "neighbours";
    krs_conf *conf = NULL;
    krs_client consumer = {0};
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    if (krs_conf_new(KRS_CONSUMER, &conf, &err) ||
        krs_conf_set(conf, "bootstrap.servers", servers, &err) ||
        krs_conf_set(conf, "group.id", "neighbours", &err) ||
        krs_conf_set(conf, "auto.offset.reset", "earliest", &err) ||
        krs_client_open(conf, &consumer, &err) ||
        krs_consumer_subscribe(consumer, &topic, 1, &err)) {
        return fail("consumer");
    }
    krs_conf_free(conf);
    do {
        if (krs_client_poll(consumer, &batch, 60000, &row, &err)) {
            return fail("poll");
        }
    } while (row.kind != KRS_EVENT_MESSAGE);
    krs_batch_free(batch);
    return krs_client_close(consumer, 60000, NULL, &err);
}

int main(void) {
    char servers[256];
    unsigned char digest[EVP_MAX_MD_SIZE];
    krs_mock mock = {0};
    if (krs_mock_open(1, &mock, &err) ||
        krs_mock_bootstrap(mock, servers, sizeof servers, NULL, &err)) {
        return fail("mock");
    }
    if (send_by_theirs(servers) || receive_by_ours(servers)) {
        return 1;
    }
    if (!EVP_Digest("x", 1, digest, NULL, EVP_sha256(), NULL) || digest[0] != 0x2d) {
        return fail("OpenSSL");
    }
    if (crc32(0, (const unsigned char *)"x", 1) != 0x8cdc1683) {
        return fail("zlib");
    }
    if (!neighbour_catches()) {
        return fail("Rust");
    }
    return krs_mock_close(mock, &err);
}
