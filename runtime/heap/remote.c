/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * remote.c - freeing blocks of other heaps. Blocks of one page are chained here first; a whole
 * chain then costs one compare-and-swap on the owner's inbox (the idea of snmalloc: Lietar et
 * al., ISMM 2019). A thread that only frees holds back at most 64 blocks or 16 KiB.
 *
 * Blocks on their way count as used in their span, so the span cannot be retired under them.
 */
#include "heap/heap.h"

#define BATCH_BLOCKS 64u
#define BATCH_BYTES 16384u
#define CHAIN_DEPTH ((uint64_t)0xFE << 48)

static void link_set(void *block, const void *next)
{
    *ou_block_link(block) = ((uint64_t)(uintptr_t)next | CHAIN_DEPTH) ^ ou_link_key;
}

static void *link_get(void *block)
{
    uint64_t word = *ou_block_link(block) ^ ou_link_key;
    if (OU_UNLIKELY((word >> 48) != 0xFE)) {
        ou_heap_corrupt(block, ou_tag_bin(ou_page_at(block)->tag));
    }
    return (void *)(word & OU_LINK_ADDRESS);
}

static void chain_push(ou_page *page, void *head, void *tail)
{
    ou_heap *owner = ou_heap_at(ou_tag_heap(ou_load_relaxed(&page->tag)));
    void *old = ou_load_relaxed(&owner->inbox);
    do {
        link_set(tail, old);
    } while (!ou_cas_release(&owner->inbox, &old, head)); /* pairs: ou_remote_drain */
    OU_STAT(heap_remote_chains, 1);
}

static void way_flush(ou_remote *way)
{
    chain_push(way->page, way->head, way->tail);
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

void ou_remote_free(ou_heap *heap, ou_page *page, void *p)
{
    OU_STAT(heap_remote_frees, 1);
    page = ou_page_first(page);
    uint32_t bytes = ou_bins[ou_tag_bin(page->tag)].size_bytes;
    ou_mark_freed(p, bytes);
    if (heap == &ou_heap_none) { /* a thread without a heap (exiting): no batch */
        chain_push(page, p, p);
        return;
    }
    ou_remote *way = &heap->remote[(size_t)(page - ou_page_table) % OU_REMOTE_WAYS];
    if (way->len && way->page != page) {
        heap->remote_len -= way->len;
        way_flush(way);
    }
    link_set(p, way->head);
    way->head = p;
    way->tail = way->len ? way->tail : p;
    way->page = page;
    way->len++;
    heap->remote_len++;
    heap->remote_bytes += bytes;
    if (heap->remote_len >= BATCH_BLOCKS || heap->remote_bytes >= BATCH_BYTES) {
        ou_remote_flush(heap);
    }
}

/* Takes everything others have freed; into the magazines while they are less than half full. */
void ou_remote_drain(ou_heap *heap)
{
    if (!ou_load_relaxed(&heap->inbox)) {
        return;
    }
    void *p = ou_exchange_acquire(&heap->inbox, NULL); /* pairs: chain_push */
    uint64_t n = 0;
    while (p) {
        void *next = link_get(p);
        uint32_t bin = ou_page_at(p)->tag ^ heap->tag;
        OU_VERIFY(bin < OU_BIN_COUNT, "heap: block %p in the wrong inbox (slot %u)", p, heap->id);
        uint64_t head = heap->bins[bin];
        if (head >> 48 < ou_bins[bin].limit / 2u) {
            *ou_block_link(p) = head ^ ou_link_key;
            heap->bins[bin] = (uint64_t)(uintptr_t)p | ((head >> 48) + 1) << 48;
        } else {
            ou_span_put(heap, p);
        }
        p = next;
        n++;
    }
    OU_STAT(heap_remote_drained, n);
}
