/*
 * librdkafka looks at the clock five times for each message that it is given, which takes a fifth
 * of all the time that a message and its report cost. While a thread holds the clock it reads it
 * once: the linker (--wrap, in build.rs) sends librdkafka's calls here.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <sys/time.h>
#include <time.h>

/* Given by the linker where it wraps; elsewhere absent, and the rest is not called. */
__attribute__((weak)) int __real_clock_gettime(clockid_t id, struct timespec *time);
__attribute__((weak)) int __real_gettimeofday(struct timeval *time, void *zone);

static _Thread_local struct {
    bool held, steady_read, day_read;
    struct timespec steady;
    struct timeval day;
} clocks;

void krs_clock_hold(void) {
    clocks.held = true;
    clocks.steady_read = clocks.day_read = false;
}

void krs_clock_release(void) { clocks.held = false; }

int __wrap_clock_gettime(clockid_t id, struct timespec *time) {
    if (id != CLOCK_MONOTONIC || !clocks.held) {
        return __real_clock_gettime(id, time);
    }
    if (!clocks.steady_read) {
        clocks.steady_read = true;
        __real_clock_gettime(id, &clocks.steady);
    }
    *time = clocks.steady;
    return 0;
}

int __wrap_gettimeofday(struct timeval *time, void *zone) {
    if (zone != NULL || !clocks.held) {
        return __real_gettimeofday(time, zone);
    }
    if (!clocks.day_read) {
        clocks.day_read = true;
        __real_gettimeofday(&clocks.day, NULL);
    }
    *time = clocks.day;
    return 0;
}
