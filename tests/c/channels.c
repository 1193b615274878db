/* Promises on channels. */
#include "check.h"

#include <poll.h>
#include <pthread.h>

static krs_code send_number(krs_chan chan, uint64_t number, int32_t timeout_ms) {
    krs_message message = KRS_MESSAGE_INIT;
    krs_error why = KRS_ERROR_INIT;
    message.opaque = number;
    message.value.data = (const uint8_t *)&number;
    message.value.len = sizeof number;
    return krs_chan_send(chan, &message, timeout_ms, &why);
}

static krs_code recv_number(krs_chan chan, krs_batch **batch, uint64_t *number,
                            int32_t timeout_ms) {
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    krs_error why = KRS_ERROR_INIT;
    krs_code code = krs_chan_recv(chan, batch, KRS_ALL, 1, timeout_ms, &view, &why);
    if (code == KRS_OK) {
        CHECK(view.count == 1 && view.kind[0] == KRS_EVENT_MESSAGE, "%u rows", view.count);
        *number = view.opaque[0];
    } else {
        CHECK(view.count == 0, "%u rows after %s", view.count, krs_error_name(code));
    }
    return code;
}

static void a_channel_holds_as_many_as_its_capacity_in_order(void) {
    krs_chan chan = new_chan(3);
    krs_batch *batch = NULL;
    size_t len, capacity;
    uint64_t number;
    for (uint64_t i = 0; i < 3; i++) {
        OK(send_number(chan, i, 0));
    }
    EXPECT(KRS_ERR_WOULD_BLOCK, send_number(chan, 3, 0));
    EXPECT(KRS_ERR_TIMED_OUT, send_number(chan, 3, 20));
    OK(krs_chan_len(chan, &len, &capacity, &err));
    CHECK(len == 3 && capacity == 3, "%zu of %zu", len, capacity);
    for (uint64_t i = 0; i < 3; i++) {
        OK(recv_number(chan, &batch, &number, 0));
        CHECK(number == i, "%" PRIu64, number);
    }
    EXPECT(KRS_ERR_WOULD_BLOCK, recv_number(chan, &batch, &number, 0));
    EXPECT(KRS_ERR_TIMED_OUT, recv_number(chan, &batch, &number, 20));
    OK(krs_chan_free(chan, &err));
    EXPECT(KRS_ERR_CLOSED, recv_number(chan, &batch, &number, 0));
    krs_batch_free(batch);
}

static krs_code send_in_select(krs_chan chan) {
    krs_message message = KRS_MESSAGE_INIT;
    krs_case only = KRS_CASE_INIT;
    krs_error why = KRS_ERROR_INIT;
    size_t chosen;
    only.op = KRS_CASE_SEND;
    only.chan = chan;
    only.message = &message;
    return krs_chan_select(&only, 1, -1, &chosen, &why);
}

static void receivers_drain_a_closed_channel_first(void) {
    krs_chan chan = new_chan(10);
    krs_batch *batch = NULL;
    uint64_t number;
    OK(send_number(chan, 1, 0));
    OK(send_number(chan, 2, 0));
    OK(krs_chan_close(chan, &err));
    OK(krs_chan_close(chan, &err));
    EXPECT(KRS_ERR_CLOSED, send_number(chan, 3, -1));
    EXPECT(KRS_ERR_CLOSED, send_in_select(chan)); /* And this must not end it for receivers. */
    OK(recv_number(chan, &batch, &number, -1));
    OK(recv_number(chan, &batch, &number, -1));
    CHECK(number == 2, "%" PRIu64, number);
    EXPECT(KRS_ERR_CLOSED, recv_number(chan, &batch, &number, -1));
    EXPECT(KRS_ERR_CLOSED, recv_number(chan, &batch, &number, -1));
    krs_batch_free(batch);
}

static void what_is_not_delivered_comes_again(void) {
    krs_chan chan = new_chan(10);
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    for (uint64_t i = 0; i < 5; i++) {
        OK(send_number(chan, i, 0));
    }
    OK(krs_chan_recv(chan, &batch, KRS_ALL, 10, 0, &view, &err));
    CHECK(view.count == 5, "%u", view.count);
    OK(krs_chan_recv(chan, &batch, 2, 10, 0, &view, &err));
    CHECK(view.count == 3 && view.opaque[0] == 2, "%u rows from %" PRIu64, view.count,
          view.opaque[0]);
    OK(krs_chan_recv(chan, &batch, 0, 1, 0, &view, &err));
    CHECK(view.count == 1 && view.opaque[0] == 2, "%u rows", view.count);
    OK(krs_chan_recv(chan, &batch, KRS_ALL, 10, 0, &view, &err));
    CHECK(view.count == 2 && view.opaque[1] == 4, "%u rows", view.count);
    krs_batch_free(batch);
    OK(krs_chan_free(chan, &err));
}

