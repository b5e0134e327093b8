/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * arena.h - the reserved range handed out in runs of pages, first fit by address.
 *
 * One lock, taken once a run, not once a block. Free pages are bits in a map; a second map says
 * which of them are dirty (were used since the system last gave them). Dirty pages are
 * purged when they are too many (knob heap_dirty_bytes) or too old (heap_purge_ms).
 */
#ifndef OURO_HEAP_ARENA_H
#define OURO_HEAP_ARENA_H

#include "heap/page.h"

/* Reserves the range: 1 TiB, or less where address space is limited. False: not even 16 MiB. */
bool ou_arena_init(void);

/* What a run is for: decides where it is put (place.h), and whether huge pages are wished for
 * (huge.h). SMALL: one page, a span of blocks of OU_CHUNK_BLOCK bytes at most. */
typedef enum ou_arena_use { OU_USE_OTHER, OU_USE_GROWS, OU_USE_SMALL } ou_arena_use;

/* Blocks that share a page of the system with others: a huge page holds little that is never
 * touched. */
#define OU_CHUNK_BLOCK 1024u

/* Takes `pages` adjacent pages whose first is aligned to `align_pages` (power of two); *clean
 * is set when they read as zero. The caller fills the first meta, then the tags. NULL: no
 * memory or over the hard limit. What grows is put where there is room behind it. */
ou_page *ou_arena_take(size_t pages, size_t align_pages, ou_arena_use use, bool *clean);

/* Gives a run back. */
void ou_arena_give(ou_page *first, size_t pages);

/* Extends a run in place by the pages behind it; false when they are taken. */
bool ou_arena_extend(ou_page *first, size_t pages, size_t more);

/* Gives the tail of a run back, keeping `keep` pages. */
void ou_arena_shrink(ou_page *first, size_t pages, size_t keep);

/* Purges dirty pages older than heap_purge_ms, or all of them, and forgets how large the heap
 * has been, a little or at once. Returns bytes. Who asks for old ones is taken for a thread that
 * comes again and again. */
size_t ou_arena_purge(bool all);

/* How often resident memory passed its peak by a 32nd. Read relaxed, by any thread. */
extern OU_HIDDEN uint64_t ou_arena_growth; /* lock */

/* Pages inside of used runs were given back to the system (also such as it would not take); are
 * about to be used again. Any thread. */
void ou_arena_count_given(size_t bytes);
void ou_arena_count_taken(size_t bytes);

/* Seam: called by a thread that gave pages back, without the lock, when heap_background_bytes
 * or more are dirty. NULL: nobody cares. Const once threads allocate. */
extern void (*ou_arena_on_dirty)(void);

/* Seam: called by a thread that took pages, without the lock, when pages in use went above
 * heap_soft_limit_bytes; again when they are an eighth of it higher. May not allocate here: it
 * asks for a collection, no more. NULL: nobody cares. */
extern void (*ou_arena_on_soft_limit)(void);

/* Seam: called by a thread that gives back pages of containers, when their tags are cleared and
 * before anybody else can take them: waits for who may be reading there (thread/epoch.h). */
extern void (*ou_arena_on_containers)(void);

/* Sleeps until there are dirty pages that may be purged: what the system refused (locked
 * memory) is not tried again before more is freed. For one thread. */
void ou_arena_wait_dirty(void);

/* Bytes taken by runs plus free dirty ones: what the system may count as resident. */
size_t ou_arena_held_bytes(void);

/* Pages 1..top-1 have been taken at some time. */
size_t ou_arena_top(void);

/* fork: keep the lock across it; `child`: in the child. */
void ou_arena_fork_prepare(void);
void ou_arena_fork_done(bool child);

/* Structure audit; returns faults. */
size_t ou_arena_check(void);

#endif
