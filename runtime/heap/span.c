/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * span.c - where magazines are filled from and emptied to.
 *
 * Each bin has one current span and a list of others with free blocks. Spans without a free
 * block are in no list; a block that comes back puts its span into the list again. When the
 * current span is used up, the fullest of the first four others follows: the emptier ones get
 * the chance to become empty and go back to the arena.
 */
#include "heap/arena.h"
#include "heap/heap.h"

#define PAGE_LINK_DEPTH ((uint64_t)0xFF << 48) /* depth field of links inside a span */
#define CANDIDATES 4

static void partial_push(ou_heap *heap, uint32_t bin, ou_page *span)
{
    span->prev = NULL;
    span->next = heap->partial[bin];
    if (span->next) {
        span->next->prev = span;
    }
    heap->partial[bin] = span;
    span->listed = 1;
}

static void partial_remove(ou_heap *heap, uint32_t bin, ou_page *span)
{
    if (span->prev) {
        span->prev->next = span->next;
    } else {
        heap->partial[bin] = span->next;
    }
    if (span->next) {
        span->next->prev = span->prev;
    }
    span->listed = 0;
}

static ou_page *fullest_partial(const ou_heap *heap, uint32_t bin)
{
    ou_page *best = heap->partial[bin];
    ou_page *span = best;
    for (int i = 1; i < CANDIDATES && span; i++) {
        span = span->next;
        if (span && span->used > best->used) {
            best = span;
        }
    }
    return best;
}

static ou_page *span_new(ou_heap *heap, uint32_t bin)
{
    const ou_bin_info *info = &ou_bins[bin];
    ou_page *span = ou_arena_take(info->span_pages, 1, false, NULL);
    if (!span) {
        return NULL;
    }
    uint32_t pages = span->pages;
    for (uint32_t i = 0; i < pages; i++) {
        memset(&span[i], 0, sizeof *span);
        span[i].back = i;
    }
    span->pages = pages;
    span->capacity = (uint32_t)((pages << OU_PAGE_SHIFT) / info->size_bytes);
    for (uint32_t i = 0; i < pages; i++) {
        ou_store_relaxed(&span[i].tag, heap->tag | bin);
    }
    OU_STAT(heap_pages_taken, pages);
    return span;
}

static void span_retire(ou_page *span)
{
    uint32_t pages = span->pages;
    if (OU_ASAN) {
        ou_asan_taken(ou_page_start(span), (size_t)pages << OU_PAGE_SHIFT, 0);
    }
    for (uint32_t i = 1; i < pages; i++) {
        ou_store_relaxed(&span[i].tag, 0u);
    }
    OU_STAT(heap_pages_retired, pages);
    ou_arena_give(span, pages);
}

/* Makes a span with a free or uncarved block the current one. */
static ou_page *span_choose(ou_heap *heap, uint32_t bin)
{
    ou_page *span = heap->current[bin];
    if (span && (span->free_len || span->carved < span->capacity)) {
        return span;
    }
    span = fullest_partial(heap, bin);
    if (span) {
        partial_remove(heap, bin, span);
    } else {
        span = span_new(heap, bin);
    }
    if (span) {
        heap->current[bin] = span;
    }
    return span;
}

static void magazine_push(ou_heap *heap, uint32_t bin, void *p)
{
    uint64_t head = heap->bins[bin];
    *ou_block_link(p) = head ^ ou_link_key;
    heap->bins[bin] = (uint64_t)(uintptr_t)p | ((head >> 48) + 1) << 48;
}

static uint32_t refill_free(ou_heap *heap, uint32_t bin, ou_page *span, uint32_t want)
{
    uint32_t n = span->free_len < want ? span->free_len : want;
    uint64_t word = span->free;
    for (uint32_t i = 0; i < n; i++) {
        void *p = (void *)(word & OU_LINK_ADDRESS);
        word = *ou_block_link(p) ^ ou_link_key;
        if (OU_UNLIKELY((word >> 48) != 0xFF)) {
            ou_heap_corrupt(p, bin);
        }
        magazine_push(heap, bin, p);
    }
    span->free = word;
    span->free_len -= n;
    return n;
}

/* Cuts fresh blocks, highest address first, so that the magazine hands them out ascending. */
static uint32_t refill_carve(ou_heap *heap, uint32_t bin, ou_page *span, uint32_t want)
{
    size_t bytes = ou_bins[bin].size_bytes;
    uint32_t left = span->capacity - span->carved;
    uint32_t n = left < want ? left : want;
    char *from = ou_page_start(span) + span->carved * bytes;
    for (uint32_t i = n; i-- > 0;) {
        char *p = from + i * bytes;
        *(uint64_t *)p = 0; /* what lay here before must not look like an object */
        magazine_push(heap, bin, p);
        ou_mark_freed(p, bytes);
    }
    span->carved += n;
    OU_STAT(heap_carved_blocks, n);
    return n;
}

