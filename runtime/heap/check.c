/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * check.c - sums and audits over all heaps. Sums are exact while nobody allocates, otherwise
 * near; the audit wants quiet.
 */
#include "heap/arena.h"
#include "heap/heap.h"
#include "ouro/heap.h"

size_t ou_heap_held_bytes(void)
{
    return ou_arena_held_bytes();
}

static size_t magazine_bytes(const ou_heap *heap)
{
    size_t bytes = 0;
    for (uint32_t bin = 0; bin < OU_BIN_COUNT; bin++) {
        bytes += (ou_load_relaxed(&heap->bins[bin]) >> 48) * ou_bins[bin].size_bytes;
    }
    for (uint32_t i = 0; i < OU_REMOTE_WAYS; i++) {
        const ou_remote *way = &heap->remote[i];
        if (way->len) {
            bytes += way->len * ou_bins[ou_tag_bin(way->page->tag)].size_bytes;
        }
    }
    return bytes;
}

/* Blocks in an inbox are chained through themselves; only their holder may look. */
static size_t inbox_bytes(ou_heap *heap)
{
    size_t bytes = 0;
    for (void *p = ou_load_acquire(&heap->inbox); p;) {
        bytes += ou_heap_block_bytes(p);
        p = (void *)((*ou_block_link(p) ^ ou_link_key) & OU_LINK_ADDRESS);
    }
    return bytes;
}

size_t ou_heap_live_bytes(void)
{
    size_t live = 0, held_back = 0;
    for (size_t i = 1; i < ou_arena_top(); i += 1) {
        const ou_page *page = &ou_page_table[i];
        uint32_t tag = ou_load_relaxed(&page->tag);
        uint32_t bin = ou_tag_bin(tag);
        if (!tag || (bin < OU_BIN_COUNT && page->back)) {
            continue;
        }
        live += bin < OU_BIN_COUNT ? (size_t)ou_load_relaxed(&page->used) * ou_bins[bin].size_bytes
                                   : (size_t)page->pages << OU_PAGE_SHIFT;
    }
    for (uint32_t id = 1; ou_heap_at(id); id++) {
        held_back += magazine_bytes(ou_heap_at(id)) + inbox_bytes(ou_heap_at(id));
    }
    return live - held_back;
}

size_t ou_heap_trim(void)
{
    ou_heap *heap = ou_heap_mine();
    if (!heap) {
        return 0;
    }
    ou_remote_flush(heap);
    ou_remote_drain(heap);
    ou_heap_trim_spans(heap);
    return ou_arena_purge(true);
}

static size_t fault(const char *what, const void *where, uint32_t heap)
{
    ou_warn("heap check: %s at %p (slot %u)", what, where, heap);
    return 1;
}

static size_t check_span(const ou_page *span)
{
    uint32_t bin = ou_tag_bin(span->tag), id = ou_tag_heap(span->tag), n = 0;
    size_t bytes = ou_bins[bin].size_bytes, faults = 0;
    for (uint64_t word = span->free; word & OU_LINK_ADDRESS; n++) {
        char *p = (char *)(word & OU_LINK_ADDRESS);
        size_t offset = (size_t)(p - ou_page_start(span));
        if (offset >= (size_t)span->carved * bytes || offset % bytes || n > span->capacity) {
            return fault("foreign block in a span's free list", p, id);
        }
        word = *ou_block_link(p) ^ ou_link_key;
        if (word >> 48 != 0xFF) {
            return fault("broken link in a span's free list", p, id);
        }
    }
    if (n != span->free_len || span->used + n != span->carved ||
        span->carved > span->capacity) {
        faults += fault("span counts disagree", ou_page_start(span), id);
    }
    return faults;
}

static size_t check_magazine(const ou_heap *heap, uint32_t bin)
{
    uint64_t word = heap->bins[bin];
    while (word) {
        void *p = (void *)(word & OU_LINK_ADDRESS);
        if (!ou_page_holds(p) || ou_page_at(p)->tag != (heap->tag | bin)) {
            return fault("foreign block in a magazine", p, heap->id);
        }
        uint64_t rest = *ou_block_link(p) ^ ou_link_key;
        if ((word >> 48) - (rest >> 48) != 1) {
            return fault("broken link in a magazine", p, heap->id);
        }
        word = rest;
    }
    return 0;
}

size_t ou_heap_check(void)
{
    if (!ou_range) {
        return 0;
    }
    size_t faults = ou_arena_check();
    for (size_t i = 1; i < ou_arena_top(); i++) {
        const ou_page *page = &ou_page_table[i];
        if (page->tag && ou_tag_bin(page->tag) < OU_BIN_COUNT && !page->back) {
            faults += check_span(page);
        }
    }
    for (uint32_t id = 1; ou_heap_at(id); id++) {
        for (uint32_t bin = 0; bin < OU_BIN_COUNT; bin++) {
            faults += check_magazine(ou_heap_at(id), bin);
        }
    }
    return faults;
}
