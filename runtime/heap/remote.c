/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * remote.c - freeing blocks of other heaps. Blocks of one page are collected here first; a
 * whole chain then costs one compare-and-swap on the owner's inbox (the idea of snmalloc:
 * Lietar et al., ISMM 2019). A thread that only frees holds back at most 64 blocks or 16 KiB.
 *
 *      inbox -> node -> node -> NULL         word 0  link to the next node
 *                |       |                   word 1  the canary, as in every free block
 *                block   block ...           words 2..  other blocks of the page, ^ key
 *
 * A node is one of the freed blocks; as many others as it has room for are written into it. The
 * owner so knows many addresses at a time: with a link in every block each one came only after
 * a line of the other core's cache, one after the other (16 ns a block handed over, now 12).
 *
 * Blocks on their way count as used in their span, so the span cannot be retired under them.
 * The link has a form that reads as the header of a dead object: bit 31 clear, an owner that is
 * no slot, and DEAD.
 */
#include "heap/heap.h"

#define BATCH_BYTES 16384u
#define BATCH_CHARGE 256u /* bytes a block counts at least: 64 blocks fill a batch */
#define CARRY_MAX 62u

/* Word of a link: address / 8 in 31 + 13 bits around the fixed ones. */
#define LINK_FIXED ((uint64_t)0x80 << 48 | (uint64_t)0x8000 << 32)
#define LINK_FIXED_MASK ((uint64_t)0xFFFF << 48 | (uint64_t)0xE000 << 32 | (uint64_t)1 << 31)

#if OU_ASAN /* free blocks are poisoned behind their first two words */
#define BEHIND_ASAN __attribute__((no_sanitize("address")))
#else
#define BEHIND_ASAN
#endif

static void link_set(void *block, const void *next)
{
    uint64_t a = (uint64_t)(uintptr_t)next >> 3;
    *(uint64_t *)block = (a & 0x7FFFFFFF) | (a >> 31) << 32 | LINK_FIXED;
}

static void *link_next(void *block)
{
    uint64_t word = *(uint64_t *)block;
    if (OU_UNLIKELY((word & LINK_FIXED_MASK) != LINK_FIXED)) {
        ou_heap_corrupt(block);
    }
    uint64_t a = (word & 0x7FFFFFFF) | (word >> 32 & 0x1FFF) << 31;
    return (void *)(uintptr_t)(a << 3);
}

/* Frees of this thread while it had no heap; far below 0 once it has given its heap back. The C
 * library still frees after the last destructors of a thread: a heap taken there would never be
 * given back, so a heap for the batch is for threads that free much. */
__thread int32_t ou_remote_loose;
#define LOOSE_MAX 64

/* Blocks that a node of `bytes` has room for. */
static uint32_t carry_room(uint32_t bytes)
{
    uint32_t words = bytes / 8 - 2;
    return words < CARRY_MAX ? words : CARRY_MAX;
}

BEHIND_ASAN static void carry_put(uint64_t *slot, uint64_t word)
{
    *slot = word;
}

BEHIND_ASAN static uint64_t carry_get(const void *node, uint32_t i)
{
    return ((const uint64_t *)node)[2 + i];
}

/* The block is about to be written here: its line comes for that at once, not only to be read.
 */
static void expect_write(const void *block)
{
#if defined(__x86_64__)
    __asm__ __volatile__("prefetchw %0" : : "m"(*(const char *)block));
#else
    __builtin_prefetch(block, 1);
#endif
}

/* ---- the freeing side --------------------------------------------------------------------
 */

static void chain_add(ou_remote *chain, void *p, uint32_t bytes)
{
    if (chain->slot != chain->slots_end) {
        carry_put(chain->slot++, ou_canary_of(p));
    } else {
        link_set(p, chain->node);
        chain->first = chain->node ? chain->first : p;
        chain->node = p;
        chain->slot = (uint64_t *)p + 2;
        chain->slots_end = chain->slot + carry_room(bytes);
    }
    chain->len++;
}

