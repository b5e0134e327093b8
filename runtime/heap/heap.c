/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * heap.c - who holds which heap, the slow ends of alloc and free, thread exit and fork.
 */
#include "heap/heap.h"

#include <errno.h>
#include <pthread.h>

#include "conf/conf.h"
#include "heap/arena.h"
#include "os/lock.h"

ou_heap ou_heap_none = {.tag = 0xFFFFFF00u};
__thread ou_self_tls ou_self = {.slot = OU_SLOT_NONE, .heap = &ou_heap_none};
void (*ou_heap_on_thread_exit)(void);
void (*ou_heap_on_growth)(void);

#define GROWTH_NOTE ((int64_t)256 << 10)

static struct {
    ou_lock lock;
    bool ready;                /* lock; range reserved, key made, handlers installed */
    bool broken;               /* lock: no address space at all */
    uint32_t count;            /* lock; read acquire: ids 1..count exist */
    ou_heap *orphans;          /* lock: stack */
    ou_heap *all[OU_HEAP_MAX]; /* const once set */
    pthread_key_t exit_key;    /* const */
} heaps;

ou_heap *ou_heap_at(uint32_t id)
{
    return id < OU_HEAP_MAX ? ou_load_acquire(&heaps.all[id]) : NULL;
}

static void thread_exit(void *heap)
{
    (void)heap;
    if (ou_heap_on_thread_exit) {
        ou_heap_on_thread_exit();
    }
    ou_heap_release();
}

static void fork_prepare(void)
{
    ou_lock_take(&heaps.lock);
    ou_arena_fork_prepare();
}

static void fork_parent(void)
{
    ou_arena_fork_done();
    ou_lock_give(&heaps.lock);
}

/* The other threads are gone, perhaps in the middle of their heaps' lists: nobody may take
 * those heaps. They stay held for ever; their free memory is lost to the child, no more. */
static void fork_child(void)
{
    ou_arena_fork_done();
    ou_lock_give(&heaps.lock);
}

static bool init_locked(void)
{
    if (heaps.broken || !ou_arena_init()) {
        heaps.broken = true;
        return false;
    }
    ou_classes_init();
    if (pthread_key_create(&heaps.exit_key, thread_exit) != 0) {
        heaps.broken = true;
        return false;
    }
    pthread_atfork(fork_prepare, fork_parent, fork_child);
    heaps.ready = true;
    return true;
}

static ou_heap *heap_new_locked(void)
{
    if (heaps.count + 1 >= OU_HEAP_MAX) {
        return NULL;
    }
    ou_heap *heap = ou_os_map(sizeof *heap);
    if (!heap) {
        return NULL;
    }
    heap->id = heaps.count + 1;
    heap->tag = heap->id << 8;
    ou_stats_link(&heap->stats);
    ou_store_release(&heaps.all[heap->id], heap); /* pairs: ou_heap_at */
    ou_store_release(&heaps.count, heap->id);
    return heap;
}

static ou_heap *heap_take(void)
{
    bool adopted = false;
    ou_lock_take(&heaps.lock);
    ou_heap *heap = NULL;
    if (heaps.ready || init_locked()) {
        heap = heaps.orphans;
        adopted = heap != NULL;
        if (adopted) {
            heaps.orphans = heap->next_orphan;
        } else {
            heap = heap_new_locked();
        }
        if (heap) {
            heap->held = true;
        }
    }
    ou_lock_give(&heaps.lock);
    if (heap) {
        ou_stats_mine = &heap->stats;
        ou_stat_add(adopted ? OU_STAT_slots_adopted : OU_STAT_slots_created, 1);
    }
    return heap;
}

ou_heap *ou_heap_mine(void)
{
    ou_heap *heap = ou_heap_current();
    if (OU_LIKELY(heap != &ou_heap_none)) {
        return heap;
    }
    heap = heap_take();
    if (heap) {
        ou_self.heap = heap; /* before setspecific: it may allocate */
        pthread_setspecific(heaps.exit_key, heap);
    }
    return heap;
}

void ou_heap_release(void)
{
    ou_heap *heap = ou_heap_current();
    if (heap == &ou_heap_none) {
        return;
    }
    ou_remote_flush(heap);
    ou_self.heap = &ou_heap_none;
    ou_stats_mine = NULL;
    ou_lock_take(&heaps.lock);
    heap->held = false;
    heap->next_orphan = heaps.orphans;
    heaps.orphans = heap;
    ou_lock_give(&heaps.lock);
}

void *ou_heap_alloc_slow(uint32_t bin)
{
    ou_heap *heap = ou_heap_mine();
    if (OU_UNLIKELY(!heap)) { /* more threads than heaps: whole pages, slow but right */
        size_t bytes = ou_bins[bin].size_bytes;
        if (!bytes) {
            return NULL; /* no address space for even the smallest range */
        }
        return ou_large_alloc(bytes, 16, (ou_page_kind)(bin / OU_CLASS_COUNT), false, NULL);
    }
    if (heap->remote_len) {
        ou_remote_flush(heap);
    }
    ou_remote_drain(heap);
    if (!heap->bins[bin] && !ou_span_refill(heap, bin)) {
        return NULL;
    }
    return ou_heap_take(bin);
}

static bool in_magazine(const ou_heap *heap, uint32_t bin, const void *p)
{
    uint64_t word = heap->bins[bin];
    while (word) {
        void *block = (void *)(word & OU_LINK_ADDRESS);
        if (block == p) {
            return true;
        }
        word = *ou_block_link(block) ^ ou_link_key;
    }
    return false;
}

