/*
 * librdkafka's thread of a broker does not sleep while messages of an idempotent producer wait for
 * the answer to those before them (rd_kafka_toppar_producer_serve sets the time to wake up before
 * it looks whether anything may be sent): the slower the broker, the more processor time it took,
 * up to all of it, also from the broker. So a thread that looked in vain a few times waits, at most
 * for a moment; what arrives wakes it at once. The linker (--wrap, in build.rs) sends its calls
 * here.
 */
#include <poll.h>

enum { LOOKS = 16, MOMENT_MS = 1 };

/* Given by the linker where it wraps; elsewhere absent, and the rest is not called. */
__attribute__((weak)) int __real_poll(struct pollfd *files, nfds_t count, int timeout_ms);

static _Thread_local int vain;

int __wrap_poll(struct pollfd *files, nfds_t count, int timeout_ms) {
    int ready =
        __real_poll(files, count, timeout_ms == 0 && vain == LOOKS ? MOMENT_MS : timeout_ms);
    if (timeout_ms != 0 || ready != 0) {
        vain = 0;
    } else if (vain < LOOKS) {
        vain++;
    }
    return ready;
}
