/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * span.c - where magazines are filled from and emptied to.
 *
 * Each bin has one current span and a list of others with free blocks. Spans without a free
 * block are in no list; a block that comes back puts its span into the list again. When the
 * current span is used up, the fullest of the first four others follows: the emptier ones get
 * the chance to become empty and go back to the arena. Free blocks are bits in a map outside
 * the page, taken lowest address first; free memory itself is not touched.
 */
#include <errno.h>

#include "heap/arena.h"
#include "heap/guard.h"
#include "heap/heap.h"

#define CANDIDATES 4
/* Bytes carved at once. Marking fresh blocks makes their pages resident, in each heap and class
 * again: a span begins with one page of the system. */
#define FRESH_FIRST 4096
#define FRESH_STEP 8192
#define FRESH_UNTOUCHED 32768 /* blocks whose marks are kept beside cost nothing until used */

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

/* Blocks below `carved` pass ou_block_begins; none does while some have lost their marks. */
void ou_span_set_end(ou_page *span, uint32_t bin)
{
    if (span->pages > 1) {
        return;
    }
    uint32_t bytes = ou_bins[bin].size_bytes;
    uint32_t unit = ou_page_factor(bytes) * bytes; /* modulo 2^32 */
    bool unmarked = span->given && !ou_bin_is_mapped(bin);
    ou_store_relaxed(&ou_page_ends[ou_page_number(span)], unmarked ? 0 : span->carved * unit);
}

static bool has_room(const ou_page *span)
{
    return span->free_len || span->carved < span->capacity;
}

static ou_page *span_new(ou_heap *heap, uint32_t bin)
{
    const ou_bin_info *info = &ou_bins[bin];
    ou_arena_use use = info->size_bytes <= OU_CHUNK_BLOCK ? OU_USE_SMALL : OU_USE_OTHER;
    ou_page *span = ou_arena_take(info->span_pages, 1, use, NULL);
    if (!span) {
        return NULL;
    }
    uint32_t pages = info->span_pages;
    *span = (ou_page){.pages = pages};
    span->capacity = (uint32_t)((pages << OU_PAGE_SHIFT) / info->size_bytes);
    memset(ou_span_bits(span), 0, (span->capacity + 63) / 64 * 8);
    size_t number = ou_page_number(span);
    ou_tag *tag = &ou_tags[number];
    for (uint32_t i = 0; i < pages; i++) {
        ou_store_relaxed(&ou_page_ends[number + i], 0u);
        tag[i].divides = pages == 1 ? ou_page_factor(info->size_bytes) : 0;
        span[i].back = i;
        span[i].frozen = 0;
        ou_store_relaxed(&tag[i].word, heap->tag | bin);
    }
    OU_STAT(heap_pages_taken, pages);
    return span;
}

static void span_retire(ou_page *span)
{
    uint32_t pages = span->pages;
    if (OU_UNLIKELY(span->given != 0)) {
        ou_arena_count_taken((size_t)__builtin_popcountll(span->given) << OU_GIVEN_SHIFT);
        span->given = 0;
    }
    ou_mark_taken(ou_page_start(span), (size_t)pages << OU_PAGE_SHIFT, 0);
    OU_STAT(heap_pages_retired, pages);
    ou_arena_give(span, pages);
}

