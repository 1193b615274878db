/* Promises on what an acknowledgement means. */
#include "flow.h"

#include <pthread.h>

enum { PARTITIONS = 200, EACH = 10, TOPICS = 3 };

static void *make_topic(void *name) {
    krs_client client = open_client(KRS_PRODUCER, (char *)NULL);
    krs_new_topic made = KRS_NEW_TOPIC_INIT;
    made.name = name;
    made.partitions = PARTITIONS;
    OK(krs_admin_create_topics(client, &made, 1, 0, PATIENCE_MS, NULL, NULL, &err));
    close_client(client);
    return NULL;
}

static void send_to_all(krs_client producer, const char *topic) {
    krs_message message = KRS_MESSAGE_INIT;
    message.topic = topic_of(producer, topic);
    message.value = bytes("0123456789");
    for (int n = 0; n < EACH * PARTITIONS; n++) {
        message.partition = n % PARTITIONS;
        OK(krs_producer_send(producer, &message, PATIENCE_MS, &err));
    }
}

static void expect_reports(krs_client producer) {
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    for (int i = 0; i < EACH * PARTITIONS; i++) {
        poll_kind(producer, &batch, &row, KRS_EVENT_REPORT);
        CHECK(row.code == KRS_OK, "%s", krs_error_name(row.code));
    }
    krs_batch_free(batch);
}

static void expect_all_in_log(krs_client client, const char *topic) {
    int64_t low, high;
    for (int32_t partition = 0; partition < PARTITIONS; partition++) {
        OK(krs_cluster_watermarks(client, topic, partition, PATIENCE_MS, &low, &high, &err));
        CHECK(high == EACH, "%" PRId64 " of %d in partition %d", high, EACH, partition);
    }
}

/* Brokers tell of a topic before they have made all of its partitions: there a first request may be
 * refused, and the next, which is under way already, be taken. */
static void what_is_acknowledged_is_in_the_log_of_a_topic_made_this_moment(void) {
    /* Asks for the topic all the time, and sends each message in a request of its own. */
    krs_client producer =
        open_client(KRS_PRODUCER, "enable.idempotence", "true", "allow.auto.create.topics", "false",
                    "topic.metadata.refresh.fast.interval.ms", "10", "linger.ms", "0",
                    "batch.num.messages", "1", (char *)NULL);
    for (int i = 0; i < TOPICS; i++) {
        const char *topic = fresh_name("moment");
        pthread_t maker;
        CHECK(pthread_create(&maker, NULL, make_topic, (void *)topic) == 0, "thread");
        send_to_all(producer, topic);
        pthread_join(maker, NULL);
        expect_reports(producer);
        expect_all_in_log(producer, topic);
        OK(krs_admin_delete_topics(producer, &topic, 1, PATIENCE_MS, NULL, NULL, &err));
    }
    close_client(producer);
    printf("%d messages acknowledged and there\n", TOPICS * EACH * PARTITIONS);
}

TESTS(TEST(what_is_acknowledged_is_in_the_log_of_a_topic_made_this_moment))
