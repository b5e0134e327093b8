/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * big.c - counts of 256 and more: a counter of 0 may mean 256, 512, ... for them, so they are
 * counted again, exactly, with 64 bits. The world stands.
 */
#include "gc/children.h"
#include "gc/gc.h"

/* Open-addressing table of the objects whose counter says 0 and whose count does not fit. */
static struct {
    ou_object **keys;
    int64_t *left; /* count minus references from within */
    size_t mask, count;
} big;

static bool is_big(const ou_object *o)
{
    return ou_count_now(o) > 255 || ou_is_immortal(o);
}

static size_t big_at(const ou_object *o)
{
    size_t at = (size_t)ou_mix64((uint64_t)(uintptr_t)o) & big.mask;
    while (big.keys[at] && big.keys[at] != o) {
        at = (at + 1) & big.mask;
    }
    return at;
}

static inline void edge_subtract_big(ou_object *child)
{
    uint8_t *counter = ou_gc_counter(child);
    if (counter && *counter == 0) {
        size_t at = big_at(child);
        if (big.keys[at]) {
            big.left[at]--;
        }
    }
}

/* Marks immortal objects as live; returns how many others are ambiguous. */
static size_t big_count(void)
{
    size_t n = 0;
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        const ou_region *region = &ou_gc.regions[r];
        for (uint32_t i = 0; i < region->count; i++) {
            uint8_t *counter = &ou_gc.counters[region->counters + i];
            ou_object *o = ou_region_object(region, i);
            if (*counter || !ou_gc_looks_at(o) || !is_big(o)) {
                continue;
            }
            if (ou_is_immortal(o)) {
                *counter = 1;
            } else {
                n++;
            }
        }
    }
    return n;
}

static void big_each(void (*fn)(ou_object *o, uint8_t *counter))
{
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        const ou_region *region = &ou_gc.regions[r];
        for (uint32_t i = 0; i < region->count; i++) {
            ou_object *o = ou_region_object(region, i);
            uint8_t *counter = &ou_gc.counters[region->counters + i];
            if (*counter == 0 && ou_gc_looks_at(o) && is_big(o)) {
                fn(o, counter);
            }
        }
    }
}

static void big_enter(ou_object *o, uint8_t *counter)
{
    (void)counter;
    size_t at = big_at(o);
    big.keys[at] = o;
    big.left[at] = ou_count_now(o);
}

static void big_decide(ou_object *o, uint8_t *counter)
{
    if (big.left[big_at(o)] > 0) {
        *counter = 1;
    }
}

static void big_assume_live(ou_object *o, uint8_t *counter)
{
    (void)o;
    *counter = 1;
}

void ou_gc_recount_big(void)
{
    big.count = big_count();
    if (!big.count) {
        return;
    }
    size_t slots = (size_t)2 << ou_log2(big.count * 2);
    big.mask = slots - 1;
    char *memory = ou_os_map(slots * 16);
    if (!memory) { /* no memory: they live on until the next collection */
        big_each(big_assume_live);
        return;
    }
    big.keys = (ou_object **)memory;
    big.left = (int64_t *)(memory + slots * 8);
    big_each(big_enter);
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        const ou_region *region = &ou_gc.regions[r];
        for (uint32_t i = 0; i < region->count; i++) {
            ou_object *o = ou_region_object(region, i);
            if (ou_gc_looks_at(o)) {
                ou_each_child_other(o, edge_subtract_big);
            }
        }
    }
    big_each(big_decide);
    ou_os_unmap(memory, slots * 16);
}
