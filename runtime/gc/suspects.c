/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* suspects.c - who is garbage: the three passes of gc.h. The world stands throughout. */
#include "gc/children.h"
#include "gc/gc.h"
#include "heap/arena.h"

ou_gc_state ou_gc;

/* Values of a counter after P1: 0 = suspect, 1..MANY = referred to from outside, then: */
#define MANY 253u
#define PUSHED 254u
#define SCANNED 255u

static void unreserve(void *array, size_t bytes)
{
    if (array) {
        ou_os_unmap(array, bytes);
    }
}

/* ou_arena_init has seen to it that there is room for these: 5/8 of the range, and 16 MiB. */
int ou_gc_reserve(void)
{
    if (ou_gc.counters) {
        return 0;
    }
    size_t blocks = ou_range_bytes / 16; /* no object is smaller */
    size_t pages = ou_range_bytes >> OU_PAGE_SHIFT;
    ou_gc.regions = ou_os_reserve((pages + OU_SLOT_MAX) * sizeof(ou_region), 4096);
    ou_gc.pages = ou_os_reserve(pages * sizeof(ou_gc_page), 4096);
    ou_gc.counters = ou_os_reserve(blocks, 4096);
    ou_gc.garbage = ou_os_reserve(blocks * sizeof(ou_object *), 4096);
    ou_gc.stack = ou_os_reserve(OU_GC_STACK_MAX * sizeof(ou_object *), 4096);
    if (ou_gc.regions && ou_gc.pages && ou_gc.counters && ou_gc.garbage && ou_gc.stack) {
        return 0;
    }
    unreserve(ou_gc.regions, (pages + OU_SLOT_MAX) * sizeof(ou_region));
    unreserve(ou_gc.pages, pages * sizeof(ou_gc_page));
    unreserve(ou_gc.counters, blocks);
    unreserve(ou_gc.garbage, blocks * sizeof(ou_object *));
    unreserve(ou_gc.stack, OU_GC_STACK_MAX * sizeof(ou_object *));
    ou_gc.counters = NULL;
    return ou_fail(OU_ENOMEM, "no address space for the collector");
}

#define KEEP_BYTES                                                                             \
    ((size_t)4 << 20) /* kept for the next collection, to spare its page faults */

/* Zeroes what was used; what is more than worth keeping goes back to the system. */
static void array_clear(void *array, size_t bytes)
{
    size_t rest = bytes > KEEP_BYTES ? ou_align_up(bytes - KEEP_BYTES, 4096) : 0;
    memset(array, 0, ou_min(bytes, KEEP_BYTES));
    if (rest && !ou_os_purge((char *)array + KEEP_BYTES, rest)) {
        memset((char *)array + KEEP_BYTES, 0, rest);
    }
}

/* Between collections the arrays hold nothing, the counters are zero. */
void ou_gc_release_memory(void)
{
    array_clear(ou_gc.counters, ou_gc.counter_count);
    array_clear(ou_gc.garbage, ou_gc.garbage_count * sizeof(ou_object *));
    memset(ou_gc.pages, 0, ou_arena_top() * sizeof(ou_gc_page));
    ou_gc.counter_count = ou_gc.garbage_count = ou_gc.region_count = 0;
}

static void region_add(ou_region region)
{
    region.counters = (uint32_t)ou_gc.counter_count;
    ou_gc.regions[ou_gc.region_count++] = region;
    ou_gc.counter_count += region.count;
}

static void list_vectors(void)
{
    uint32_t slots = ou_slot_count();
    for (uint32_t id = 1; id <= slots; id++) {
        ou_slot *slot = &ou_slots[id];
        ou_blocks_drain_foreign(slot);
        slot->vector_counters = ou_gc.counter_count;
        if (slot->vector_len) {
            region_add(
                (ou_region){.vector = slot->vector, .count = (uint32_t)slot->vector_len});
        }
    }
}

static void list_spans(bool whole)
{
    size_t top = ou_arena_top();
    for (size_t i = 1; i < top; i++) {
        ou_page *page = &ou_page_table[i];
        uint32_t bin = ou_tag_bin(ou_page_tag(page));
        bool small = bin >= OU_BIN_FIRST_TRACKED && bin < OU_BIN_COUNT;
        if (!(small || bin == OU_BIN_LARGE_TRACKED) || page->frozen) {
            continue;
        }
        if (page->back) { /* inside a span: the counters of its first page, seen already */
            ou_gc.pages[i] = ou_gc.pages[i - page->back];
            continue;
        }
        uint64_t bytes = ou_bins[bin].size_bytes;
        bool single = small && ou_bins[bin].span_pages == 1;
        ou_gc.pages[i] = (ou_gc_page){
            .base = (uint32_t)ou_gc.counter_count,
            .magic = single ? (uint32_t)((((uint64_t)1 << 32) + bytes - 1) / bytes) : 1,
        };
        region_add((ou_region){.start = ou_page_start(page),
                               .block_bytes = small ? ou_bins[bin].size_bytes : 0,
                               .count = whole ? page->capacity : page->carved});
    }
}

