/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * reclaim.c - the short way to free garbage: nobody can see it any more and nobody wants to be
 * told, so its members are taken apart and freed where they lie. References among them are not
 * counted down; those to others are dropped one by one.
 */
#include "gc/children.h"
#include "gc/gc.h"
#include "object/watch.h"

/* ---- by page: the counters tell who is a member -------------------------------------------
 */

static inline void drop_outside(ou_object *child)
{
    const uint8_t *counter = ou_gc_counter(child);
    if (!counter || *counter) {
        ou_decref(child);
    }
}

OU_INLINE void drop_items(const ou_gc_view *view, ou_object *const *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = ou_gc_index(view, items[i]);
        bool outside = at == OU_NO_COUNTER ? items[i] != NULL : view->counters[at] != 0;
        if (OU_UNLIKELY(outside)) {
            ou_decref(items[i]);
        }
    }
}

static void take_apart(const ou_gc_view *view, const ou_shape *shape, ou_object *o)
{
    ou_object *const *items;
    size_t n;
    if (ou_shape_items(shape, o, &items, &n)) {
        drop_items(view, items, n);
    } else {
        ou_each_child_other(o, drop_outside);
    }
    if (shape->releases) {
        ou_type_get(o)->release(o);
    }
}

#define SPAN_WORDS (OU_SPAN_PAGES_MAX * OU_PAGE_BITS_WORDS)

OU_INLINE void bury(ou_object *o, uint64_t *bits, uint32_t i)
{
    bits[i / 64] |= (uint64_t)1 << i % 64;
    ou_header_bury(o);
}

/* Instances of one closed class, as in P1. */
static __attribute__((noinline)) uint32_t bury_instances(const ou_region *region, uint32_t i,
                                                         const ou_shape *shape, uint64_t *bits)
{
    const ou_gc_view view = ou_gc_look();
    const uint8_t *counters = view.counters + region->counters;
    const uint32_t type = shape->type, n = region->count;
    const size_t bytes = region->block_bytes, slots = shape->n;
    char *block = region->start + i * bytes;
    for (; i < n; i++, block += bytes) {
        ou_object *o = (ou_object *)block;
        if (counters[i]) {
            continue;
        }
        if (OU_UNLIKELY(o->type != type)) {
            break;
        }
        drop_items(&view, (ou_object **)(block + sizeof(ou_instance)), slots);
        bury(o, bits, i);
    }
    return i;
}

/* Each garbage object of the region is taken apart, its header says that it is dead, its bit is
 * set. */
static void bury_region(const ou_region *region, uint64_t *bits)
{
    const ou_gc_view view = ou_gc_look();
    const uint8_t *counters = view.counters + region->counters;
    ou_shape shape = {0};
    memset(bits, 0, (region->count + 63) / 64 * sizeof *bits);
    for (uint32_t i = 0; i < region->count; i++) {
        if (counters[i]) {
            continue;
        }
        ou_object *o = ou_region_object(region, i);
        ou_shape_follow(&shape, o);
        if (shape.kind == OU_KIND_COUNT) {
            i = bury_instances(region, i, &shape, bits) - 1;
        } else {
            take_apart(&view, &shape, o);
            bury(o, bits, i);
        }
    }
}

/* Are the counters of its blocks found without the tag of their page? */
static bool is_single(const ou_region *region)
{
    return ou_gc.pages[ou_page_index(region->start)].magic > 1;
}

static void free_region(const ou_region *region, const uint64_t *bits)
{
    ou_heap_free_bits(ou_span_of(region->start), bits, (region->count + 63) / 64,
                      region->garbage);
}

static void garbage_bits(const ou_region *region, uint64_t *bits)
{
    const uint8_t *counters = &ou_gc.counters[region->counters];
    memset(bits, 0, (region->count + 63) / 64 * sizeof *bits);
    for (uint32_t i = 0; i < region->count; i++) {
        bits[i / 64] |= (uint64_t)!counters[i] << i % 64;
    }
}

/* Spans of several pages and runs go when all garbage is taken apart: their tags tell until
 * then where the counters of their blocks are. */
static void reclaim_by_page(void)
{
    uint64_t bits[SPAN_WORDS];
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        const ou_region *region = &ou_gc.regions[r];
        if (region->garbage) {
            bury_region(region, bits);
            if (is_single(region)) {
                free_region(region, bits);
            }
        }
    }
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        const ou_region *region = &ou_gc.regions[r];
        if (region->garbage && !is_single(region)) {
            garbage_bits(region, bits);
            free_region(region, bits);
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
