/* The promise that no stale row comes out, while everything happens at once: members join, leave
 * and are killed, and other threads of theirs seek, assign, pause and receive.
 *
 * What can be known from outside: all that a member does to a partition, or has done to it by the
 * group, is a step. A receive brings rows of the steps from the last one that was done when it
 * began to the last one that had begun when it returned. At the end, all rows are held against the
 * steps. */
#include "group.h"

enum { MOST_RECEIVERS = 2 };

/* What holds from a step on. */
typedef struct {
    int64_t start; /* The first row after it, if `moved`; -1 = not known. */
    bool moved;    /* Rows from before are stale. */
    bool silent;   /* No row comes: paused, or not ours. */
    const char *why;
} step_t;

/* A row that came out. */
typedef struct {
    int64_t offset;
    int from, to;   /* Between which steps. */
    bool delivered; /* Otherwise it was passed back, and comes again. */
} sight_t;

typedef struct {
    step_t *steps;
    int begun, done;
    size_t steps_room;
    sight_t *sights;
    size_t count, room;
    bool owned, paused;
} track_t;

typedef struct {
    group_t *group;
    krs_client consumer;
    track_t tracks[PARTITIONS];
    pthread_mutex_t acts; /* Whoever takes a step. */
    pthread_mutex_t sightings;
    pthread_t receivers[MOST_RECEIVERS], meddler;
    int receiver_count, leave, quiet;
    unsigned seed;
    bool open;
} member_t;

/* What all members saw and did, for a person. */
static struct {
    long rows, seeks, pauses, assigns, refused, answered_here;
    uint64_t stale;
    int64_t highest[PARTITIONS]; /* Offsets that exist. */
} total;

static void count(long *which) { __atomic_add_fetch(which, 1, __ATOMIC_SEQ_CST); }

/* ---- steps and sights ---------------------------------------------------------------------- */

static void *grown(void *memory, size_t *room, size_t needed, size_t size) {
    if (needed > *room) {
        *room = needed * 2;
        memory = realloc(memory, *room * size);
        CHECK(memory != NULL, "memory");
    }
    return memory;
}

static void begin(track_t *track) { __atomic_add_fetch(&track->begun, 1, __ATOMIC_SEQ_CST); }

static void end(track_t *track, step_t step) {
    size_t needed = (size_t)track->begun + 1;
    track->steps = grown(track->steps, &track->steps_room, needed, sizeof step);
    track->steps[track->begun] = step;
    __atomic_store_n(&track->done, track->begun, __ATOMIC_SEQ_CST);
}

/* The step that changed nothing. */
static void end_as_before(track_t *track, const char *why) {
    step_t step = track->steps[track->begun - 1];
    step.moved = false;
    step.why = why;
    end(track, step);
}

static void end_moved(track_t *track, int64_t start, const char *why) {
    step_t step = {start, true, !track->owned || track->paused, why};
    end(track, step);
}

static void end_still(track_t *track, const char *why) {
    step_t step = {-1, false, !track->owned || track->paused, why};
    end(track, step);
}

static void note_done(const member_t *member, int *done) {
    for (int p = 0; p < PARTITIONS; p++) {
        done[p] = __atomic_load_n(&member->tracks[p].done, __ATOMIC_SEQ_CST);
    }
}

static void see(member_t *member, int32_t p, int64_t offset, const int *done, bool delivered) {
    track_t *track = &member->tracks[p];
    sight_t sight = {offset, done[p], __atomic_load_n(&track->begun, __ATOMIC_SEQ_CST), delivered};
    pthread_mutex_lock(&member->sightings);
    track->sights = grown(track->sights, &track->room, track->count + 1, sizeof sight);
    track->sights[track->count++] = sight;
    if (offset > total.highest[p]) {
        total.highest[p] = offset;
    }
    pthread_mutex_unlock(&member->sightings);
    count(&total.rows);
    __atomic_add_fetch(&member->group->arrived, 1, __ATOMIC_SEQ_CST);
}

/* ---- the check at the end ------------------------------------------------------------------ */

static bool all_silent(const track_t *track, const sight_t *sight) {
    for (int step = sight->from; step <= sight->to; step++) {
        if (!track->steps[step].silent) {
            return false;
        }
    }
    return true;
}

static bool moved_within(const track_t *track, int from, int to) {
    for (int step = from + 1; step <= to; step++) {
        if (track->steps[step].moved) {
            return true;
        }
    }
    return false;
}

