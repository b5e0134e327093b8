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
#include "heap/guard.h"
#include "os/lock.h"

static void *no_blocks[1]; /* an empty stack, for threads without a heap */

ou_heap ou_heap_none = {
    .bins = {[0 ... OU_BIN_COUNT - 1] = no_blocks},
    .tag = 0xFFFFFF00u,
};
__thread ou_self_tls ou_self = {.slot = OU_SLOT_NONE, .heap = &ou_heap_none};
void (*ou_heap_on_thread_exit)(void);
void (*ou_heap_on_growth)(void);

#define GROWTH_NOTE ((int64_t)256 << 10)

static struct {
    ou_lock lock;
    bool ready;                /* lock; range reserved, key made, handlers installed */
    bool broken;               /* lock: no address space at all */
    uint32_t count;            /* lock: ids 1..count exist */
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
    ou_guard_fork_prepare();
    ou_lock_take(&heaps.lock);
    ou_arena_fork_prepare();
}

static void fork_parent(void)
{
    ou_arena_fork_done(false);
    ou_lock_give(&heaps.lock);
    ou_guard_fork_done();
}

/* The other threads are gone, perhaps in the middle of their heaps' lists: nobody may take
 * those heaps. They stay held for ever; their free memory is lost to the child, no more. */
static void fork_child(void)
{
    ou_arena_fork_done(true);
    ou_lock_give(&heaps.lock);
    ou_guard_fork_done();
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
    /* A magazine begins behind its first word, which is the last one of the magazine below. */
    size_t stack_bytes = (OU_BIN_COUNT + 1) * OU_STACK_BYTES;
    char *stacks = ou_os_reserve(stack_bytes, OU_STACK_BYTES);
    if (!heap || !stacks) {
        if (heap) {
            ou_os_unmap(heap, sizeof *heap);
        }
        if (stacks) {
            ou_os_unmap(stacks, stack_bytes);
        }
        return NULL;
    }
    for (uint32_t bin = 0; bin < OU_BIN_COUNT; bin++, stacks += OU_STACK_BYTES) {
        heap->bins[bin] = (void **)stacks + (OU_STACK_SLOTS - ou_bins[bin].limit);
    }
    heap->id = heaps.count + 1;
    heap->tag = heap->id << 8;
    ou_stats_link(&heap->stats);
    ou_store_release(&heaps.all[heap->id], heap); /* pairs: ou_heap_at */
    heaps.count = heap->id;
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
    ou_remote_loose = INT32_MIN / 2; /* what is freed from here on gets no heap any more */
    ou_lock_take(&heaps.lock);
    heap->next_orphan = heaps.orphans;
    heaps.orphans = heap;
    ou_lock_give(&heaps.lock);
}

void ou_heap_each_orphan(void (*fn)(ou_heap *heap))
{
    ou_lock_take(&heaps.lock);
    for (ou_heap *heap = heaps.orphans; heap; heap = heap->next_orphan) {
        fn(heap);
    }
    ou_lock_give(&heaps.lock);
}

void ou_heap_refuse(void *p)
{
    ou_page *span = ou_span_of(p);
    uint32_t tag = ou_page_tag(span);
    const ou_bin_info *info = &ou_bins[ou_tag_bin(tag)];
    uint32_t index = ou_block_index(ou_span_offset(p), info), bytes = info->size_bytes;
    char *block = ou_page_start(span) + (size_t)index * bytes;
    if (index >= ou_load_relaxed(&span->carved)) {
        ou_panic("heap: free of a pointer that was never handed out: %p (%u bytes, slot %u)", p,
                 bytes, ou_tag_heap(tag));
    }
    if (block != p) {
        ou_panic("heap: free of an interior pointer %p (block %p, %u bytes, slot %u)", p,
                 (void *)block, bytes, ou_tag_heap(tag));
    }
    ou_panic("heap: double free of %p (%u bytes, slot %u)", p, bytes, ou_tag_heap(tag));
}

bool ou_heap_block_starts(const void *p)
{
    const ou_page *span = ou_span_of(p);
    const ou_bin_info *info = &ou_bins[ou_tag_bin(ou_page_tag(span))];
    size_t offset = ou_span_offset(p), index = ou_block_index(offset, info);
    return index * info->size_bytes == offset && index < ou_load_relaxed(&span->carved);
}

bool ou_heap_block_is_free(uint32_t bin, const void *p)
{
    return ou_block_is_free(bin, p) || ou_span_is_given(ou_span_of(p), ou_span_offset(p));
}

/* The faults that free() looks for, in a block of any heap. */
void ou_heap_check_block(void *p)
{
    uint32_t bin = ou_tag_bin(ou_page_tag(ou_span_of(p)));
    if (OU_UNLIKELY(!ou_heap_block_starts(p) ||
                    (OU_HARDENED && ou_heap_block_is_free(bin, p)))) {
        ou_heap_refuse(p);
    }
}

static OU_COLD void free_large(void *p, uint32_t tag)
{
    if (!tag) {
        ou_panic(
            "heap: free of a block that is not in use: %p (freed already, or inside a large "
            "block)",
            p);
    }
    ou_page *run = &ou_page_table[ou_page_index(p)];
    OU_VERIFY(p == ou_page_start(run),
              "heap: free of an interior pointer %p (block %p, %zu bytes, slot %u)", p,
              (void *)ou_page_start(run), (size_t)run->pages << OU_PAGE_SHIFT,
              ou_tag_heap(tag));
    ou_large_free(run);
}

void ou_heap_free_slow(void *p)
{
    if (!p) {
        return;
    }
    OU_VERIFY(ou_page_holds(p), "heap: free of a pointer not from this heap: %p", p);
    uint32_t tag = ou_tag_at(p), bin = ou_tag_bin(tag);
    if (!tag || bin >= OU_BIN_COUNT) {
        free_large(p, tag);
        return;
    }
    ou_heap_check_block(p);
    ou_remote_free(ou_heap_current(), p, tag);
}

void *ou_heap_corrupt(const void *block)
{
    ou_panic("heap: block %p was written after it was freed (%zu bytes, slot %u)", block,
             ou_heap_block_bytes(block), ou_tag_heap(ou_tag_at(block)));
}

void ou_heap_note_tracked(ou_heap *heap, int64_t bytes)
{
    int64_t now = heap->tracked_bytes + bytes;
    ou_store_relaxed(&heap->tracked_bytes, now);
    now -= ou_load_relaxed(&heap->inbox_tracked); /* free, and growth when used again */
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
    uint32_t bin = ou_tag_bin(ou_tag_at(p));
    return bin < OU_BIN_COUNT ? ou_bins[bin].size_bytes
                              : (size_t)ou_span_of(p)->pages << OU_PAGE_SHIFT;
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
