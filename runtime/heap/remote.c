/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * remote.c - freeing blocks of other heaps. Blocks of one page are chained here first; a whole
 * chain then costs one compare-and-swap on the owner's inbox (the idea of snmalloc: Lietar et
 * al., ISMM 2019). A thread that only frees holds back at most 64 blocks or 16 KiB.
 *
 * Blocks on their way count as used in their span, so the span cannot be retired under them.
 * They are linked through their first word, in a form that reads as the header of a dead
 * object: bit 31 clear, an owner that is no slot, and DEAD.
 */
#include "heap/heap.h"

#define BATCH_BLOCKS 64u
#define BATCH_BYTES 16384u

/* Word of a link: address / 8 in 31 + 13 bits around the fixed ones. */
#define LINK_FIXED ((uint64_t)0x80 << 48 | (uint64_t)0x8000 << 32)
#define LINK_FIXED_MASK ((uint64_t)0xFFFF << 48 | (uint64_t)0xE000 << 32 | (uint64_t)1 << 31)

static void link_set(void *block, const void *next)
{
    uint64_t a = (uint64_t)(uintptr_t)next >> 3;
    *(uint64_t *)block = (a & 0x7FFFFFFF) | (a >> 31) << 32 | LINK_FIXED;
}

void *ou_remote_next(void *block)
{
    uint64_t word = *(uint64_t *)block;
    if (OU_UNLIKELY((word & LINK_FIXED_MASK) != LINK_FIXED)) {
        ou_heap_corrupt(block);
    }
    uint64_t a = (word & 0x7FFFFFFF) | (word >> 32 & 0x1FFF) << 31;
    return (void *)(uintptr_t)(a << 3);
}

static void chain_push(const ou_page *span, void *head, void *tail, uint32_t len)
{
    uint32_t tag = ou_page_tag(span), bin = ou_tag_bin(tag);
    ou_heap *owner = ou_heap_at(ou_tag_heap(tag));
    if (bin >= OU_BIN_FIRST_TRACKED) {
        ou_fetch_add_relaxed(&owner->inbox_tracked, (int64_t)len * ou_bins[bin].size_bytes);
    }
    void **inbox = &owner->inbox[bin >= OU_CLASS_COUNT];
    void *old = ou_load_relaxed(inbox);
    do {
        link_set(tail, old);
    } while (!ou_cas_release(inbox, &old, head)); /* pairs: ou_remote_drain */
    OU_STAT(heap_remote_chains, 1);
}

static void way_flush(ou_remote *way)
{
    chain_push(way->span, way->head, way->tail, way->len);
    *way = (ou_remote){0};
}

void ou_remote_flush(ou_heap *heap)
{
    for (uint32_t i = 0; i < OU_REMOTE_WAYS; i++) {
        if (heap->remote[i].len) {
            way_flush(&heap->remote[i]);
        }
    }
    heap->remote_len = 0;
    heap->remote_bytes = 0;
}

void ou_remote_free(ou_heap *heap, void *p)
{
    OU_STAT(heap_remote_frees, 1);
    ou_page *span = ou_span_of(p);
    uint32_t bin = ou_tag_bin(ou_page_tag(span)), bytes = ou_bins[bin].size_bytes;
    ou_block_set_free(bin, p);
    ou_mark_freed(p, bytes);
    if (heap == &ou_heap_none) { /* a thread without a heap (exiting): no batch */
        chain_push(span, p, p, 1);
        return;
    }
    ou_remote *way = &heap->remote[ou_page_number(span) % OU_REMOTE_WAYS];
    if (way->len && way->span != span) {
        heap->remote_len -= way->len;
        heap->remote_bytes -= way->len * ou_bins[ou_tag_bin(ou_page_tag(way->span))].size_bytes;
        way_flush(way);
    }
    link_set(p, way->head);
    way->head = p;
    way->tail = way->len ? way->tail : p;
    way->span = span;
    way->len++;
    heap->remote_len++;
    heap->remote_bytes += bytes;
    if (heap->remote_len >= BATCH_BLOCKS || heap->remote_bytes >= BATCH_BYTES) {
        ou_remote_flush(heap);
    }
}

/* All at once, past the batch: the blocks of a span of another heap that `bits` names. */
void ou_remote_free_bits(ou_page *span, const uint64_t *bits, uint32_t words, uint32_t n)
{
    uint32_t bin = ou_tag_bin(ou_page_tag(span)), bytes = ou_bins[bin].size_bytes;
    char *start = ou_page_start(span);
    void *head = NULL, *tail = NULL;
    for (uint32_t w = words; w--;) {
        for (uint64_t rest = bits[w]; rest;) {
            uint32_t bit = 63 - (uint32_t)__builtin_clzll(rest);
            void *block = start + (size_t)(w * 64 + bit) * bytes;
            rest ^= (uint64_t)1 << bit;
            ou_block_set_free(bin, block);
            ou_mark_freed(block, bytes);
            link_set(block, head);
            head = block;
            tail = tail ? tail : block;
        }
    }
    chain_push(span, head, tail, n);
    OU_STAT(heap_remote_frees, n);
}

/* Takes everything others have freed, into the magazines while they have room. */
void ou_remote_drain(ou_heap *heap, bool objects)
{
    void **inbox = &heap->inbox[objects];
    if (!ou_load_relaxed(inbox)) {
        return;
    }
    void *p = ou_exchange_acquire(inbox, NULL); /* pairs: chain_push */
    uint64_t n = 0;
    int64_t tracked = 0;
    while (p) {
        void *next = ou_remote_next(p);
        uint32_t bin = ou_tag_at(p) ^ heap->tag;
        OU_VERIFY(bin < OU_BIN_COUNT, "heap: block %p in the wrong inbox (slot %u)", p,
                  heap->id);
        if (OU_UNLIKELY(!ou_block_is_free(bin, p))) {
            ou_heap_corrupt(p);
        }
        tracked += bin >= OU_BIN_FIRST_TRACKED ? ou_bins[bin].size_bytes : 0;
        void **top = heap->bins[bin] + 1;
        if (!ou_stack_is_full(top) && !(objects && ou_span_of(p)->frozen)) {
            *top = p;
            heap->bins[bin] = top;
        } else {
            ou_span_put(heap, bin, p);
        }
        p = next;
        n++;
    }
    ou_fetch_sub_relaxed(&heap->inbox_tracked, tracked);
    OU_STAT(heap_remote_drained, n);
}
