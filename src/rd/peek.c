/* What librdkafka knows of a message but tells only at a price. */
#include "internal.h"

/*
 * rd_kafka_message_headers() allocates and clears a buffer for each message just to find that it
 * has no headers (ARCHITECTURE.md says what that cost). The headers begin with their number, a
 * varint, of which 0 is one zero byte.
 */
int krs_rd_has_headers(const rd_kafka_message_t *message) {
    const rd_kafka_msg_t *msg = (const rd_kafka_msg_t *)message;
    const rd_kafkap_bytes_t *packed = &msg->rkm_u.consumer.binhdrs;
    if (msg->rkm_headers != NULL) {
        return 1;
    }
    return !(msg->rkm_flags & RD_KAFKA_MSG_F_PRODUCER) && RD_KAFKAP_BYTES_LEN(packed) > 0 &&
           *(const char *)packed->data != 0;
}
