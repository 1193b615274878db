/*
 * librdkafka's own headers, of the very version that is linked: a changed layout is a compile error
 * or is followed.
 */
#ifndef KRS_RD_INTERNAL_H
#define KRS_RD_INTERNAL_H

#include "../config.h"
/* No layout that is used here depends on them, and the headers of OpenSSL and zlib need not be
 * found. */
#undef WITH_SSL
#undef WITH_ZLIB

#include "rdkafka_int.h"
#include "rdkafka_partition.h"
#include "rdkafka_request.h"

#endif
