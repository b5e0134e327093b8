/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * marking.c - P2: what has a counter left lives, and so does what it reaches.
 *
 * One sweep over the counters, region by region. What is found ahead of the sweep is marked
 * only: it will be read when the sweep gets there, in address order. What is found behind it
 * goes to the stack. Workers share the counters: a mark may be made twice, which does no harm,
 * and a region may be swept just before it is marked, which takes another sweep. Model:
 * tests/spin/marking.pml.
 */
#include "gc/children.h"
#include "gc/passes.h"

#define SHARED_STACK ((size_t)256)
#define LONG_ROUNDS 4u /* sweeps that may set long arrays aside: each costs another sweep */

static void push(ou_gc_worker *me, size_t at, ou_object *o)
{
    if (OU_UNLIKELY(me->stack_len >= me->stack_max)) {
        ou_store_relaxed(&ou_gc.counters[at], (uint8_t)1); /* a root like any other */
        me->again = true;
        return;
    }
    ou_store_relaxed(&ou_gc.counters[at], (uint8_t)OU_GC_SCANNED);
    me->stack[me->stack_len++] = o;
    __builtin_prefetch(o);
}

/* First counter of a region that no worker had taken a moment ago. */
static size_t frontier(void)
{
    size_t r = ou_gc_claimed();
    return r < ou_gc.region_count ? ou_gc.regions[r].counters : OU_NO_COUNTER;
}

/* `here`: counters up to there are behind the sweep. */
OU_INLINE void found(ou_gc_worker *me, uint8_t *counters, size_t at, ou_object *child,
                     size_t here)
{
    if (ou_load_relaxed(&counters[at])) {
        return;
    }
    bool mine = at > here && at < me->sweep_end;
    if (mine || (at > here && at >= frontier())) {
        ou_store_relaxed(&counters[at], (uint8_t)1);
        me->again |= !mine && ou_gc_worker_count > 1; /* perhaps it was taken meanwhile */
    } else {
        push(me, at, child);
    }
}

static inline void edge_mark(ou_object *child)
{
    uint8_t *counter = ou_gc_counter(child);
    if (counter) {
        found(ou_gc_me, ou_gc.counters, (size_t)(counter - ou_gc.counters), child,
              ou_gc_me->sweep);
    }
}

OU_INLINE void mark(const ou_gc_view *view, ou_object *const *items, size_t n, size_t here,
                    ou_gc_window *window, ou_gc_worker *me)
{
    for (size_t i = 0; i < n; i++) {
        ou_object *child = items[i];
        uint8_t *counter;
        size_t at;
        if (ou_window_shows(window, child, &counter)) {
            if (OU_LIKELY(ou_load_relaxed(counter))) {
                continue;
            }
            at = (size_t)(counter - view->counters);
        } else if (!ou_far_away(view, window, &me->far, &at, &child)) {
            continue;
        }
        found(me, view->counters, at, child, here);
    }
}

static void mark_children(const ou_gc_view *view, const ou_shape *shape, ou_object *o,
                          ou_gc_window *window, ou_gc_worker *me)
{
    ou_object *const *items;
    size_t n;
    if (!view->arenas || !ou_shape_items(shape, o, &items, &n)) {
        ou_each_child_other(o, edge_mark);
    } else if (!ou_gc_long_put(items, n)) {
        mark(view, items, n, me->sweep, window, me);
    }
}

static void drain_stack(ou_gc_worker *me)
{
    const ou_gc_view view = ou_gc_look();
    ou_gc_window window = ou_window_none(&view, me->sweep);
    ou_shape shape = {0};
    while (me->stack_len) {
        ou_object *o = me->stack[--me->stack_len];
        ou_shape_follow(&shape, o);
        mark_children(&view, &shape, o, &window, me);
    }
}

static bool is_root(const uint8_t *counter)
{
    return (uint8_t)(ou_load_relaxed(counter) - 1) < OU_GC_MANY;
}

/* Eight counters at once: nothing but suspects, or nothing but what was scanned? */
static bool all_done(const uint8_t *eight)
{
    uint64_t word = ou_load_relaxed((const uint64_t *)(const void *)eight);
    return !word || !~word;
}

/* Number of the first counter from `i` on that is neither 0 nor OU_GC_SCANNED. A region's first
 * counter is at a multiple of eight. */
OU_INLINE uint32_t next_root(const uint8_t *counters, uint32_t i, uint32_t n)
{
    while (OU_UNLIKELY(i < n && !is_root(&counters[i]))) {
        i++;
        while (i % 8 == 0 && i + 8 <= n && all_done(counters + i)) {
            i += 8;
        }
    }
    return i;
}