/* What happened around a step, for who looks for a cause. */
static void tell(const track_t *track, int step) {
    for (int i = step < 8 ? 0 : step - 8; i <= step + 3 && i <= track->done; i++) {
        fprintf(stderr, "step %d: %s, from %" PRId64 "%s\n", i, track->steps[i].why,
                track->steps[i].start, track->steps[i].silent ? ", silent" : "");
    }
    for (size_t i = 0; i < track->count; i++) {
        const sight_t *sight = &track->sights[i];
        if (sight->to >= step - 1 && sight->from <= step + 1) {
            fprintf(stderr, "  row %" PRId64 " in steps %d to %d%s\n", sight->offset, sight->from,
                    sight->to, sight->delivered ? "" : ", passed back");
        }
    }
}

/* The rows between one step that moved, `first`, and the next, which is after `last`. */
static void check_stretch(const track_t *track, int p, int first, int last, bool whole) {
    int64_t start = track->steps[first].start, end = 0;
    unsigned char *seen;
    for (size_t i = 0; i < track->count; i++) { /* What is certain to be of this stretch. */
        const sight_t *sight = &track->sights[i];
        if (sight->from >= first && sight->to <= last) {
            if (sight->offset < track->steps[first].start) {
                tell(track, first);
                CHECK(false, "%" PRId64 " of %d after it was %s from %" PRId64, sight->offset, p,
                      track->steps[first].why, track->steps[first].start);
            }
            start = start < 0 || sight->offset < start ? sight->offset : start;
            end = sight->delivered && sight->offset >= end ? sight->offset + 1 : end;
        }
    }
    if (end == 0) {
        return;
    }
    seen = calloc((size_t)(end - start), 1);
    CHECK(seen != NULL, "memory");
    for (size_t i = 0; i < track->count; i++) {
        const sight_t *sight = &track->sights[i];
        bool certain = sight->from >= first && sight->to <= last;
        bool possible = sight->from <= last && sight->to >= first;
        if (possible && sight->delivered && sight->offset >= start && sight->offset < end) {
            CHECK(!certain || seen[sight->offset - start] != 2, "%" PRId64 " of %d came twice",
                  sight->offset, p);
            seen[sight->offset - start] = certain ? 2 : seen[sight->offset - start] | 1;
        }
    }
    for (int64_t offset = start; whole && offset < end; offset++) {
        if (!seen[offset - start]) {
            tell(track, last);
        }
        CHECK(seen[offset - start], "%" PRId64 " of %d, from %" PRId64 " to %" PRId64 ", is lost",
              offset, p, start, end);
    }
    free(seen);
}

/* What another receiver still has when a stretch ends is rightly never seen. */
static void check_track(const track_t *track, int p, bool one_receiver) {
    for (size_t i = 0; i < track->count; i++) {
        const sight_t *sight = &track->sights[i];
        if (all_silent(track, sight)) {
            tell(track, sight->from);
            CHECK(false, "%" PRId64 " of %d after it was %s (steps %d to %d)", sight->offset, p,
                  track->steps[sight->from].why, sight->from, sight->to);
        }
    }
    for (int first = 0, last; first <= track->done; first = last + 1) {
        for (last = first; last < track->done && !moved_within(track, last, last + 1);) {
            last++;
        }
        check_stretch(track, p, first, last, one_receiver || last == track->done);
    }
}

/* An offset that exists, not so far back that most of the time would go into reading. */
static int64_t somewhere(member_t *member, int p) {
    int64_t highest = __atomic_load_n(&total.highest[p], __ATOMIC_SEQ_CST);
    int64_t back = rand_r(&member->seed) % 2000;
    return highest > back ? highest - back : 0;
}

/* ---- rebalances ---------------------------------------------------------------------------- */

static bool is_cooperative(krs_client consumer) {
    const char *protocol = NULL;
    OK(krs_consumer_rebalance_protocol(consumer, &protocol, &err));
    return strcmp(protocol, "COOPERATIVE") == 0;
}

/* The partitions of one rebalance, and how one receiver comes back for more. */
typedef struct {
    member_t *member;
    krs_chan events;
    krs_batch *batch;
    krs_batch_view view;
    krs_row row; /* What came out while a rebalance was left to the core. */
    int32_t list[PARTITIONS];
    size_t count;
    int done[PARTITIONS];
    bool by_rows, row_waits, ours;
} receiver_t;

