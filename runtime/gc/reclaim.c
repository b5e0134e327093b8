/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * reclaim.c - the short way to free garbage: nobody can see it any more and nobody wants to be
 * told, so its members are taken apart and freed where they lie. References among them are not
 * counted down; those to others are dropped one by one.
 */
#include "gc/children.h"
#include "gc/passes.h"
#include "object/watch.h"

/* ---- by page: the counters tell who is a member -------------------------------------------
 * Workers take apart and bury instances of closed classes: these have nothing of their own, and
 * what they refer to outside is gathered for the collecting thread, which drops it. Everything
 * else, and the freeing, is that thread's.
 */

static inline void drop_outside(ou_object *child)
{
    const uint8_t *counter = ou_gc_counter(child);
    if (!counter || *counter) {
        ou_decref(child);
    }
}

/* A reference to an object that lives on. */
OU_INLINE void drop(ou_gc_worker *me, ou_object *child)
{
    if (me == ou_gc_workers) {
        ou_decref(child);
    } else {
        me->stack[me->stack_len++] = child; /* has_room */
    }
}

OU_INLINE void drop_items(const ou_gc_view *view, ou_object *const *items, size_t n,
                          ou_gc_window *window, ou_gc_worker *me)
{
    for (size_t i = 0; i < n; i++) {
        ou_object *child = items[i];
        uint8_t *counter;
        size_t at;
        if (ou_window_shows(window, child, &counter)) {
            if (OU_UNLIKELY(*counter)) {
                drop(me, child);
            }
        } else if (ou_far_away(view, window, &me->far, &at, &child)) {
            if (OU_UNLIKELY(view->counters[at])) {
                drop(me, child);
            }
        } else if (child) {
            drop(me, child); /* not looked at by the collector */
        }
    }
}

static void drop_waiting(ou_gc_worker *me)
{
    for (uint32_t i = 0; i < OU_FAR; i++) {
        if (ou_gc.counters[me->far.at[i]]) {
            drop(me, me->far.child[i]);
        }
    }
    ou_far_begin(&me->far, OU_FAR);
}

static void take_apart(const ou_gc_view *view, const ou_shape *shape, ou_object *o,
                       ou_gc_window *window, ou_gc_worker *me)
{
    ou_object *const *items;
    size_t n;
    if (ou_shape_items(shape, o, &items, &n)) {
        drop_items(view, items, n, window, me);
    } else {
        ou_each_child_other(o, drop_outside);
    }
    if (shape->releases) {
        ou_type_get(o)->release(o);
    }
}

/* Instances of one closed class, as in P1. */
static __attribute__((noinline)) uint32_t
bury_instances(const ou_region *region, uint32_t i, const ou_shape *shape, ou_gc_worker *me)
{
    const ou_gc_view view = ou_gc_look();
    const uint8_t *counters = view.counters + region->counters;
    const uint32_t type = shape->type, n = region->count;
    const size_t bytes = region->block_bytes, slots = shape->n;
    char *block = region->start + i * bytes;
    ou_gc_window window = ou_window_on(&view, region);
    for (; i < n; i++, block += bytes) {
        ou_object *o = (ou_object *)block;
        if (counters[i]) {
            continue;
        }
        if (OU_UNLIKELY(o->type != type)) {
            break;
        }
        drop_items(&view, (ou_object **)(block + sizeof(ou_instance)), slots, &window, me);
        ou_header_bury(o);
    }
    return i;
}

/* Each garbage object of the region is taken apart, its header says that it is dead. */
static void bury_region(const ou_region *region, ou_gc_worker *me)
{
    const ou_gc_view view = ou_gc_look();
    const uint8_t *counters = view.counters + region->counters;
    ou_gc_window window = ou_window_on(&view, region);
    ou_shape shape = {0};
    for (uint32_t i = 0; i < region->count; i++) {
        if (counters[i]) {
            continue;
        }
        ou_object *o = ou_region_object(region, i);
        ou_shape_follow(&shape, o);
        if (shape.kind == OU_KIND_COUNT) {
            i = bury_instances(region, i, &shape, me) - 1;
        } else {
            take_apart(&view, &shape, o, &window, me);
            ou_header_bury(o);
        }
    }
}

/* Are the counters of its blocks found without the tag of their page? */
static bool is_single(const ou_region *region)
{
    return ou_gc.pages[ou_page_index(region->start)].magic > 1;
}