/* Instances of one closed class, as in P1. */
static __attribute__((noinline)) uint32_t
mark_instances(const ou_region *region, uint32_t i, const ou_shape *shape, ou_gc_worker *me)
{
    const ou_gc_view view = ou_gc_look();
    const uint32_t type = shape->type, n = region->count, first = region->counters;
    const size_t bytes = region->block_bytes, slots = shape->n;
    uint8_t *counters = view.counters + first;
    ou_gc_window window = ou_window_on(&view, region);
    for (; (i = next_root(counters, i, n)) < n; i++) {
        ou_object *o = (ou_object *)(region->start + i * bytes);
        if (OU_UNLIKELY(o->type != type || !ou_gc_looks_at(o))) {
            break;
        }
        ou_store_relaxed(&counters[i], (uint8_t)OU_GC_SCANNED);
        mark(&view, (ou_object **)((char *)o + sizeof(ou_instance)), slots, first + i, &window,
             me);
        if (OU_UNLIKELY(me->stack_len)) {
            me->sweep = first + i;
            drain_stack(me);
        }
    }
    return i;
}

static void mark_region(const ou_region *region, ou_gc_worker *me)
{
    const ou_gc_view view = ou_gc_look();
    uint8_t *counters = view.counters + region->counters;
    ou_gc_window window = ou_window_on(&view, region);
    ou_shape shape = {0};
    me->sweep_end = region->counters + region->count;
    for (uint32_t i = 0; (i = next_root(counters, i, region->count)) < region->count;) {
        ou_object *o = ou_region_object(region, i);
        if (!ou_gc_looks_at(o)) {
            ou_store_relaxed(&counters[i++], (uint8_t)OU_GC_SCANNED);
            continue;
        }
        ou_shape_follow(&shape, o);
        if (region->start && shape.kind == OU_KIND_COUNT) {
            i = mark_instances(region, i, &shape, me);
            continue;
        }
        me->sweep = region->counters + i;
        ou_store_relaxed(&counters[i++], (uint8_t)OU_GC_SCANNED);
        mark_children(&view, &shape, o, &window, me);
        drain_stack(me);
    }
}

/* The sweep is through: what waits in the ring, and all that it leads to. */
static void mark_waiting(ou_gc_worker *me)
{
    me->sweep = OU_NO_COUNTER;
    size_t n = OU_FAR; /* not `next`, which counts on and may just have begun anew */
    do {
        ou_far_ring waiting;
        memcpy(waiting.at, me->far.at, n * sizeof waiting.at[0]);
        memcpy(waiting.child, me->far.child, n * sizeof waiting.child[0]);
        ou_far_begin(&me->far, n);
        for (size_t i = 0; i < n; i++) {
            found(me, ou_gc.counters, waiting.at[i], waiting.child[i], me->sweep);
        }
        drain_stack(me);
        n = ou_min(me->far.next, OU_FAR);
    } while (n);
}

static void mark_regions(ou_gc_worker *me)
{
    me->again = false;
    me->stack_len = 0;
    /* A wide structure is left to the next sweep, which all share. */
    me->stack_max = ou_gc_worker_count > 1 ? SHARED_STACK : OU_GC_STACK_MAX;
    ou_far_begin(&me->far, OU_FAR);
    for (size_t r; (r = ou_gc_claim()) < ou_gc.region_count;) {
        mark_region(&ou_gc.regions[r], me);
    }
    mark_waiting(me);
}

OU_INLINE void note(uint8_t *counter)
{
    if (!ou_load_relaxed(counter)) {
        ou_store_relaxed(counter, (uint8_t)1);
    }
}

/* Marks only: a sweep follows. */
static void mark_long(ou_gc_worker *me)
{
    const ou_gc_view view = ou_gc_look();
    ou_gc_window window = ou_window_none(&view, 0);
    ou_object *const *items;
    ou_far_begin(&me->far, OU_FAR);
    for (size_t n; ou_gc_long_take(&items, &n);) {
        for (size_t i = 0; i < n; i++) {
            ou_object *child = items[i];
            uint8_t *counter;
            size_t at;
            if (ou_window_shows(&window, child, &counter)) {
                note(counter);
            } else if (ou_far_away(&view, &window, &me->far, &at, &child)) {
                note(&view.counters[at]);
            }
        }
    }
    for (uint32_t i = 0; i < OU_FAR; i++) {
        note(&ou_gc.counters[me->far.at[i]]);
    }
}

/* One sweep; true: there has to be another. */
static bool sweep(bool set_long_aside)
{
    bool again = false;
    ou_gc_long_clear(set_long_aside);
    ou_gc_claim_begin();
    ou_gc_workers_run(mark_regions);
    for (uint32_t w = 0; w < ou_gc_worker_count; w++) {
        again |= ou_gc_workers[w].again;
    }
    if (!ou_gc_long_any()) {
        return again;
    }
    ou_gc_claim_begin();
    ou_gc_workers_run(mark_long);
    return ou_gc_count_garbage() != 0; /* 0: nobody is left that a sweep could find */
}

void ou_gc_mark(void)
{
    ou_gc.counters[ou_gc.counter_count] = OU_GC_SCANNED; /* the rings begin full of it */
    for (unsigned round = 0; sweep(round < LONG_ROUNDS); round++) {
    }
    ou_gc.counters[ou_gc.counter_count] = 0;
}