static void chain_push(ou_remote *chain)
{
    uint32_t bin = ou_tag_bin(chain->tag);
    int64_t bytes = (int64_t)chain->len * ou_bins[bin].size_bytes;
    ou_heap *owner = ou_heap_at(ou_tag_heap(chain->tag));
    if (chain->slot != chain->slots_end) {
        carry_put(chain->slot, 0); /* nodes before it are full */
    }
    ou_fetch_add_relaxed(&owner->inbox_bytes, bytes);
    if (bin >= OU_BIN_FIRST_TRACKED) {
        ou_fetch_add_relaxed(&owner->inbox_tracked, bytes);
    }
    void **inbox = &owner->inbox[bin >= OU_CLASS_COUNT];
    void *old = ou_load_relaxed(inbox);
    do {
        link_set(chain->first, old);
    } while (!ou_cas_release(inbox, &old, chain->node)); /* pairs: inbox_take */
    OU_STAT(heap_remote_chains, 1);
    OU_STAT(heap_remote_frees, chain->len);
    *chain = (ou_remote){0};
}

void ou_remote_flush(ou_heap *heap)
{
    for (uint32_t i = 0; i < OU_REMOTE_WAYS; i++) {
        if (heap->remote[i].len) {
            chain_push(&heap->remote[i]);
        }
    }
    heap->remote_bytes = 0;
}

/* The first block of its page in a while, or the newest node is full. */
static __attribute__((noinline)) void remote_free_slow(ou_heap *heap, ou_remote *way, void *p,
                                                       uint32_t tag)
{
    uint32_t bytes = ou_bins[ou_tag_bin(tag)].size_bytes;
    if (heap == &ou_heap_none) { /* a thread that never allocated: soon a heap for its batch */
        heap = ou_remote_loose == LOOSE_MAX ? ou_heap_mine() : NULL;
        if (!heap) {
            ou_remote_loose += ou_remote_loose < LOOSE_MAX;
            ou_remote alone = {.tag = tag};
            chain_add(&alone, p, bytes);
            chain_push(&alone);
            return;
        }
        if (ou_tag_heap(tag) == heap->id) { /* the orphan that owns the block */
            ou_heap_push(heap, ou_tag_bin(tag), p);
            return;
        }
        way = &heap->remote[((uintptr_t)p >> OU_PAGE_SHIFT) % OU_REMOTE_WAYS];
    }
    uintptr_t page = (uintptr_t)p >> OU_PAGE_SHIFT;
    if (way->page != page) {
        if (way->len) {
            heap->remote_bytes -= way->len * way->charge;
            chain_push(way);
        }
        way->page = page;
        way->tag = tag;
        way->charge = bytes > BATCH_CHARGE ? bytes : BATCH_CHARGE;
    }
    chain_add(way, p, bytes);
    heap->remote_bytes += way->charge;
    if (heap->remote_bytes >= BATCH_BYTES) {
        ou_remote_flush(heap);
    }
}

void ou_remote_free(ou_heap *heap, void *p, uint32_t tag)
{
    uint32_t bin = ou_tag_bin(tag);
    ou_block_set_free(bin, p);
    ou_mark_freed(p, ou_bins[bin].size_bytes);
    uintptr_t page = (uintptr_t)p >> OU_PAGE_SHIFT;
    ou_remote *way = &heap->remote[page % OU_REMOTE_WAYS];
    if (OU_UNLIKELY(way->page != page || way->slot == way->slots_end ||
                    heap->remote_bytes + way->charge >= BATCH_BYTES)) {
        remote_free_slow(heap, way, p, tag);
        return;
    }
    carry_put(way->slot++, ou_canary_of(p));
    way->len++;
    heap->remote_bytes += way->charge;
}

/* All at once, past the batch: the blocks of a span of another heap that `bits` names. */
void ou_remote_free_bits(ou_page *span, const uint64_t *bits, uint32_t words)
{
    ou_remote chain = {.tag = ou_page_tag(span)};
    uint32_t bin = ou_tag_bin(chain.tag), bytes = ou_bins[bin].size_bytes;
    char *start = ou_page_start(span);
    for (uint32_t w = words; w--;) {
        for (uint64_t rest = bits[w]; rest;) {
            uint32_t bit = 63 - (uint32_t)__builtin_clzll(rest);
            void *block = start + (size_t)(w * 64 + bit) * bytes;
            rest ^= (uint64_t)1 << bit;
            ou_block_set_free(bin, block);
            ou_mark_freed(block, bytes);
            chain_add(&chain, block, bytes);
        }
    }
    chain_push(&chain);
}

