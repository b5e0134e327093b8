/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * malloc.c - the heap as a plain allocator: ouro/heap.h. Raw blocks are multiples of 16 bytes
 * in pages of their own, so that they have the alignment the C standard asks for.
 */
#include "ouro/heap.h"

#include <errno.h>

#include "heap/arena.h"
#include "heap/guard.h"

#define BYTES_MAX ((size_t)PTRDIFF_MAX - OU_PAGE_BYTES)

static OU_COLD void *out_of_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

static void *alloc_large(size_t size, size_t align, bool *clean)
{
    if (size > BYTES_MAX || !ou_heap_mine()) {
        if (size > BYTES_MAX || !ou_range) {
            return out_of_memory();
        }
    }
    void *p = ou_large_alloc(size, align, OU_RAW, false, clean);
    return p ? p : out_of_memory();
}

/* The magazine is empty, or blocks are guarded. The callers jump here, so that this function
 * returns to whoever called malloc (but in builds that do not optimise). */
static __attribute__((noinline)) void *malloc_slow(size_t size)
{
    if (ou_guard_on()) {
        return ou_guard_alloc(size, 16, false, __builtin_return_address(0));
    }
    if (size > OU_SMALL_BYTES) {
        return alloc_large(size, 16, NULL);
    }
    return ou_heap_take_slow(ou_raw_bin(size));
}

OU_INLINE void *take(size_t size, void *(*slow)(size_t))
{
    if (OU_LIKELY(size <= OU_CANARY_BYTES)) {
        return ou_heap_take_or(ou_raw_bin(size), false, slow, size);
    }
    if (OU_LIKELY(size <= OU_SMALL_BYTES)) {
        return ou_heap_take_or(ou_raw_bin(size), true, slow, size);
    }
    return slow(size);
}

void *ou_malloc(size_t size)
{
    void *p = take(size, malloc_slow);
    if (OU_ASAN && p && !ou_guard_on()) {
        ou_mark_taken(p, size, ou_heap_block_bytes(p));
    }
    return p;
}

static __attribute__((noinline)) void free_slow(void *p)
{
    if (ou_page_holds(p)) {
        const ou_tag *at = ou_tag_of(p);
        uint32_t tag = ou_load_relaxed(&at->word), bin = ou_tag_bin(tag);
        if (OU_LIKELY(tag && bin < OU_CLASS_COUNT && ou_block_begins(at, p))) {
            if (OU_HARDENED && OU_UNLIKELY(ou_block_is_free(bin, p))) {
                ou_heap_refuse(p);
            }
            ou_remote_free(ou_heap_current(), p, tag);
            return;
        }
        OU_VERIFY(
            bin < OU_CLASS_COUNT || bin >= OU_BIN_COUNT,
            "heap: free of an object's block %p (%u bytes, slot %u): drop references instead",
            p, ou_bins[bin].size_bytes, ou_tag_heap(tag));
    }
    ou_heap_free_slow(p);
}

/* Not the start of a block of this page: a span of several pages, or a mistake. */
static __attribute__((noinline)) void free_unusual(ou_heap *heap, uint32_t bin, void *p)
{
    ou_heap_check_block(p);
    ou_mark_freed(p, ou_bins[bin].size_bytes);
    ou_heap_put(heap, bin, p);
}

OU_INLINE void free_own(ou_heap *heap, size_t bin, void *p, bool mapped)
{
    if (OU_HARDENED && OU_UNLIKELY(ou_block_is_free_as(mapped, p))) {
        ou_heap_refuse(p);
    }
    ou_mark_freed(p, ou_bins[bin].size_bytes);
    ou_block_set_free_as(mapped, p);
    ou_heap_push(heap, bin, p);
}

/* `p` lies in the range. */
OU_INLINE void free_plain(void *p)
{
    const ou_tag *tag = ou_tag_of(p);
    ou_heap *heap = ou_heap_current();
    size_t bin = ou_load_relaxed(&tag->word) ^ heap->tag;
    if (OU_UNLIKELY(bin >= OU_CLASS_COUNT)) { /* not a raw block of ours */
        free_slow(p);
        return;
    }
    if (OU_HARDENED && OU_UNLIKELY(!ou_block_begins(tag, p))) {
        free_unusual(heap, (uint32_t)bin, p);
        return;
    }
    if (OU_LIKELY(bin < OU_BIN_FIRST_MAPPED)) {
        free_own(heap, bin, p, false);
    } else {
        free_own(heap, bin, p, true);
    }
}

void ou_heap_free_plain(void *p)
{
    if (ou_page_holds(p)) {
        free_plain(p);
    } else {
        free_slow(p);
    }
}

static __attribute__((noinline)) void free_outside(void *p)
{
    if (p && ou_guard_on()) {
        ou_guard_free(p);
    } else {
        free_slow(p);
    }
}