typedef struct {
    krs_chan chan;
    krs_code code;
} waiter_t;

static void *wait_to_receive(void *arg) {
    waiter_t *waiter = arg;
    krs_batch *batch = NULL;
    uint64_t number;
    waiter->code = recv_number(waiter->chan, &batch, &number, -1);
    krs_batch_free(batch);
    return NULL;
}

static void *wait_to_send(void *arg) {
    waiter_t *waiter = arg;
    waiter->code = send_number(waiter->chan, 9, -1);
    return NULL;
}

static void closing_wakes_all_who_wait(void) {
    enum { EACH = 8 };
    pthread_t threads[2 * EACH];
    waiter_t waiters[2 * EACH];
    struct timespec moment = {0, 20000000};
    krs_chan empty = new_chan(1), full = new_chan(1);
    OK(send_number(full, 0, 0));
    for (int i = 0; i < 2 * EACH; i++) {
        waiters[i].chan = i < EACH ? empty : full;
        CHECK(pthread_create(&threads[i], NULL, i < EACH ? wait_to_receive : wait_to_send,
                             &waiters[i]) == 0,
              "thread");
    }
    nanosleep(&moment,
              NULL); /* Most wait by now; those who do not yet must see it closed as well. */
    OK(krs_chan_close(empty, &err));
    OK(krs_chan_close(full, &err));
    for (int i = 0; i < 2 * EACH; i++) {
        pthread_join(threads[i], NULL);
        CHECK(waiters[i].code == KRS_ERR_CLOSED, "%s", krs_error_name(waiters[i].code));
    }
}

static void without_capacity_a_send_ends_when_a_receiver_has_it(void) {
    krs_chan chan = new_chan(0);
    krs_batch *batch = NULL;
    uint64_t number;
    pthread_t thread;
    waiter_t sender = {chan, KRS_ERR_INTERNAL};
    EXPECT(KRS_ERR_WOULD_BLOCK, send_number(chan, 1, 0));
    EXPECT(KRS_ERR_TIMED_OUT, send_number(chan, 1, 20));
    EXPECT(KRS_ERR_WOULD_BLOCK, recv_number(chan, &batch, &number, 0));
    CHECK(pthread_create(&thread, NULL, wait_to_send, &sender) == 0, "thread");
    OK(recv_number(chan, &batch, &number, PATIENCE_MS));
    CHECK(number == 9, "%" PRIu64, number);
    pthread_join(thread, NULL);
    OK(sender.code);
    /* A receiver that has gone again gets nothing. */
    EXPECT(KRS_ERR_TIMED_OUT, recv_number(chan, &batch, &number, 20));
    EXPECT(KRS_ERR_WOULD_BLOCK, send_number(chan, 1, 0));
    krs_batch_free(batch);
    OK(krs_chan_free(chan, &err));
}

/* ---- many threads -------------------------------------------------------------------------- */

enum { SENDERS = 4, RECEIVERS = 4, EACH_SENDS = 20000 };

typedef struct {
    krs_chan chans[3];
    unsigned char *seen;
    pthread_mutex_t lock;
    uint64_t first;
} crowd_t;

/* Sends each number to one of the channels, whichever has room. */
static void *crowd_send(void *arg) {
    crowd_t *crowd = arg;
    krs_error why = KRS_ERROR_INIT;
    uint64_t first;
    pthread_mutex_lock(&crowd->lock);
    first = crowd->first;
    crowd->first += EACH_SENDS;
    pthread_mutex_unlock(&crowd->lock);
    for (uint64_t number = first; number < first + EACH_SENDS; number++) {
        krs_message message = KRS_MESSAGE_INIT;
        krs_case cases[3] = {KRS_CASE_INIT, KRS_CASE_INIT, KRS_CASE_INIT};
        size_t chosen;
        message.opaque = number;
        for (int i = 0; i < 3; i++) {
            cases[i].op = KRS_CASE_SEND;
            cases[i].chan = crowd->chans[i];
            cases[i].message = &message;
        }
        krs_code code = krs_chan_select(cases, 3, PATIENCE_MS, &chosen, &why);
        CHECK(code == KRS_OK, "select: %s", why.message);
    }
    return NULL;
}

