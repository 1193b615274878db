/*
 * librdkafka's own headers, of the very version that is linked: a changed layout is a compile error
 * or is followed.
 */
#ifndef KRS_RD_INTERNAL_H
#define KRS_RD_INTERNAL_H

#include "../config.h"
/* The headers of OpenSSL and zlib need not be found. Without them fields are missing in rk_conf,
 * from `ssl.ctx` on: nothing behind it in a rd_kafka_t may be used. All other layouts are the same.
 */
#undef WITH_SSL
#undef WITH_ZLIB

#include "rdkafka_int.h"
#include "rdkafka_partition.h"
#include "rdkafka_request.h"

/* Before librdkafka deals with the answer. With a maximum of 0 it still repeats what it could not
 * send yet. */
static inline void do_not_repeat(rd_kafka_buf_t *request) { request->rkbuf_max_retries = -1; }

#endif