/* A block whose link field decodes to a small depth: free already, or data that looks like it
 * (chance 2^-8 for random words, then 2^-11 here). */
static bool is_free_block(const ou_page *span, uint32_t bin, void *p)
{
    uint64_t word = *ou_block_link(p) ^ ou_link_key;
    uint64_t next = word & OU_LINK_ADDRESS;
    if (next && (!ou_page_holds((void *)next) || next % 8)) {
        return false;
    }
    if (word >> 48 == 0xFE) {
        return true; /* on its way to its owner */
    }
    if (word >> 48 != 0xFF) {
        return ou_tag_heap(span->tag) != ou_heap_current()->id ||
               in_magazine(ou_heap_current(), bin, p);
    }
    for (uint64_t w = span->free; w & OU_LINK_ADDRESS;) {
        void *block = (void *)(w & OU_LINK_ADDRESS);
        if (block == p) {
            return true;
        }
        w = *ou_block_link(block) ^ ou_link_key;
    }
    return false;
}

void ou_heap_free_checked(void *p)
{
    ou_page *page = ou_page_at(p);
    ou_page *span = ou_page_first(page);
    uint32_t tag = ou_load_relaxed(&span->tag);
    uint32_t bin = ou_tag_bin(tag);
    const ou_bin_info *info = &ou_bins[bin];
    if (!tag || bin >= OU_BIN_COUNT) {
        return; /* runs and free pages: ou_heap_free_slow sorts them out */
    }
    size_t offset = (size_t)((char *)p - ou_page_start(span));
    uint32_t index = ou_block_index(offset, info);
    char *block = ou_page_start(span) + (size_t)index * info->size_bytes;
    OU_VERIFY(block == p, "heap: free of an interior pointer %p (block %p, %u bytes, slot %u)", p,
              (void *)block, info->size_bytes, ou_tag_heap(tag));
    if (ou_link_suspicious(*ou_block_link(p))) {
        OU_VERIFY(!is_free_block(span, bin, p), "heap: double free of %p (%u bytes, slot %u)", p,
                  info->size_bytes, ou_tag_heap(tag));
    }
    if (ou_tag_heap(tag) == ou_heap_current()->id) {
        OU_VERIFY(index < span->carved,
                  "heap: free of a pointer that was never handed out: %p (%u bytes, slot %u)", p,
                  info->size_bytes, ou_tag_heap(tag));
    }
}

void ou_heap_free_slow(void *p)
{
    if (!p) {
        return;
    }
    OU_VERIFY(ou_page_holds(p), "heap: free of a pointer not from this heap: %p", p);
    ou_page *page = ou_page_at(p);
    uint32_t tag = ou_load_relaxed(&page->tag);
    uint32_t bin = ou_tag_bin(tag);
    if (bin >= OU_BIN_LARGE_TRACKED) {
        OU_VERIFY(p == ou_page_start(page),
                  "heap: free of an interior pointer %p (block %p, %zu bytes)", p,
                  (void *)ou_page_start(page), (size_t)page->pages << OU_PAGE_SHIFT);
        ou_large_free(page);
        return;
    }
    OU_VERIFY(tag, "heap: free of a block that is not in use: %p (freed already, or inside a "
                   "large block)", p);
    ou_remote_free(ou_heap_current(), page, p);
}

void ou_heap_corrupt(const void *block, uint32_t bin)
{
    ou_panic("heap: block %p was written after it was freed (%u bytes, slot %u)", block,
             ou_bins[bin].size_bytes, ou_tag_heap(ou_page_at(block)->tag));
}

void ou_heap_note_tracked(ou_heap *heap, int64_t bytes)
{
    int64_t now = heap->tracked_bytes + bytes;
    ou_store_relaxed(&heap->tracked_bytes, now);
    if (OU_UNLIKELY(now - heap->tracked_noted > GROWTH_NOTE)) {
        heap->tracked_noted = now;
        if (ou_heap_on_growth) {
            ou_heap_on_growth();
        }
    } else if (now < heap->tracked_noted) {
        heap->tracked_noted = now;
    }
}

size_t ou_heap_block_bytes(const void *p)
{
    ou_page *page = ou_page_at(p);
    uint32_t bin = ou_tag_bin(ou_load_relaxed(&page->tag));
    return bin < OU_BIN_COUNT ? ou_bins[bin].size_bytes : (size_t)page->pages << OU_PAGE_SHIFT;
}

#if OU_ASAN
#include <sanitizer/asan_interface.h>
void ou_asan_taken(void *p, size_t bytes, size_t block_bytes)
{
    size_t whole = bytes < 16 ? 16 : bytes;
    __asan_unpoison_memory_region(p, whole);
    if (block_bytes > whole) {
        __asan_poison_memory_region((char *)p + whole, block_bytes - whole);
    }
}

void ou_asan_freed(void *p, size_t block_bytes)
{
    if (block_bytes > 16) {
        __asan_poison_memory_region((char *)p + 16, block_bytes - 16);
    }
}
#else
void ou_asan_taken(void *p, size_t bytes, size_t block_bytes)
{
    (void)p, (void)bytes, (void)block_bytes;
}

void ou_asan_freed(void *p, size_t block_bytes)
{
    (void)p, (void)block_bytes;
}
#endif
