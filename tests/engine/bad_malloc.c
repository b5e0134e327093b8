/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * bad_malloc.c - allocators that are wrong, to be preloaded: a verification that was never seen
 * failing verifies nothing. BAD_MALLOC says how: `overlap` (a block handed out twice), `short`
 * (a block shorter than asked for, so its end overlaps the next), `null` (no memory), `realloc`
 * (contents lost), `calloc` (memory not zero); it begins after 20,000 calls. Without it the
 * allocator is right, and simple: blocks are cut from a mapping and never reused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BAD_RESERVE (8ull << 30)
#define BAD_CALL 20000u
#define BAD_EXPORT __attribute__((visibility("default")))

static char *bad_base;
static uint64_t bad_used;
static uint64_t bad_calls;
static void *bad_last;
static int bad_once;

static int bad_is(const char *how)
{
    extern char **environ;
    for (char **e = environ; e && *e; e++) {
        if (!strncmp(*e, "BAD_MALLOC=", 11)) {
            return !strcmp(*e + 11, how);
        }
    }
    return 0;
}

static void *bad_cut(size_t size, size_t align)
{
    if (!bad_base) {
        void *p = mmap(NULL, BAD_RESERVE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) {
            return NULL;
        }
        bad_base = p;
    }
    align = align < 16 ? 16 : align;
    uint64_t at =
        (__atomic_load_n(&bad_used, __ATOMIC_RELAXED) + 16 + align - 1) & ~(align - 1);
    if (size > BAD_RESERVE / 2 || at + size > BAD_RESERVE) {
        errno = ENOMEM;
        return NULL;
    }
    char *p = bad_base + at;
    memcpy(p - 16, &size, sizeof size);
    bad_used = at + size;
    return p;
}

BAD_EXPORT void *malloc(size_t size)
{
    if (++bad_calls >= BAD_CALL && !bad_once) {
        bad_once = 1;
        if (bad_is("null")) {
            return NULL;
        }
        if (bad_is("overlap") && bad_last) {
            return bad_last;
        }
    }
    if (bad_calls >= BAD_CALL && size >= 16 && bad_is("short")) {
        void *p = bad_cut(size, 16);
        bad_used -= 8 + 16; /* room of the next block's size, and 8 bytes too many */
        return p;
    }
    bad_last = bad_cut(size, 16);
    return bad_last;
}

BAD_EXPORT void free(void *p)
{
    (void)p;
}

BAD_EXPORT void *calloc(size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        return NULL;
    }
    char *p = bad_cut(bytes, 16);
    if (p && bytes && ++bad_calls >= BAD_CALL && bad_is("calloc")) {
        p[0] = 1;
    }
    return p;
}

BAD_EXPORT void *realloc(void *old, size_t size)
{
    size_t had = 0;
    void *p = bad_cut(size, 16);
    if (old) {
        memcpy(&had, (char *)old - 16, sizeof had);
    }
    if (p && old && !(++bad_calls >= BAD_CALL && bad_is("realloc"))) {
        memcpy(p, old, had < size ? had : size);
    }
    return p;
}

BAD_EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
    *out = bad_cut(size, align);
    return *out ? 0 : ENOMEM;
}