/* A bit for each counter that is 0: eight at a time, whose bits a multiplication gathers. */
static void garbage_bits(const ou_region *region, uint64_t *bits)
{
    const uint8_t *counters = &ou_gc.counters[region->counters];
    memset(bits, 0, (region->count + 63) / 64 * sizeof *bits);
    for (uint32_t i = 0; i < region->count; i += 8) {
        uint64_t word, zero;
        memcpy(&word, counters + i, sizeof word);
        zero = ~(((word & OU_GC_LOW7) + OU_GC_LOW7) | word | OU_GC_LOW7) >> 7;
        bits[i / 64] |= (zero * 0x0102040810204080u >> 56) << i % 64;
    }
    if (region->count % 64) { /* counters behind the last are 0, too */
        bits[region->count / 64] &= ((uint64_t)1 << region->count % 64) - 1;
    }
}

#define SPAN_WORDS (OU_SPAN_PAGES_MAX * OU_PAGE_BITS_WORDS)

static void free_region(ou_region *region)
{
    uint64_t bits[SPAN_WORDS];
    garbage_bits(region, bits);
    ou_heap_free_bits(ou_span_of(region->start), bits, (region->count + 63) / 64,
                      region->garbage);
    region->garbage = 0;
}

#define REFERENCES_MAX (OU_SPAN_PAGES_MAX * OU_PAGE_BYTES / sizeof(ou_object *))

static bool has_room(const ou_gc_worker *me)
{
    return me->stack_len + REFERENCES_MAX + OU_FAR <= OU_GC_STACK_MAX;
}

/* A worker that is not the collecting thread. */
static void bury_plain(ou_gc_worker *me)
{
    size_t r;
    while (has_room(me) && (r = ou_gc_claim()) < ou_gc.region_count) {
        ou_region *region = &ou_gc.regions[r];
        region->left = !region->plain;
        if (region->garbage && region->plain) {
            bury_region(region, me);
        }
    }
    drop_waiting(me);
}

/* Spans of several pages and runs go when all garbage is taken apart: their tags tell until
 * then where the counters of their blocks are. */
static void bury_and_free(ou_region *region, ou_gc_worker *me)
{
    if (region->garbage) {
        bury_region(region, me);
        if (is_single(region)) {
            free_region(region); /* while it is in the cache */
        }
    }
}

static void bury_regions(ou_gc_worker *me)
{
    me->stack_len = 0;
    ou_far_begin(&me->far, OU_FAR);
    if (me != ou_gc_workers) {
        bury_plain(me);
        return;
    }
    for (size_t r; (r = ou_gc_claim()) < ou_gc.region_count;) {
        bury_and_free(&ou_gc.regions[r], me);
    }
}

static void drop_gathered(void)
{
    drop_waiting(ou_gc_workers);
    for (uint32_t w = 1; w < ou_gc_worker_count; w++) {
        ou_gc_worker *worker = &ou_gc_workers[w];
        while (worker->stack_len) {
            ou_decref(worker->stack[--worker->stack_len]);
        }
    }
}

static void reclaim_by_page(void)
{
    ou_gc_claim_begin();
    ou_gc_workers_run(bury_regions);
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        if (ou_gc.regions[r].left) {
            bury_and_free(&ou_gc.regions[r], ou_gc_workers);
        }
    }
    drop_gathered();
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        if (ou_gc.regions[r].garbage) {
            free_region(&ou_gc.regions[r]);
        }
    }
}

/* ---- by header ------------------------------------------------------------------------------
 * Watched objects, frozen pages, heap=malloc (whose vectors move as soon as the world runs),
 * and collections in short stops.
 */

static inline void drop_outside_by_header(ou_object *child)
{
    if (!ou_gc_is_garbage(child)) {
        ou_decref(child);
    }
}

void ou_gc_flag_members(void)
{
    for (size_t i = 0; i < ou_gc.garbage_count; i++) {
        ou_gc.garbage[i]->gcbits |= OU_GC_GARBAGE;
    }
}

void ou_gc_reclaim_by_header(void)
{
    ou_gc_flag_members();
    for (size_t i = 0; i < ou_gc.garbage_count; i++) {
        ou_object *o = ou_gc.garbage[i];
        ou_watch(OU_EV_UNREACHABLE, o, (int64_t)ou_gc.garbage_count);
        ou_each_child_other(o, drop_outside_by_header);
        const ou_type *type = ou_type_get(o);
        if (type->release) {
            type->release(o);
        }
    }
    for (size_t i = 0; i < ou_gc.garbage_count; i++) {
        ou_object_free_block(ou_gc.garbage[i]);
    }
}

void ou_gc_reclaim(void)
{
    if (ou_gc.garbage_count) {
        ou_gc_reclaim_by_header();
    } else {
        reclaim_by_page();
    }
}
