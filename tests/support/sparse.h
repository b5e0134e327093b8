/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * sparse.h - blocks of which few are left, and a heap that grows until the free pages between
 * them have gone back to the system (runtime/heap/sparse.c).
 */
#ifndef TESTS_SPARSE_H
#define TESTS_SPARSE_H

#include <stdbool.h>
#include <string.h>

#include "ouro/ouro.h"

enum { SPARSE_BYTES = 4 << 20, SPARSE_MAX = SPARSE_BYTES / 16, SPARSE_LARGE = 64 };

typedef struct sparse {
    size_t bytes, count, keep; /* of a block; blocks; one in `keep` stays */
    unsigned char *blocks[SPARSE_MAX];
    void *large[SPARSE_LARGE]; /* what the heap grew by */
    size_t large_count;
} sparse;

static inline void sparse_fill(sparse *s, size_t i)
{
    s->blocks[i] = ou_malloc(s->bytes);
    memset(s->blocks[i], (int)(i % 251 + 1), s->bytes);
}

static inline bool sparse_intact(const sparse *s, size_t i)
{
    const unsigned char *p = s->blocks[i];
    return p[0] == i % 251 + 1 && memcmp(p, p + 1, s->bytes - 1) == 0;
}

static inline bool sparse_stays(const sparse *s, size_t i)
{
    return i % s->keep == 0;
}

/* 4 MiB of blocks, of which one in 32 KiB is left. */
static inline void sparse_make(sparse *s, size_t bytes)
{
    s->bytes = bytes;
    s->count = SPARSE_BYTES / bytes;
    s->keep = 32768 / bytes + 1;
    for (size_t i = 0; i < s->count; i++) {
        sparse_fill(s, i);
    }
    for (size_t i = 0; i < s->count; i++) {
        if (!sparse_stays(s, i)) {
            ou_free(s->blocks[i]);
        }
    }
}

/* Large blocks until free pages went to the system, or there are 64 of them; returns bytes. */
static inline uint64_t sparse_grow(sparse *s)
{
    uint64_t before = ou_stat("heap_sparse_bytes"), now = before;
    for (s->large_count = 0; now == before && s->large_count < SPARSE_LARGE; s->large_count++) {
        s->large[s->large_count] = ou_malloc(1 << 20);
        now = ou_stat("heap_sparse_bytes");
    }
    return now - before;
}

static inline void sparse_shrink(sparse *s)
{
    while (s->large_count) {
        ou_free(s->large[--s->large_count]);
    }
}

#endif
