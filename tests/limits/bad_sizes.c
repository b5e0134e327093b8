/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * bad_sizes.c - what malloc(3), posix_memalign(3) and malloc_usable_size(3) of the GNU C
 * library say of sizes, counts and alignments that nobody should ask for: the result, errno,
 * and that what was there stays. After each refusal a request that can be met is met. Planted:
 * a free that changes errno.
 */
#include <malloc.h>
#include <stddef.h>

#include "plain.h"

#ifndef __clang__ /* such sizes are what is tested */
#pragma GCC diagnostic ignored "-Walloc-size-larger-than="
#pragma GCC diagnostic ignored "-Wuse-after-free" /* a refused realloc leaves its block */
#endif

enum { ODD_ERRNO = 4711, ROUNDS = 3 };

static const size_t too_large[] = {
    SIZE_MAX,        SIZE_MAX - 1,        SIZE_MAX - 15,
    SIZE_MAX - 4095, SIZE_MAX - 65535,    (size_t)PTRDIFF_MAX + 1,
    PTRDIFF_MAX,     PTRDIFF_MAX - 65536, (size_t)1 << 62};
enum { TOO_LARGE = sizeof too_large / sizeof *too_large };

static void (*give)(void *) = free;

static void free_badly(void *p)
{
    free(p);
    errno = 0;
}

static bool is_aligned(const void *p, size_t align)
{
    return (uintptr_t)p % align == 0;
}

/* The call before gave no memory and said why; memory there is. */
static void refused_at(int line, const void *p, int why)
{
    if (p || errno != why) {
        fprintf(stderr, "%s:%d: %p, errno %d, not %d\n", __FILE__, line, p, errno, why);
        _exit(1);
    }
    char *small = malloc(100);
    LIMITS_REQUIRE(small != NULL);
    memset(small, 1, 100);
    errno = ODD_ERRNO;
    give(small);
    LIMITS_REQUIRE(errno == ODD_ERRNO);
    errno = 0;
}

#define refused(p, why) refused_at(__LINE__, p, why)

/* Two blocks of no bytes are two blocks. */
static void none_is_unique(void *a, void *b)
{
    LIMITS_REQUIRE(a && b && a != b && is_aligned(a, 16) && is_aligned(b, 16));
    give(a);
    give(b);
}

static void nothing_asked(void)
{
    none_is_unique(malloc(0), malloc(0));
    none_is_unique(calloc(0, 8), calloc(8, 0));
    none_is_unique(calloc(0, SIZE_MAX), calloc(SIZE_MAX, 0));
    none_is_unique(realloc(NULL, 0), reallocarray(NULL, 0, 8));
    none_is_unique(aligned_alloc(64, 0), memalign(64, 0));
    none_is_unique(valloc(0), pvalloc(0));
    void *p = NULL;
    LIMITS_REQUIRE(posix_memalign(&p, 64, 0) == 0);
    give(p); /* NULL or not */
    LIMITS_REQUIRE(malloc_usable_size(NULL) == 0);
    give(NULL);
}

static void too_much(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    refused(malloc(size), ENOMEM);
    refused(calloc(1, size), ENOMEM);
    refused(calloc(size, 1), ENOMEM);
    refused(realloc(NULL, size), ENOMEM);
    refused(reallocarray(NULL, size, 1), ENOMEM);
    refused(valloc(size), ENOMEM);
    refused(pvalloc(size), ENOMEM);
    for (size_t align = 8; align <= page * 1024; align *= 8) {
        void *out = &out;
        refused(aligned_alloc(align, size), ENOMEM);
        refused(memalign(align, size), ENOMEM);
        errno = ODD_ERRNO; /* posix_memalign returns its error and leaves errno alone */
        LIMITS_REQUIRE(posix_memalign(&out, align, size) == ENOMEM);
        LIMITS_REQUIRE(errno == ODD_ERRNO && out == &out);
        errno = 0;
    }
}

