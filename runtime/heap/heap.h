/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * heap/heap.h - per-thread heaps: magazines, spans, remote frees.
 *
 *   alloc:  magazine of the bin -> (empty) inbox, span's free blocks, fresh blocks, new span
 *   free:   own block   -> magazine -> (full) the older half of it back to the spans
 *           other's     -> batch by page -> one push of the chain into the owner's inbox
 *
 * A magazine is a stack of pointers, so the block freed last, which is in the cache, is handed
 * out next. It sits in 128 words: NULL below the first entry says empty, an aligned address of
 * the newest entry says full. (Tried: a list threaded through the blocks, whose loads and
 * stores wait for each other: 8 ns a pair against 4. Two stacks, one for each direction: no
 * gain, and blocks come back colder.)
 *
 * A heap belongs to the thread that holds it, or to nobody (orphan); the next new thread takes
 * an orphan with everything in it, in O(1).
 *
 * operation          | by                     | synchronisation
 * -------------------+------------------------+------------------------------------------
 * bins, spans        | holder of the heap     | none; passed on under heaps.lock
 * inbox push         | any thread             | CAS release, pairs with the drain
 * inbox drain        | holder                 | exchange acquire; the rest stays pending
 * page tag read      | any thread             | constant while a block of it is out
 *
 * Model of the inbox: tests/spin/remote.pml.
 */
#ifndef OURO_HEAP_HEAP_H
#define OURO_HEAP_HEAP_H

#include "conf/stats.h"
#include "heap/page.h"

#define OU_HEAP_MAX 8192u
#define OU_REMOTE_WAYS 16u
#define OU_STACK_BYTES (OU_STACK_SLOTS * sizeof(void *))

#define OU_REMOTE_LEN 64u

/* A chain of blocks of one page, freed here, owned elsewhere; see remote.c. */
typedef struct ou_remote {
    uintptr_t page;  /* its number if the range began at address 0; 0 = none */
    uint32_t tag;    /* of the page */
    uint32_t len;    /* blocks */
    uint32_t charge; /* what a block counts of a batch */
    uint16_t places[OU_REMOTE_LEN + 2]; /* of the blocks in the page, and twice the last */
} __attribute__((aligned(64))) ou_remote;

#define OU_FRESH_MAX 128u /* as a collection due at 8 MiB has pages */

typedef struct ou_heap {
    void **bins[OU_BIN_COUNT]; /* owner: newest entry of each magazine; NULL there = empty */
    uint32_t tag;              /* const: id << 8 */
    uint32_t id;               /* const */
    ou_page *current[OU_BIN_COUNT];   /* owner: span to refill from */
    ou_page *partial[OU_BIN_COUNT];   /* owner: other spans with free blocks */
    ou_remote remote[OU_REMOTE_WAYS]; /* owner */
    uint32_t remote_bytes;            /* owner: in all chains, small blocks counted larger */
    void *pending[2];                 /* owner: taken from the inbox, not yet looked at */
    struct ou_heap *next_orphan;      /* lock:heaps */
    int64_t tracked_bytes;            /* owner; read relaxed: tracked blocks in use */
    int64_t tracked_noted;            /* owner: without the inbox, when growth was announced */
    uint64_t growth_seen;         /* owner: ou_arena_growth at the last look for sparse spans */
    uint32_t fresh[OU_FRESH_MAX]; /* owner; stopped world: first pages of spans, once each */
    uint32_t fresh_len; /* of tracked objects, handed out of since the collector looked;
                           the oldest: who finds no place is left out */
    ou_stats_block stats;
    /* atomic: blocks freed by others, raw ones and objects'. Object pages may only change while
     * the thread is attached, because the collector walks them when the world stands. */
    void *inbox[2] __attribute__((aligned(64)));
    int64_t inbox_bytes;   /* atomic: in both and pending */
    int64_t inbox_tracked; /* atomic: of tracked blocks */
} ou_heap;

extern OU_HIDDEN ou_heap ou_heap_none; /* what a thread holds before its first allocation */

OU_INLINE ou_heap *ou_heap_current(void)
{
    return (ou_heap *)ou_self.heap;
}

/* The calling thread's heap, taken if it has none; NULL when all ids are in use. */
ou_heap *ou_heap_mine(void);

/* Heap by id, NULL when never made. Any thread. */
ou_heap *ou_heap_at(uint32_t id);

/* Calls `fn` for each heap that nobody holds; nobody takes one meanwhile. */
void ou_heap_each_orphan(void (*fn)(ou_heap *heap));

/* Seam: called when tracked memory of a heap has grown by another 256 KiB. Never a safepoint.
 */
extern void (*ou_heap_on_growth)(void);
void ou_heap_note_tracked(ou_heap *heap, int64_t bytes);

