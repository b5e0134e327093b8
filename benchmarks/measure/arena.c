/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * arena.c - mappings and a bump allocator on them. See arena.h for who calls it; what must
 * stay true: no call in here reaches malloc.
 */
#include "arena.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_PAGE 4096u
#define ARENA_BUMP_BYTES (256u * 1024u) /* a mapping a workload file, roughly */

static struct {
    char *at;
    size_t left;
} arena_chunk;

static size_t arena_round(size_t bytes, size_t unit)
{
    return bytes == 0 ? unit : (bytes + unit - 1) / unit * unit;
}

void *arena_take(size_t bytes)
{
    if (bytes > SIZE_MAX / 2) {
        return NULL;
    }
    void *p = mmap(NULL, arena_round(bytes, ARENA_PAGE), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void arena_give(void *p, size_t bytes)
{
    if (p) {
        munmap(p, arena_round(bytes, ARENA_PAGE));
    }
}

void *arena_bump(size_t bytes)
{
    if (bytes > SIZE_MAX / 2) {
        return NULL;
    }
    size_t need = arena_round(bytes, 16);
    if (need > ARENA_BUMP_BYTES / 4) {
        return arena_take(need);
    }
    if (need > arena_chunk.left) {
        char *fresh = arena_take(ARENA_BUMP_BYTES);
        if (!fresh) {
            return NULL;
        }
        arena_chunk.at = fresh;
        arena_chunk.left = ARENA_BUMP_BYTES;
    }
    void *p = arena_chunk.at;
    arena_chunk.at += need;
    arena_chunk.left -= need;
    return p;
}

void arena_bump_free(void *p)
{
    (void)p;
}

char *arena_strdup(const char *s)
{
    size_t len = strlen(s) + 1;
    char *copy = arena_bump(len);
    if (copy) {
        memcpy(copy, s, len);
    }
    return copy;
}