/* Receives from whichever has something, until all are closed. */
static void *crowd_receive(void *arg) {
    crowd_t *crowd = arg;
    krs_error why = KRS_ERROR_INIT;
    krs_batch *batches[3] = {NULL, NULL, NULL};
    krs_batch_view views[3] = {KRS_BATCH_VIEW_INIT, KRS_BATCH_VIEW_INIT, KRS_BATCH_VIEW_INIT};
    krs_case cases[3] = {KRS_CASE_INIT, KRS_CASE_INIT, KRS_CASE_INIT};
    int open = 3;
    for (int i = 0; i < 3; i++) {
        cases[i].op = KRS_CASE_RECV;
        cases[i].chan = crowd->chans[i];
        cases[i].batch = &batches[i];
        cases[i].view = &views[i];
        cases[i].max = 7;
    }
    while (open > 0) {
        size_t chosen;
        krs_code code = krs_chan_select(cases, 3, PATIENCE_MS, &chosen, &why);
        if (code == KRS_ERR_CLOSED) {
            CHECK(chosen < 3 && cases[chosen].chan.id != 0, "case %zu", chosen);
            cases[chosen].chan.id = 0;
            open--;
            continue;
        }
        CHECK(code == KRS_OK, "select: %s", why.message);
        pthread_mutex_lock(&crowd->lock);
        for (uint32_t row = 0; row < views[chosen].count; row++) {
            crowd->seen[views[chosen].opaque[row]]++;
        }
        pthread_mutex_unlock(&crowd->lock);
    }
    for (int i = 0; i < 3; i++) {
        krs_batch_free(batches[i]);
    }
    return NULL;
}

static void many_threads_select_and_every_message_arrives_once(void) {
    pthread_t senders[SENDERS], receivers[RECEIVERS];
    crowd_t crowd = {{new_chan(0), new_chan(1), new_chan(100)}, NULL, PTHREAD_MUTEX_INITIALIZER, 0};
    crowd.seen = calloc(SENDERS * EACH_SENDS, 1);
    CHECK(crowd.seen != NULL, "memory");
    for (int i = 0; i < RECEIVERS; i++) {
        CHECK(pthread_create(&receivers[i], NULL, crowd_receive, &crowd) == 0, "thread");
    }
    for (int i = 0; i < SENDERS; i++) {
        CHECK(pthread_create(&senders[i], NULL, crowd_send, &crowd) == 0, "thread");
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(senders[i], NULL);
    }
    for (int i = 0; i < 3; i++) {
        OK(krs_chan_close(crowd.chans[i], &err));
    }
    for (int i = 0; i < RECEIVERS; i++) {
        pthread_join(receivers[i], NULL);
    }
    for (int i = 0; i < SENDERS * EACH_SENDS; i++) {
        CHECK(crowd.seen[i] == 1, "%d arrived %d times", i, crowd.seen[i]);
    }
    printf("%d messages from %d senders to %d receivers over 3 channels, each once\n",
           SENDERS * EACH_SENDS, SENDERS, RECEIVERS);
    free(crowd.seen);
}

static void select_is_fair_and_has_a_default_and_a_deadline(void) {
    enum { ROUNDS = 4000 };
    krs_chan chans[2] = {new_chan(ROUNDS), new_chan(ROUNDS)};
    krs_batch *batches[2] = {NULL, NULL};
    krs_batch_view views[2] = {KRS_BATCH_VIEW_INIT, KRS_BATCH_VIEW_INIT};
    krs_case cases[3] = {KRS_CASE_INIT, KRS_CASE_INIT, KRS_CASE_INIT};
    size_t chosen, times[2] = {0, 0};
    double start;
    for (int i = 0; i < 2; i++) {
        cases[i].op = KRS_CASE_RECV;
        cases[i].chan = chans[i];
        cases[i].batch = &batches[i];
        cases[i].view = &views[i];
        cases[i].max = 1;
    }
    cases[2] = cases[0]; /* No channel: never ready. */
    cases[2].chan.id = 0;
    EXPECT(KRS_ERR_WOULD_BLOCK, krs_chan_select(cases, 2, 0, &chosen, &err));
    CHECK(chosen == 2, "%zu", chosen);
    start = seconds();
    EXPECT(KRS_ERR_TIMED_OUT, krs_chan_select(cases, 2, 50, &chosen, &err));
    CHECK(seconds() - start >= 0.045, "%.3f s", seconds() - start);
    for (int round = 0; round < ROUNDS; round++) {
        OK(send_number(chans[0], 0, 0));
        OK(send_number(chans[1], 1, 0));
    }
    for (int round = 0; round < ROUNDS; round++) {
        OK(krs_chan_select(cases, 2, 0, &chosen, &err));
        CHECK(views[chosen].opaque[0] == chosen, "%" PRIu64, views[chosen].opaque[0]);
        times[chosen]++;
    }
    CHECK(times[0] > ROUNDS / 3 && times[1] > ROUNDS / 3, "%zu and %zu", times[0], times[1]);
    OK(krs_chan_free(chans[0], &err));
    krs_batch_free(batches[0]);
    krs_batch_free(batches[1]);
    OK(krs_chan_free(chans[1], &err));
    printf("of two ready cases one was chosen %zu times, the other %zu\n", times[0], times[1]);
}