static void revoked(receiver_t *receiver) {
    member_t *member = receiver->member;
    bool one_by_one = is_cooperative(member->consumer);
    partitions_t list;
    size_t left = 0;
    krs_code code;
    partitions(&list, member->group->topic, 0, 0, KRS_OFFSET_NONE);
    for (size_t i = 0; i < receiver->count; i++) {
        track_t *track = &member->tracks[receiver->list[i]];
        if (track->owned) {
            list.partition[left] = receiver->list[i];
            list.offset[left++] = KRS_OFFSET_NONE;
            track->owned = track->paused = false;
            begin(track);
            end_moved(track, -1, "revoked");
        }
    }
    list.columns.count = left;
    if (receiver->ours) {
        code = one_by_one
                   ? krs_consumer_assign(member->consumer, KRS_ASSIGN_REMOVE, &list.columns, &err)
                   : krs_consumer_assign(member->consumer, KRS_ASSIGN_REPLACE, NULL, &err);
        /* The meddler may have answered already, with a removal of its own. */
        CHECK(code == KRS_OK || code == KRS_ERR_STATE, "%s", err.message);
    }
}

/* The receiver passes its rows back, which lets the core answer. */
static void leave_it_to_the_core(receiver_t *receiver) {
    krs_code code;
    if (receiver->by_rows) {
        note_done(receiver->member, receiver->done);
        code =
            krs_client_poll(receiver->member->consumer, &receiver->batch, 0, &receiver->row, &err);
        receiver->row_waits = code == KRS_OK;
    } else {
        code =
            krs_chan_recv(receiver->events, &receiver->batch, KRS_ALL, 0, 0, &receiver->view, &err);
    }
    CHECK(code == KRS_OK || code == KRS_ERR_WOULD_BLOCK, "%s", err.message);
}

static void assigned(receiver_t *receiver) {
    member_t *member = receiver->member;
    bool one_by_one = is_cooperative(member->consumer);
    partitions_t list;
    size_t added = 0;
    krs_code code = KRS_OK;
    partitions(&list, member->group->topic, 0, 0, KRS_OFFSET_NONE);
    for (size_t i = 0; i < receiver->count; i++) {
        int32_t p = receiver->list[i];
        bool here = receiver->ours && rand_r(&member->seed) % 2 == 0;
        list.partition[added] = p;
        list.offset[added++] = here ? somewhere(member, p) : -1001;
        begin(&member->tracks[p]);
    }
    list.columns.count = added;
    if (receiver->ours) {
        uint32_t how = one_by_one ? KRS_ASSIGN_ADD : KRS_ASSIGN_REPLACE;
        code = krs_consumer_assign(member->consumer, how, &list.columns, &err);
        /* Others may have begun to take it away. */
        CHECK(code == KRS_OK || code == KRS_ERR_STATE, "%s", err.message);
        count(&total.answered_here);
    } else {
        leave_it_to_the_core(receiver);
    }
    for (size_t i = 0; i < added; i++) {
        track_t *track = &member->tracks[list.partition[i]];
        track->owned = code == KRS_OK;
        track->paused = false;
        end_moved(track, list.offset[i] >= 0 ? list.offset[i] : -1,
                  !track->owned    ? "assignment refused"
                  : receiver->ours ? "assigned here"
                                   : "assigned by the core");
    }
}

/* Every other rebalance is answered here, the others by the core. */
static void on_rebalance(receiver_t *receiver, uint8_t kind, int32_t partition, bool more) {
    member_t *member = receiver->member;
    if (partition >= 0) {
        receiver->list[receiver->count++] = partition;
    }
    if (more) {
        return;
    }
    receiver->ours = !receiver->ours;
    pthread_mutex_lock(&member->acts);
    if (kind == KRS_EVENT_ASSIGN) {
        assigned(receiver);
        count(&member->group->assigns);
    } else {
        revoked(receiver);
        count(&member->group->revokes);
    }
    pthread_mutex_unlock(&member->acts);
    receiver->count = 0;
}

/* ---- receiving ----------------------------------------------------------------------------- */

static void check_value(int32_t partition, int64_t offset, int number) {
    CHECK(number == offset * PARTITIONS + partition, "%d at %" PRId64 " of %d", number, offset,
          partition);
}

/* A seek that failed later would be told so. (What is no partition's may be: the group may have
 * heard of the topic before this broker has.) */
