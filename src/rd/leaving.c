/*
 * Where librdkafka does not leave the group of a member that is closed, and the others wait for it
 * until its session ends:
 *
 *  - in the cooperative protocol, while the member gives up its partitions, or in a rebalance while
 *    it has none (the eager protocol leaves through rd_kafka_cgrp_rejoin). A member that ends so is
 *    taken for one of the eager protocol that has given up all.
 *  - in KIP-848, before the answer to its first heartbeat. It leaves behind that heartbeat.
 *
 * The linker (--wrap, in build.rs) sends the calls of librdkafka's main thread here.
 */
#include "internal.h"

#include <stdbool.h>

#include "rdkafka_cgrp.h"

/* Given by the linker where it wraps; elsewhere absent, and the rest is not called. */
__attribute__((
    weak)) __typeof__(rd_kafka_cgrp_assignment_done) __real_rd_kafka_cgrp_assignment_done;
__typeof__(rd_kafka_cgrp_assignment_done) __wrap_rd_kafka_cgrp_assignment_done;

/* Whoever asks waits for the answer. */
static bool asks_the_application(const rd_kafka_cgrp_t *group) {
    return group->rkcg_join_state == RD_KAFKA_CGRP_JOIN_STATE_WAIT_ASSIGN_CALL ||
           group->rkcg_join_state == RD_KAFKA_CGRP_JOIN_STATE_WAIT_UNASSIGN_CALL;
}

static bool is_joining(const rd_kafka_cgrp_t *group) {
    return (group->rkcg_flags & RD_KAFKA_CGRP_F_HEARTBEAT_IN_TRANSIT) &&
           !(group->rkcg_flags & RD_KAFKA_CGRP_F_WAIT_LEAVE) && group->rkcg_generation_id <= 0;
}

void __wrap_rd_kafka_cgrp_assignment_done(rd_kafka_cgrp_t *group) {
    bool ends = group->rkcg_flags & RD_KAFKA_CGRP_F_TERMINATE;
    bool leaves = group->rkcg_flags & RD_KAFKA_CGRP_F_LEAVE_ON_UNASSIGN_DONE;
    if (group->rkcg_group_protocol == RD_KAFKA_GROUP_PROTOCOL_CONSUMER) {
        if (ends && is_joining(group)) {
            group->rkcg_flags |= RD_KAFKA_CGRP_F_LEAVE_ON_UNASSIGN_DONE;
        }
    } else if (ends && leaves && !asks_the_application(group)) {
        group->rkcg_join_state = RD_KAFKA_CGRP_JOIN_STATE_WAIT_UNASSIGN_TO_COMPLETE;
    }
    __real_rd_kafka_cgrp_assignment_done(group);
}