/* A batch that is not done with is kept from select by a channel of none. */
static void select_leaves_the_batch_of_a_case_without_a_channel_alone(void) {
    krs_chan chans[2] = {new_chan(10), new_chan(10)};
    krs_batch *batches[2] = {NULL, NULL};
    krs_batch_view views[2] = {KRS_BATCH_VIEW_INIT, KRS_BATCH_VIEW_INIT};
    krs_case cases[2] = {KRS_CASE_INIT, KRS_CASE_INIT};
    uint64_t number;
    size_t chosen;
    for (int i = 0; i < 2; i++) {
        cases[i].op = KRS_CASE_RECV;
        cases[i].chan = chans[i];
        cases[i].batch = &batches[i];
        cases[i].view = &views[i];
        cases[i].max = 10;
    }
    for (uint64_t i = 0; i < 3; i++) {
        OK(send_number(chans[0], i, 0));
    }
    OK(krs_chan_select(cases, 2, 0, &chosen, &err));
    CHECK(chosen == 0 && views[0].count == 3, "case %zu, %u rows", chosen, views[0].count);

    cases[0].chan.id = 0;
    OK(send_number(chans[1], 7, 0));
    OK(krs_chan_select(cases, 2, PATIENCE_MS, &chosen, &err));
    CHECK(chosen == 1 && views[1].opaque[0] == 7, "case %zu", chosen);
    EXPECT(KRS_ERR_TIMED_OUT, krs_chan_select(cases, 1, 10, &chosen, &err));
    CHECK(chosen == 1, "case %zu of one without a channel", chosen);
    CHECK(views[0].count == 3 && views[0].opaque[2] == 2, "the first batch is gone");

    /* With its channel the case gives the batch back, chosen or not: two of three were done. */
    cases[0].chan = chans[0];
    cases[0].delivered = 2;
    OK(send_number(chans[1], 8, 0));
    do {
        OK(krs_chan_select(cases, 2, PATIENCE_MS, &chosen, &err));
        cases[0].delivered = 0; /* The third may come before the 8. */
    } while (chosen != 1);
    CHECK(views[0].count == 0 && views[1].opaque[0] == 8, "%u rows", views[0].count);
    cases[0].chan.id = 0;
    OK(recv_number(chans[0], &batches[0], &number, 0));
    CHECK(number == 2, "%" PRIu64 " comes again", number);
    for (int i = 0; i < 2; i++) {
        krs_batch_free(batches[i]);
        OK(krs_chan_free(chans[i], &err));
    }
}

static bool readable(int fd, int timeout_ms) {
    struct pollfd wait = {fd, POLLIN, 0};
    return poll(&wait, 1, timeout_ms) == 1;
}

static void the_descriptor_is_readable_while_there_is_something(void) {
    krs_chan chan = new_chan(10), reports;
    krs_batch *batch = NULL;
    uint64_t number;
    krs_client producer;
    krs_message message = KRS_MESSAGE_INIT;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    int fd = -1;
    OK(krs_chan_fd(chan, &fd, &err));
    CHECK(!readable(fd, 0), "nothing was sent");
    OK(send_number(chan, 1, 0));
    OK(send_number(chan, 2, 0));
    CHECK(readable(fd, 0), "sent");
    OK(recv_number(chan, &batch, &number, 0));
    CHECK(readable(fd, 0), "one is left");
    OK(recv_number(chan, &batch, &number, 0));
    CHECK(!readable(fd, 0), "all was received");
    OK(krs_chan_close(chan, &err));
    CHECK(readable(fd, 0), "closed");
    EXPECT(KRS_ERR_CLOSED, recv_number(chan, &batch, &number, 0));

    /* A report channel: nobody calls the library until the report is there. */
    producer = open_client(KRS_PRODUCER, "linger.ms", "0", (char *)NULL);
    reports = new_chan(1);
    OK(krs_chan_fd(reports, &fd, &err));
    message.topic = topic_of(producer, fresh_name("fd"));
    message.report = reports;
    OK(krs_producer_send(producer, &message, 0, &err));
    do {
        CHECK(readable(fd, PATIENCE_MS), "the report is there");
    } while (krs_chan_recv(reports, &batch, KRS_ALL, 1, 0, &view, &err) == KRS_ERR_WOULD_BLOCK);
    CHECK(view.count == 1 && view.kind[0] == KRS_EVENT_REPORT, "%s", err.message);
    CHECK(!readable(fd, 0), "received");
    krs_batch_free(batch);
    close_client(producer);
}

