/* One look at the clocks for many messages: see clock.c. */
#ifndef KRS_RD_CLOCK_H
#define KRS_RD_CLOCK_H

#include <stdint.h>

typedef struct {
    int64_t steady_us; /* As rd_clock() */
    int64_t day_ms;    /* As rd_uclock() / 1000 */
} krs_rd_now_t;

/* The time, up to some 50 microseconds late. Only where librdkafka's calls come to clock.c. */
krs_rd_now_t krs_rd_now(void);

#endif
