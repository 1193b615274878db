/* Promises on where a consumer is: assign, seek, pause, position, committed. */
#include "flow.h"

#include <pthread.h>

static krs_client unsubscribed(const char *group, const char *auto_commit) {
    return open_client(KRS_CONSUMER, CONSUMER_SETTINGS, group, "enable.auto.commit", auto_commit,
                       (char *)NULL);
}

static int64_t next_offset(krs_client consumer, krs_batch **batch) {
    krs_row row = KRS_ROW_INIT;
    poll_kind(consumer, batch, &row, KRS_EVENT_MESSAGE);
    CHECK(number_of(row.value) == row.offset, "%d at %" PRId64, number_of(row.value), row.offset);
    return row.offset;
}

/* The rows [from, until) come next, after `what` number `i`. */
static void expect_offsets(krs_client consumer, krs_batch **batch, int64_t from, int64_t until,
                           const char *what, int i) {
    for (int64_t offset = from; offset < until; offset++) {
        int64_t got = next_offset(consumer, batch);
        CHECK(got == offset, "%" PRId64 " instead of %" PRId64 " after %s %d", got, offset, what,
              i);
    }
}

static void a_thousand_assignments_of_one_partition_each_give_rows(void) {
    enum { TIMES = 1000, COUNT = 50 };
    const char *topic = fresh_name("assign");
    krs_client consumer = unsubscribed(fresh_name("group"), "false");
    krs_batch *batch = NULL;
    partitions_t list;
    double start = seconds();
    send_values(topic, 0, 0, COUNT);
    for (int i = 0; i < TIMES; i++) {
        int64_t from = i * 7 % COUNT;
        OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, from), &err));
        CHECK(next_offset(consumer, &batch) == from, "assignment %d", i);
    }
    printf("%d assignments, a row after each, in %.1f s\n", TIMES, seconds() - start);
    krs_batch_free(batch);
    close_client(consumer);
}

static void a_seek_is_exact_also_right_after_an_assignment(void) {
    enum { TIMES = 300, COUNT = 2000 };
    const char *topic = fresh_name("seek");
    krs_client consumer = unsubscribed(fresh_name("group"), "false");
    krs_batch *batch = NULL;
    partitions_t list;
    unsigned seed = 1;
    send_values(topic, 0, 0, COUNT);
    for (int i = 0; i < TIMES; i++) {
        int64_t to = rand_r(&seed) % COUNT, until = to + i % 30;
        if (i % 10 == 0) { /* Fetching has not begun when the seek comes. */
            const krs_partitions *stored = one(&list, topic, 0, KRS_OFFSET_NONE);
            OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, stored, &err));
        }
        /* With no time to wait for it, the seek is done later; rows from before never come. */
        OK(krs_consumer_seek(consumer, one(&list, topic, 0, to), i % 20 ? -1 : 0, NULL, NULL,
                             &err));
        expect_offsets(consumer, &batch, to, until < COUNT ? until : COUNT, "seek", i);
    }
    printf("%d seeks\n", TIMES);
    krs_batch_free(batch);
    close_client(consumer);
}

static void a_refused_seek_leaves_the_partition_alive(void) {
    enum { COUNT = 1000 };
    const char *topic = fresh_name("refused");
    krs_client consumer = unsubscribed(fresh_name("group"), "false");
    krs_batch *batch = NULL, *answer = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    partitions_t list;
    send_values(topic, 0, 0, COUNT);
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, 0), &err));
    for (int64_t offset = 0; offset < COUNT; offset++) {
        CHECK(next_offset(consumer, &batch) == offset, "at %" PRId64, offset);
        if (offset % 100 == 50) {
            EXPECT(KRS_ERR_INVALID_ARG,
                   krs_consumer_seek(consumer, one(&list, topic, 0, KRS_OFFSET_STORED), -1, NULL,
                                     NULL, &err));
            EXPECT(KRS_ERR_STATE,
                   krs_consumer_seek(consumer, one(&list, topic, 7, 0), -1, NULL, NULL, &err));
            /* Each partition has its own answer. */
            partitions(&list, topic, 2, 0, KRS_OFFSET_STORED);
            OK(krs_consumer_seek(consumer, &list.columns, -1, &answer, &view, &err));
            CHECK(view.count == 2 && view.kind[1] == KRS_EVENT_PARTITION, "%u rows", view.count);
            CHECK(view.code[0] == KRS_ERR_INVALID_ARG && view.partition[1] == 1 &&
                      view.code[1] != KRS_OK,
                  "%d, %d", view.code[0], view.code[1]);
        }
    }
    printf("%d rows around 30 refused seeks\n", COUNT);
    krs_batch_free(answer);
    krs_batch_free(batch);
    close_client(consumer);
}

