/* What tests of consumers share: messages that are numbers, and partitions in columns. */
#ifndef FLOW_H
#define FLOW_H

#include "check.h"

#define CONSUMER_SETTINGS                                                                          \
    "auto.offset.reset", "earliest", "enable.partition.eof", "true", "allow.auto.create.topics",   \
        "true", "session.timeout.ms", "6000", "fetch.wait.max.ms", "10", "group.id"

static inline void send_values(const char *topic, int32_t partition, int first, int count) {
    krs_client producer = open_client(KRS_PRODUCER, (char *)NULL);
    krs_message message = KRS_MESSAGE_INIT;
    char value[32];
    message.topic = topic_of(producer, topic);
    message.partition = partition;
    for (int i = first; i < first + count; i++) {
        snprintf(value, sizeof value, "%d", i);
        message.value = bytes(value);
        OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    }
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    krs_close_result result = close_client(producer);
    CHECK(result.clean, "%" PRIu64 " purged", result.purged);
}

static inline krs_client subscribed(const char *group, const char *topic, const char *auto_commit) {
    krs_client consumer = open_client(KRS_CONSUMER, CONSUMER_SETTINGS, group, "enable.auto.commit",
                                      auto_commit, (char *)NULL);
    OK(krs_consumer_subscribe(consumer, &topic, 1, &err));
    return consumer;
}

static inline size_t assigned_count(krs_client consumer) {
    krs_batch *answer = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    OK(krs_consumer_assignment(consumer, &answer, &view, &err));
    krs_batch_free(answer);
    return view.count;
}

/* Passes over errors that are for information, such as a topic that is not there yet. */
static inline void poll_kind(krs_client consumer, krs_batch **batch, krs_row *row, uint8_t kind) {
    do {
        OK(krs_client_poll(consumer, batch, PATIENCE_MS, row, &err));
    } while (row->kind != kind);
}

static inline int number_of(krs_bytes value) {
    char text[32] = "";
    CHECK(value.len < sizeof text, "%zu bytes", value.len);
    memcpy(text, value.data, value.len);
    return atoi(text);
}

static inline void expect_messages(krs_client consumer, krs_batch **batch, int first, int count) {
    krs_row row = KRS_ROW_INIT;
    for (int i = first; i < first + count; i++) {
        poll_kind(consumer, batch, &row, KRS_EVENT_MESSAGE);
        CHECK(number_of(row.value) == i, "%d instead of %d", number_of(row.value), i);
    }
}

/* Partitions in columns, of one topic. */
typedef struct {
    krs_partitions columns;
    int64_t name[2];
    int32_t partition[64];
    int64_t offset[64];
} partitions_t;

/* `list` is filled and must stay where it is while its columns are used. */
static inline const krs_partitions *partitions(partitions_t *list, const char *topic, size_t count,
                                               int32_t first, int64_t offset) {
    const krs_partitions init = KRS_PARTITIONS_INIT;
    list->columns = init;
    list->name[0] = 0;
    list->name[1] = (int64_t)strlen(topic);
    list->columns.topics.offsets = list->name;
    list->columns.topics.data = (const uint8_t *)topic;
    list->columns.topic_count = 1;
    list->columns.count = count;
    for (size_t i = 0; i < count; i++) {
        list->partition[i] = first + (int32_t)i;
        list->offset[i] = offset;
    }
    list->columns.partition = list->partition;
    list->columns.offset = list->offset;
    return &list->columns;
}

static inline const krs_partitions *one(partitions_t *list, const char *topic, int32_t partition,
                                        int64_t offset) {
    return partitions(list, topic, 1, partition, offset);
}

/* What the group has of partition 0. */
static inline int64_t committed_of(krs_client consumer, const char *topic) {
    krs_batch *answer = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    partitions_t list;
    int64_t offset;
    OK(krs_consumer_committed(consumer, one(&list, topic, 0, KRS_OFFSET_NONE), PATIENCE_MS, &answer,
                              &view, &err));
    offset = view.offset[0];
    krs_batch_free(answer);
    return offset;
}

#endif
