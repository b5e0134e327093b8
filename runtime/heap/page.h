/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * page.h - 64 KiB pages of one reserved range, and their metadata outside of them.
 *
 *      range  |page 0|page 1|page 2| ...         address = base + index * 64 KiB
 *      table  |meta 0|meta 1|meta 2| ...         meta    = table + index: arithmetic, no load
 *
 * A span is one or more adjacent pages that serve one bin; a run is one large block. The meta
 * of the first page describes it. `tag` is the word that free() looks at: heap id << 8 | bin. It
 * is constant while any block of the page is handed out, so any thread may read it.
 *
 * A free block's second word is its link: (next block | depth << 48) ^ key. The first word of an
 * object's block stays: it says that the object is dead, and of which type it was.
 */
#ifndef OURO_HEAP_PAGE_H
#define OURO_HEAP_PAGE_H

#include "heap/classes.h"

#define OU_PAGE_SHIFT 16
#define OU_PAGE_BYTES ((size_t)1 << OU_PAGE_SHIFT)

typedef struct ou_page {
    uint32_t tag;       /* atomic relaxed: heap id << 8 | bin; 0 = free or inside a run */
    uint32_t back;      /* pages back to the first page of the span; const in use */
    uint64_t free;      /* owner: head of the span's free blocks, linked like a magazine */
    uint32_t free_len;  /* owner */
    uint32_t used;      /* owner: blocks handed out, to callers, magazines or other threads */
    uint32_t carved;    /* owner: blocks cut from the start of the span so far */
    uint32_t capacity;  /* const in use: blocks in the span; 1 for a large run */
    uint32_t pages;     /* const in use: length of span or run */
    uint32_t counters;  /* collector: index of the span's first side counter */
    struct ou_page *next, *prev; /* owner: partial spans of the bin */
    uint32_t listed;    /* owner: is in that list */
    uint32_t frozen;    /* stopped world: the collector does not look */
} ou_page;

static_assert(sizeof(ou_page) == 64, "one cache line a page");

/* The range. All const after start. */
extern char *ou_range;          /* address of page 0, which is never used */
extern size_t ou_range_bytes;
extern ou_page *ou_page_table;
extern uint64_t ou_link_key;

#define OU_LINK_ADDRESS ((uint64_t)0x0000FFFFFFFFFFFF)

OU_INLINE bool ou_page_holds(const void *p)
{
    return (size_t)((const char *)p - ou_range) < ou_range_bytes;
}

/* Meta of the page that `p` points into; `p` in the range. */
OU_INLINE ou_page *ou_page_at(const void *p)
{
    return &ou_page_table[(size_t)((const char *)p - ou_range) >> OU_PAGE_SHIFT];
}

OU_INLINE ou_page *ou_page_first(ou_page *page)
{
    return page - page->back;
}

OU_INLINE char *ou_page_start(const ou_page *page)
{
    return ou_range + ((size_t)(page - ou_page_table) << OU_PAGE_SHIFT);
}

OU_INLINE uint32_t ou_tag_bin(uint32_t tag)
{
    return tag & 0xFF;
}

OU_INLINE uint32_t ou_tag_heap(uint32_t tag)
{
    return tag >> 8;
}

OU_INLINE uint64_t *ou_block_link(void *block)
{
    return (uint64_t *)block + 1;
}

/* Number of the block at byte `offset` of a span. */
OU_INLINE uint32_t ou_block_index(size_t offset, const ou_bin_info *bin)
{
    return (uint32_t)((offset * bin->magic) >> 40);
}

#endif
