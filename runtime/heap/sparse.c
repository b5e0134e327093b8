/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * sparse.c - free pages of the system inside of spans that a few blocks keep.
 *
 * When resident memory passes its peak, each thread gives back the pages of 4 KiB of its own
 * raw spans on which every block is free, at its next slow allocation. Only new peaks start
 * this (each a 32nd above the last; a peak fades in minutes), so that nothing goes back and
 * forth in a program that is as large as it was before.
 *
 *      span  |XXXX|....|X...|....|      X in use
 *      given    0    1    0    1        one bit a page of the system, in the span's meta
 *
 * A page that was given back reads as zero: its blocks have lost their canaries. While a span
 * has such pages,
 *  - its end (ou_page_ends) is 0, so that each free() of one of its blocks takes the long way,
 *    where a block on a given page is known to be free;
 *  - before a block is handed out, the pages it lies on stop being given: the words of their
 *    free blocks must still be zero (or somebody wrote after a free), and get their canaries.
 * A run that the system takes back only in part (the program has locked the rest) counts as
 * given, since nobody knows which of its canaries are left: zero or canary is right there.
 * Blocks above 512 bytes, whose marks are beside, need neither.
 *
 * Spans of objects stay: a dead object must be told by its first word.
 */
#include "conf/conf.h"
#include "heap/arena.h"
#include "heap/heap.h"
#include "heap/huge.h"
#include "os/os.h"

#define RUN_MIN 2 /* pages: a call for a single one costs as much as a page fault */

/* Are bits [from, to) all set? */
static bool all_set(const uint64_t *bits, uint32_t from, uint32_t to)
{
    while (from < to) {
        uint32_t n = (uint32_t)ou_min(64 - from % 64, to - from);
        uint64_t mask = (~(uint64_t)0 >> (64 - n)) << from % 64;
        if (~bits[from / 64] & mask) {
            return false;
        }
        from += n;
    }
    return true;
}

/* Pages of a span that hold carved blocks and only free ones. */
static uint64_t free_pages(const ou_page *span, const ou_bin_info *info)
{
    const uint64_t *bits = ou_span_bits(span);
    uint32_t pages = span->pages << (OU_PAGE_SHIFT - OU_GIVEN_SHIFT);
    uint64_t found = 0;
    for (uint32_t i = 0; i < pages; i++) {
        size_t start = (size_t)i << OU_GIVEN_SHIFT;
        uint32_t first = ou_block_index(start, info);
        uint32_t end = ou_block_index(start + OU_GIVEN_BYTES - 1, info) + 1;
        if (first >= span->carved) {
            break;
        }
        if (all_set(bits, first, (uint32_t)ou_min(end, span->carved))) {
            found |= (uint64_t)1 << i;
        }
    }
    return found;
}

/* Gives runs of pages back; returns the bytes that the system took. */
static size_t give(ou_page *span, uint32_t bin, uint64_t pages)
{
    uint64_t given = span->given;
    size_t bytes = 0, refused = 0;
    if (!ou_bin_is_mapped(bin)) {
        ou_store_relaxed(&ou_page_ends[ou_page_number(span)], 0u); /* before the pages change */
    }
    for (uint64_t rest = pages & ~given; rest;) {
        uint32_t from = (uint32_t)__builtin_ctzll(rest);
        uint64_t above = ~(rest >> from);
        uint32_t n = above ? (uint32_t)__builtin_ctzll(above) : 64;
        uint64_t run = (~(uint64_t)0 >> (64 - n)) << from;
        rest &= ~run;
        if (n >= RUN_MIN) {
            char *start = ou_page_start(span) + ((size_t)from << OU_GIVEN_SHIFT);
            bool gone = ou_os_purge(start, (size_t)n << OU_GIVEN_SHIFT);
            ou_huge_forget(start, (size_t)n << OU_GIVEN_SHIFT);
            given |= run;
            *(gone ? &bytes : &refused) += (size_t)n << OU_GIVEN_SHIFT;
        }
    }
    ou_store_relaxed(&span->given, given);
    ou_span_set_end(span, bin);
    ou_arena_count_given(bytes + refused); /* each bit is taken off again */
    return bytes;
}

static size_t look_at(ou_page *span, uint32_t bin)
{
    const ou_bin_info *info = &ou_bins[bin];
    if ((size_t)span->free_len * info->size_bytes < OU_GIVEN_BYTES) {
        return 0;
    }
    uint64_t pages = free_pages(span, info);
    return pages & ~span->given ? give(span, bin, pages) : 0;
}

void ou_sparse_give(ou_heap *heap)
{
    heap->growth_seen = ou_load_relaxed(&ou_arena_growth);
    if (!OU_KNOB(heap_sparse)) {
        return;
    }
    size_t bytes = 0;
    for (uint32_t bin = 0; bin < OU_CLASS_COUNT; bin++) {
        if (heap->current[bin]) {
            bytes += look_at(heap->current[bin], bin);
        }
        for (ou_page *span = heap->partial[bin]; span; span = span->next) {
            bytes += look_at(span, bin);
        }
    }
    OU_STAT(heap_sparse_bytes, bytes);
}

/* The free blocks that begin on a page which was given back are marked again. */
static void mark_again(ou_page *span, uint32_t page, const ou_bin_info *info)
{
    size_t bytes = info->size_bytes, start = (size_t)page << OU_GIVEN_SHIFT;
    uint32_t end = ou_block_index(start + OU_GIVEN_BYTES - 1, info) + 1;
    for (uint32_t i = ou_block_index(start + bytes - 1, info); i < ou_min(end, span->carved);
         i++) {
        uint64_t *block = (uint64_t *)(ou_page_start(span) + i * bytes);
        if (OU_UNLIKELY(block[1] != 0 && block[1] != ou_canary_of(block))) {
            ou_heap_corrupt(block);
        }
        block[1] = ou_canary_of(block);
    }
}

void ou_sparse_take(ou_page *span, uint32_t bin, uint32_t index)
{
    const ou_bin_info *info = &ou_bins[bin];
    uint32_t first = (uint32_t)((size_t)index * info->size_bytes >> OU_GIVEN_SHIFT);
    uint32_t last = (uint32_t)(((size_t)(index + 1) * info->size_bytes - 1) >> OU_GIVEN_SHIFT);
    uint64_t given = span->given;
    for (uint32_t page = first; page <= last; page++) {
        if (given >> page & 1) {
            given &= ~((uint64_t)1 << page);
            ou_arena_count_taken(OU_GIVEN_BYTES);
            if (OU_HARDENED && !ou_bin_is_mapped(bin)) {
                mark_again(span, page, info);
            }
        }
    }
    ou_store_relaxed(&span->given, given);
    ou_span_set_end(span, bin);
}
