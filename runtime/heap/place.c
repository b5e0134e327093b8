/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* place.c - see place.h. */
#include "heap/place.h"

#define WORD_CHUNKS (64 / OU_CHUNK_PAGES)
#define LOW ((uint64_t)UINT32_MAX)

static_assert(WORD_CHUNKS == 2, "a word of a map is two chunks");

static uint64_t chunks[((size_t)1 << (40 - OU_PAGE_SHIFT)) / OU_CHUNK_PAGES / 64]; /* lock */

/* The pages of word `w` of a map that are in chunks. */
static uint64_t in_chunks(size_t w)
{
    uint64_t two = chunks[w * WORD_CHUNKS / 64] >> w * WORD_CHUNKS % 64;
    return (two & 1 ? LOW : 0) | (two & 2 ? ~LOW : 0);
}

static uint64_t seen_in(const ou_places *m, size_t w, ou_seen seen)
{
    uint64_t free = m->free[w];
    if (!free || seen == OU_SEEN_ALL) {
        return free;
    }
    uint64_t kept = in_chunks(w);
    if (seen == OU_SEEN_CHUNKS) {
        return free & kept;
    }
    if (seen == OU_SEEN_DIRTY) {
        return m->soiled[w] & ~kept;
    }
    uint64_t unused = ((free & LOW) == LOW ? LOW : 0) | (free >> 32 == LOW ? ~LOW : 0);
    return free & (~kept | unused);
}

/* First page from `i` on whose address, not only whose number, is aligned. */
static size_t aligned(size_t i, size_t align)
{
    size_t base = (size_t)ou_range >> OU_PAGE_SHIFT;
    return ou_align_up(base + i, align) - base;
}

/* First page in [i, end) that is not seen, or `end`. */
static size_t seen_until(const ou_places *m, size_t i, size_t end, ou_seen seen)
{
    while (i < end) {
        uint64_t not_seen = ~seen_in(m, i / 64, seen) >> i % 64;
        if (not_seen) {
            return ou_min(i + (size_t)__builtin_ctzll(not_seen), end);
        }
        i = (i / 64 + 1) * 64;
    }
    return end;
}

/* First page from `i` on that is seen, or `end`. */
static size_t seen_from(const ou_places *m, size_t i, size_t end, ou_seen seen)
{
    while (i < end) {
        uint64_t word = seen_in(m, i / 64, seen) >> i % 64;
        if (word) {
            return ou_min(i + (size_t)__builtin_ctzll(word), end);
        }
        i = (i / 64 + 1) * 64;
    }
    return end;
}

size_t ou_place_find(ou_places *m, size_t n, size_t align, ou_seen seen)
{
    if (seen == OU_SEEN_CHUNKS && !m->chunks) {
        return 0;
    }
    size_t none = 1, *hint = seen == OU_SEEN_ALL ? &none : &m->hints[seen];
    size_t i = *hint = seen_from(m, *hint, m->top, seen);
    while (i < m->top) {
        size_t start = aligned(i, align);
        size_t end = seen_until(m, i, ou_min(start + n, m->top), seen);
        if (end == start + n) {
            return start;
        }
        i = seen_from(m, ou_max(end, i + 1), m->top, seen);
    }
    return 0;
}

/* First page of the run of free ones that ends at top, or top. */
static size_t tail(const ou_places *m)
{
    size_t i = m->top;
    while (i > 1) {
        size_t last = (i - 1) % 64;
        uint64_t not_seen = ~seen_in(m, (i - 1) / 64, OU_SEEN_OTHERS) << (63 - last);
        if (not_seen) {
            return i - (size_t)__builtin_clzll(not_seen);
        }
        i -= last + 1;
    }
    return 1;
}

size_t ou_place_last(ou_places *m, size_t n, size_t align, size_t room)
{
    size_t behind = tail(m), start = aligned(behind + room, align);
    if (start + n + room > m->pages) {
        start = aligned(behind, align);
        room = 0;
    }
    size_t end = start + n + room;
    if (end > m->pages) {
        return 0;
    }
    if (end > m->top) {
        ou_bits_put(m->free, m->top, end - m->top, true);
        ou_place_freed(m, m->top);
        ou_store_relaxed(&m->top, end);
    }
    return start;
}

void ou_place_freed(ou_places *m, size_t start)
{
    start =
        ou_max(start / OU_CHUNK_PAGES * OU_CHUNK_PAGES, 1); /* its chunk may be unused now */
    for (size_t *hint = m->hints; hint < m->hints + OU_SEEN_KINDS; hint++) {
        *hint = ou_min(*hint, start);
    }
}

bool ou_place_is_free(const ou_places *m, size_t start, size_t n)
{
    size_t end = ou_min(start + n, m->top);
    return start + n <= m->pages && seen_until(m, start, end, OU_SEEN_OTHERS) >= end;
}

size_t ou_place_behind_dirty(const ou_places *m, size_t keep)
{
    size_t i = 0;
    for (size_t n = 0; i * 64 < m->top; i++) {
        n += (size_t)__builtin_popcountll(m->soiled[i]);
        if (n > keep) {
            break;
        }
    }
    return i * 64;
}

bool ou_place_is_clean(const ou_places *m, size_t page)
{
    return page % OU_CHUNK_PAGES == 0 && page + OU_CHUNK_PAGES <= m->top &&
           (uint32_t)(m->free[page / 64] >> page % 64) == UINT32_MAX &&
           !(uint32_t)(m->soiled[page / 64] >> page % 64);
}

void ou_chunk_make(ou_places *m, size_t page)
{
    m->chunks += ou_bits_put(chunks, page / OU_CHUNK_PAGES, 1, true);
    ou_place_freed(m, page);
}

bool ou_chunk_has(size_t page)
{
    return ou_bit_get(chunks, page / OU_CHUNK_PAGES);
}

bool ou_chunk_end(ou_places *m, size_t start, size_t n)
{
    size_t first = start / OU_CHUNK_PAGES, end = (start + n - 1) / OU_CHUNK_PAGES + 1;
    size_t ended = m->chunks ? ou_bits_put(chunks, first, end - first, false) : 0;
    if (ended) {
        m->chunks -= ended;
        ou_place_freed(m, start); /* what is free beside it is anybody's */
    }
    return ended != 0;
}

size_t ou_place_check(const ou_places *m, size_t *used, size_t *dirty)
{
    size_t faults = 0;
    for (size_t i = 1; i < m->top; i++) {
        bool is_free = ou_bit_get(m->free, i);
        bool is_dirty = ou_bit_get(m->soiled, i);
        *used += !is_free;
        *dirty += is_dirty;
        if ((is_free && ou_tags[i].word) || (is_dirty && !is_free)) {
            ou_warn("heap check: page %zu is free and in use", i);
            faults++;
        }
        if (ou_chunk_has(i) && ou_tag_bin(ou_tags[i].word) >= OU_BIN_COUNT) {
            ou_warn("heap check: page %zu of a chunk holds a large block", i);
            faults++;
        }
    }
    return faults;
}
