/*
 * librdkafka's own headers, of the very version that is linked: a changed layout is a compile error
 * or is followed.
 */
#ifndef KRS_RD_INTERNAL_H
#define KRS_RD_INTERNAL_H

#include "../config.h"
/* The header of zlib need not be found; no layout depends on it. OpenSSL's are in stubs/. */
#if WITH_ZLIB
#define HAS_GZIP 1
#endif
#undef WITH_ZLIB

#include "rdkafka_int.h"
#include "rdkafka_partition.h"
#include "rdkafka_request.h"

/* Before librdkafka deals with the answer. With a maximum of 0 it still repeats what it could not
 * send yet. */
static inline void do_not_repeat(rd_kafka_buf_t *request) { request->rkbuf_max_retries = -1; }

#endif
