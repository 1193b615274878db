/* What tests/hostile.rs builds its calls on: live objects of every kind, and places for results. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "check.h"

static krs_client producer, consumer;
static krs_topic topic;
static krs_chan chan, events;
static krs_mock cluster;
static krs_conf *conf;

/* A struct that says to be shorter than any version of it, or plain zeros behind a 4. */
static union {
    uint32_t size;
    uint64_t words[64];
} stub;
static const char *const bad_text[2] = {"\xff\xfe", "\xff\xfe"};
static const krs_bytes bad_bytes = {(const uint8_t *)"\xff", 1};

/* Places for what a function may make. */
static krs_conf *made_conf;
static krs_client made_client;
static krs_chan made_chan;
static krs_topic made_topic;
static krs_mock made_mock;
static krs_batch *made_batch;

static inline void open_all(void) {
    producer = open_client(KRS_PRODUCER, (char *)NULL);
    consumer = open_client(KRS_CONSUMER, "group.id", "g", (char *)NULL);
    topic = topic_of(producer, "t");
    events = events_of(consumer);
    chan = new_chan(1);
    OK(krs_mock_open(1, &cluster, &err));
    OK(krs_conf_new(KRS_PRODUCER, &conf, &err));
    memset(&stub, 0, sizeof stub);
    stub.size = 4;
}

/* What the call before may have made. */
static inline void drop_made(void) {
    (void)krs_client_close(made_client, 0, NULL, NULL);
    (void)krs_chan_free(made_chan, NULL);
    (void)krs_mock_close(made_mock, NULL);
    krs_conf_free(made_conf);
    made_conf = NULL;
}

/* Whatever of it is still there. */
static inline void close_all(void) {
    drop_made();
    (void)krs_client_close(producer, 0, NULL, NULL);
    (void)krs_client_close(consumer, 0, NULL, NULL);
    (void)krs_chan_free(chan, NULL);
    (void)krs_mock_close(cluster, NULL);
    krs_batch_free(made_batch);
    krs_conf_free(conf);
    made_batch = NULL;
}

static inline void no_defect(krs_code code, const char *call) {
    CHECK(code != KRS_ERR_INTERNAL, "%s met a defect", call);
}

#endif
