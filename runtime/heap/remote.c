/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * remote.c - freeing blocks of other heaps. Blocks of one page are collected here first; a
 * whole chain then costs one compare-and-swap on the owner's inbox (the idea of snmalloc:
 * Lietar et al., ISMM 2019). A thread that only frees holds back at most 64 blocks or 16 KiB.
 *
 *      inbox -> chain -> chain -> NULL
 *
 *      block 0      how many, where blocks 1 and 2 are      all in the first word of a freed
 *      block j      where 3j, 3j + 1 and 3j + 2 are         block, of whatever size
 *      the last     block 0 of the next chain
 *
 * The blocks of a chain lie in one page, so 13 bits say where one is. The owner has to fetch
 * each line that it does not know yet from the other core's cache, and waits for log3(n) of
 * them one after the other, not for n. Blocks that lead nowhere are not written, nor read.
 *
 * Blocks on their way count as used in their span, so the span cannot be retired under them.
 * The words have a form that reads as the header of a dead object: bit 31 clear, an owner that
 * is no slot, and DEAD.
 */
#include "heap/heap.h"

#define BATCH_BYTES 16384u
#define BATCH_CHARGE 256u /* bytes a block counts at least: so that a batch fits a chain */
#define CHAIN_MAX OU_REMOTE_LEN

static_assert(BATCH_BYTES / BATCH_CHARGE <= CHAIN_MAX, "a batch fits a chain");

/* A word: 44 bits, in 31 + 13 around the fixed ones, XOR key so that a stray write shows. */
enum { WORD_LINK = 0x8000, WORD_NODE = 0xA000 };
#define WORD_BITS 44
#define WORD_FIXED_MASK ((uint64_t)0xFFFF << 48 | (uint64_t)0xE000 << 32 | (uint64_t)1 << 31)

/* A node: three places, each in units of 8 bytes from the start of the page. The other bits: 0.
 */
#define PLACE_BITS 13
#define PLACE_MASK ((1u << PLACE_BITS) - 1)

static_assert(3 * PLACE_BITS <= WORD_BITS && (8u << PLACE_BITS) == OU_PAGE_BYTES, "places fit");

static uint64_t word_fixed(uint64_t kind)
{
    return (uint64_t)0x80 << 48 | kind << 32;
}

static uint64_t word_key(const void *block)
{
    return ou_canary_of(block) >> (64 - WORD_BITS);
}

static void word_set(void *block, uint64_t kind, uint64_t value)
{
    value ^= word_key(block);
    *(uint64_t *)block = (value & 0x7FFFFFFF) | (value >> 31) << 32 | word_fixed(kind);
}

static uint64_t word_get(void *block, uint64_t kind)
{
    uint64_t word = *(uint64_t *)block;
    if (OU_UNLIKELY((word & WORD_FIXED_MASK) != word_fixed(kind))) {
        ou_heap_corrupt(block); /* written after it was freed */
    }
    return ((word & 0x7FFFFFFF) | (word >> 32 & 0x1FFF) << 31) ^ word_key(block);
}

static bool is_node(const void *block)
{
    return *(const uint64_t *)block >> 45 & 1;
}

/* Frees of this thread while it had no heap; far below 0 once it has given its heap back. The C
 * library still frees after the last destructors of a thread: a heap taken there would never be
 * given back, so a heap for the batch is for threads that free much. */
__thread int32_t ou_remote_loose;
#define LOOSE_MAX 64

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

static void chain_begin(ou_remote *chain, const void *p, uint32_t tag)
{
    uint32_t bytes = ou_bins[ou_tag_bin(tag)].size_bytes;
    chain->page = (uintptr_t)p >> OU_PAGE_SHIFT;
    chain->tag = tag;
    chain->charge = bytes > BATCH_CHARGE ? bytes : BATCH_CHARGE;
}

static void chain_add(ou_remote *chain, const void *p)
{
    chain->places[chain->len++] = (uint16_t)((uintptr_t)p >> 3 & PLACE_MASK);
}

static void *block_at(uintptr_t page, uint64_t place)
{
    return (void *)(page << OU_PAGE_SHIFT | place << 3);
}

/* Writes the places into the blocks. Behind the end stands the last one, so that the owner
 * needs not ask at each place whether there is one. */
static void chain_tie(ou_remote *chain)
{
    uint16_t *at = chain->places;
    uint32_t n = chain->len;
    at[n] = at[n + 1] = at[n - 1];
    for (uint32_t j = 0; 3 * j < n && n > 1; j++) {
        uint64_t first = j ? at[3 * j] : n;
        word_set(block_at(chain->page, at[j]), WORD_NODE,
                 first | (uint64_t)at[3 * j + 1] << PLACE_BITS |
                     (uint64_t)at[3 * j + 2] << 2 * PLACE_BITS);
    }
}

