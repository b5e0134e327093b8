/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * realloc.c - blocks that grow: an array, a file read to its end, a reply being written.
 *
 *      one     one block grows by 4 KiB at a time to 64 MiB
 *      64      64 blocks in turn, each by 4 KiB at a time to 1 MiB: none may take what lies
 *              behind it for granted
 *      1024    the same with 1,024 blocks and 64 KiB
 *
 * One operation is 4 KiB appended: a realloc and a word written to every line of what is new.
 * Whoever moves the pages of a block pays for their mapping, whoever copies pays for bytes, and
 * whoever has room behind the block for neither. Every page's first word is compared before the
 * blocks are freed.
 */
#include "micro.h"

#include <stdlib.h>

#include "ouro/heap.h"

#define TOTAL ((size_t)64 << 20)
#define STEP 4096
#define STEPS (TOTAL / STEP)
#define LINE_WORDS 8

#define INLINED static inline __attribute__((always_inline))

typedef void *(*resize_fn)(void *block, size_t size);
typedef void (*give_fn)(void *block);

static const char *const no_memory = "out of memory";
static const char *const lost = "a block lost what was in it";

/* Word `i` of block `b`. */
static uint64_t content(size_t b, size_t i)
{
    return (b << 32) + i + 1;
}

static void append(uint64_t *block, size_t b, size_t from)
{
    for (size_t i = from; i < from + STEP / 8; i += LINE_WORDS) {
        block[i] = content(b, i);
    }
    micro_escape(block);
}

static bool is_whole(const uint64_t *block, size_t b, size_t bytes)
{
    uint64_t bad = 0;
    for (size_t i = 0; i < bytes / 8; i += STEP / 8) {
        bad |= block[i] ^ content(b, i);
    }
    return bad == 0;
}

INLINED const char *grow(gb_state *s, size_t blocks, resize_fn resize, give_fn give)
{
    static uint64_t *held[1024];
    const char *wrong = NULL;
    while (!wrong && gb_next_batch(s, (int64_t)STEPS)) {
        for (size_t k = 0; k < STEPS && !wrong; k++) {
            size_t b = k % blocks, bytes = k / blocks * STEP;
            uint64_t *p = resize(held[b], bytes + STEP);
            wrong = p ? NULL : no_memory;
            if (p) {
                held[b] = p;
                append(p, b, bytes / 8);
            }
        }
        for (size_t b = 0; b < blocks; b++) {
            wrong = wrong || is_whole(held[b], b, TOTAL / blocks) ? wrong : lost;
            give(held[b]);
            held[b] = NULL;
        }
    }
    return wrong;
}

static const char *grow_ouro(gb_state *s, const micro_row *row)
{
    return grow(s, row->size, ou_realloc, ou_free);
}

static const char *grow_malloc(gb_state *s, const micro_row *row)
{
    return grow(s, row->size, realloc, free);
}

/* The same words written to memory that is there already. */
static const char *append_limit(gb_state *s, const micro_row *row)
{
    uint64_t *memory = micro_pages_huge(TOTAL);
    bool whole = true;
    (void)row;
    while (gb_next_batch(s, (int64_t)STEPS)) {
        for (size_t k = 0; k < STEPS; k++) {
            append(memory, 0, k * STEP / 8);
        }
        whole = whole && is_whole(memory, 0, TOTAL);
    }
    micro_pages_free(memory, TOTAL);
    return whole ? NULL : lost;
}

void micro_realloc(void)
{
    static const micro_row table[] = {
        {"limit/append", append_limit, NULL, 1, 0, 0},
        {"alloc/realloc_grow/one/ouro", grow_ouro, "limit/append", 1, 0, 0},
        {"alloc/realloc_grow/one/malloc", grow_malloc, "limit/append", 1, 0, 0},
        {"alloc/realloc_grow/64/ouro", grow_ouro, "limit/append", 64, 0, 0},
        {"alloc/realloc_grow/64/malloc", grow_malloc, "limit/append", 64, 0, 0},
        {"alloc/realloc_grow/1024/ouro", grow_ouro, "limit/append", 1024, 0, 0},
        {"alloc/realloc_grow/1024/malloc", grow_malloc, "limit/append", 1024, 0, 0},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}