/* Counts whose product does not fit: NULL, whatever the product is modulo 2^64. */
static void products(void)
{
    static const size_t pairs[][2] = {{SIZE_MAX, SIZE_MAX},
                                      {SIZE_MAX, 2},
                                      {2, SIZE_MAX},
                                      {(size_t)1 << 32, (size_t)1 << 32},
                                      {((size_t)1 << 32) + 1, (size_t)1 << 32},
                                      {(size_t)1 << 63, 2},
                                      {PTRDIFF_MAX, 3}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        refused(calloc(pairs[i][0], pairs[i][1]), ENOMEM);
        refused(reallocarray(NULL, pairs[i][0], pairs[i][1]), ENOMEM);
    }
}

/* A block that cannot be resized is what it was. */
static void stays(size_t bytes)
{
    unsigned char *p = malloc(bytes);
    LIMITS_REQUIRE(p != NULL && malloc_usable_size(p) >= bytes);
    memset(p, 0x5A, bytes);
    for (size_t i = 0; i < TOO_LARGE; i++) {
        refused(realloc(p, too_large[i]), ENOMEM);
    }
    refused(reallocarray(p, SIZE_MAX / 2, 3), ENOMEM);
    refused(reallocarray(p, (size_t)1 << 32, (size_t)1 << 32), ENOMEM);
    for (size_t i = 0; i < bytes; i++) {
        LIMITS_REQUIRE(p[i] == 0x5A);
    }
    errno = ODD_ERRNO; /* frees, which is no error */
    LIMITS_REQUIRE(realloc(p, 0) == NULL && errno == ODD_ERRNO);
    p = malloc(bytes);
    LIMITS_REQUIRE(p != NULL && reallocarray(p, 0, 8) == NULL && errno == ODD_ERRNO);
    errno = 0;
}

static void alignments(void)
{
    static const size_t wrong[] = {0, 1, 2, 3, 4, 6, 7, 9, 12, 24, 100, SIZE_MAX, PTRDIFF_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        void *out = &out;
        errno = ODD_ERRNO;
        LIMITS_REQUIRE(posix_memalign(&out, wrong[i], 10) == EINVAL);
        LIMITS_REQUIRE(errno == ODD_ERRNO && out == &out);
    }
    errno = 0;
    size_t none = ((size_t)1 << 63) + 1; /* there is no such power of two, nor room for 2^63 */
    refused(aligned_alloc(none, 10), EINVAL);
    refused(memalign(SIZE_MAX, 10), EINVAL);
    refused(aligned_alloc(none - 1, 10), ENOMEM);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *a = valloc(10), *b = pvalloc(10), *c = pvalloc(page + 1);
    LIMITS_REQUIRE(a && b && c && is_aligned(a, page) && is_aligned(b, page));
    LIMITS_REQUIRE(is_aligned(c, page) && malloc_usable_size(b) >= page);
    LIMITS_REQUIRE(malloc_usable_size(c) >= 2 * page);
    memset(c, 1, 2 * page);
    give(a);
    give(b);
    give(c);
}

/* Frees of every kind, also those that give memory back to the system, leave errno alone. */
static void errno_stays(void)
{
    enum { BLOCKS = 400 };
    static const size_t sizes[] = {1, 100, 1000, 5000, 30000, 40000, 300000, 3000000};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        void *blocks[BLOCKS];
        for (unsigned i = 0; i < BLOCKS; i++) {
            blocks[i] = malloc(sizes[k]);
            LIMITS_REQUIRE(blocks[i] != NULL);
            *(char *)blocks[i] = 1;
        }
        errno = ODD_ERRNO;
        for (unsigned i = 0; i < BLOCKS; i++) {
            give(blocks[i]);
            LIMITS_REQUIRE(errno == ODD_ERRNO);
        }
    }
}

int main(int argc, char **argv)
{
    if (limits_planted(argc, argv)) {
        give = free_badly;
    }
    for (int round = 0; round < ROUNDS; round++) {
        nothing_asked();
        for (size_t i = 0; i < TOO_LARGE; i++) {
            too_much(too_large[i]);
        }
        products();
        for (size_t bytes = 1; bytes < 1000000; bytes = bytes * 5 + 3) {
            stays(bytes);
        }
        alignments();
        errno_stays();
    }
    return 0;
}