static void a_paused_partition_is_silent_and_loses_nothing(void) {
    enum { PARTITIONS = 3, COUNT = 3000 };
    const char *topic = fresh_name("pause");
    krs_client consumer = unsubscribed(fresh_name("group"), "false");
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    krs_stats stats = KRS_STATS_INIT;
    partitions_t list;
    bool paused[PARTITIONS] = {false};
    int64_t next[PARTITIONS] = {0};
    unsigned seed = 7;
    int total = 0, pauses = 0;
    uint64_t withheld = 0;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        send_values(topic, p, 0, COUNT);
    }
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, partitions(&list, topic, PARTITIONS, 0, 0),
                           &err));
    while (total < PARTITIONS * COUNT) {
        if (rand_r(&seed) % 20 == 0) {
            int32_t p = rand_r(&seed) % PARTITIONS;
            one(&list, topic, p, KRS_OFFSET_NONE);
            paused[p] = !paused[p];
            if (paused[p]) {
                OK(krs_consumer_pause(consumer, &list.columns, NULL, NULL, &err));
                OK(krs_client_stats(consumer, &stats, &err));
                withheld += stats.rows_withheld;
                pauses++;
            } else {
                OK(krs_consumer_resume(consumer, &list.columns, NULL, NULL, &err));
            }
        }
        if (krs_client_poll(consumer, &batch, 20, &row, &err) != KRS_OK ||
            row.kind != KRS_EVENT_MESSAGE) {
            continue;
        }
        CHECK(!paused[row.partition], "a row of paused partition %d", row.partition);
        CHECK(row.offset == next[row.partition], "%" PRId64 " instead of %" PRId64, row.offset,
              next[row.partition]);
        next[row.partition]++;
        total++;
    }
    EXPECT(KRS_ERR_STATE, krs_consumer_pause(consumer, one(&list, topic, 9, 0), NULL, NULL, &err));
    printf("%d rows, each once and in order, across %d pauses; %" PRIu64 " times a row was "
           "withheld\n",
           total, pauses, withheld);
    krs_batch_free(batch);
    close_client(consumer);
}

/* Nothing comes out; returns how many rows are withheld. */
static uint64_t poll_silently(krs_client consumer, krs_batch **batch) {
    krs_row row = KRS_ROW_INIT;
    krs_stats stats = KRS_STATS_INIT;
    krs_code code = krs_client_poll(consumer, batch, 1, &row, &err);
    CHECK(code != KRS_OK || row.kind != KRS_EVENT_MESSAGE, "row %" PRId64, row.offset);
    OK(krs_client_stats(consumer, &stats, &err));
    return stats.rows_withheld;
}

static void a_pause_right_after_an_assignment_holds_back_what_comes(void) {
    enum { TIMES = 30, COUNT = 20000, LOOKS = 20 };
    const char *topic = fresh_name("early");
    krs_client consumer = unsubscribed(fresh_name("group"), "false");
    krs_batch *batch = NULL;
    partitions_t list;
    send_values(topic, 0, 0, COUNT);
    for (int i = 0; i < TIMES; i++) {
        int64_t from = i * 7;
        uint64_t withheld = 0;
        double end = seconds() + PATIENCE_MS / 1000.0;
        OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, from), &err));
        OK(krs_consumer_pause(consumer, &list.columns, NULL, NULL, &err));
        while (withheld == 0) { /* What is fetched all the same, the core holds back. */
            CHECK(seconds() < end, "nothing was fetched after assignment %d", i);
            withheld = poll_silently(consumer, &batch);
        }
        for (int look = 0; look < LOOKS; look++) { /* And it is not fetched for long. */
            withheld = poll_silently(consumer, &batch);
            CHECK(withheld < COUNT / 2, "%" PRIu64 " rows are withheld", withheld);
        }
        OK(krs_consumer_resume(consumer, &list.columns, NULL, NULL, &err));
        expect_offsets(consumer, &batch, from, from + 3000, "resume", i);
    }
    printf("%d pauses before the first row\n", TIMES);
    krs_batch_free(batch);
    close_client(consumer);
}

