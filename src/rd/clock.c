/*
 * librdkafka looks at the clock five times for each message that it is given, which takes a fifth
 * of all the time that a message and its report cost. While a thread holds the clock, librdkafka is
 * told the time that the thread has read last: the linker (--wrap, in build.rs) sends its calls
 * here. It is read again once the processor's counter, which costs less, has moved on.
 */
#define _GNU_SOURCE
#include "clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/time.h>
#include <time.h>

/* Given by the linker where it wraps; elsewhere absent, and the rest is not called. */
__attribute__((weak)) int __real_clock_gettime(clockid_t id, struct timespec *time);
__attribute__((weak)) int __real_gettimeofday(struct timeval *time, void *zone);

static _Thread_local struct {
    bool held, is_read;
    uint64_t ticks; /* When it was read. */
    struct timespec steady;
    struct timeval day;
} clocks;

/* Whether so little time has passed since `ticks` that nobody sees it: some 50 microseconds. A
 * counter that went back, or that of another processor, says no. */
#if defined(__x86_64__)
enum { FEW_TICKS = 100000 }; /* At 2 GHz; the slowest count at 1, the fastest at 5. */

static bool is_just_now(uint64_t *ticks) {
    uint64_t before = *ticks;
    *ticks = __builtin_ia32_rdtsc();
    return *ticks - before < FEW_TICKS;
}
#elif defined(__aarch64__)
static bool is_just_now(uint64_t *ticks) {
    uint64_t before = *ticks, a_second;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(*ticks));
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(a_second));
    return *ticks - before < a_second / 20000;
}
#else
static bool is_just_now(uint64_t *ticks) {
    (void)ticks;
    return false;
}
#endif

static void look(void) {
    uint64_t ticks = clocks.ticks;
    if (is_just_now(&ticks) && clocks.is_read) {
        return;
    }
    clocks.ticks = ticks;
    clocks.is_read = true;
    __real_clock_gettime(CLOCK_MONOTONIC, &clocks.steady);
    __real_gettimeofday(&clocks.day, NULL);
}

void krs_clock_hold(void) {
    if (__real_clock_gettime != NULL) {
        look();
        clocks.held = true;
    }
}

void krs_clock_release(void) { clocks.held = false; }

krs_rd_now_t krs_rd_now(void) {
    if (!clocks.held) {
        look();
    }
    return (krs_rd_now_t){
        .steady_us = (int64_t)clocks.steady.tv_sec * 1000000 + clocks.steady.tv_nsec / 1000,
        .day_ms = (int64_t)clocks.day.tv_sec * 1000 + clocks.day.tv_usec / 1000,
    };
}

int __wrap_clock_gettime(clockid_t id, struct timespec *time) {
    if (id != CLOCK_MONOTONIC || !clocks.held) {
        return __real_clock_gettime(id, time);
    }
    *time = clocks.steady;
    return 0;
}

int __wrap_gettimeofday(struct timeval *time, void *zone) {
    if (zone != NULL || !clocks.held) {
        return __real_gettimeofday(time, zone);
    }
    *time = clocks.day;
    return 0;
}