uint32_t ou_span_refill(ou_heap *heap, uint32_t bin)
{
    uint32_t want = (ou_bins[bin].limit + 1u) / 2u;
    ou_page *span = span_choose(heap, bin);
    if (!span) {
        return 0;
    }
    uint32_t n = refill_free(heap, bin, span, want);
    if (n < want && span->carved < span->capacity) {
        /* Fresh memory costs page faults: take it in small steps. */
        uint32_t step = (uint32_t)(8192 / ou_bins[bin].size_bytes);
        uint32_t fresh = step < 1 ? 1 : step;
        n += refill_carve(heap, bin, span, fresh < want - n ? fresh : want - n);
    }
    span->used += n;
    if (bin >= OU_BIN_FIRST_TRACKED) {
        ou_heap_note_tracked(heap, (int64_t)n * ou_bins[bin].size_bytes);
    }
    OU_STAT(heap_refills, 1);
    return n;
}

void ou_span_put(ou_heap *heap, void *block)
{
    ou_page *span = ou_page_first(ou_page_at(block));
    uint32_t bin = ou_tag_bin(span->tag);
    *ou_block_link(block) = (span->free | PAGE_LINK_DEPTH) ^ ou_link_key;
    span->free = (uint64_t)(uintptr_t)block;
    span->free_len++;
    span->used--;
    if (bin >= OU_BIN_FIRST_TRACKED) {
        ou_heap_note_tracked(heap, -(int64_t)ou_bins[bin].size_bytes);
    }
    if (span == heap->current[bin] || span->frozen) {
        return; /* stays, even empty: it is next to be used, or out of use until unfreeze */
    }
    if (!span->used) {
        if (span->listed) {
            partial_remove(heap, bin, span);
        }
        span_retire(span);
    } else if (!span->listed) {
        partial_push(heap, bin, span);
    }
}

void ou_heap_trim_spans(ou_heap *heap)
{
    for (uint32_t bin = 0; bin < OU_BIN_COUNT; bin++) {
        while (heap->bins[bin]) {
            void *p = (void *)(heap->bins[bin] & OU_LINK_ADDRESS);
            heap->bins[bin] = *ou_block_link(p) ^ ou_link_key;
            ou_span_put(heap, p);
        }
        ou_page *span = heap->current[bin];
        if (span && !span->used) {
            heap->current[bin] = NULL;
            span_retire(span);
        }
    }
}

/* Gives the older half of a magazine back: the newer half is in the cache. */
void ou_heap_flush(ou_heap *heap, uint32_t bin)
{
    uint32_t keep = ou_bins[bin].limit / 2u;
    uint64_t kept[256]; /* addresses of the blocks that stay, newest first */
    uint64_t word = heap->bins[bin];
    for (uint32_t i = 0; i < keep; i++) {
        kept[i] = word & OU_LINK_ADDRESS;
        word = *ou_block_link((void *)kept[i]) ^ ou_link_key;
    }
    while (word) {
        void *p = (void *)(word & OU_LINK_ADDRESS);
        word = *ou_block_link(p) ^ ou_link_key;
        ou_span_put(heap, p);
    }
    heap->bins[bin] = 0;
    for (uint32_t i = keep; i-- > 0;) {
        magazine_push(heap, bin, (void *)kept[i]);
    }
    OU_STAT(heap_flushes, 1);
}

/* ---- freezing: tracked spans out of use and out of the collector's sight ------------------- */

/* World stopped. A frozen span gives out no block, so nothing new is born in it; what is freed
 * in it waits for the thaw. */
void ou_span_set_frozen(ou_page *span, bool frozen)
{
    uint32_t bin = ou_tag_bin(span->tag);
    ou_heap *heap = ou_heap_at(ou_tag_heap(span->tag));
    for (uint32_t i = 0; i < span->pages; i++) {
        span[i].frozen = frozen;
    }
    if (bin >= OU_BIN_COUNT || !heap) {
        return;
    }
    while (frozen && heap->bins[bin]) { /* the magazine may hold blocks of this span */
        void *p = (void *)(heap->bins[bin] & OU_LINK_ADDRESS);
        heap->bins[bin] = *ou_block_link(p) ^ ou_link_key;
        ou_span_put(heap, p);
    }
    if (frozen && span->listed) {
        partial_remove(heap, bin, span);
    }
    if (frozen && heap->current[bin] == span) {
        heap->current[bin] = NULL;
    }
    if (!frozen && !span->listed && heap->current[bin] != span &&
        (span->free_len || span->carved < span->capacity)) {
        partial_push(heap, bin, span);
    }
}

/* World stopped: undoes every freeze. */
void ou_span_thaw_all(void)
{
    size_t top = ou_arena_top();
    for (size_t i = 1; i < top; i++) {
        ou_page *page = &ou_page_table[i];
        if (page->tag && page->frozen && !page->back) {
            ou_span_set_frozen(page, false);
        }
    }
}