/* ---- the owner's side --------------------------------------------------------------------
 */

static void *inbox_take(void **inbox)
{
    if (!ou_load_relaxed(inbox)) {
        return NULL;
    }
    return ou_exchange_acquire(inbox, NULL); /* pairs: chain_push */
}

static void take_back(ou_heap *heap, uint32_t bin, void *p, bool frozen)
{
    if (OU_HARDENED && OU_UNLIKELY(!ou_block_is_free(bin, p))) {
        ou_heap_corrupt(p);
    }
    void **top = heap->bins[bin] + 1;
    if (OU_LIKELY(!ou_stack_is_full(top) && !frozen)) {
        ou_store_relaxed(top, p);
        ou_store_relaxed(&heap->bins[bin], top);
    } else {
        ou_span_put(heap, bin, p);
    }
}

/* Addresses of the blocks that a node carries; returns how many. */
static uint32_t unpack(void *node, uint32_t tag, uint32_t room, void **blocks)
{
    uint32_t n = 0;
    for (uint64_t word; n < room && (word = carry_get(node, n)) != 0; n++) {
        void *p = (void *)(uintptr_t)(word ^ ou_canary_key);
        if (OU_UNLIKELY(!ou_page_holds(p) || ou_tag_at(p) != tag ||
                        (!ou_block_begins(ou_tag_of(p), p) && !ou_heap_block_starts(p)))) {
            ou_heap_corrupt(node); /* written after it was freed */
        }
        blocks[n] = p;
        expect_write(p);
    }
    return n;
}

/* Takes a node and what it carries back; returns the number of blocks. */
static uint32_t node_drain(ou_heap *heap, void *node, uint32_t bin, bool objects)
{
    void *blocks[CARRY_MAX];
    uint32_t bytes = ou_bins[bin].size_bytes;
    uint32_t n = unpack(node, heap->tag | bin, carry_room(bytes), blocks);
    bool frozen = objects && ou_span_of(node)->frozen;
    for (uint32_t i = 0; i < n; i++) {
        take_back(heap, bin, blocks[i], frozen);
    }
    take_back(heap, bin, node, frozen);
    return n + 1;
}

/* Takes nodes of the pending list back until `enough` blocks of bin `want` came. */
static uint32_t pending_drain(ou_heap *heap, bool objects, uint32_t want, uint32_t enough)
{
    void *node = heap->pending[objects];
    uint64_t all = 0;
    int64_t bytes = 0, tracked = 0;
    uint32_t wanted = 0;
    while (node && wanted < enough) {
        void *next = link_next(node);
        if (next) {
            expect_write(next);
        }
        uint32_t bin = ou_tag_at(node) ^ heap->tag;
        OU_VERIFY(bin < OU_BIN_COUNT, "heap: block %p in the wrong inbox (slot %u)", node,
                  heap->id);
        heap->pending[objects] = next;
        uint32_t n = node_drain(heap, node, bin, objects);
        all += n;
        wanted += bin == want ? n : 0;
        bytes += (int64_t)n * ou_bins[bin].size_bytes;
        tracked += bin >= OU_BIN_FIRST_TRACKED ? (int64_t)n * ou_bins[bin].size_bytes : 0;
        node = next;
    }
    if (all) {
        ou_fetch_sub_relaxed(&heap->inbox_bytes, bytes);
        if (tracked) {
            ou_fetch_sub_relaxed(&heap->inbox_tracked, tracked);
            ou_heap_note_tracked(heap, 0); /* they may be used again without a refill */
        }
        OU_STAT(heap_remote_drained, all);
    }
    return wanted;
}

uint32_t ou_remote_drain(ou_heap *heap, bool objects, uint32_t want, uint32_t enough)
{
    uint32_t n = pending_drain(heap, objects, want, enough);
    if (n < enough) { /* nothing is pending any more */
        heap->pending[objects] = inbox_take(&heap->inbox[objects]);
        n += pending_drain(heap, objects, want, enough - n);
    }
    return n;
}