static void chain_push(ou_remote *chain)
{
    uint32_t bin = ou_tag_bin(chain->tag);
    int64_t bytes = (int64_t)chain->len * ou_bins[bin].size_bytes;
    ou_heap *owner = ou_heap_at(ou_tag_heap(chain->tag));
    expect_write(owner->inbox); /* from the owner's cache, while the chain is tied */
    chain_tie(chain);
    ou_fetch_add_relaxed(&owner->inbox_bytes, bytes);
    if (bin >= OU_BIN_FIRST_TRACKED) {
        ou_fetch_add_relaxed(&owner->inbox_tracked, bytes);
    }
    void *root = block_at(chain->page, chain->places[0]);
    void *last = block_at(chain->page, chain->places[chain->len - 1]);
    void **inbox = &owner->inbox[bin >= OU_CLASS_COUNT];
    void *old = ou_load_relaxed(inbox);
    do {
        word_set(last, WORD_LINK, (uint64_t)(uintptr_t)old >> 3);
    } while (!ou_cas_release(inbox, &old, root)); /* pairs: inbox_take */
    OU_STAT(heap_remote_chains, 1);
    OU_STAT(heap_remote_frees, chain->len);
    chain->page = 0;
    chain->len = 0;
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

/* The first block of its page in a while, or of a batch, or the last of one. */
static __attribute__((noinline)) void remote_free_slow(ou_heap *heap, ou_remote *way, void *p,
                                                       uint32_t tag)
{
    if (heap == &ou_heap_none) { /* a thread that never allocated: soon a heap for its batch */
        heap = ou_remote_loose == LOOSE_MAX ? ou_heap_mine() : NULL;
        if (!heap) {
            ou_remote_loose += ou_remote_loose < LOOSE_MAX;
            ou_remote alone = {.len = 0};
            chain_begin(&alone, p, tag);
            chain_add(&alone, p);
            chain_push(&alone);
            return;
        }
        if (ou_tag_heap(tag) == heap->id) { /* the orphan that owns the block */
            ou_heap_push(heap, ou_tag_bin(tag), p);
            return;
        }
        way = &heap->remote[((uintptr_t)p >> OU_PAGE_SHIFT) % OU_REMOTE_WAYS];
    }
    if (way->page != (uintptr_t)p >> OU_PAGE_SHIFT) {
        if (way->len) {
            heap->remote_bytes -= way->len * way->charge;
            chain_push(way);
        }
        chain_begin(way, p, tag);
    }
    chain_add(way, p);
    heap->remote_bytes += way->charge;
    if (heap->remote_bytes >= BATCH_BYTES) {
        ou_remote_flush(heap);
    }
}

/* A block that is marked free. */
OU_INLINE void collect(ou_heap *heap, void *p, uint32_t tag)
{
    uintptr_t page = (uintptr_t)p >> OU_PAGE_SHIFT;
    ou_remote *way = &heap->remote[page % OU_REMOTE_WAYS];
    uint32_t bytes = heap->remote_bytes + way->charge;
    if (OU_UNLIKELY(way->page != page || bytes >= BATCH_BYTES)) {
        remote_free_slow(heap, way, p, tag);
        return;
    }
    chain_add(way, p);
    heap->remote_bytes = bytes;
}

void ou_remote_free(ou_heap *heap, void *p, uint32_t tag)
{
    uint32_t bin = ou_tag_bin(tag);
    ou_block_set_free(bin, p);
    ou_mark_freed(p, ou_bins[bin].size_bytes);
    collect(heap, p, tag);
}

void ou_heap_free_abroad(ou_heap *heap, void *p)
{
    uint32_t tag = ou_tag_at(p), bin = ou_tag_bin(tag);
    if (OU_UNLIKELY(bin - OU_CLASS_COUNT >= OU_BIN_COUNT - OU_CLASS_COUNT)) {
        ou_heap_free_slow(p); /* large */
        return;
    }
    ou_block_set_free_as(false, p);
    ou_mark_freed(p, ou_bins[bin].size_bytes);
    if (ou_tag_heap(tag) == heap->id) {
        ou_heap_push(heap, bin, p);
        return;
    }
    collect(heap, p, tag);
}

/* All at once, past the batch: the blocks of a span of another heap that `bits` names. */
void ou_remote_free_bits(ou_page *span, const uint64_t *bits, uint32_t words)
{
    ou_remote chain = {.len = 0};
    uint32_t tag = ou_page_tag(span), bin = ou_tag_bin(tag), bytes = ou_bins[bin].size_bytes;
    char *start = ou_page_start(span);
    for (uint32_t w = words; w--;) {
        for (uint64_t rest = bits[w]; rest;) {
            uint32_t bit = 63 - (uint32_t)__builtin_clzll(rest);
            void *block = start + (size_t)(w * 64 + bit) * bytes;
            rest ^= (uint64_t)1 << bit;
            ou_block_set_free(bin, block);
            ou_mark_freed(block, bytes);
            if (chain.len == CHAIN_MAX || chain.page != (uintptr_t)block >> OU_PAGE_SHIFT) {
                if (chain.len) {
                    chain_push(&chain);
                }
                chain_begin(&chain, block, tag);
            }
            chain_add(&chain, block);
        }
    }
    if (chain.len) {
        chain_push(&chain);
    }
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

/* Where a chain lies, and what its places are checked by (ou_block_begins). */
typedef struct chain_page {
    uintptr_t number;
    uint32_t divides, end;
} chain_page;

/* Follows place number `i` in the word of `node`; the line is asked for, not waited for. */
OU_INLINE void *follow(const void *node, uint64_t word, uint32_t i, chain_page page)
{
    uint32_t at = (uint32_t)(word >> i * PLACE_BITS) & PLACE_MASK;
    void *p = block_at(page.number, at);
    if (OU_UNLIKELY(at * 8 * page.divides >= page.end && !ou_heap_block_starts(p))) {
        ou_heap_corrupt(node);
    }
    expect_write(p);
    return p;
}

/* Blocks of a chain in the order they were freed in, and up to two times the last one; returns
 * how many, and the next chain. Whether they are free is looked at when they are handed out. */
static __attribute__((noinline)) uint32_t untie(void *root, void **blocks, void **next)
{
    const size_t number = (uintptr_t)root >> OU_PAGE_SHIFT;
    const uint32_t *ends = (const uint32_t *)ou_page_ends_zero;
    const chain_page page = {number, ou_tag_of(root)->divides, ou_load_relaxed(&ends[number])};
    uint32_t n = 1;
    blocks[0] = root;
    if (is_node(root)) {
        uint64_t word = word_get(root, WORD_NODE);
        n = (uint32_t)(word & PLACE_MASK);
        if (OU_UNLIKELY(n < 2 || n > CHAIN_MAX)) {
            ou_heap_corrupt(root);
        }
        blocks[1] = follow(root, word, 1, page);
        blocks[2] = follow(root, word, 2, page);
    }
    for (uint32_t j = 1; 3 * j < n; j++) {
        const void *node = blocks[j];
        uint64_t word = word_get(blocks[j], WORD_NODE);
        blocks[3 * j] = follow(node, word, 0, page);
        blocks[3 * j + 1] = follow(node, word, 1, page);
        blocks[3 * j + 2] = follow(node, word, 2, page);
    }
    *next = (void *)(uintptr_t)(word_get(blocks[n - 1], WORD_LINK) << 3);
    return n;
}

/* Into the magazine while it has room, the one freed first on top: its line is here first. */
static void take_back(ou_heap *heap, uint32_t bin, void **blocks, uint32_t n, bool frozen)
{
    void **top = heap->bins[bin];
    uint32_t used = (uint32_t)((uintptr_t)top / sizeof *top % OU_STACK_SLOTS); /* 0: full */
    uint32_t kept = used && !frozen ? (uint32_t)ou_min(n, OU_STACK_SLOTS - 1 - used) : 0;
    for (uint32_t i = kept; i < n; i++) {
        ou_span_put(heap, bin, blocks[i]);
    }
    for (uint32_t i = kept; i--;) {
        ou_store_relaxed(++top, blocks[i]); /* relaxed: sums of live bytes look */
    }
    ou_store_relaxed(&heap->bins[bin], top);
}

/* Takes chains of the pending list back until `enough` blocks of bin `want` came. */
static uint32_t pending_drain(ou_heap *heap, bool objects, uint32_t want, uint32_t enough)
{
    void *root = heap->pending[objects], *blocks[CHAIN_MAX + 2];
    uint64_t all = 0;
    int64_t bytes = 0, tracked = 0;
    uint32_t wanted = 0;
    while (root && wanted < enough) {
        uint32_t bin = ou_page_holds(root) ? ou_tag_at(root) ^ heap->tag : OU_BIN_COUNT;
        OU_VERIFY(bin < OU_BIN_COUNT, "heap: block %p in the wrong inbox (slot %u)", root,
                  heap->id);
        void *next;
        uint32_t n = untie(root, blocks, &next);
        if (next) {
            expect_write(next); /* on its way while this one is used up */
        }
        heap->pending[objects] = next;
        take_back(heap, bin, blocks, n, objects && ou_span_of(root)->frozen);
        all += n;
        wanted += bin == want ? n : 0;
        bytes += (int64_t)n * ou_bins[bin].size_bytes;
        tracked += bin >= OU_BIN_FIRST_TRACKED ? (int64_t)n * ou_bins[bin].size_bytes : 0;
        root = next;
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