static void an_empty_partition_may_be_paused_again_and_again(void) {
    const char *topic = fresh_name("empty");
    krs_client consumer = unsubscribed(fresh_name("group"), "false");
    krs_batch *batch = NULL;
    partitions_t list;
    send_values(topic, 1, 0, 1); /* The topic is there, its partition 0 empty. */
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, 0), &err));
    OK(krs_consumer_pause(consumer, &list.columns, NULL, NULL, &err));
    while (poll_silently(consumer, &batch) == 0) {
        /* The end of the partition comes, and is withheld. */
    }
    OK(krs_consumer_pause(consumer, &list.columns, NULL, NULL, &err));
    OK(krs_consumer_resume(consumer, &list.columns, NULL, NULL, &err));
    send_values(topic, 0, 0, 1);
    CHECK(next_offset(consumer, &batch) == 0, "another offset");
    krs_batch_free(batch);
    close_client(consumer);
}

/* Seeks from a second thread, as fast as it can. */
typedef struct {
    krs_client consumer;
    const char *topic;
    int times, count;
    int64_t target;
    int begun, done;
} seeker_t;

static void *seek_about(void *arg) {
    seeker_t *seeker = arg;
    partitions_t list;
    unsigned seed = 42;
    for (int i = 0; i < seeker->times; i++) {
        int64_t to = rand_r(&seed) % seeker->count;
        __atomic_store_n(&seeker->begun, i + 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&seeker->target, to, __ATOMIC_SEQ_CST);
        if (i % 5 == 4) {
            OK(krs_consumer_assign(seeker->consumer, KRS_ASSIGN_REPLACE,
                                   one(&list, seeker->topic, 0, to), &err));
        } else {
            OK(krs_consumer_seek(seeker->consumer, one(&list, seeker->topic, 0, to), -1, NULL, NULL,
                                 &err));
        }
        __atomic_store_n(&seeker->done, i + 1, __ATOMIC_SEQ_CST);
        work_for(rand_r(&seed) % 20000);
    }
    return NULL;
}

static void no_stale_row_after_a_seek_or_assignment_of_another_thread(void) {
    enum { COUNT = 20000 };
    const char *topic = fresh_name("stale");
    krs_client consumer = unsubscribed(fresh_name("group"), "false");
    seeker_t seeker = {consumer, topic, 300, COUNT, 0, 0, 0};
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    krs_stats stats = KRS_STATS_INIT;
    partitions_t list;
    pthread_t thread;
    int64_t next = 0;
    int seen = 0, checked = 0, last = -1;
    send_values(topic, 0, 0, COUNT);
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, 0), &err));
    CHECK(pthread_create(&thread, NULL, seek_about, &seeker) == 0, "thread");
    while (seen < seeker.times) {
        int begun = __atomic_load_n(&seeker.begun, __ATOMIC_SEQ_CST);
        int done = __atomic_load_n(&seeker.done, __ATOMIC_SEQ_CST);
        krs_code code = krs_client_poll(consumer, &batch, 100, &row, &err);
        /* Before the second look, or it may be that of a seek which began after it. */
        int64_t target = __atomic_load_n(&seeker.target, __ATOMIC_SEQ_CST);
        bool quiet = begun == done && begun == __atomic_load_n(&seeker.begun, __ATOMIC_SEQ_CST);
        if (code == KRS_OK && row.kind == KRS_EVENT_MESSAGE && quiet) {
            /* No seek went on meanwhile: the row is the target's, or the one after the last. */
            if (last != done) {
                CHECK(row.offset == target || last == -1, "%" PRId64 " after a seek to %" PRId64,
                      row.offset, target);
            } else {
                CHECK(row.offset == next, "%" PRId64 " instead of %" PRId64, row.offset, next);
            }
            last = done;
            next = row.offset + 1;
            checked++;
        } else if (code == KRS_OK && row.kind == KRS_EVENT_MESSAGE) {
            last = -1; /* It may be from either side. */
        }
        seen = done;
    }
    pthread_join(thread, NULL);
    OK(krs_client_stats(consumer, &stats, &err));
    printf("%d rows checked around %d seeks and assignments; %" PRIu64 " stale rows were dropped\n",
           checked, seeker.times, stats.rows_stale);
    krs_batch_free(batch);
    close_client(consumer);
}

