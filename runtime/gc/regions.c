/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * regions.c - the collector's memory, and where tracked objects are: its counters and what
 * leads from an object to its own. The world stands while regions are listed.
 */
#include "gc/workers.h"
#include "heap/arena.h"

ou_gc_state ou_gc;

static void unreserve(void *array, size_t bytes)
{
    if (array) {
        ou_os_unmap(array, bytes);
    }
}

#define HUGE_BYTES ((size_t)2 << 20)

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
    ou_gc.counters = ou_os_reserve(blocks, HUGE_BYTES);
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

bool ou_gc_array_trim(void *array, size_t bytes)
{
    size_t rest = bytes > KEEP_BYTES ? ou_align_up(bytes - KEEP_BYTES, 4096) : 0;
    return !rest || ou_os_purge((char *)array + KEEP_BYTES, rest);
}

/* The same, and what is kept reads as zero. */
static void array_clear(void *array, size_t bytes)
{
    bool trimmed = ou_gc_array_trim(array, bytes);
    memset(array, 0, trimmed ? ou_min(bytes, KEEP_BYTES) : bytes);
}

void ou_gc_counters_clear(uint8_t *counters)
{
    array_clear(counters, ou_gc.counter_count);
}

/* References go anywhere: with small pages each would cost a miss of the TLB, too. */
void ou_gc_counters_huge(uint8_t *counters)
{
    ou_os_huge(counters, ou_gc.counter_count / HUGE_BYTES * HUGE_BYTES);
}

/* Between collections the counters and pages are zero. */
void ou_gc_release_memory(void)
{
    ou_gc_workers_part();
    ou_gc_counters_clear(ou_gc.counters);
    ou_gc_array_trim(ou_gc.garbage, ou_gc.garbage_count * sizeof(ou_object *));
    memset(ou_gc.pages, 0, ou_arena_top() * sizeof(ou_gc_page));
    ou_gc.counter_count = ou_gc.garbage_count = ou_gc.region_count = 0;
}

static void region_add(ou_region region)
{
    region.counters = (uint32_t)ou_gc.counter_count;
    ou_gc.regions[ou_gc.region_count++] = region;
    ou_gc.counter_count += ou_align_up(region.count, 8); /* they are read eight at a time */
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

static void list_page(size_t i, bool whole)
{
    ou_page *page = &ou_page_table[i];
    uint32_t bin = ou_tag_bin(ou_page_tag(page));
    bool small = bin >= OU_BIN_FIRST_TRACKED && bin < OU_BIN_COUNT;
    if (!(small || bin == OU_BIN_LARGE_TRACKED) || page->frozen) {
        return;
    }
    if (page->back) { /* inside a span: the counters of its first page, seen already */
        ou_gc.pages[i] = ou_gc.pages[i - page->back];
        return;
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

void ou_gc_list_begin(void)
{
    ou_gc.region_count = ou_gc.counter_count = ou_gc.garbage_count = 0;
    ou_gc.special = ou_gc.any_big = false;
    ou_gc.examined = 0;
}

void ou_gc_list_pages(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        list_page(i, true);
    }
}

void ou_gc_list_carved(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        list_page(i, false);
    }
}

void ou_gc_list_regions(void)
{
    ou_gc_list_begin();
    if (ou_blocks_from_malloc) {
        list_vectors();
        return;
    }
    ou_gc_list_carved(1, ou_arena_top());
    ou_gc_counters_huge(ou_gc.counters);
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