/* Seam: called by the exiting thread before its heap becomes an orphan. */
extern void (*ou_heap_on_thread_exit)(void);

/* Gives the calling thread's heap back (thread exit). */
void ou_heap_release(void);

/* The other ends of the inlined paths below. */
OU_HIDDEN void *ou_heap_take_slow(size_t bin);
OU_HIDDEN void ou_heap_full(ou_heap *heap, size_t bin);
OU_HIDDEN void ou_heap_free_slow(void *p);
/* An object's block that is not of `heap`, or large. */
OU_HIDDEN void ou_heap_free_abroad(ou_heap *heap, void *p);
/* Does a block that was handed out at some time begin at `p`, any address in a span? */
OU_HIDDEN bool ou_heap_block_starts(const void *p);
/* Is the block at `p` known to be free? */
OU_HIDDEN bool ou_heap_block_is_free(uint32_t bin, const void *p);
/* ou_free as it is without a mode of guard.h. */
OU_HIDDEN void ou_heap_free_plain(void *p);
/* Panics when `p` is no block in use of its span; for the ends that free() does not inline. */
OU_HIDDEN void ou_heap_check_block(void *p);

/* Panics, saying what is wrong with a pointer that free() did not like. */
OU_HIDDEN OU_COLD _Noreturn void ou_heap_refuse(void *p);
/* Panics: block was written after it was freed. Returns by its type only, so that the inlined
 * paths end in a jump and need no stack frame. */
OU_HIDDEN OU_COLD void *ou_heap_corrupt(const void *block);

/* Blocks above OU_SMALL_BYTES: whole pages. */
void *ou_large_alloc(size_t bytes, size_t align, ou_page_kind kind, bool roomy, bool *clean);
void ou_large_free(ou_page *first);
void *ou_large_realloc(void *p, ou_page *first, size_t bytes);

extern OU_HIDDEN __thread int32_t ou_remote_loose; /* see remote.c */

/* Remote frees: remote.c. A block in use of another heap, whose page has `tag`. */
void ou_remote_free(ou_heap *heap, void *p, uint32_t tag);
void ou_remote_free_bits(ou_page *span, const uint64_t *bits, uint32_t words);
void ou_remote_flush(ou_heap *heap);

/* Takes back what others have freed (objects, or raw blocks) until `enough` blocks of bin
 * `want` came, or there is no more; returns how many did. Into the magazines while they have
 * room. */
uint32_t ou_remote_drain(ou_heap *heap, bool objects, uint32_t want, uint32_t enough);

/* Spans: span.c. A block that is put is marked free already. */
uint32_t ou_span_refill(ou_heap *heap, uint32_t bin);
void ou_span_put(ou_heap *heap, uint32_t bin, void *block);
void ou_span_set_end(ou_page *span, uint32_t bin);
void ou_span_set_frozen(ou_page *span, bool frozen);
void ou_span_thaw_all(void);

/* While spans are frozen: frees an object so that its block is not handed out before the thaw.
 */
void ou_heap_free_object_frozen(void *p);

/* Frees the `n` blocks of a span whose bits are set (bit i of word w is block w * 64 + i): dead
 * objects, whose headers say so already. A span that becomes empty is given back whole. */
void ou_heap_free_bits(ou_page *span, const uint64_t *bits, uint32_t words, uint32_t n);

/* Frees `n` objects' blocks of `bin` that lie in one page of the caller's heap and say already
 * that they are dead. When they are all that is in use there, it is given back whole. */
void ou_heap_put_neighbours(uint32_t bin, void *const *blocks, size_t n);

/* Free pages inside of spans: sparse.c. Gives those of the caller's raw spans back. */
void ou_sparse_give(ou_heap *heap);
/* The free block number `index` is about to be handed out. */
void ou_sparse_take(ou_page *span, uint32_t bin, uint32_t index);

/* Puts a magazine's blocks back into their spans; of all bins, and free spans to the arena. */
void ou_heap_empty_bin(ou_heap *heap, uint32_t bin);
void ou_heap_trim_spans(ou_heap *heap);

/* AddressSanitizer's view of blocks: everything behind the first two words of a free block,
 * and the tail behind what was asked for, must not be touched. */
void ou_asan_taken(void *p, size_t bytes, size_t block_bytes);
void ou_asan_freed(void *p, size_t block_bytes);

OU_INLINE void ou_mark_taken(void *p, size_t bytes, size_t block_bytes)
{
    if (OU_ASAN) {
        ou_asan_taken(p, bytes, block_bytes);
    }
}

OU_INLINE void ou_mark_freed(void *p, size_t block_bytes)
{
    if (OU_ASAN) {
        ou_asan_freed(p, block_bytes);
    }
}

