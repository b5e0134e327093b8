/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * limits_share.c - what a second thread can gain on this machine for the bare bones of a
 * collection, which share no memory that is written:
 *
 *      limit/share/sweep/T    10^7 nodes of 32 bytes, read in address order
 *      limit/share/random/T   10^7 counters of a byte, each thread's own array, in random order
 *                             that is known 64 ahead
 *      limit/share/cached/T   as many in 32 KiB: instructions, no memory
 *
 * ns an item with T threads, wall time of the slower one. Two processors of a virtual machine
 * may be one core's two threads: then `cached` gains little.
 */
#include "micro.h"

#include <pthread.h>
#include <string.h>

#define ITEMS ((size_t)10000000)
#define NODE_WORDS 4 /* 32 bytes */
#define AHEAD 64
#define CACHED 32768u

static uint64_t *nodes;    /* const once made, as `order` */
static uint32_t *order;    /* ITEMS + AHEAD */
static uint8_t *counts[2]; /* a thread's own */

static void make(void)
{
    uint64_t x = micro_seed;
    if (nodes) {
        return;
    }
    nodes = micro_pages_huge(ITEMS * NODE_WORDS * sizeof *nodes);
    order = micro_pages_huge((ITEMS + AHEAD) * sizeof *order);
    for (size_t i = 0; i < ITEMS + AHEAD; i++) {
        order[i] = micro_below(&x, (uint32_t)ITEMS);
        nodes[i % ITEMS * NODE_WORDS] = 1;
    }
    for (int i = 0; i < 2; i++) {
        counts[i] = micro_pages_huge(ITEMS);
        memset(counts[i], 0, ITEMS);
    }
}

typedef struct share {
    uint64_t (*work)(const struct share *share);
    size_t from, to;
    uint8_t *counts;
    uint64_t done; /* items that the work proves it touched */
} share;

static uint64_t sweep(const share *s)
{
    uint64_t sum = 0;
    for (size_t i = s->from; i < s->to; i++) {
        sum += nodes[i * NODE_WORDS] + nodes[i * NODE_WORDS + 2];
    }
    return sum;
}

static uint64_t count_random(const share *s)
{
    for (size_t i = s->from; i < s->to; i++) {
        __builtin_prefetch(&s->counts[order[i + AHEAD]], 1);
        s->counts[order[i]]++;
    }
    return s->to - s->from;
}

static uint64_t count_cached(const share *s)
{
    for (size_t i = s->from; i < s->to; i++) {
        s->counts[order[i] % CACHED]++;
    }
    return s->to - s->from;
}

static void *share_main(void *arg)
{
    share *s = arg;
    s->done = s->work(s);
    return NULL;
}

/* Threads are made outside the clock: they wait for `go`. */
static pthread_barrier_t go, end;
static bool over;

static void *second_main(void *arg)
{
    for (;;) {
        pthread_barrier_wait(&go);
        if (over) {
            return NULL;
        }
        share_main(arg);
        pthread_barrier_wait(&end);
    }
}

static const char *run(gb_state *s, uint64_t (*work)(const share *), int threads)
{
    make();
    size_t half = threads == 2 ? ITEMS / 2 : ITEMS;
    share first = {work, 0, half, counts[0], 0}, second = {work, half, ITEMS, counts[1], 0};
    pthread_t t;
    over = false;
    pthread_barrier_init(&go, NULL, 2);
    pthread_barrier_init(&end, NULL, 2);
    if (threads == 2 && pthread_create(&t, NULL, second_main, &second)) {
        return "no second thread";
    }
    const char *wrong = NULL;
    while (gb_next_batch(s, (int64_t)ITEMS) && !wrong) {
        uint64_t begin = micro_now_ns();
        if (threads == 2) {
            pthread_barrier_wait(&go);
        }
        share_main(&first);
        if (threads == 2) {
            pthread_barrier_wait(&end);
        }
        gb_manual_time(s, (double)(micro_now_ns() - begin) * 1e-9);
        wrong = first.done + second.done == ITEMS ? NULL : "not every item was touched once";
    }
    if (threads == 2) {
        over = true;
        pthread_barrier_wait(&go);
        pthread_join(t, NULL);
    }
    pthread_barrier_destroy(&go);
    pthread_barrier_destroy(&end);
    return wrong;
}

static const char *run_sweep(gb_state *s, const micro_row *row)
{
    return run(s, sweep, (int)row->size);
}

static const char *run_random(gb_state *s, const micro_row *row)
{
    return run(s, count_random, (int)row->size);
}

static const char *run_cached(gb_state *s, const micro_row *row)
{
    return run(s, count_cached, (int)row->size);
}

void micro_limits_share(void)
{
    enum { flags = MICRO_MANUAL | MICRO_THREADS };
    static const micro_row table[] = {
        {"limit/share/sweep/1", run_sweep, NULL, 1, 0, flags},
        {"limit/share/sweep/2", run_sweep, NULL, 2, 0, flags},
        {"limit/share/random/1", run_random, NULL, 1, 0, flags},
        {"limit/share/random/2", run_random, NULL, 2, 0, flags},
        {"limit/share/cached/1", run_cached, NULL, 1, 0, flags},
        {"limit/share/cached/2", run_cached, NULL, 2, 0, flags},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}
