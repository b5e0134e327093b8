/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * large.c - blocks above 32 KiB: page runs, which grow in place when the pages behind are free.
 * A block that was moved once to grow is put where there is room behind it.
 */
#include <errno.h>

#include "heap/arena.h"
#include "heap/heap.h"
#include "heap/huge.h"

static size_t pages_for(size_t bytes)
{
    return (bytes + OU_PAGE_BYTES - 1) >> OU_PAGE_SHIFT;
}

void *ou_large_alloc(size_t bytes, size_t align, ou_page_kind kind, bool roomy, bool *clean)
{
    size_t align_pages = align > OU_PAGE_BYTES ? align >> OU_PAGE_SHIFT : 1;
    size_t pages = pages_for(bytes);
    if (pages > UINT32_MAX / 4 || pages << OU_PAGE_SHIFT > ou_range_bytes) {
        return NULL;
    }
    ou_page *run =
        ou_arena_take(pages, align_pages, roomy ? OU_USE_GROWS : OU_USE_OTHER, clean);
    if (!run) {
        return NULL;
    }
    ou_heap *heap = ou_heap_current();
    if (heap != &ou_heap_none && heap->growth_seen != ou_load_relaxed(&ou_arena_growth)) {
        ou_sparse_give(heap);
    }
    *run = (ou_page){.pages = (uint32_t)pages, .used = 1, .capacity = 1, .carved = 1};
    ou_tag *tag = &ou_tags[ou_page_number(run)];
    tag->divides = 0;
    static const uint8_t bins[] = {OU_BIN_LARGE, OU_BIN_LARGE_LEAF, OU_BIN_LARGE_TRACKED};
    uint32_t bin = bins[kind];
    uint32_t id = heap == &ou_heap_none ? 0 : heap->id;
    if (kind !=
        OU_RAW) { /* collector and census may look as soon as it is tagged: no object yet */
        memset(ou_page_start(run), 0, 16);
    }
    ou_store_relaxed(&tag->word, id << 8 | bin);
    if (kind == OU_TRACKED && heap != &ou_heap_none) {
        ou_heap_note_tracked(heap, (int64_t)(pages << OU_PAGE_SHIFT));
    }
    OU_STAT(heap_large_allocs, 1);
    if (roomy) {
        ou_huge_wish(ou_page_start(run), 0, pages << OU_PAGE_SHIFT);
    }
    ou_mark_taken(ou_page_start(run), bytes, pages << OU_PAGE_SHIFT);
    return ou_page_start(run);
}

void ou_large_free(ou_page *first)
{
    ou_heap *heap = ou_heap_current();
    if (ou_tag_bin(ou_page_tag(first)) == OU_BIN_LARGE_TRACKED && heap != &ou_heap_none) {
        ou_heap_note_tracked(heap, -(int64_t)((size_t)first->pages << OU_PAGE_SHIFT));
    }
    ou_mark_taken(ou_page_start(first), (size_t)first->pages << OU_PAGE_SHIFT, 0);
    ou_arena_give(first, first->pages);
}

void *ou_large_realloc(void *p, ou_page *first, size_t bytes)
{
    size_t have = first->pages, want = pages_for(bytes);
    if (want == have) {
        ou_mark_taken(p, bytes, have << OU_PAGE_SHIFT);
        return p;
    }
    if (want < have && bytes > OU_SMALL_BYTES) {
        ou_mark_taken(p, have << OU_PAGE_SHIFT, 0);
        first->pages = (uint32_t)want;
        ou_arena_shrink(first, have, want);
        ou_mark_taken(p, bytes, want << OU_PAGE_SHIFT);
        return p;
    }
    if (want > have && want < UINT32_MAX / 4 && ou_arena_extend(first, have, want - have)) {
        first->pages = (uint32_t)want;
        OU_STAT(heap_grown_in_place, 1);
        ou_huge_wish(p, have << OU_PAGE_SHIFT, want << OU_PAGE_SHIFT);
        ou_mark_taken(p, bytes, want << OU_PAGE_SHIFT);
        return p;
    }
    return NULL;
}
