/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * page.h - 64 KiB pages of one reserved range, and their metadata outside of them.
 *
 *      range |page 0|page 1|page 2| ...     address = range + index * 64 KiB
 *      tags  |tag 0 |tag 1 |tag 2 | ...     8 bytes a page: what every free() looks at
 *      ends  |end 0 |end 1 |end 2 | ...     4 bytes a page: ... and where fresh memory begins
 *      table |meta 0|meta 1|meta 2| ...     64 bytes a page: for the owner's slow paths
 *      bits  |map 0 |map 1 |map 2 | ...     512 bytes a page: one bit a free block
 *
 * All found by arithmetic. A span is one or more adjacent pages that serve one bin; a run is
 * one large block. The meta and bits of the first page describe it. A tag is constant while any
 * block of the page is handed out, so any thread may read it.
 *
 * A free block says that it is free. Small raw blocks and all objects do so in their second
 * word, the canary: key ^ address. free() finds it there after a double free, alloc misses it
 * after a write to freed memory. The first word stays, so that a dead object can still be told
 * by name. Raw blocks above 512 bytes have a byte in a map beside the heap instead, one for
 * every 256 bytes: touching a cold block in free() would cost a cache miss (measured, random
 * window of 10^4 blocks of 1 KiB: 12.3 ns a pair with the canary, 8 with the map).
 */
#ifndef OURO_HEAP_PAGE_H
#define OURO_HEAP_PAGE_H

#include "heap/classes.h"

#define OU_PAGE_SHIFT 16
#define OU_PAGE_BYTES ((size_t)1 << OU_PAGE_SHIFT)
#define OU_PAGE_BITS_WORDS (OU_PAGE_BYTES / 16 / 64)
#define OU_GIVEN_SHIFT 12
#define OU_GIVEN_BYTES ((size_t)1 << OU_GIVEN_SHIFT) /* what the system gives at a time */
#define OU_FREE_SHIFT 9 /* no two blocks of 576 bytes or more begin in the same 512 */

/* 0: no check and no mark of a free block, to measure what they cost (OURO_HARDENED=OFF). */
#ifndef OU_HARDENED
#define OU_HARDENED 1
#endif

typedef struct ou_tag {
    uint32_t word;    /* atomic relaxed: heap id << 8 | bin; 0 = free, or inside a run */
    uint32_t divides; /* const in use: floor(2^32 / block size) + 1; 0 = several pages */
} ou_tag;

typedef struct ou_page {
    uint32_t free_len; /* owner: bits set in the span's map */
    union {
        uint32_t scan; /* owner: no bit set in words below */
        uint32_t lead; /* const in use: pages in front of a guarded large block (guard.h) */
    };
    uint32_t used;     /* owner: blocks handed out, to callers, magazines or other threads */
    uint32_t carved;   /* owner, atomic relaxed: blocks cut from the start of the span so far */
    uint32_t capacity; /* const in use: blocks in the span; 1 for a large run */
    uint32_t pages;    /* const in use: length of span or run */
    uint32_t fresh;    /* owner; stopped world: is in a heap's list of fresh pages */
    uint32_t listed;   /* owner: is in the bin's list of partial spans */
    uint32_t frozen;   /* stopped world: the collector does not look */
    uint32_t back;     /* const in use: pages back to the first page of the span */
    uint64_t given;    /* owner, atomic relaxed: pages of 4 KiB given back; see sparse.c */
    struct ou_page *next, *prev; /* owner: that list */
} ou_page;

static_assert(sizeof(ou_page) == 64, "one cache line a page");
static_assert(sizeof(ou_tag) == 8, "one shift and one load from the pointer to its tag");

/* The range. All const after start. */
extern OU_HIDDEN char *ou_range; /* address of page 0, which is never used */
extern OU_HIDDEN size_t ou_range_bytes;
/* ou_range_bytes, or 0 once blocks are guarded (guard.h), so that whoever looks at it first
 * needs not ask for the mode. */
extern OU_HIDDEN size_t ou_plain_bytes;
extern OU_HIDDEN ou_tag *ou_tags;
extern OU_HIDDEN uint32_t *ou_page_ends; /* owner, atomic relaxed: see ou_block_begins */
extern OU_HIDDEN ou_page *ou_page_table;
extern OU_HIDDEN uint64_t *ou_page_bits;
extern OU_HIDDEN uint8_t *ou_free_map;
/* Where the three tables would begin if the range began at address 0: everything after a free()
 * waits for the tag, so the way there must be short. */
extern OU_HIDDEN uintptr_t ou_tags_zero, ou_page_ends_zero, ou_free_map_zero;
extern OU_HIDDEN uint64_t ou_canary_key;

/* Reserves range and tables: 1 TiB, or less where address space is limited. `maps`: three
 * zeroed maps of one bit a page. False: not even 16 MiB. */
bool ou_range_init(uint64_t *maps[3]);

OU_INLINE bool ou_page_holds(const void *p)
{
    return (size_t)((const char *)p - ou_range) < ou_range_bytes;
}

/* The same as long as no block is guarded; false afterwards. */
OU_INLINE bool ou_page_is_plain(const void *p)
{
    return (size_t)((const char *)p - ou_range) < ou_plain_bytes;
}

/* Number of the page that `p` points into; `p` in the range. */
OU_INLINE size_t ou_page_index(const void *p)
{
    return (size_t)((const char *)p - ou_range) >> OU_PAGE_SHIFT;
}

