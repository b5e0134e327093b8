/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * place.h - where in the range a run of pages is put: bit maps, first fit by address. All calls
 * under the lock of the arena, whose maps these are.
 *
 * Aligned 2 MiB may be a chunk, which is for spans of small blocks (S) alone, so that a huge
 * page under them holds nothing that is never touched. Other runs (R) are put elsewhere:
 *
 *      |SSSS.S..|RRR..RRR|SSSSSSSS|........|
 *       chunk              chunk    a chunk without a span is anybody's
 */
#ifndef OURO_HEAP_PLACE_H
#define OURO_HEAP_PLACE_H

#include "heap/bits.h"
#include "heap/page.h"

#define OU_CHUNK_PAGES ((size_t)32) /* 2 MiB: half a word of a map */

/* Which free pages a search sees. */
typedef enum ou_seen {
    OU_SEEN_CHUNKS, /* in chunks */
    OU_SEEN_DIRTY,  /* dirty ones outside of them */
    OU_SEEN_OTHERS, /* outside of chunks that have a page in use */
    OU_SEEN_KINDS,
    OU_SEEN_ALL = OU_SEEN_KINDS
} ou_seen;

typedef struct ou_places {
    size_t pages;                /* const: in the range */
    size_t top;                  /* lock; read relaxed: from here on none was ever taken */
    size_t hints[OU_SEEN_KINDS]; /* lock: such a search sees no page below */
    size_t chunks;               /* lock: how many there are */
    uint64_t *free;              /* lock: bit set = free, for pages below top */
    uint64_t *soiled;            /* lock: bit set = free and dirty */
} ou_places;

/* First free run of `n` pages aligned to `align` (power of two) below top; 0: none. */
size_t ou_place_find(ou_places *m, size_t n, size_t align, ou_seen seen);

/* A run behind all that is in use, `room` more pages being left free on both sides (what lies
 * before it may grow as well); 0: the range is at its end. */
size_t ou_place_last(ou_places *m, size_t n, size_t align, size_t room);

/* Pages from `start` on have become free, or dirty: searches look there again. */
void ou_place_freed(ou_places *m, size_t start);

/* May the run [start, start + n), maybe beyond top, be taken by anybody? */
bool ou_place_is_free(const ou_places *m, size_t start, size_t n);

/* First page, by words of the maps, behind the lowest `keep` dirty ones. */
size_t ou_place_behind_dirty(const ou_places *m, size_t keep);

/* Is the chunk's worth of pages that begins at `page` free and clean? */
bool ou_place_is_clean(const ou_places *m, size_t page);

/* The free pages from `page` on become a chunk. Is `page` in one? */
void ou_chunk_make(ou_places *m, size_t page);
bool ou_chunk_has(size_t page);

/* No run but spans in chunks: those that [start, start + n) has a part of are none any more.
 * True when there was any. */
bool ou_chunk_end(ou_places *m, size_t start, size_t n);

/* Audits the maps against the tags, counting pages in use and dirty ones; returns the number of
 * faults, one line on stderr for each. */
size_t ou_place_check(const ou_places *m, size_t *used, size_t *dirty);

#endif