static void expect_no_error(const krs_row *row) {
    CHECK(row->kind != KRS_EVENT_ERROR || row->partition < 0, "%s of %d at %" PRId64 ": %.*s",
          krs_error_name(row->code), row->partition, row->offset, (int)row->value.len,
          (const char *)row->value.data);
}

static void take_row(receiver_t *receiver) {
    member_t *member = receiver->member;
    krs_row row = receiver->row;
    krs_code code = KRS_OK;
    if (receiver->row_waits) {
        receiver->row_waits = false;
    } else {
        note_done(member, receiver->done);
        code = krs_client_poll(member->consumer, &receiver->batch, 20, &receiver->row, &err);
        row = receiver->row;
    }
    if (code == KRS_ERR_TIMED_OUT || code == KRS_ERR_WOULD_BLOCK) {
        return;
    }
    CHECK(code == KRS_OK, "%s", err.message);
    expect_no_error(&row);
    if (row.kind == KRS_EVENT_MESSAGE) {
        check_value(row.partition, row.offset, number_of(row.value));
        see(member, row.partition, row.offset, receiver->done, true);
    } else if (row.kind == KRS_EVENT_ASSIGN || row.kind == KRS_EVENT_REVOKE) {
        if (row.flags & KRS_ROW_LOST) {
            count(&member->group->lost);
        }
        on_rebalance(receiver, row.kind, row.partition, row.flags & KRS_ROW_MORE);
    }
}

/* Deals with a batch, or only with a part of it; returns how many rows count. */
static uint32_t take_batch(receiver_t *receiver, bool all) {
    member_t *member = receiver->member;
    const krs_batch_view *view = &receiver->view;
    uint32_t until = view->count, row;
    krs_row whole = KRS_ROW_INIT;
    for (row = 0; row < view->count && view->kind[row] != KRS_EVENT_MESSAGE; row++) {
        bool more = view->flags[row] & KRS_ROW_MORE;
        OK(krs_batch_row(receiver->batch, row, &whole, &err));
        expect_no_error(&whole);
        if (view->kind[row] == KRS_EVENT_ASSIGN || view->kind[row] == KRS_EVENT_REVOKE) {
            uint8_t kind = view->kind[row];
            int32_t partition = view->partition[row];
            bool last = row + 1 == view->count;
            on_rebalance(receiver, kind, partition, more);
            if (last) {
                return KRS_ALL; /* The view may be over. */
            }
        }
    }
    if (!all && rand_r(&member->seed) % 4 == 0) {
        until = row + rand_r(&member->seed) % (view->count - row + 1);
    }
    for (; row < view->count; row++) {
        if (!all && row < until && __atomic_load_n(view->attention, __ATOMIC_SEQ_CST)) {
            until = row;
        }
        OK(krs_batch_row(receiver->batch, row, &whole, &err));
        expect_no_error(&whole);
        if (whole.kind == KRS_EVENT_MESSAGE) {
            check_value(whole.partition, whole.offset, number_of(whole.value));
            see(member, whole.partition, whole.offset, receiver->done, row < until);
        }
    }
    return until;
}

static uint32_t receive_batch(receiver_t *receiver, uint32_t delivered, int32_t timeout_ms) {
    krs_code code;
    note_done(receiver->member, receiver->done);
    code = krs_chan_recv(receiver->events, &receiver->batch, delivered, 50, timeout_ms,
                         &receiver->view, &err);
    if (code == KRS_OK) {
        return take_batch(receiver, timeout_ms == 0);
    }
    CHECK(code == KRS_ERR_TIMED_OUT || code == KRS_ERR_WOULD_BLOCK, "%s", err.message);
    return KRS_ALL;
}

static receiver_t new_receiver(member_t *member) {
    receiver_t receiver = {.member = member,
                           .events = events_of(member->consumer),
                           .view = KRS_BATCH_VIEW_INIT,
                           .row = KRS_ROW_INIT};
    return receiver;
}

static bool left(member_t *member) { return __atomic_load_n(&member->leave, __ATOMIC_SEQ_CST); }

static void *receive_rows(void *arg) {
    member_t *member = arg;
    receiver_t receiver = new_receiver(member);
    receiver.by_rows = true;
    for (int i = 0; !left(member) || receiver.row_waits || receiver.count > 0; i++) {
        take_row(&receiver); /* Whoever leaves does so between two events. */
        if (i % 20 == 0) {
            work_for(1000);
        }
    }
    krs_batch_free(receiver.batch);
    return NULL;
}

