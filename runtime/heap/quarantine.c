/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * quarantine.c - where freed blocks wait in the modes secure and debug, and the order in which
 * blocks are handed out in secure mode. One quarantine a heap, used by the heap's holder and
 * passed on with it; a thread without a heap has none. It holds at most heap_quarantine_bytes,
 * of which no block may take more than a quarter.
 *
 * Debug lets go of the oldest, so that each block waits as long as can be. Secure lets go of
 * any, so that nobody can tell when, or in which order, blocks come back.
 */
#include "heap/guard.h"
#include "os/os.h"

#define PLACES 4096u /* power of two */

typedef struct quarantine {
    uint64_t random; /* state of a generator; never 0 */
    size_t bytes;    /* owner; read relaxed */
    uint32_t first, len;
    void *ring[PLACES];
} quarantine;

static quarantine *quarantines[OU_HEAP_MAX]; /* const once set by the heap's holder, atomic */

static quarantine *of_heap(const ou_heap *heap)
{
    quarantine *q = heap == &ou_heap_none ? NULL : ou_load_relaxed(&quarantines[heap->id]);
    if (!q && heap != &ou_heap_none) {
        q = ou_os_map(sizeof *q);
        if (q) {
            q->random = ou_os_random() | 1;
            ou_store_release(&quarantines[heap->id], q); /* pairs: ou_guard_held_bytes */
        }
    }
    return q;
}

/* Below `n`. Xorshift (Marsaglia 2003), multiplied: good enough for nobody to rely on an order.
 */
static uint32_t any_below(quarantine *q, uint32_t n)
{
    uint64_t x = q->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    q->random = x;
    return (uint32_t)(((x * 0x2545F4914F6CDD1Du >> 32) * n) >> 32);
}

static void let_go(quarantine *q)
{
    uint32_t which = ou_guard_mode == OU_MODE_SECURE ? any_below(q, q->len) : 0;
    void **oldest = &q->ring[q->first % PLACES];
    void **chosen = &q->ring[(q->first + which) % PLACES];
    void *p = *chosen;
    *chosen = *oldest;
    q->first++;
    q->len--;
    ou_store_relaxed(&q->bytes, q->bytes - ou_guard_release(p));
}

void ou_quarantine_put(const ou_guarded *g)
{
    size_t limit = (size_t)OU_KNOB(heap_quarantine_bytes), bytes = g->bytes;
    quarantine *q = bytes <= limit / 4 ? of_heap(ou_heap_current()) : NULL;
    if (!q) {
        ou_guard_release(g->p);
        return;
    }
    while (q->len && (q->len == PLACES || q->bytes + bytes > limit)) {
        let_go(q);
    }
    q->ring[(q->first + q->len++) % PLACES] = g->p;
    ou_store_relaxed(&q->bytes, q->bytes + bytes);
}

void ou_guard_flush(void)
{
    quarantine *q = of_heap(ou_heap_current());
    while (q && q->len) {
        let_go(q);
    }
}

static void check(ou_heap *heap)
{
    const quarantine *q = ou_load_acquire(&quarantines[heap->id]);
    for (uint32_t i = 0; q && i < q->len; i++) {
        ou_guard_check_held(q->ring[(q->first + i) % PLACES]);
    }
}

/* Those of other threads that run are theirs to look at. */
void ou_quarantine_check(void)
{
    if (ou_heap_current() != &ou_heap_none) {
        check(ou_heap_current());
    }
    ou_heap_each_orphan(check);
}

size_t ou_guard_held_bytes(void)
{
    size_t bytes = 0;
    for (uint32_t id = 1; ou_heap_at(id); id++) {
        const quarantine *q = ou_load_acquire(&quarantines[id]);
        bytes += q ? ou_load_relaxed(&q->bytes) : 0;
    }
    return bytes;
}

/* Fisher and Yates, in Durstenfeld's form. */
void ou_guard_shuffle(ou_heap *heap, uint32_t bin)
{
    quarantine *q = ou_guard_mode == OU_MODE_SECURE ? of_heap(heap) : NULL;
    void **top = heap->bins[bin];
    uint32_t n = 0;
    while (q && *(top - n)) {
        n++;
    }
    for (; n > 1; n--) {
        void **last = top - (n - 1), **other = top - any_below(q, n);
        void *p = *last;
        ou_store_relaxed(last, *other);
        ou_store_relaxed(other, p);
    }
}