/* One block of `bin`, `mapped` or not, unset except that a block that is not has a second word
 * of zero; what `slow(arg)` gives when the magazine is empty. */
OU_INLINE void *ou_heap_take_or(size_t bin, bool mapped, void *(*slow)(size_t), size_t arg)
{
    ou_heap *heap = ou_heap_current();
    void **top = heap->bins[bin];
    void *p = *top;
    if (OU_UNLIKELY(!p)) {
        return slow(arg);
    }
    ou_store_relaxed(&heap->bins[bin], top - 1); /* relaxed: sums of live bytes look */
    if (OU_HARDENED && OU_UNLIKELY(!ou_block_is_free_as(mapped, p))) {
        return ou_heap_corrupt(p);
    }
    ou_block_set_used_as(mapped, p);
    return p;
}

/* The same; NULL: no memory, and errno. */
OU_INLINE void *ou_heap_take(uint32_t bin)
{
    return ou_heap_take_or(bin, ou_bin_is_mapped(bin), ou_heap_take_slow, bin);
}

/* The same for a bin of objects, whose second word the caller sets at once; NULL when the
 * magazine is empty. */
OU_INLINE void *ou_heap_pop_object(uint32_t bin)
{
    OU_ASSERT(bin >= OU_CLASS_COUNT && bin < OU_BIN_COUNT);
    ou_heap *heap = ou_heap_current();
    void **top = heap->bins[bin];
    void *p = *top;
    if (OU_UNLIKELY(!p)) {
        return NULL;
    }
    ou_store_relaxed(&heap->bins[bin], top - 1);
    if (OU_HARDENED && OU_UNLIKELY(((uint64_t *)p)[1] != ou_canary_of(p))) {
        ou_heap_corrupt(p);
        __builtin_unreachable(); /* nothing to keep for afterwards: no saved registers */
    }
    return p;
}

OU_INLINE void *ou_heap_take_object(uint32_t bin)
{
    void *p = ou_heap_pop_object(bin);
    return OU_LIKELY(p != NULL) ? p : ou_heap_take_slow(bin);
}

/* Is the entry at `top` the last one that the magazine holds? */
OU_INLINE bool ou_stack_is_full(void *const *top)
{
    return ((uintptr_t)top & (OU_STACK_BYTES - 1)) == 0;
}

/* Puts a block that is marked free on top of a magazine. */
OU_INLINE void ou_heap_push(ou_heap *heap, size_t bin, void *p)
{
    void **top = heap->bins[bin] + 1;
    ou_store_relaxed(top, p);
    ou_store_relaxed(&heap->bins[bin], top);
    if (OU_UNLIKELY(ou_stack_is_full(top))) {
        ou_heap_full(heap, bin);
    }
}

/* Puts a block that `heap` owns into its magazine. */
OU_INLINE void ou_heap_put(ou_heap *heap, uint32_t bin, void *p)
{
    ou_block_set_free(bin, p);
    ou_heap_push(heap, bin, p);
}

/* The same for a bin of objects. */
OU_INLINE void ou_heap_put_object(ou_heap *heap, uint32_t bin, void *p)
{
    OU_ASSERT(bin >= OU_CLASS_COUNT && bin < OU_BIN_COUNT);
    ((uint64_t *)p)[1] = ou_canary_of(p);
    ou_heap_push(heap, bin, p);
}

/* Frees a block that is known to be an object of this range (no misuse checks: the object
 * layer has its own). */
OU_INLINE void ou_heap_free_object(void *p)
{
    ou_heap *heap = ou_heap_current();
    uint32_t bin = ou_tag_at(p) ^ heap->tag;
    if (OU_LIKELY(bin < OU_BIN_COUNT)) {
        ou_mark_freed(p, ou_bins[bin].size_bytes);
        ou_heap_put_object(heap, bin, p);
    } else {
        ou_heap_free_abroad(heap, p);
    }
}

/* Bytes of the block `p`, any block of the range. */
size_t ou_heap_block_bytes(const void *p);

/* A block of at least `bytes` for an object. NULL: no memory. */
OU_INLINE void *ou_heap_alloc_object(size_t bytes, ou_page_kind kind)
{
    if (OU_LIKELY(bytes <= OU_SMALL_BYTES)) {
        uint32_t bin = ou_class_of(bytes) + (uint32_t)kind * OU_CLASS_COUNT;
        void *p = ou_heap_take(bin);
        if (OU_ASAN && p) {
            ou_mark_taken(p, bytes, ou_bins[bin].size_bytes);
        }
        return p;
    }
    return ou_large_alloc(bytes, 16, kind, false, NULL);
}

#endif
