/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * block.h - raw blocks: made, written, checked, given back. Inline, for the timed loops.
 *
 * A block holds its own description: size and tag in its first 8 bytes (as many as fit) and
 * the tag's low byte in every 64th byte and in the last one. So memory handed out is touched
 * as a program would touch it, and two blocks that overlap are found when one is freed.
 */
#ifndef ENGINE_BLOCK_H
#define ENGINE_BLOCK_H

#include <stdlib.h>
#include <string.h>

#include "engine/worker.h"

#define BLOCK_LINE 64u

static inline uint64_t block_word(uint32_t size, uint32_t tag)
{
    return (uint64_t)tag << 32 | size;
}

static inline void block_write(unsigned char *p, uint32_t size, uint32_t tag)
{
    uint64_t word = block_word(size, tag);
    if (size >= 9) {
        for (uint32_t at = BLOCK_LINE; at < size; at += BLOCK_LINE) {
            p[at] = (unsigned char)tag;
        }
        p[size - 1] = (unsigned char)tag;
        memcpy(p, &word, sizeof word);
    } else {
        memcpy(p, &word, size < 8 ? size : 8);
    }
}

/* Reads the contents back: the word, or what of it fits. `*fine` falls when they differ. */
static inline uint64_t block_read(const unsigned char *p, uint32_t size, uint32_t tag,
                                  bool *fine)
{
    uint64_t want = block_word(size, tag);
    uint64_t word = 0;
    if (size >= 9) {
        memcpy(&word, p, sizeof word);
        *fine &= word == want && p[size - 1] == (unsigned char)tag;
    } else {
        uint64_t mask = size < 8 ? ((uint64_t)1 << (8 * size)) - 1 : UINT64_MAX;
        memcpy(&word, p, size);
        *fine &= word == (want & mask);
    }
    return word;
}

static inline bool block_make(struct worker *w, struct block *b, uint32_t size, uint32_t tag)
{
    void *p = malloc(size);
    if (__builtin_expect(!p, 0)) {
        return worker_fail(w, WORKER_NO_MEMORY, "malloc(%u) returned NULL", size);
    }
    block_write(p, size, tag);
    *b = (struct block){p, size, tag};
    w->made++;
    w->made_bytes += size;
    worker_live_add(w, size);
    return true;
}

static inline void block_release(struct worker *w, const struct block *b)
{
    bool fine = true;
    worker_sum(w, block_read(b->p, b->size, b->tag, &fine));
    if (__builtin_expect(!fine, 0)) {
        worker_fail(w, WORKER_CORRUPT, "a block of %u bytes lost its contents", b->size);
    }
    free(b->p);
    w->released++;
    w->released_bytes += b->size;
    worker_live_sub(w, b->size);
}

/* Resizes in place of a free and a malloc; contents must survive. */
static inline bool block_resize(struct worker *w, struct block *b, uint32_t size, uint32_t tag)
{
    bool fine = true;
    uint32_t kept = b->size < size ? b->size : size;
    void *p = realloc(b->p, size);
    if (__builtin_expect(!p, 0)) {
        return worker_fail(w, WORKER_NO_MEMORY, "realloc(%u) returned NULL", size);
    }
    if (kept >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        fine = word == block_word(b->size, b->tag);
        worker_sum(w, word);
    }
    if (!fine) {
        worker_fail(w, WORKER_CORRUPT, "realloc from %u to %u bytes lost contents", b->size,
                    size);
    }
    w->made_bytes += size;
    w->released_bytes += b->size;
    w->resized++;
    worker_live_add(w, (uint64_t)size - b->size);
    block_write(p, size, tag);
    *b = (struct block){p, size, tag};
    return true;
}

#endif
