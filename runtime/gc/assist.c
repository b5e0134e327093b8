/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * assist.c - a thread that makes garbage faster than the background collector finds it collects
 * what was made lately, at its safepoints (called by pacing.c).
 *
 * The any-subset rule allows any set: here the objects in pages that blocks were handed out of
 * since the last look. References from all other pages count as references from outside. So a
 * stop follows what was made, not the heap, and costs what one stop for all costs an object: a
 * tenth of what a hint, its judgement and freeing by header cost. What it does not see, rings
 * that lie in older pages too, is the background collector's.
 */
#include "gc/gc.h"
#include "heap/heap.h"

#define STOP_PAGES 32u           /* looked at in one stop: some 0.2 ms */
#define ROUNDS_MOST 16u          /* however much others make meanwhile */
#define EVERY ((int64_t)1 << 20) /* growth between two assists, or an eighth of the step */

static uint32_t worth_it; /* atomic: a thread was held back; since, each assist paid */
static int64_t grown_at;  /* atomic: growth after the last one */

/* World stopped. Pages that were given back meanwhile are not marked any more. */
static bool list_heap(ou_heap *heap)
{
    while (heap->fresh_len && ou_gc.region_count < STOP_PAGES) {
        size_t i = heap->fresh[--heap->fresh_len];
        ou_page *page = &ou_page_table[i];
        if (page->fresh) {
            page->fresh = 0;
            ou_gc_list_carved(i, i + page->pages);
        }
    }
    return heap->fresh_len == 0;
}

bool ou_gc_list_fresh(void)
{
    bool all = true;
    uint32_t slots = ou_slot_count();
    ou_gc_list_begin();
    for (uint32_t id = 1; id <= slots; id++) {
        ou_heap *heap = ou_heap_at(id);
        all = (!heap || list_heap(heap)) && all;
    }
    return all;
}

void ou_gc_forget_fresh(void)
{
    uint32_t slots = ou_slot_count();
    for (uint32_t id = 1; id <= slots; id++) {
        ou_heap *heap = ou_heap_at(id);
        while (heap && heap->fresh_len) {
            ou_page_table[heap->fresh[--heap->fresh_len]].fresh = 0;
        }
    }
}

bool ou_gc_assist_pays(void)
{
    return ou_load_relaxed(&worth_it);
}

bool ou_gc_assist_due(int64_t grown, int64_t step)
{
    int64_t enough = step / 8 < EVERY ? step / 8 : EVERY;
    return ou_gc_assist_pays() && grown - ou_load_relaxed(&grown_at) >= enough;
}

void ou_gc_assist_try(void)
{
    ou_store_relaxed(&worth_it, 1u);
}

void ou_gc_assist_from(int64_t grown)
{
    ou_store_relaxed(&grown_at, grown);
}

void ou_gc_assist(void)
{
    ou_gc_report report;
    unsigned round = 0;
    bool paid;
    do {
        report = (ou_gc_report){.automatic = true, .fresh = true};
        if (!ou_gc_collect_fresh(&report)) {
            return;
        }
        paid = report.examined && report.unreachable * 2 >= report.examined;
    } while (paid && !report.fresh_all && ++round < ROUNDS_MOST);
    ou_store_relaxed(&worth_it, (uint32_t)paid);
    ou_gc_assist_from((int64_t)ou_gc_pacing_growth());
}