/* Makes a span with a free or uncarved block the current one. */
static ou_page *span_choose(ou_heap *heap, uint32_t bin)
{
    ou_page *span = heap->current[bin];
    if (span && has_room(span)) {
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

/* Both put `n` blocks into a magazine, lowest address on top: `slot` is the place of the top.
 */

static void take_free(ou_page *span, uint32_t bin, uint32_t n, void **slot)
{
    size_t bytes = ou_bins[bin].size_bytes;
    uint64_t *bits = ou_span_bits(span);
    char *start = ou_page_start(span);
    uint32_t word = span->scan;
    for (uint32_t i = 0; i < n; i++) {
        while (!bits[word]) {
            word++;
        }
        uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(bits[word]);
        if (OU_UNLIKELY(span->given != 0)) {
            ou_sparse_take(span, bin, index);
        }
        bits[word] &= bits[word] - 1;
        *slot-- = start + index * bytes;
    }
    span->scan = word;
    span->free_len -= n;
}

static uint32_t fresh_blocks(const ou_page *span, uint32_t bin)
{
    size_t step = span->carved ? FRESH_STEP : FRESH_FIRST;
    if (ou_bin_is_mapped(bin)) {
        step = FRESH_UNTOUCHED;
    }
    return (uint32_t)ou_max(step / ou_bins[bin].size_bytes, 1);
}

/* Fresh blocks: what lay there before must not look like an object. Those with their marks
 * beside are raw and stay untouched. */
static void carve(ou_page *span, uint32_t bin, uint32_t n, void **slot)
{
    size_t bytes = ou_bins[bin].size_bytes;
    bool mapped = ou_bin_is_mapped(bin);
    char *p = ou_page_start(span) + span->carved * bytes;
    for (uint32_t i = 0; i < n; i++, p += bytes) {
        if (!mapped) {
            *(uint64_t *)p = 0;
        }
        ou_block_set_free_as(mapped, p);
        ou_mark_freed(p, bytes);
        *slot-- = p;
    }
    ou_store_relaxed(&span->carved, span->carved + n);
    ou_span_set_end(span, bin);
    OU_STAT(heap_carved_blocks, n);
}

static void note_fresh(ou_heap *heap, ou_page *span)
{
    if (!span->fresh && heap->fresh_len < OU_FRESH_MAX) {
        span->fresh = 1;
        heap->fresh[heap->fresh_len++] = (uint32_t)ou_page_number(span);
    }
}

/* Fills an empty magazine up to half. Returns the number of blocks. */
uint32_t ou_span_refill(ou_heap *heap, uint32_t bin)
{
    size_t bytes = ou_bins[bin].size_bytes;
    uint32_t want = (ou_bins[bin].limit + 1u) / 2u;
    ou_page *span = span_choose(heap, bin);
    if (!span) {
        return 0;
    }
    uint32_t reused = span->free_len < want ? span->free_len : want;
    size_t left = ou_min(want - reused, span->capacity - span->carved);
    uint32_t fresh = (uint32_t)ou_min(left, fresh_blocks(span, bin));
    uint32_t n = reused + fresh;
    void **top = heap->bins[bin] + n;
    take_free(span, bin, reused, top);
    carve(span, bin, fresh, top - reused);
    heap->bins[bin] = top;
    span->used += n;
    if (bin >= OU_BIN_FIRST_TRACKED) {
        note_fresh(heap, span);
        ou_heap_note_tracked(heap, (int64_t)(n * bytes));
    }
    OU_STAT(heap_refills, 1);
    return n;
}

/* `n` blocks have come back to a span: where does it belong now? */
static void span_settle(ou_heap *heap, uint32_t bin, ou_page *span, uint32_t n)
{
    span->free_len += n;
    span->used -= n;
    if (bin >= OU_BIN_FIRST_TRACKED) {
        ou_heap_note_tracked(heap, -(int64_t)n * ou_bins[bin].size_bytes);
    }
    if (span == heap->current[bin] || span->frozen) {
        return; /* stays, even empty: it is next to be used, or out of use until the thaw */
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

/* Puts blocks of one bin back into their spans; one look at a span for each run of blocks that
 * lie in it. They are marked free already. */
static void put_many(ou_heap *heap, uint32_t bin, void *const *blocks, size_t n)
{
    const ou_bin_info *info = &ou_bins[bin];
    for (size_t i = 0; i < n;) {
        ou_page *span = ou_span_of(blocks[i]);
        const char *start = ou_page_start(span);
        uint64_t *bits = ou_span_bits(span);
        size_t end = (size_t)span->carved * info->size_bytes, first = i;
        uint32_t scan = span->free_len ? span->scan : UINT32_MAX;
        OU_VERIFY((size_t)((char *)blocks[i] - start) < end,
                  "heap: block %p was freed but never handed out (%u bytes)", blocks[i],
                  info->size_bytes);
        for (size_t at; i < n && (at = (size_t)((char *)blocks[i] - start)) < end; i++) {
            uint32_t index = ou_block_index(at, info);
            bits[index / 64] |= (uint64_t)1 << index % 64;
            scan = index / 64 < scan ? index / 64 : scan;
        }
        span->scan = scan;
        span_settle(heap, bin, span, (uint32_t)(i - first));
    }
}

void ou_span_put(ou_heap *heap, uint32_t bin, void *block)
{
    put_many(heap, bin, &block, 1);
}

/* What fits into a magazine stays there: it may be wanted again soon (a list of 64 ints made
 * and dropped again and again, ns an item: 5.5, and 8.6 by way of the span). */
#define NEIGHBOURS OU_STACK_SLOTS

void ou_heap_put_neighbours(uint32_t bin, void *const *blocks, size_t n)
{
    ou_heap *heap = ou_heap_current();
    if (n < NEIGHBOURS) {
        for (size_t i = 0; i < n; i++) {
            ou_heap_put_object(heap, bin, blocks[i]);
        }
        return;
    }
    ou_page *span = ou_span_of(blocks[0]);
    if (n == span->used && span != heap->current[bin] && !span->frozen) {
        span_settle(heap, bin, span, (uint32_t)n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ou_block_set_free_as(false, blocks[i]);
    }
    put_many(heap, bin, blocks, n);
}

/* The blocks that `bits` names become free blocks of their span. */
static void put_bits(ou_heap *heap, uint32_t bin, ou_page *span, const uint64_t *bits,
                     uint32_t words, uint32_t n)
{
    const size_t bytes = ou_bins[bin].size_bytes;
    uint64_t *map = ou_span_bits(span);
    char *start = ou_page_start(span);
    uint32_t scan = span->free_len ? span->scan : UINT32_MAX;
    for (uint32_t w = 0; w < words; w++) {
        map[w] |= bits[w];
        scan = bits[w] && w < scan ? w : scan;
        for (uint64_t rest = bits[w]; rest; rest &= rest - 1) {
            void *block = start + (w * 64 + (uint32_t)__builtin_ctzll(rest)) * bytes;
            ou_block_set_free(bin, block);
            ou_mark_freed(block, bytes);
        }
    }
    span->scan = scan;
    span_settle(heap, bin, span, n);
}

void ou_heap_free_bits(ou_page *span, const uint64_t *bits, uint32_t words, uint32_t n)
{
    uint32_t tag = ou_page_tag(span), bin = ou_tag_bin(tag);
    ou_heap *heap = ou_heap_current();
    if (bin >= OU_BIN_COUNT) {
        ou_large_free(span);
    } else if (ou_tag_heap(tag) != heap->id) {
        ou_remote_free_bits(span, bits, words);
    } else if (n == span->used && span != heap->current[bin] && !span->frozen) {
        span_settle(heap, bin, span, n); /* the whole span goes: no look at its blocks */
    } else {
        put_bits(heap, bin, span, bits, words, n);
    }
}

/* A magazine is full: the older half goes back, the newer half is in the cache and stays. */
void ou_heap_full(ou_heap *heap, size_t which)
{
    uint32_t bin = (uint32_t)which;
    uint32_t limit = ou_bins[bin].limit, half = limit / 2;
    void **oldest = heap->bins[bin] - (limit - 1);
    put_many(heap, bin, oldest, half);
    memmove(oldest, oldest + half, (limit - half) * sizeof *oldest);
    heap->bins[bin] -= half;
    OU_STAT(heap_flushes, 1);
}

void *ou_heap_take_slow(size_t which)
{
    uint32_t bin = (uint32_t)which;
    ou_heap *heap = ou_heap_mine();
    if (OU_UNLIKELY(!heap)) { /* more threads than heaps: whole pages, slow but right */
        size_t bytes = ou_bins[bin].size_bytes;
        ou_page_kind kind = (ou_page_kind)(bin / OU_CLASS_COUNT);
        void *run = bytes ? ou_large_alloc(bytes, 16, kind, false, NULL) : NULL;
        errno = run ? errno : ENOMEM;
        return run;
    }
    if (heap->growth_seen != ou_load_relaxed(&ou_arena_growth)) {
        ou_sparse_give(heap);
    }
    if (heap->remote_bytes) {
        ou_remote_flush(heap);
    }
    ou_remote_drain(heap, bin >= OU_CLASS_COUNT, bin, (ou_bins[bin].limit + 1u) / 2u);
    if (!*heap->bins[bin] && !ou_span_refill(heap, bin)) {
        errno = ENOMEM;
        return NULL;
    }
    if (ou_guard_on()) {
        ou_guard_shuffle(heap, bin);
    }
    return ou_heap_take(bin);
}

void ou_heap_empty_bin(ou_heap *heap, uint32_t bin)
{
    while (*heap->bins[bin]) {
        ou_span_put(heap, bin, *heap->bins[bin]--);
    }
}

void ou_heap_trim_spans(ou_heap *heap)
{
    bool attached = ou_self.slot != OU_SLOT_NONE;
    for (uint32_t bin = 0; bin < (attached ? OU_BIN_COUNT : OU_CLASS_COUNT); bin++) {
        ou_heap_empty_bin(heap, bin);
        ou_page *span = heap->current[bin];
        if (span && !span->used && !span->frozen) {
            heap->current[bin] = NULL;
            span_retire(span);
        }
    }
}

/* ---- freezing: tracked spans out of use and out of the collector's sight -------------------
 */

/* World stopped. A frozen span gives out no block, so nothing new is born in it; what is freed
 * in it waits for the thaw. */
void ou_span_set_frozen(ou_page *span, bool frozen)
{
    uint32_t tag = ou_page_tag(span), bin = ou_tag_bin(tag);
    ou_heap *heap = ou_heap_at(ou_tag_heap(tag));
    for (uint32_t i = 0; i < span->pages; i++) {
        span[i].frozen = frozen;
    }
    if (bin >= OU_BIN_COUNT || !heap) {
        return;
    }
    if (frozen) {
        ou_heap_empty_bin(heap, bin); /* the magazine may hold blocks of this span */
        if (span->listed) {
            partial_remove(heap, bin, span);
        }
        if (heap->current[bin] == span) {
            heap->current[bin] = NULL;
        }
    } else if (!span->listed && heap->current[bin] != span && has_room(span)) {
        partial_push(heap, bin, span);
    }
}

void ou_heap_free_object_frozen(void *p)
{
    ou_heap *heap = ou_heap_current();
    uint32_t bin = ou_tag_at(p) ^ heap->tag;
    if (bin < OU_BIN_COUNT && ou_span_of(p)->frozen) {
        ou_block_set_free(bin, p);
        ou_mark_freed(p, ou_bins[bin].size_bytes);
        ou_span_put(heap, bin, p);
    } else {
        ou_heap_free_object(p);
    }
}

/* World stopped: undoes every freeze. */
void ou_span_thaw_all(void)
{
    size_t top = ou_arena_top();
    for (size_t i = 1; i < top; i++) {
        ou_page *page = &ou_page_table[i];
        if (ou_page_tag(page) && page->frozen && !page->back) {
            ou_span_set_frozen(page, false);
        }
    }
}
