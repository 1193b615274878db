/*
 * librdkafka allocates each message on one thread and frees it on another, which makes glibc's
 * threads wait for each other's arenas. Inside the shared library the linker (--wrap, in build.rs)
 * sends its calls here instead: to mimalloc, where such a free takes no lock.
 *
 * What libc itself allocated (strdup) may end here, too, and goes back to libc.
 */
#include <mimalloc.h>
#include <stddef.h>

/*
 * No huge pages, which mimalloc would ask for: each of a client's threads has memory of its own,
 * and to clear and find 2 MiB for each took more CPU time than all else where there are many
 * clients, and gained nothing where there is one. It is said once mimalloc is there, for otherwise
 * it would switch them off for the whole process.
 */
__attribute__((constructor)) static void no_huge_pages(void) {
    mi_process_init();
    mi_option_set(mi_option_allow_thp, 0);
}

/* Given by the linker where it wraps; absent, and not called, elsewhere. */
__attribute__((weak)) void __real_free(void *memory);
__attribute__((weak)) void *__real_realloc(void *memory, size_t size);

void *__wrap_malloc(size_t size) { return mi_malloc(size); }

void *__wrap_calloc(size_t count, size_t size) { return mi_calloc(count, size); }

void *__wrap_realloc(void *memory, size_t size) {
    if (memory == NULL || mi_is_in_heap_region(memory)) {
        return mi_realloc(memory, size);
    }
    return __real_realloc(memory, size);
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size) {
    return mi_posix_memalign(memory, alignment, size);
}

void __wrap_free(void *memory) {
    if (memory == NULL) {
        return;
    }
    if (mi_is_in_heap_region(memory)) {
        mi_free(memory);
    } else {
        __real_free(memory);
    }
}
