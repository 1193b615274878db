#include "krs.h"

/* The lengths of keys and header values, so that both sides look at them. */
static void read_extras(drain_t *drain) {
    const krs_batch_view *view = &drain->view;
    for (uint32_t row = 0; row < view->count; row++) {
        drain->extras += (size_t)(view->key.offsets[row + 1] - view->key.offsets[row]);
        for (uint32_t h = view->header_start[row]; h < view->header_start[row + 1]; h++) {
            drain->extras +=
                (size_t)(view->header_value.offsets[h + 1] - view->header_value.offsets[h]);
        }
    }
}

static void by_batch(drain_t *drain, bool extras) {
    if (!take_rows(drain, KRS_EVENT_MESSAGE, PATIENCE_MS)) {
        fail("consume", "no row in a minute");
    }
    if (extras) {
        read_extras(drain);
    }
}

static void by_poll(drain_t *drain, bool extras) {
    krs_error err = KRS_ERROR_INIT;
    krs_row row = KRS_ROW_INIT;
    must(krs_client_poll(drain->client, &drain->batch, PATIENCE_MS, &row, &err), &err, "poll");
    if (row.kind != KRS_EVENT_MESSAGE) {
        return;
    }
    drain->taken++;
    drain->bytes += row.value.len;
    if (extras) {
        drain->extras += row.key.len;
    }
}

static void consume(const work_t *work, void (*take)(drain_t *drain, bool extras)) {
    moment_t start = {0};
    size_t first = 0; /* What was taken before the start. */
    drain_t drain = drain_of(open_consumer(work));
    while (drain.taken < work->messages) {
        take(&drain, work->extras);
        if (start.wall == 0 && drain.taken > warm_up(work)) {
            start = now();
            first = drain.taken;
            drain.bytes = 0;
        }
    }
    print_result(drain.taken - first, drain.bytes, start, "");
    krs_batch_free(drain.batch);
    close_client(drain.client);
}

void way_batch(const work_t *work) { consume(work, by_batch); }
void way_poll(const work_t *work) { consume(work, by_poll); }

static void *read_share(void *argument) {
    const work_t *work = argument;
    drain_t drain = drain_of(open_consumer(work));
    while (drain.taken < share_of(work)) {
        by_batch(&drain, false);
    }
    return NULL;
}

void way_consumers(const work_t *work) { in_threads(work, read_share); }
