/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * alloc.c - raw blocks: four patterns on ouro's heap called directly (`/ouro`) and on the
 * process's malloc (`/malloc`: glibc's or whatever was preloaded, see `malloc_library`).
 *
 *      lifo      take one, touch it, give it back: the hottest possible block
 *      batch64   take 64, give back 64 in the same order: free lists, no reuse at once
 *      window    10^4 blocks alive, a random one replaced: a program in its steady state
 *      mixed     the same window with sizes 16..256, uniform
 *
 * The loops are written once as always-inline functions; with constant function pointers both
 * variants compile to direct calls. Each block carries a tag written when it is taken and
 * checked when it is given back: a block handed out twice is an error, not a fast result. The
 * driver's own arrays come from mmap.
 */
#include "micro.h"

#include <stdlib.h>
#include <sys/single_threaded.h>

#include "ouro/heap.h"

#define BATCH 64
#define ROUNDS 16 /* batches of 64 between two questions to the library */
#define WINDOW 10000
#define PAIRS 4096
#define MIXED_MIN 16
#define MIXED_MAX 256

#define INLINED static inline __attribute__((always_inline))

typedef void *(*take_fn)(size_t size);
typedef void (*give_fn)(void *block);

static const char *const no_memory = "out of memory";
static const char *const twice = "a block was handed out twice";

INLINED const char *lifo(gb_state *s, size_t size, take_fn take, give_fn give)
{
    uint64_t bad = 0, tag = 0;
    while (gb_next_batch(s, PAIRS)) {
        for (int i = 0; i < PAIRS; i++) {
            uint64_t *p = take(size);
            if (__builtin_expect(!p, 0)) {
                return no_memory;
            }
            *p = ++tag;
            micro_escape(p);
            bad |= *p ^ tag;
            give(p);
        }
    }
    return bad ? twice : NULL;
}

INLINED const char *batch64(gb_state *s, size_t size, take_fn take, give_fn give)
{
    uint64_t *taken[BATCH];
    uint64_t bad = 0, tag = 0;
    while (gb_next_batch(s, BATCH * ROUNDS)) {
        for (int round = 0; round < ROUNDS; round++, tag += BATCH) {
            for (unsigned i = 0; i < BATCH; i++) {
                uint64_t *p = take(size);
                if (__builtin_expect(!p, 0)) {
                    return no_memory;
                }
                *p = tag + i;
                taken[i] = p;
            }
            micro_escape(taken);
            for (unsigned i = 0; i < BATCH; i++) {
                bad |= *taken[i] ^ (tag + i);
                give(taken[i]);
            }
        }
    }
    return bad ? twice : NULL;
}

/* Sizes of the mixed window: size 0 means 16..256, else constant. */
INLINED size_t next_size(size_t size, uint64_t *x)
{
    return size ? size : MIXED_MIN + micro_below(x, MIXED_MAX - MIXED_MIN + 1);
}

INLINED const char *window(gb_state *s, size_t size, take_fn take, give_fn give)
{
    uint64_t **live = micro_pages(WINDOW * sizeof *live);
    uint64_t x = micro_seed, bad = 0;
    const char *wrong = NULL;
    for (uint32_t i = 0; i < WINDOW && !wrong; i++) {
        live[i] = take(next_size(size, &x));
        wrong = live[i] ? NULL : no_memory;
        if (live[i]) {
            *live[i] = i;
        }
    }
    while (!wrong && gb_next_batch(s, PAIRS)) {
        for (int k = 0; k < PAIRS; k++) {
            uint32_t i = micro_below(&x, WINDOW);
            bad |= *live[i] ^ i;
            give(live[i]);
            uint64_t *p = take(next_size(size, &x));
            live[i] = p;
            if (__builtin_expect(!p, 0)) {
                wrong = no_memory;
                break;
            }
            *p = i;
        }
    }
    for (uint32_t i = 0; i < WINDOW; i++) {
        bad |= live[i] ? *live[i] ^ i : 0;
        give(live[i]);
    }
    micro_pages_free(live, WINDOW * sizeof *live);
    return wrong ? wrong : bad ? twice : NULL;
}

/* The same three functions on both allocators, as direct calls. */
/* glibc's malloc is about twice as fast in a process that never made a thread: say which. */
static const char *process_state(gb_state *s, const char *wrong)
{
    gb_counter(s, "single_threaded", __libc_single_threaded ? 1 : 0, GB_AVG_THREADS);
    return wrong;
}

#define ON_BOTH(pattern)                                                                       \
    static const char *pattern##_ouro(gb_state *s, const micro_row *row)                       \
    {                                                                                          \
        return pattern(s, row->size, ou_malloc, ou_free);                                      \
    }                                                                                          \
    static const char *pattern##_malloc(gb_state *s, const micro_row *row)                     \
    {                                                                                          \
        return process_state(s, pattern(s, row->size, malloc, free));                          \
    }

ON_BOTH(lifo)
ON_BOTH(batch64)
ON_BOTH(window)

/* A pattern in every size on both allocators; 64 B belongs to the quick set. */
static void add_pattern(const char *pattern, micro_fn ouro, micro_fn process,
                        const char *const limits[5])
{
    static const size_t sizes[5] = {16, 64, 256, 1024, 4096};
    for (size_t i = 0; i < 5; i++) {
        unsigned flags = sizes[i] == 64 ? MICRO_QUICK : 0;
        micro_row row = {"", ouro, limits[i], sizes[i], 0, flags};
        micro_add_named(&row, "alloc/%s/%zu/ouro", pattern, sizes[i]);
        row.fn = process;
        micro_add_named(&row, "alloc/%s/%zu/malloc", pattern, sizes[i]);
    }
}

void micro_alloc(void)
{
#define FIVE(limit)                                                                            \
    (const char *const[5])                                                                     \
    {                                                                                          \
        limit, limit, limit, limit, limit                                                      \
    }
    static const char *const windows[5] = {
        "limit/freelist_window/16", "limit/freelist_window/64", "limit/freelist_window/256",
        "limit/freelist_window/1024", "limit/freelist_window/4096"};
    add_pattern("lifo", lifo_ouro, lifo_malloc, FIVE("limit/freelist_pop_push"));
    add_pattern("batch64", batch64_ouro, batch64_malloc, FIVE("limit/freelist_batch64"));
    add_pattern("window", window_ouro, window_malloc, windows);
#undef FIVE
    static const micro_row rest[] = {
        {"alloc/mixed/16-256/ouro", window_ouro, "limit/freelist_window/256", 0, 0,
         MICRO_QUICK},
        {"alloc/mixed/16-256/malloc", window_malloc, "limit/freelist_window/256", 0, 0,
         MICRO_QUICK},
        {"alloc/batch64/64/ouro", batch64_ouro, "limit/freelist_batch64/threads:2", 64, 2, 0},
        {"alloc/batch64/64/malloc", batch64_malloc, "limit/freelist_batch64/threads:2", 64, 2,
         0},
    };
    micro_add_all(rest, sizeof rest / sizeof rest[0]);
}
