/* Promises on a system that has nothing left to give: an error, not the end of the program. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "child.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* ---- threads --------------------------------------------------------------------------------- */

/* Which of the next threads that are made fails; 0 = none. */
static int failing, made;

static bool fails(void) {
    int number = __atomic_add_fetch(&made, 1, __ATOMIC_SEQ_CST);
    return number == __atomic_load_n(&failing, __ATOMIC_SEQ_CST);
}

/* The library finds these two before the C library's: Rust makes threads with the first, librdkafka
 * with the second. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *arg) {
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&real, &found, sizeof real);
    return fails() ? EAGAIN : real(thread, attributes, run, arg);
}

int thrd_create(pthread_t *thread, int (*run)(void *), void *arg);
int thrd_create(pthread_t *thread, int (*run)(void *), void *arg) {
    enum { THRD_NOMEM = 3 };
    int (*real)(pthread_t *, int (*)(void *), void *);
    void *found = dlsym(RTLD_NEXT, "thrd_create");
    memcpy(&real, &found, sizeof real);
    return fails() ? THRD_NOMEM : real(thread, run, arg);
}

static void let_fail(int number) {
    __atomic_store_n(&made, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&failing, number, __ATOMIC_SEQ_CST);
}

/* librdkafka ends the program if it cannot have the thread of a broker; its first one, and ours,
 * can be missed. */
static void a_thread_that_cannot_be_made_is_an_error(void) {
    krs_conf *conf = NULL;
    krs_client client = {0};
    OK(krs_conf_new(KRS_PRODUCER, &conf, &err));
    let_fail(1);
    CHECK(krs_client_open(conf, &client, &err) != KRS_OK, "opened without a thread");
    CHECK(err.message_len > 0, "no text for %d", err.code);
    let_fail(0);
    printf("open: %s; ", err.message);
    OK(krs_client_open(conf, &client, &err)); /* It was for that once only. */
    krs_conf_free(conf);
    let_fail(1);
    OK(krs_client_close(client, 1000, NULL, &err));
    let_fail(0);
    printf("close: done without one\n");
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* More than the allocator may have set aside. */
enum { HUGE_MIB = 4096, LEFT_MIB = 256 };

/* Sends what there is no room to copy. */
static void send_too_much(void) {
    const size_t size = (size_t)HUGE_MIB << 20;
    struct rlimit limit;
    long pages = 0;
    krs_chan chan = new_chan(3);
    krs_message message = KRS_MESSAGE_INIT;
    krs_batch *batch = NULL;
    krs_batch_view view = KRS_BATCH_VIEW_INIT;
    FILE *statm;
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(data != MAP_FAILED, "mmap");
    statm = fopen("/proc/self/statm", "r");
    CHECK(statm != NULL && fscanf(statm, "%ld", &pages) == 1, "statm");
    fclose(statm);
    limit.rlim_cur = limit.rlim_max =
        (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)LEFT_MIB << 20);
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit");
    message.value.data = data;
    message.value.len = size;
    EXPECT(KRS_ERR_SYSTEM, krs_chan_send(chan, &message, 0, &err));
    CHECK(strstr(err.message, "memory") != NULL, "%s", err.message);
    message.value = bytes("small");
    OK(krs_chan_send(chan, &message, 0, &err));
    OK(krs_chan_recv(chan, &batch, KRS_ALL, KRS_ALL, 0, &view, &err));
    CHECK(view.count == 1, "%u", view.count);
    printf("goes on\n");
}

static void memory_that_cannot_be_had_for_a_message_is_an_error(void) {
    const char *argv[] = {"limits", "too-much", NULL};
    char line[32] = "";
    FILE *told;
    pid_t child = start_child(argv, &told);
    int status = 0;
    CHECK(fgets(line, sizeof line, told) != NULL, "it ended");
    CHECK(waitpid(child, &status, 0) == child && status == 0, "%x", status);
    fclose(told);
}

static const test_t tests[] = {
    TEST(a_thread_that_cannot_be_made_is_an_error),
    TEST(memory_that_cannot_be_had_for_a_message_is_an_error),
};

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "too-much") == 0) {
        send_too_much();
        return 0;
    }
    return run_tests(tests, sizeof tests / sizeof tests[0], argc, argv);
}