OU_INLINE size_t ou_page_number(const ou_page *page)
{
    return (size_t)(page - ou_page_table);
}

/* Tag of the page that `p` points into; `p` in the range. */
OU_INLINE const ou_tag *ou_tag_of(const void *p)
{
    return (const ou_tag *)(ou_tags_zero + ((uintptr_t)p >> OU_PAGE_SHIFT) * sizeof(ou_tag));
}

OU_INLINE uint32_t ou_tag_at(const void *p)
{
    return ou_load_relaxed(&ou_tag_of(p)->word);
}

/* Does a block that was handed out at some time begin at `p`? One multiplication and one
 * comparison for pages that are a span alone; false for all others.
 *
 * With m = floor(2^32 / size) + 1 and e = m * size - 2^32, 1 <= e <= size, the product m *
 * offset modulo 2^32 is index * e at the start of a block and index * e + r * m when r bytes
 * into it. Below 2^16, index * e stays under m (sizes are at most 8 KiB there), so that a
 * product less than carved * e, the page's end, says both: a start, and one below the fresh
 * memory. After Lemire, Kaser, Kurz, "Faster remainder by direct computation" (2019). */
OU_INLINE bool ou_block_begins(const ou_tag *tag, const void *p)
{
    uintptr_t page = (uintptr_t)p >> OU_PAGE_SHIFT;
    const uint32_t *end = (const uint32_t *)(ou_page_ends_zero + page * sizeof *end);
    uint32_t offset = (uint32_t)(uintptr_t)p & (OU_PAGE_BYTES - 1);
    return offset * tag->divides < ou_load_relaxed(end);
}

OU_INLINE uint32_t ou_page_factor(uint32_t bytes)
{
    return (uint32_t)(((uint64_t)1 << 32) / bytes + 1);
}

OU_INLINE uint32_t ou_page_tag(const ou_page *page)
{
    return ou_load_relaxed(&ou_tags[ou_page_number(page)].word);
}

OU_INLINE uint32_t ou_tag_bin(uint32_t tag)
{
    return tag & 0xFF;
}

OU_INLINE uint32_t ou_tag_heap(uint32_t tag)
{
    return tag >> 8;
}

/* Meta of the first page of the span that `p` points into. */
OU_INLINE ou_page *ou_span_of(const void *p)
{
    size_t i = ou_page_index(p);
    return &ou_page_table[i - ou_page_table[i].back];
}

OU_INLINE char *ou_page_start(const ou_page *page)
{
    return ou_range + (ou_page_number(page) << OU_PAGE_SHIFT);
}

OU_INLINE uint64_t *ou_span_bits(const ou_page *span)
{
    return ou_page_bits + ou_page_number(span) * OU_PAGE_BITS_WORDS;
}

OU_INLINE uint8_t *ou_free_byte(const void *block)
{
    return (uint8_t *)(ou_free_map_zero + ((uintptr_t)block >> OU_FREE_SHIFT));
}

OU_INLINE bool ou_bin_is_mapped(uint32_t bin)
{
    return bin - OU_BIN_FIRST_MAPPED < OU_CLASS_COUNT - OU_BIN_FIRST_MAPPED;
}

OU_INLINE uint64_t ou_canary_of(const void *block)
{
    return ou_canary_key ^ (uint64_t)(uintptr_t)block;
}

OU_INLINE bool ou_block_is_free_as(bool mapped, const void *block)
{
    if (mapped) {
        return *ou_free_byte(block);
    }
    return ((const uint64_t *)block)[1] == ou_canary_of(block);
}

OU_INLINE void ou_block_set_free_as(bool mapped, void *block)
{
    if (!OU_HARDENED) {
        return;
    }
    if (mapped) {
        *ou_free_byte(block) = 1;
    } else {
        ((uint64_t *)block)[1] = ou_canary_of(block);
    }
}

OU_INLINE void ou_block_set_used_as(bool mapped, void *block)
{
    if (!OU_HARDENED) {
        return;
    }
    if (mapped) {
        *ou_free_byte(block) = 0;
    } else {
        ((uint64_t *)block)[1] = 0;
    }
}

OU_INLINE bool ou_block_is_free(uint32_t bin, const void *block)
{
    return ou_block_is_free_as(ou_bin_is_mapped(bin), block);
}

OU_INLINE void ou_block_set_free(uint32_t bin, void *block)
{
    ou_block_set_free_as(ou_bin_is_mapped(bin), block);
}

/* Number of the block at byte `offset` of a span. */
OU_INLINE uint32_t ou_block_index(size_t offset, const ou_bin_info *bin)
{
    return (uint32_t)((offset * bin->magic) >> 40);
}

/* Byte offset of `p` in its span. */
OU_INLINE size_t ou_span_offset(const void *p)
{
    size_t offset = (size_t)((const char *)p - ou_range);
    return (offset & (OU_PAGE_BYTES - 1)) +
           ((size_t)ou_page_table[offset >> OU_PAGE_SHIFT].back << OU_PAGE_SHIFT);
}

/* Does byte `offset` of the span lie on a page that was given back? All its blocks are free. */
OU_INLINE bool ou_span_is_given(const ou_page *span, size_t offset)
{
    return ou_load_relaxed(&span->given) >> (offset >> OU_GIVEN_SHIFT) & 1;
}

#endif