/* Passes rows back at once, or only when more are wanted. */
static uint32_t pass_back(receiver_t *receiver, uint32_t delivered) {
    if (delivered == KRS_ALL || rand_r(&receiver->member->seed) % 2 == 0) {
        return delivered;
    }
    OK(krs_chan_recv(receiver->events, &receiver->batch, delivered, 0, 0, &receiver->view, &err));
    return KRS_ALL;
}

static void *receive_batches(void *arg) {
    member_t *member = arg;
    receiver_t receiver = new_receiver(member);
    uint32_t delivered = KRS_ALL;
    while (!left(member)) {
        delivered = pass_back(&receiver, receive_batch(&receiver, delivered, 20));
        work_for(2000);
    }
    OK(krs_chan_recv(receiver.events, &receiver.batch, delivered, 0, 0, &receiver.view, &err));
    krs_batch_free(receiver.batch);
    return NULL;
}

/* Takes what the receivers passed back when they ended. */
static void receive_the_rest(member_t *member) {
    receiver_t receiver = new_receiver(member);
    krs_stats stats = KRS_STATS_INIT;
    do {
        receive_batch(&receiver, KRS_ALL, 0);
        OK(krs_client_stats(member->consumer, &stats, &err));
    } while (stats.rows_held > 0);
    total.stale += stats.rows_stale;
    krs_batch_free(receiver.batch);
}

/* ---- meddling ------------------------------------------------------------------------------ */

/* Lists up to `most` partitions that are owned, from `first` on, each with a place to begin a step
 * at; returns how many. */
static size_t begin_elsewhere(member_t *member, partitions_t *list, int32_t first, size_t most) {
    size_t n = 0;
    partitions(list, member->group->topic, 0, 0, 0);
    for (int32_t i = 0; i < PARTITIONS && n < most; i++) {
        int32_t p = (first + i) % PARTITIONS;
        if (member->tracks[p].owned) {
            list->partition[n] = p;
            list->offset[n++] = somewhere(member, p);
            begin(&member->tracks[p]);
        }
    }
    list->columns.count = n;
    return n;
}

static void seek_some(member_t *member, bool several) {
    krs_batch *answer = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    partitions_t list;
    int32_t first = (int32_t)(rand_r(&member->seed) % PARTITIONS);
    size_t n = begin_elsewhere(member, &list, first, several ? PARTITIONS : 1);
    if (n == 0) {
        return;
    }
    OK(krs_consumer_seek(member->consumer, &list.columns, rand_r(&member->seed) % 2 * 20, &answer,
                         &view, &err));
    for (uint32_t i = 0; i < n; i++) {
        track_t *track = &member->tracks[list.partition[i]];
        if (view.code[i] == KRS_OK) {
            end_moved(track, list.offset[i], "sought");
            count(&total.seeks);
        } else { /* The group has begun to take it away. */
            CHECK(view.code[i] == KRS_ERR_STATE, "%s", krs_error_name(view.code[i]));
            end_as_before(track, "seek refused");
            count(&total.refused);
        }
    }
    krs_batch_free(answer);
}

static void pause_or_resume(member_t *member, int32_t p, bool pause) {
    track_t *track = &member->tracks[p];
    partitions_t list;
    krs_code code;
    one(&list, member->group->topic, p, KRS_OFFSET_NONE);
    begin(track);
    code = pause ? krs_consumer_pause(member->consumer, &list.columns, NULL, NULL, &err)
                 : krs_consumer_resume(member->consumer, &list.columns, NULL, NULL, &err);
    CHECK(code == KRS_OK || code == KRS_ERR_STATE, "%s", err.message);
    if (code == KRS_OK) {
        track->paused = pause;
        end_still(track, pause ? "paused" : "resumed");
        count(&total.pauses);
    } else {
        end_as_before(track, "pause or resume refused");
        count(&total.refused);
    }
}

/* In an eager group: all anew, each at another place. */
static void assign_all(member_t *member) {
    partitions_t list;
    size_t n = begin_elsewhere(member, &list, 0, PARTITIONS);
    krs_code code;
    if (n == 0) {
        return;
    }
    code = krs_consumer_assign(member->consumer, KRS_ASSIGN_REPLACE, &list.columns, &err);
    CHECK(code == KRS_OK || code == KRS_ERR_STATE, "%s", err.message);
    for (size_t i = 0; i < n; i++) {
        track_t *track = &member->tracks[list.partition[i]];
        if (code == KRS_OK) {
            track->paused = false;
            end_moved(track, list.offset[i], "assigned anew");
        } else {
            end_as_before(track, "assignment anew refused");
        }
    }
    count(code == KRS_OK ? &total.assigns : &total.refused);
}