static int64_t answered(krs_batch_view *view) {
    CHECK(view->count == 1 && view->code[0] == KRS_OK, "%u rows", view->count);
    return view->offset[0];
}

static void position_and_committed_speak_of_what_was_delivered(void) {
    const char *topic = fresh_name("position"), *group = fresh_name("group");
    krs_client consumer = unsubscribed(group, "false");
    krs_batch *batch = NULL, *answer = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    partitions_t list;
    const krs_partitions *asked;
    send_values(topic, 0, 0, 1000);
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, KRS_OFFSET_NONE),
                           &err));
    asked = one(&list, topic, 0, KRS_OFFSET_NONE);
    OK(krs_consumer_position(consumer, asked, &answer, &view, &err));
    CHECK(answered(&view) == KRS_OFFSET_NONE, "%" PRId64, view.offset[0]);
    for (int64_t i = 0; i < 10; i++) {
        CHECK(next_offset(consumer, &batch) == i, "at %" PRId64, i);
    }
    OK(krs_consumer_position(consumer, asked, &answer, &view, &err));
    CHECK(answered(&view) == 10, "position %" PRId64 ", hundreds were fetched", view.offset[0]);
    OK(krs_consumer_commit(consumer, PATIENCE_MS, 0, &answer, &view, &err));
    CHECK(answered(&view) == 10 && view.partition[0] == 0, "%" PRId64, view.offset[0]);
    OK(krs_consumer_committed(consumer, asked, PATIENCE_MS, &answer, &view, &err));
    CHECK(answered(&view) == 10, "committed %" PRId64, view.offset[0]);

    one(&list, topic, 0, 4);
    OK(krs_consumer_commit_offsets(consumer, &list.columns, PATIENCE_MS, 0, NULL, NULL, &err));
    OK(krs_consumer_committed(consumer, asked, PATIENCE_MS, &answer, &view, &err));
    CHECK(answered(&view) == 4, "committed %" PRId64, view.offset[0]);
    EXPECT(KRS_ERR_INVALID_ARG, krs_consumer_store(consumer, &list.columns, NULL, NULL, &err));
    OK(krs_consumer_assignment(consumer, &answer, &view, &err));
    CHECK(answered(&view) == 10 && view.partition[0] == 0, "%" PRId64, view.offset[0]);
    krs_batch_free(answer);
    krs_batch_free(batch);
    close_client(consumer);
}

static void a_commit_takes_nothing_of_a_batch_that_is_out(void) {
    const char *topic = fresh_name("out"), *group = fresh_name("group");
    krs_client consumer = unsubscribed(group, "false");
    krs_chan events = events_of(consumer);
    krs_batch *batch = NULL, *answer = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT, told = KRS_BATCH_VIEW_INIT;
    partitions_t list;
    uint32_t received;
    send_values(topic, 0, 0, 100);
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, 0), &err));
    do {
        OK(krs_chan_recv(events, &batch, KRS_ALL, 50, PATIENCE_MS, &view, &err));
    } while (view.kind[0] != KRS_EVENT_MESSAGE);
    received = view.count;
    EXPECT(KRS_ERR_NO_OFFSET, krs_consumer_commit(consumer, PATIENCE_MS, 0, NULL, NULL, &err));
    OK(krs_chan_recv(events, &batch, received, 0, 0, &view, &err));
    OK(krs_consumer_commit(consumer, PATIENCE_MS, 0, &answer, &told, &err));
    CHECK(answered(&told) == received, "%" PRId64 " of %u", told.offset[0], received);
    krs_batch_free(answer);
    krs_batch_free(batch);
    close_client(consumer);
}

static void stored_offsets_are_the_applications_if_it_wants(void) {
    const char *topic = fresh_name("store"), *group = fresh_name("group");
    krs_client consumer = open_client(KRS_CONSUMER, CONSUMER_SETTINGS, group,
                                      "enable.auto.offset.store", "false", (char *)NULL);
    krs_batch *batch = NULL, *answer = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    partitions_t list;
    send_values(topic, 0, 0, 100);
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, 0), &err));
    for (int64_t i = 0; i < 10; i++) {
        CHECK(next_offset(consumer, &batch) == i, "at %" PRId64, i);
    }
    EXPECT(KRS_ERR_NO_OFFSET, krs_consumer_commit(consumer, PATIENCE_MS, 0, NULL, NULL, &err));
    OK(krs_consumer_store(consumer, one(&list, topic, 0, 3), NULL, NULL, &err));
    EXPECT(KRS_ERR_STATE, krs_consumer_store(consumer, one(&list, topic, 5, 3), NULL, NULL, &err));
    OK(krs_consumer_commit(consumer, PATIENCE_MS, 0, &answer, &view, &err));
    CHECK(answered(&view) == 3, "%" PRId64, view.offset[0]);
    krs_batch_free(answer);
    krs_batch_free(batch);
    close_client(consumer);
}