static void a_produce_channel_blocks_its_sender_while_the_queue_is_full(void) {
    krs_client producer =
        open_client(KRS_PRODUCER, "queue.buffering.max.messages", "100", "linger.ms", "0",
                    "go.delivery.reports", "false", (char *)NULL);
    krs_chan produce = {0};
    krs_message message = KRS_MESSAGE_INIT;
    size_t capacity;
    message.topic = topic_of(producer, fresh_name("produce"));
    message.value = bytes("x");
    OK(krs_producer_channel(producer, &produce, &err));
    for (int i = 0; i < 20000; i++) {
        OK(krs_chan_send(produce, &message, PATIENCE_MS, &err));
    }
    OK(krs_producer_flush(producer, PATIENCE_MS, NULL, &err));
    OK(krs_chan_len(produce, NULL, &capacity, &err));
    CHECK(capacity == 1000000, "%zu", capacity);
    EXPECT(KRS_ERR_ARGUMENT, krs_chan_close(produce, &err));
    close_client(producer);
    EXPECT(KRS_ERR_CLOSED, krs_chan_send(produce, &message, 0, &err));
}

/* ---- many senders ---------------------------------------------------------------------------- */

enum { CROWD = 16, ENOUGH = 5000 };

typedef struct {
    krs_client producer;
    krs_topic topic;
    int *stop;
    long sent;
} sender_t;

static void *send_until_told(void *arg) {
    sender_t *sender = arg;
    krs_message message = KRS_MESSAGE_INIT;
    message.topic = sender->topic;
    message.value = bytes("x");
    while (!__atomic_load_n(sender->stop, __ATOMIC_SEQ_CST)) {
        OK(krs_producer_send(sender->producer, &message, PATIENCE_MS, &err));
        __atomic_add_fetch(&sender->sent, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void look_at(const sender_t *senders, long *least, long *most) {
    *most = 0;
    for (int i = 0; i < CROWD; i++) {
        long sent = __atomic_load_n(&senders[i].sent, __ATOMIC_SEQ_CST);
        *least = i == 0 || sent < *least ? sent : *least;
        *most = sent > *most ? sent : *most;
    }
}

static void senders_that_wait_for_room_get_equal_shares(void) {
    krs_client producer =
        open_client(KRS_PRODUCER, "queue.buffering.max.messages", "500", "linger.ms", "5",
                    "go.delivery.reports", "false", (char *)NULL);
    krs_topic topic = topic_of(producer, fresh_name("shares"));
    pthread_t threads[CROWD];
    sender_t senders[CROWD];
    long least = 0, most = 0;
    int stop = 0;
    double start = seconds();
    for (int i = 0; i < CROWD; i++) {
        senders[i] = (sender_t){producer, topic, &stop, 0};
        CHECK(pthread_create(&threads[i], NULL, send_until_told, &senders[i]) == 0, "thread");
    }
    /* Until all have much, or one has what all should have and some have little. */
    while (least < ENOUGH && most < 4 * ENOUGH) {
        CHECK(seconds() < start + 60, "%ld to %ld", least, most);
        work_for(1000);
        look_at(senders, &least, &most);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(2 * least > most, "%ld to %ld", least, most);
    printf("%d senders: %ld to %ld messages each in %.1f s\n", CROWD, least, most,
           seconds() - start);
    close_client(producer);
}

TESTS(TEST(a_channel_holds_as_many_as_its_capacity_in_order),
      TEST(receivers_drain_a_closed_channel_first), TEST(what_is_not_delivered_comes_again),
      TEST(closing_wakes_all_who_wait), TEST(without_capacity_a_send_ends_when_a_receiver_has_it),
      TEST(many_threads_select_and_every_message_arrives_once),
      TEST(select_is_fair_and_has_a_default_and_a_deadline),
      TEST(select_leaves_the_batch_of_a_case_without_a_channel_alone),
      TEST(the_descriptor_is_readable_while_there_is_something),
      TEST(a_produce_channel_blocks_its_sender_while_the_queue_is_full),
      TEST(senders_that_wait_for_room_get_equal_shares))