/* In a cooperative group: one goes, and comes back elsewhere. */
static void remove_and_add(member_t *member, int32_t p) {
    track_t *track = &member->tracks[p];
    int64_t start = somewhere(member, p);
    partitions_t list;
    krs_code code;
    one(&list, member->group->topic, p, start);
    begin(track);
    OK(krs_consumer_assign(member->consumer, KRS_ASSIGN_REMOVE, &list.columns, &err));
    track->owned = track->paused = false;
    end_moved(track, -1, "removed");
    begin(track);
    code = krs_consumer_assign(member->consumer, KRS_ASSIGN_ADD, &list.columns, &err);
    CHECK(code == KRS_OK || code == KRS_ERR_STATE, "%s", err.message);
    track->owned = code == KRS_OK;
    end_moved(track, start, track->owned ? "added again" : "addition refused");
    count(code == KRS_OK ? &total.assigns : &total.refused);
}

static void meddle_once(member_t *member) {
    int32_t p = (int32_t)(rand_r(&member->seed) % PARTITIONS);
    unsigned what = rand_r(&member->seed) % 20;
    for (int i = 0; i < PARTITIONS && !member->tracks[p].owned; i++) {
        p = (p + 1) % PARTITIONS;
    }
    if (!member->tracks[p].owned) {
        return;
    }
    if (what < 6) {
        seek_some(member, what == 0);
    } else if (what < 19) {
        pause_or_resume(member, p, !member->tracks[p].paused);
    } else if (!is_cooperative(member->consumer)) {
        assign_all(member);
    } else if (member->receiver_count == 1) {
        /* A removal answers a revoke that another receiver may have in hand; the events of a
         * group would then overtake one another. */
        remove_and_add(member, p);
    }
}

static void *meddle(void *arg) {
    member_t *member = arg;
    while (!__atomic_load_n(&member->quiet, __ATOMIC_SEQ_CST)) {
        pthread_mutex_lock(&member->acts);
        meddle_once(member);
        pthread_mutex_unlock(&member->acts);
        work_for(rand() % 20000);
    }
    pthread_mutex_lock(&member->acts);
    for (int32_t p = 0; p < PARTITIONS; p++) {
        if (member->tracks[p].paused) {
            pause_or_resume(member, p, false);
        }
    }
    pthread_mutex_unlock(&member->acts);
    return NULL;
}

/* ---- members ------------------------------------------------------------------------------- */

static void start_member(member_t *member, group_t *group, int number) {
    static void *(*const ways[MOST_RECEIVERS])(void *) = {receive_rows, receive_batches};
    memset(member, 0, sizeof *member);
    member->group = group;
    member->consumer = join(group);
    member->seed = (unsigned)number * 7 + 1;
    member->receiver_count = 1 + number % MOST_RECEIVERS;
    member->open = true;
    pthread_mutex_init(&member->acts, NULL);
    pthread_mutex_init(&member->sightings, NULL);
    for (int p = 0; p < PARTITIONS; p++) {
        member->tracks[p].begun = 0;
        end_moved(&member->tracks[p], -1, "joined");
    }
    for (int i = 0; i < member->receiver_count; i++) {
        /* A single receiver takes rows or batches. */
        int way = member->receiver_count == 1 ? number / 2 % 2 : i;
        CHECK(pthread_create(&member->receivers[i], NULL, ways[way], member) == 0, "thread");
    }
    CHECK(pthread_create(&member->meddler, NULL, meddle, member) == 0, "thread");
}

/* Nobody seeks or pauses any more. */
static void calm(member_t *member) {
    if (!member->quiet) {
        __atomic_store_n(&member->quiet, 1, __ATOMIC_SEQ_CST);
        pthread_join(member->meddler, NULL);
    }
}

static void end_member(member_t *member) {
    calm(member);
    __atomic_store_n(&member->leave, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < member->receiver_count; i++) {
        pthread_join(member->receivers[i], NULL);
    }
    receive_the_rest(member);
    close_client(member->consumer);
    for (int p = 0; p < PARTITIONS; p++) {
        check_track(&member->tracks[p], p, member->receiver_count == 1);
        free(member->tracks[p].steps);
        free(member->tracks[p].sights);
    }
    member->open = false;
}