/* Outside a group partitions come and go one by one, and the others go on undisturbed. */
static void partitions_are_added_and_removed_one_by_one(void) {
    enum { COUNT = 2000, ROUNDS = 40 };
    const char *topic = fresh_name("one-by-one");
    krs_client consumer = unsubscribed(fresh_name("group"), "false");
    krs_batch *batch = NULL;
    krs_row row = KRS_ROW_INIT;
    partitions_t list;
    int64_t steady = 0;
    for (int32_t p = 0; p < 2; p++) {
        send_values(topic, p, 0, COUNT);
    }
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_ADD, one(&list, topic, 0, 0), &err));
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = round * 31 % COUNT, next = start;
        OK(krs_consumer_assign(consumer, KRS_ASSIGN_ADD, one(&list, topic, 1, start), &err));
        EXPECT(-173, krs_consumer_assign(consumer, KRS_ASSIGN_ADD, &list.columns, &err));
        CHECK(assigned_count(consumer) == 2, "%zu", assigned_count(consumer));
        while (next < start + 5) {
            poll_kind(consumer, &batch, &row, KRS_EVENT_MESSAGE);
            if (row.partition == 1) {
                CHECK(row.offset == next, "%" PRId64 " instead of %" PRId64, row.offset, next);
                next++;
            } else {
                CHECK(row.offset == steady, "%" PRId64 " instead of %" PRId64, row.offset, steady);
                steady++;
            }
        }
        OK(krs_consumer_assign(consumer, KRS_ASSIGN_REMOVE, one(&list, topic, 1, 0), &err));
        EXPECT(KRS_ERR_STATE,
               krs_consumer_assign(consumer, KRS_ASSIGN_REMOVE, &list.columns, &err));
        CHECK(assigned_count(consumer) == 1, "%zu", assigned_count(consumer));
    }
    while (steady < COUNT) { /* Nothing of the other one comes any more. */
        poll_kind(consumer, &batch, &row, KRS_EVENT_MESSAGE);
        CHECK(row.partition == 0 && row.offset == steady, "%" PRId64 " of %d", row.offset,
              row.partition);
        steady++;
    }
    printf("%d rows of one partition in order, while another came and went %d times\n", COUNT,
           ROUNDS);
    krs_batch_free(batch);
    close_client(consumer);
}

static void the_cluster_answers(void) {
    const char *topic = fresh_name("cluster");
    krs_client consumer = unsubscribed(fresh_name("group"), "false");
    krs_batch *answer = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    partitions_t list;
    int64_t low = -7, high = -7;
    int32_t controller = -7;
    char id[128] = "";
    size_t len = 0, brokers = 0, found = 0;
    send_values(topic, 0, 0, 20);
    OK(krs_cluster_watermarks(consumer, topic, 0, PATIENCE_MS, &low, &high, &err));
    CHECK(low == 0 && high == 20, "%" PRId64 " to %" PRId64, low, high);
    OK(krs_cluster_id(consumer, PATIENCE_MS, id, sizeof id, &len, &err));
    CHECK(len > 0 && strlen(id) == len, "%s", id);
    OK(krs_cluster_controller_id(consumer, PATIENCE_MS, &controller, &err));
    CHECK(controller >= 0, "%d", controller);
    OK(krs_cluster_offsets_for_times(consumer, one(&list, topic, 0, 1), PATIENCE_MS, &answer, &view,
                                     &err));
    CHECK(mock.id || answered(&view) == 0, "%" PRId64, view.offset[0]);
    OK(krs_cluster_metadata(consumer, topic, 0, PATIENCE_MS, &answer, &view, &err));
    for (uint32_t row = 0; row < view.count; row++) {
        brokers += view.kind[row] == KRS_EVENT_BROKER;
        found += view.kind[row] == KRS_EVENT_PARTITION && view.partition[row] == 0 &&
                 view.key.offsets[row + 1] - view.key.offsets[row] >= (int64_t)sizeof(int32_t);
    }
    CHECK(brokers >= 1 && found == 1, "%zu brokers, %zu times partition 0", brokers, found);
    krs_batch_free(answer);
    close_client(consumer);
}

