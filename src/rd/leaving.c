/*
 * A member that is closed while it gives up its partitions in the cooperative protocol does not
 * leave its group (rd_kafka_cgrp_incr_unassign_done: only the eager one and KIP-848 leave there),
 * so the others wait for it until its session ends. Where such a member ends, all is taken from it,
 * as in the eager protocol. The linker (--wrap, in build.rs) sends the calls of librdkafka's main
 * thread here.
 */
#include "internal.h"

#include <stdbool.h>

#include "rdkafka_cgrp.h"

/* Given by the linker where it wraps; elsewhere absent, and the rest is not called. */
__attribute__((
    weak)) __typeof__(rd_kafka_cgrp_assignment_done) __real_rd_kafka_cgrp_assignment_done;
__typeof__(rd_kafka_cgrp_assignment_done) __wrap_rd_kafka_cgrp_assignment_done;

void __wrap_rd_kafka_cgrp_assignment_done(rd_kafka_cgrp_t *group) {
    bool is_classic = group->rkcg_group_protocol == RD_KAFKA_GROUP_PROTOCOL_CLASSIC;
    bool ends = group->rkcg_flags & RD_KAFKA_CGRP_F_TERMINATE;
    if (is_classic && ends &&
        group->rkcg_join_state == RD_KAFKA_CGRP_JOIN_STATE_WAIT_INCR_UNASSIGN_TO_COMPLETE) {
        group->rkcg_join_state = RD_KAFKA_CGRP_JOIN_STATE_WAIT_UNASSIGN_TO_COMPLETE;
    }
    __real_rd_kafka_cgrp_assignment_done(group);
}