static long events_of_group(group_t *group) {
    return __atomic_load_n(&group->assigns, __ATOMIC_SEQ_CST) +
           __atomic_load_n(&group->revokes, __ATOMIC_SEQ_CST);
}

/* A minute of a machine that runs: the clock of a virtual one jumps when it stood still. */
enum { LOOKS = 60000 };

/* Waits until the group has taken note of change `change`, where it does so soon (who is killed it
 * misses later), and rows come again. */
static void settle(group_t *group, int change, long events) {
    double soon = seconds() + 2;
    while (events_of_group(group) < events + 2 && seconds() < soon) {
        work_for(1000);
    }
    long before = __atomic_load_n(&group->arrived, __ATOMIC_SEQ_CST);
    for (int looks = 0; __atomic_load_n(&group->arrived, __ATOMIC_SEQ_CST) < before + 20; looks++) {
        CHECK(looks < LOOKS, "nothing arrives after change %d", change);
        work_for(1000);
    }
}

/* No partition was forgotten on the way. */
static void expect_every_partition(member_t *members, group_t *group) {
    int64_t until;
    int looks = 0;
    for (int i = 0; i < MEMBERS; i++) {
        if (members[i].open) {
            calm(&members[i]);
        }
    }
    until = __atomic_load_n(&group->sent, __ATOMIC_SEQ_CST) / PARTITIONS;
    for (int p = 0; p < PARTITIONS; p++) {
        while (__atomic_load_n(&total.highest[p], __ATOMIC_SEQ_CST) < until) {
            CHECK(looks++ < LOOKS, "%" PRId64 " of %" PRId64 " of %d", total.highest[p], until, p);
            work_for(1000);
        }
    }
}

static void all_at_once(const char *protocol, int times) {
    group_t group = {
        .topic = fresh_name("stale"), .group = fresh_name("group"), .protocol = protocol};
    static member_t members[MEMBERS];
    unsigned seed = 5;
    int open = 2, kills = 0, changes = 0;
    double start = seconds();
    start_sending(&group);
    start_member(&members[0], &group, 0);
    start_member(&members[1], &group, 1);
    /* On a busy machine fewer have to do, unless somebody asked for so many. */
    while (changes < times && (getenv("KRS_REBALANCES") || seconds() - start < 40)) {
        int which = (int)(rand_r(&seed) % MEMBERS);
        long events = events_of_group(&group);
        if (changes % 16 == 15) {
            kill_a_member(&group, &seed);
            kills++;
        } else if (!members[which].open) {
            start_member(&members[which], &group, which);
            open++;
        } else if (open > 2) {
            end_member(&members[which]);
            open--;
        } else {
            continue;
        }
        settle(&group, changes++, events);
        work_for(rand_r(&seed) % 100000);
    }
    expect_every_partition(members, &group);
    for (int i = 0; i < MEMBERS; i++) {
        if (members[i].open) {
            end_member(&members[i]);
        }
    }
    stop_sending(&group);
    printf("%s: %d changes of the group (%d kills) in %.0f s, %ld assigns and %ld revokes, %ld "
           "answered here; meanwhile %ld seeks, %ld pauses or resumes and %ld assignments by "
           "another thread, %ld refused; %ld rows, 0 stale, lost or twice (%" PRIu64 " dropped)\n",
           protocol, changes, kills, seconds() - start, group.assigns, group.revokes,
           total.answered_here, total.seeks, total.pauses, total.assigns, total.refused, total.rows,
           total.stale);
    free(group.seen);
}

static void no_stale_row_whatever_other_threads_do_in_an_eager_group(void) {
    all_at_once("range", times_from_environment(24));
}

static void no_stale_row_whatever_other_threads_do_in_a_cooperative_group(void) {
    all_at_once("cooperative-sticky", times_from_environment(24));
}

static void no_stale_row_whatever_other_threads_do_where_the_broker_assigns(void) {
    all_at_once("consumer", times_from_environment(24));
}

TESTS_WITH_VICTIMS(TEST(no_stale_row_whatever_other_threads_do_in_an_eager_group),
                   TEST(no_stale_row_whatever_other_threads_do_in_a_cooperative_group),
                   TEST(no_stale_row_whatever_other_threads_do_where_the_broker_assigns))