static void create_topic(krs_client client, const char *name) {
    krs_new_topic topic = KRS_NEW_TOPIC_INIT;
    double end = seconds() + 60;
    krs_code code;
    topic.name = name;
    topic.partitions = 1;
    do { /* A topic that is being deleted still exists for a moment. */
        code = krs_admin_create_topics(client, &topic, 1, 0, PATIENCE_MS, NULL, NULL, &err);
        CHECK(seconds() < end, "%s", err.message);
        work_for(1000);
    } while (code == KRS_ERR_TOPIC_ALREADY_EXISTS);
    CHECK(code == KRS_OK, "%s", err.message);
}

/* The brokers of each partition may be named. */
static void make_on_brokers(krs_client client) {
    krs_new_topic topic = KRS_NEW_TOPIC_INIT;
    int32_t brokers[] = {0, 0};
    OK(krs_cluster_controller_id(client, PATIENCE_MS, &brokers[0], &err));
    brokers[1] = brokers[0];
    topic.name = fresh_name("placed");
    topic.partitions = 2;
    topic.replicas = brokers;
    topic.replica_count = 2;
    EXPECT(KRS_ERR_ARGUMENT,
           krs_admin_create_topics(client, &topic, 1, 0, PATIENCE_MS, NULL, NULL, &err));
    CHECK(strstr(err.message, "replication") != NULL, "%s", err.message);
    topic.replication = 1;
    OK(krs_admin_create_topics(client, &topic, 1, 0, PATIENCE_MS, NULL, NULL, &err));
    topic.partitions = 3;
    topic.replica_count = 1;
    brokers[0] = 4242;
    EXPECT(39, /* INVALID_REPLICA_ASSIGNMENT */
           krs_admin_create_partitions(client, &topic, 1, 0, PATIENCE_MS, NULL, NULL, &err));
    brokers[0] = brokers[1];
    OK(krs_admin_create_partitions(client, &topic, 1, 0, PATIENCE_MS, NULL, NULL, &err));
}

static void topics_are_made_enlarged_and_deleted(void) {
    const char *name = fresh_name("admin"), *names[2] = {name, "no such topic"};
    krs_client client = open_client(KRS_PRODUCER, (char *)NULL);
    krs_new_topic topics[2] = {KRS_NEW_TOPIC_INIT, KRS_NEW_TOPIC_INIT};
    const char *config[] = {"cleanup.policy", "compact"};
    krs_batch *answer = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    topics[0].name = name;
    topics[0].partitions = 2;
    topics[0].config = config;
    topics[0].config_count = 2;
    topics[1].name = "not a good name!";
    OK(krs_admin_create_topics(client, topics, 2, 1, PATIENCE_MS, &answer, &view, &err));
    OK(krs_admin_create_topics(client, topics, 2, 0, PATIENCE_MS, &answer, &view, &err));
    CHECK(view.count == 2 && view.kind[0] == KRS_EVENT_TOPIC, "%u rows", view.count);
    CHECK(view.code[0] == KRS_OK && view.code[1] != KRS_OK, "%d, %d", view.code[0], view.code[1]);
    EXPECT(KRS_ERR_TOPIC_ALREADY_EXISTS,
           krs_admin_create_topics(client, topics, 1, 0, PATIENCE_MS, NULL, NULL, &err));
    CHECK(strstr(err.message, name) != NULL, "%s", err.message);
    topics[0].partitions = 5;
    OK(krs_admin_create_partitions(client, topics, 1, 0, PATIENCE_MS, NULL, NULL, &err));
    make_on_brokers(client);
    OK(krs_admin_delete_topics(client, names, 2, PATIENCE_MS, &answer, &view, &err));
    CHECK(view.code[0] == KRS_OK && view.code[1] != KRS_OK, "%d, %d", view.code[0], view.code[1]);
    EXPECT(KRS_ERR_ARGUMENT, krs_admin_delete_topics(client, names, 0, 0, NULL, NULL, &err));
    krs_batch_free(answer);
    close_client(client);
}