void ou_free(void *p)
{
    if (OU_UNLIKELY(!ou_page_is_plain(p))) {
        free_outside(p);
        return;
    }
    free_plain(p);
}

static __attribute__((noinline)) void *calloc_slow(size_t bytes)
{
    bool clean = false;
    if (ou_guard_on()) {
        return ou_guard_alloc(bytes, 16, true, __builtin_return_address(0));
    }
    void *p = bytes > OU_SMALL_BYTES ? alloc_large(bytes, 16, &clean) : ou_malloc(bytes);
    return p && !clean ? memset(p, 0, bytes) : p;
}

OU_INLINE void *none(size_t size)
{
    (void)size;
    return NULL;
}

void *ou_calloc(size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        return out_of_memory();
    }
    void *p = OU_ASAN ? NULL : take(bytes, none);
    return OU_LIKELY(p != NULL) ? memset(p, 0, bytes) : calloc_slow(bytes);
}

size_t ou_malloc_usable_size(const void *p)
{
    if (!p) {
        return 0;
    }
    OU_VERIFY(ou_page_holds(p), "heap: size of a pointer not from this heap: %p", p);
    size_t bytes;
    if (ou_guard_on() && ou_guard_size(p, &bytes)) {
        return bytes;
    }
    bytes = ou_heap_block_bytes(p);
    if (OU_ASAN) {
        ou_mark_taken((void *)(uintptr_t)p, bytes, bytes); /* whoever asks may use all of it */
    }
    return bytes;
}

static void *move(void *p, size_t have, size_t size, void *to)
{
    if (to) {
        if (OU_ASAN) {
            ou_mark_taken(p, have, have); /* what was asked for is not recorded */
        }
        memcpy(to, p, ou_min(have, size));
        ou_free(p);
    }
    return to;
}

void *ou_realloc(void *p, size_t size)
{
    if (!p) {
        return ou_malloc(size);
    }
    if (OU_UNLIKELY(!ou_page_is_plain(p))) {
        void *result;
        OU_VERIFY(ou_page_holds(p), "heap: realloc of a pointer not from this heap: %p", p);
        if (ou_guard_on() && ou_guard_realloc(p, size, __builtin_return_address(0), &result)) {
            return result;
        }
    }
    if (size > BYTES_MAX) {
        return out_of_memory();
    }
    uint32_t tag = ou_tag_at(p);
    OU_VERIFY(tag, "heap: realloc of a block that is not in use: %p", p);
    size_t have = ou_heap_block_bytes(p);
    if (ou_tag_bin(tag) >= OU_BIN_COUNT) {
        ou_page *page = ou_span_of(p);
        OU_VERIFY(p == ou_page_start(page), "heap: realloc of an interior pointer %p", p);
        void *same = ou_large_realloc(p, page, size);
        if (same) {
            return same;
        }
        if (size > have) { /* it grows once more, probably not for the last time */
            void *to = ou_large_alloc(size + size / 8, 16, OU_RAW, true, NULL);
            to = to ? to : ou_large_alloc(size, 16, OU_RAW, false, NULL);
            return to ? move(p, have, size, to) : out_of_memory();
        }
    } else {
        OU_VERIFY(!OU_HARDENED || !ou_heap_block_is_free(ou_tag_bin(tag), p),
                  "heap: realloc of a block that is not in use: %p (%zu bytes, slot %u)", p,
                  have, ou_tag_heap(tag));
        if (size <= have && size >= have / 2) {
            ou_mark_taken(p, size, have);
            return p;
        }
    }
    return move(p, have, size, ou_malloc(size));
}

void *ou_memalign(size_t align, size_t size)
{
    if (align > BYTES_MAX) { /* also above 2^63, where no power of two follows */
        return out_of_memory();
    }
    if (ou_guard_on()) {
        size_t power = ou_is_pow2(align) ? align
                       : align < 16      ? 16
                                         : (size_t)2 << ou_log2(align);
        return ou_guard_alloc(size, ou_max(power, 16), false, __builtin_return_address(0));
    }
    if (align <= 16) {
        return ou_malloc(size);
    }
    if (size > BYTES_MAX) {
        return out_of_memory();
    }
    if (!ou_range) {
        ou_free(ou_malloc(16)); /* first call of the process: makes the range */
        return ou_range ? ou_memalign(align, size) : out_of_memory();
    }
    uint32_t bin = ou_bin_aligned(size, align);
    if (bin == OU_CLASS_COUNT) {
        size_t bytes = ou_align_up(size ? size : 1, align);
        return alloc_large(ou_max(bytes, OU_SMALL_BYTES + 1), align, NULL);
    }
    void *p = ou_heap_take(bin);
    if (p) {
        ou_mark_taken(p, size, ou_bins[bin].size_bytes);
    }
    return p;
}
