/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * malloc_symbols.c - the malloc family under its usual names: libouro-malloc.so is this file
 * and the floors up to the heap. Behaviour as POSIX.1-2017 and the GNU C library document it.
 *
 * malloc, calloc and free are not here: the linker gives ou_malloc, ou_calloc and ou_free these
 * names as well (CMakeLists.txt). A function that only jumps on costs more than its jump:
 * malloc+free of one block took 7.4 ns with, 3.7 without. Nothing here calls another exported
 * name: that could be some other library's.
 */
#include <errno.h>
#include <unistd.h>

#include "purge_thread.h"
#include "conf/conf.h"
#include "heap/guard.h"
#include "ouro/heap.h"

OU_API void *realloc(void *p, size_t size);
OU_API void *reallocarray(void *p, size_t n, size_t size);
OU_API void *aligned_alloc(size_t align, size_t size);
OU_API int posix_memalign(void **out, size_t align, size_t size);
OU_API void *memalign(size_t align, size_t size);
OU_API void *valloc(size_t size);
OU_API void *pvalloc(size_t size);
OU_API size_t malloc_usable_size(void *p);

static void *resized(void *p, size_t size)
{
    if (p && !size) { /* as the GNU C library: frees and gives NULL */
        ou_free(p);
        return NULL;
    }
    return ou_realloc(p, size);
}

void *realloc(void *p, size_t size)
{
    return resized(p, size);
}

void *reallocarray(void *p, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return resized(p, bytes);
}

static void *aligned(size_t align, size_t size)
{
    size_t power = 16; /* as the GNU C library: rounded up to a power of two */
    while (power < align && power <= SIZE_MAX / 2) {
        power *= 2;
    }
    if (power < align) {
        errno = EINVAL;
        return NULL;
    }
    return ou_memalign(power, size);
}

void *memalign(size_t align, size_t size)
{
    return aligned(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    return aligned(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    if (!ou_is_pow2(align) || align % sizeof(void *)) {
        return EINVAL;
    }
    int saved = errno; /* the error is returned, errno stays */
    void *p = ou_memalign(align, size);
    errno = saved;
    if (!p) {
        return ENOMEM;
    }
    *out = p;
    return 0;
}

void *valloc(size_t size)
{
    return ou_memalign((size_t)sysconf(_SC_PAGESIZE), size);
}

void *pvalloc(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (size > PTRDIFF_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    return ou_memalign(page, ou_align_up(size, page));
}

size_t malloc_usable_size(void *p)
{
    return ou_malloc_usable_size(p);
}

__attribute__((constructor)) static void read_knobs(void)
{
    ou_conf_env(false);
    if (ou_guard_start() != 0) {
        ou_warn("OURO_CONF: %s", ou_error_message());
    }
    ou_purge_thread_allow();
}