/* Under a consumer that goes on, its topic is deleted and made again, with fewer messages. */
static void a_log_that_is_made_anew_is_read_from_its_beginning(void) {
    const char *topic = fresh_name("anew");
    krs_client admin = open_client(KRS_PRODUCER, (char *)NULL);
    /* It must not make the topic itself, by asking for it in the moment that it is gone. */
    krs_client consumer = open_client(KRS_CONSUMER, CONSUMER_SETTINGS, fresh_name("group"),
                                      "allow.auto.create.topics", "false",
                                      "topic.metadata.refresh.interval.ms", "100", (char *)NULL);
    krs_batch *batch = NULL;
    partitions_t list;
    create_topic(admin, topic);
    send_values(topic, 0, 0, 100);
    OK(krs_consumer_assign(consumer, KRS_ASSIGN_REPLACE, one(&list, topic, 0, 0), &err));
    for (int64_t i = 0; i < 100; i++) {
        CHECK(next_offset(consumer, &batch) == i, "at %" PRId64, i);
    }
    OK(krs_admin_delete_topics(admin, &topic, 1, PATIENCE_MS, NULL, NULL, &err));
    create_topic(admin, topic);
    send_values(topic, 0, 0, 10);
    for (int64_t i = 0; i < 10; i++) {
        CHECK(next_offset(consumer, &batch) == i, "at %" PRId64 " of the new log", i);
    }
    krs_batch_free(batch);
    close_client(consumer);
    close_client(admin);
}

/* Commits are lost on their way, and librdkafka would send them again after the last one. */
static void a_commit_is_not_undone_by_one_from_before(void) {
    const char *topic = fresh_name("commits"), *group = fresh_name("group");
    krs_mock far;
    krs_client consumer;
    krs_batch *batch = NULL;
    OK(krs_mock_open(1, &far, &err));
    OK(krs_mock_bootstrap(far, servers, sizeof servers, NULL, &err));
    send_values(topic, 0, 0, 20);
    consumer = open_client(KRS_CONSUMER, CONSUMER_SETTINGS, group, "auto.commit.interval.ms", "10",
                           "retry.backoff.ms", "2000", "retry.backoff.max.ms", "2000",
                           "reconnect.backoff.ms", "10", (char *)NULL);
    OK(krs_consumer_subscribe(consumer, &topic, 1, &err));
    expect_messages(consumer, &batch, 0, 1);
    OK(krs_mock_set_broker_delay(far, 1, 300, &err));
    for (int i = 1; i < 20; i++) {
        expect_messages(consumer, &batch, i, 1);
        work_for(20000); /* Commits leave, and are not answered yet. */
    }
    OK(krs_mock_set_broker_up(far, 1, 0, &err));
    OK(krs_mock_set_broker_delay(far, 1, 0, &err));
    OK(krs_mock_set_broker_up(far, 1, 1, &err));
    for (double end = seconds() + 30; committed_of(consumer, topic) < 19;) {
        CHECK(seconds() < end, "nothing is committed any more");
    }
    krs_batch_free(batch);
    CHECK(close_client(consumer).clean, "not all was committed");
    consumer = open_client(KRS_CONSUMER, CONSUMER_SETTINGS, group, (char *)NULL);
    CHECK(committed_of(consumer, topic) == 20, "%" PRId64, committed_of(consumer, topic));
    close_client(consumer);
    OK(krs_mock_close(far, &err));
}

TESTS(TEST(a_thousand_assignments_of_one_partition_each_give_rows),
      TEST(a_seek_is_exact_also_right_after_an_assignment),
      TEST(a_refused_seek_leaves_the_partition_alive),
      TEST(a_paused_partition_is_silent_and_loses_nothing),
      TEST(a_pause_right_after_an_assignment_holds_back_what_comes),
      TEST(an_empty_partition_may_be_paused_again_and_again),
      TEST(no_stale_row_after_a_seek_or_assignment_of_another_thread),
      TEST(position_and_committed_speak_of_what_was_delivered),
      TEST(a_commit_takes_nothing_of_a_batch_that_is_out),
      TEST(stored_offsets_are_the_applications_if_it_wants),
      TEST(a_commit_is_not_undone_by_one_from_before),
      TEST(partitions_are_added_and_removed_one_by_one), TEST(the_cluster_answers),
      TEST(topics_are_made_enlarged_and_deleted),
      TEST(a_log_that_is_made_anew_is_read_from_its_beginning))
