/*
 * librdkafka allocates each message on one thread and frees it on another, which makes glibc's
 * threads wait for each other's arenas. Inside the shared library the linker (--wrap, in build.rs)
 * sends its calls here instead: to mimalloc, where such a free takes no lock.
 *
 * What libc itself allocated (strdup) may end here, too, and goes back to libc.
 */
#include <mimalloc.h>
#include <stddef.h>

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
