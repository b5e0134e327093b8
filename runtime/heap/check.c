/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * check.c - sums and audits over all heaps. Sums are exact while nobody allocates, otherwise
 * near; the audit wants quiet.
 */
#include "heap/arena.h"
#include "heap/guard.h"
#include "heap/heap.h"
#include "ouro/heap.h"

size_t ou_heap_held_bytes(void)
{
    return ou_arena_held_bytes();
}

/* Entries of the stack whose newest one is at `top`. */
static size_t stack_len(void *const *top)
{
    size_t n = 0;
    while (ou_load_relaxed(top - n)) {
        n++;
    }
    return n;
}

static size_t magazine_bytes(const ou_heap *heap)
{
    size_t bytes = 0;
    for (uint32_t bin = 0; bin < OU_BIN_COUNT; bin++) {
        bytes += stack_len(ou_load_relaxed(&heap->bins[bin])) * ou_bins[bin].size_bytes;
    }
    for (uint32_t i = 0; i < OU_REMOTE_WAYS; i++) {
        const ou_remote *way = &heap->remote[i];
        if (way->len) {
            bytes += way->len * ou_bins[ou_tag_bin(way->tag)].size_bytes;
        }
    }
    return bytes;
}

static bool is_first(size_t i)
{
    return ou_load_relaxed(&ou_tags[i].word) && !ou_page_table[i].back;
}

size_t ou_heap_live_bytes(void)
{
    size_t live = 0, held_back = 0, top = ou_arena_top();
    for (size_t i = 1; i < top; i++) {
        if (is_first(i)) {
            const ou_page *page = &ou_page_table[i];
            live += ou_load_relaxed(&page->used) * ou_heap_block_bytes(ou_page_start(page));
        }
    }
    for (uint32_t id = 1; ou_heap_at(id); id++) {
        const ou_heap *heap = ou_heap_at(id);
        held_back += magazine_bytes(heap) + (size_t)ou_load_relaxed(&heap->inbox_bytes);
    }
    return live - held_back - ou_guard_held_bytes();
}

size_t ou_heap_trim(void)
{
    ou_heap *heap = ou_heap_mine();
    if (!heap) {
        return 0;
    }
    if (ou_guard_on()) {
        ou_guard_flush();
    }
    ou_remote_flush(heap);
    ou_remote_drain(heap, false, OU_BIN_COUNT, 1); /* of no bin: all */
    if (ou_self.slot != OU_SLOT_NONE) {
        ou_remote_drain(heap, true, OU_BIN_COUNT, 1);
    }
    ou_heap_trim_spans(heap);
    return ou_arena_purge(true);
}

static size_t fault(const char *what, const void *where, uint32_t heap)
{
    ou_warn("heap check: %s at %p (slot %u)", what, where, heap);
    return 1;
}

/* A free block carries its canary, or zero on a page given back; `where` names the list it was
 * found in. */
static size_t check_free_block(void *p, uint32_t tag, const char *where)
{
    if (!ou_page_holds(p) || ou_tag_at(p) != tag ||
        ou_span_offset(p) % ou_bins[ou_tag_bin(tag)].size_bytes) {
        return fault(where, p, ou_tag_heap(tag));
    }
    bool zero =
        ((const uint64_t *)p)[1] == 0 && ou_span_is_given(ou_span_of(p), ou_span_offset(p));
    return !OU_HARDENED || zero || ou_block_is_free(ou_tag_bin(tag), p)
               ? 0
               : fault("write to a free block", p, ou_tag_heap(tag));
}

static size_t check_span(const ou_page *span)
{
    uint32_t tag = ou_page_tag(span), n = 0;
    size_t bytes = ou_bins[ou_tag_bin(tag)].size_bytes, faults = 0;
    const uint64_t *bits = ou_span_bits(span);
    for (uint32_t i = 0; i < span->capacity; i++) {
        if (bits[i / 64] >> i % 64 & 1) {
            n++;
            faults +=
                check_free_block(ou_page_start(span) + i * bytes, tag, "block of no span");
            if (i >= span->carved || i / 64 < span->scan) {
                faults +=
                    fault("free block out of bounds", ou_page_start(span), ou_tag_heap(tag));
            }
        }
    }
    if (n != span->free_len || span->used + n != span->carved ||
        span->carved > span->capacity) {
        faults += fault("span counts disagree", ou_page_start(span), ou_tag_heap(tag));
    }
    return faults;
}

static size_t check_magazine(const ou_heap *heap, uint32_t bin)
{
    size_t faults = 0;
    for (void **at = heap->bins[bin]; *at; at--) {
        faults += check_free_block(*at, heap->tag | bin, "foreign block in a magazine");
    }
    return faults;
}

size_t ou_heap_check(void)
{
    if (!ou_range) {
        return 0;
    }
    size_t faults = ou_arena_check() + (ou_guard_on() ? ou_guard_check() : 0);
    for (size_t i = 1; i < ou_arena_top(); i++) {
        if (is_first(i) && ou_tag_bin(ou_tags[i].word) < OU_BIN_COUNT) {
            faults += check_span(&ou_page_table[i]);
        }
    }
    for (uint32_t id = 1; ou_heap_at(id); id++) {
        for (uint32_t bin = 0; bin < OU_BIN_COUNT; bin++) {
            faults += check_magazine(ou_heap_at(id), bin);
        }
    }
    return faults;
}