void ou_gc_list_regions(bool whole)
{
    ou_gc.region_count = ou_gc.counter_count = ou_gc.garbage_count = 0;
    ou_gc.special = ou_gc.any_big = false;
    ou_gc.examined = 0;
    if (ou_blocks_from_malloc) {
        list_vectors();
    } else {
        list_spans(whole);
    }
}

uint8_t *ou_gc_counter_slow(ou_object *o)
{
    if (ou_blocks_from_malloc) {
        if (!ou_gc_looks_at(o)) {
            return NULL;
        }
        uint64_t where = ((ou_block_prefix *)o - 1)->where;
        return &ou_gc.counters[ou_slots[where >> 48].vector_counters + (uint32_t)where];
    }
    if (!ou_page_holds(o)) {
        return NULL; /* static: small ints, singletons, types */
    }
    uint32_t bin = ou_tag_bin(ou_tag_at(o));
    uint32_t index = bin < OU_BIN_COUNT ? ou_block_index(ou_span_offset(o), &ou_bins[bin]) : 0;
    return &ou_gc.counters[ou_gc.pages[ou_page_index(o)].base + index];
}

/* ---- P1 --------------------------------------------------------------------------------- */

static inline void edge_subtract(ou_object *child)
{
    uint8_t *counter = ou_gc_counter(child);
    if (counter) {
        --*counter;
    }
}

static void count_region(const ou_region *region)
{
    uint8_t *counters = &ou_gc.counters[region->counters];
    ou_shape shape = {0};
    size_t examined = 0;
    for (uint32_t i = 0; i < region->count; i++) {
        ou_object *o = ou_region_object(region, i);
        if (ou_gc_looks_at(o)) {
            int64_t count = ou_count_now(o);
            counters[i] = (uint8_t)(counters[i] + (uint8_t)count);
            ou_gc.any_big |= count > 255 || count < 0; /* immortal counts are negative here */
            ou_each_child(o, &shape, edge_subtract);
            examined++;
        }
    }
    ou_gc.examined += examined;
}

/* ---- counts of 256 and more: an exact second look ------------------------------------------
 */

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

static void recount_big(void)
{
    big.count = ou_gc.any_big ? big_count() : 0;
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

/* ---- P2 --------------------------------------------------------------------------------- */

static inline void edge_mark(ou_object *child)
{
    uint8_t *counter = ou_gc_counter(child);
    if (!counter || *counter) {
        return;
    }
    if (OU_UNLIKELY(ou_gc.stack_len == OU_GC_STACK_MAX)) {
        *counter = 1; /* a root like any other: the next round scans it */
        ou_gc.stack_overflow = true;
        return;
    }
    *counter = PUSHED;
    ou_gc.stack[ou_gc.stack_len++] = child;
}

static void drain_stack(ou_shape *shape)
{
    while (ou_gc.stack_len) {
        ou_object *o = ou_gc.stack[--ou_gc.stack_len];
        *ou_gc_counter(o) = SCANNED;
        if (ou_gc_looks_at(o)) {
            ou_each_child(o, shape, edge_mark);
        }
    }
}

static bool all_zero(const uint8_t *eight)
{
    uint64_t word;
    memcpy(&word, eight, sizeof word);
    return !word;
}

static void mark_region(const ou_region *region)
{
    uint8_t *counters = &ou_gc.counters[region->counters];
    ou_shape shape = {0};
    for (uint32_t i = 0; i < region->count; i++) {
        while (i + 8 <= region->count && all_zero(counters + i)) {
            i += 8; /* nothing but suspects */
        }
        if (i == region->count) {
            break;
        }
        if (counters[i] && counters[i] < PUSHED) {
            ou_object *o = ou_region_object(region, i);
            counters[i] = SCANNED;
            if (ou_gc_looks_at(o)) {
                ou_each_child(o, &shape, edge_mark);
                drain_stack(&shape);
            }
        }
    }
}

static void mark_from_roots(void)
{
    for (size_t i = 0; i < ou_gc.counter_count; i++) {
        ou_gc.counters[i] = ou_gc.counters[i] > MANY ? MANY : ou_gc.counters[i];
    }
    do {
        ou_gc.stack_overflow = false;
        for (size_t r = 0; r < ou_gc.region_count; r++) {
            mark_region(&ou_gc.regions[r]);
        }
    } while (ou_gc.stack_overflow);
}

/* ---- P3 --------------------------------------------------------------------------------- */

static void list_garbage(const ou_region *region)
{
    const uint8_t *counters = &ou_gc.counters[region->counters];
    for (uint32_t i = 0; i < region->count; i++) {
        ou_object *o = ou_region_object(region, i);
        if (counters[i] == 0 && ou_gc_looks_at(o)) {
            ou_gc.garbage[ou_gc.garbage_count++] = o;
            /* A weakref that dies may still be found by its target's death: no short way. */
            ou_gc.special |= (o->flags & OU_FL_WEAKREF) | (o->gcbits & OU_GC_FINALIZER) |
                             (o->type == OU_KIND_WEAKREF);
        }
    }
}

size_t ou_gc_find_garbage(void)
{
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        count_region(&ou_gc.regions[r]);
    }
    recount_big();
    mark_from_roots();
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        list_garbage(&ou_gc.regions[r]);
    }
    return ou_gc.garbage_count;
}
