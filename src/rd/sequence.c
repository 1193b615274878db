/*
 * A broker that knows nothing of a producer in a partition takes whatever sequence number comes
 * first (KAFKA-15591). Where the first request is refused, as in a topic that was made this moment,
 * and the second is taken, the first is lost; and librdkafka reads an acknowledgement of the first
 * out of that of the second. So until a partition has acknowledged something, one request at a time
 * is under way to it. The linker (--wrap, in build.rs) sends the calls of librdkafka's threads
 * here.
 */
#include "internal.h"

#include <stdbool.h>

/* Given by the linker where it wraps; elsewhere absent, and the rest is not called. */
__attribute__((weak)) __typeof__(rd_kafka_ProduceRequest) __real_rd_kafka_ProduceRequest;
__typeof__(rd_kafka_ProduceRequest) __wrap_rd_kafka_ProduceRequest;

static bool has_acknowledged(rd_kafka_toppar_t *partition, uint64_t since) {
    bool has;
    rd_kafka_toppar_lock(partition);
    has = partition->rktp_eos.acked_msgid >= since;
    rd_kafka_toppar_unlock(partition);
    return has;
}

int __wrap_rd_kafka_ProduceRequest(rd_kafka_broker_t *broker, rd_kafka_toppar_t *partition,
                                   const rd_kafka_pid_t producer_id, uint64_t epoch_base) {
    /* Only an idempotent producer has an id. */
    if (rd_kafka_pid_valid(producer_id) && rd_atomic32_get(&partition->rktp_msgs_inflight) > 0 &&
        !has_acknowledged(partition, epoch_base)) {
        return 0; /* librdkafka asks again. */
    }
    return __real_rd_kafka_ProduceRequest(broker, partition, producer_id, epoch_base);
}
