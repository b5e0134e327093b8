/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * gc/gc.h - the cycle collector, inside.
 *
 * Rule: in any chosen set of objects, one whose count is larger than the number of references
 * to it from within the set is referred to from outside; it and all it reaches live. The rest
 * is garbage. Today the set is every tracked object, and the world stands while it is judged:
 *
 *   stop the world   merge queued counts, so that every count is exact
 *   P1 by page       counter[o] += count(o); counter[c] -= 1 for each reference o -> c
 *   P2 by page       what has a counter left lives; so does what it reaches
 *   P3 by page       whose counter is 0 is garbage: counted, and listed if anybody must be told
 *                    weakrefs to them are cleared
 *   start the world  callbacks, finalizers; then (stopped again) who came back?
 *                    clear or reclaim; count
 *
 * Counters are one byte a block, in a dense array beside the heap: random access goes there,
 * objects themselves are read in address order. They count modulo 256: a true value lies
 * between 0 and the object's count, so it is exact for counts below 256; the few others that
 * end at 0 are counted again exactly (suspects.c).
 */
#ifndef OURO_GC_GC_H
#define OURO_GC_GC_H

#include "heap/heap.h"
#include "object/object.h"
#include "ouro/gc.h"

/* A stretch of blocks of one size, or of a slot's vector. */
typedef struct ou_region {
    char *start;          /* arena: first block; NULL for a vector */
    ou_object **vector;   /* heap=malloc: the objects */
    uint32_t block_bytes; /* arena */
    uint32_t count;       /* blocks, or objects in the vector */
    uint32_t counters;    /* index of the first counter */
    uint32_t garbage;     /* P3: so many of them are garbage */
    uint8_t special;      /* P1: some have a finalizer, or weakrefs, or are weakrefs */
    uint8_t plain;        /* P1: instances of closed classes, all of them */
    uint8_t left;         /* freeing: left to the collecting thread */
} ou_region;

/* What a reference needs to find its target's counter, by page: 8 bytes, filled while the world
 * stands. 0 = the collector does not look there. */
typedef struct ou_gc_page {
    uint32_t base; /* index of the page's first counter */
    uint32_t
        magic; /* ceil(2^32 / block size); 1 = a span of several pages or a run: see slow */
} ou_gc_page;

typedef struct ou_gc_state {
    ou_gc_page *pages;  /* reserved; one for each page of the range */
    ou_region *regions; /* reserved; filled while the world stands */
    size_t region_count;
    uint8_t *counters; /* reserved, zero between collections */
    size_t counter_count;
    ou_object **garbage; /* reserved; the garbage set in address order */
    size_t garbage_count;
    ou_object **stack; /* reserved: mark stack */
    size_t stack_len;
    bool stack_overflow; /* something marked was not pushed: look at the counters again */
    size_t examined;
    bool special; /* a member has a finalizer or weakrefs */
    bool any_big; /* some count does not fit into a counter */
} ou_gc_state;

extern OU_HIDDEN ou_gc_state ou_gc;

/* Limits of the reserved arrays. */
#define OU_GC_STACK_MAX ((size_t)1 << 20)

/* Reserves the collector's memory once. 0 or OU_ENOMEM. */
int ou_gc_reserve(void);
void ou_gc_release_memory(void);

/* World stopped: lists the regions; finds the garbage set. */
void ou_gc_list_begin(void);
void ou_gc_list_regions(void);
/* The same for pages from..to-1, arenas only; counters for blocks not carved yet, too. The
 * world may have run between two calls. */
void ou_gc_list_pages(size_t from, size_t to);
void ou_gc_list_carved(size_t from, size_t to); /* the same as they are now */
/* Instead of ou_gc_list_regions: pages handed out of lately. False: there are more. */
bool ou_gc_list_fresh(void);
void ou_gc_forget_fresh(void); /* before all pages are looked at; world stopped */
size_t ou_gc_find_garbage(void);

/* An array of counters: a wish for huge pages; zero again, and most of it back to the system.
 */
void ou_gc_counters_huge(uint8_t *counters);
void ou_gc_counters_clear(uint8_t *counters);
/* What is more than worth keeping goes back to the system. False: it did not take it. */
bool ou_gc_array_trim(void *array, size_t bytes);

/* Is `o` a member of the garbage set, by its own header? Set on the long ways only. */
OU_INLINE bool ou_gc_is_garbage(const ou_object *o)
{
    return o->gcbits & OU_GC_GARBAGE;
}

/* Counter of a referent; NULL when the collector does not look at it. In arenas the answer
 * comes from the page's entry: the referent itself is not touched. */
uint8_t *ou_gc_counter_slow(ou_object *o);

OU_INLINE uint8_t *ou_gc_counter(ou_object *o)
{
    size_t at = (size_t)((char *)o - ou_range);
    if (OU_UNLIKELY(at >= ou_range_bytes)) { /* static, or heap=malloc */
        return ou_gc_counter_slow(o);
    }
    ou_gc_page page = ou_gc.pages[at >> OU_PAGE_SHIFT];
    if (OU_UNLIKELY(page.magic <= 1)) {
        return page.magic ? ou_gc_counter_slow(o) : NULL;
    }
    return &ou_gc.counters[page.base + ((at & (OU_PAGE_BYTES - 1)) * page.magic >> 32)];
}

/* The collector's arrays, for loops that store bytes: a store through uint8_t may change any
 * global as far as the compiler knows, but not a copy whose address nobody has. */
typedef struct ou_gc_view {
    const char *range;
    size_t range_bytes;
    const ou_gc_page *pages;
    uint8_t *counters;
    bool arenas; /* false: heap=malloc, use ou_gc_counter */
} ou_gc_view;

OU_INLINE ou_gc_view ou_gc_look(void)
{
    return (ou_gc_view){ou_range, ou_range_bytes, ou_gc.pages, ou_gc.counters,
                        !ou_blocks_from_malloc};
}

#define OU_NO_COUNTER SIZE_MAX

/* Index of a referent's counter; OU_NO_COUNTER for NULL, a static, and what is not looked at.
 */
OU_INLINE size_t ou_gc_index(const ou_gc_view *view, const ou_object *o)
{
    size_t at = (size_t)((const char *)o - view->range);
    if (at >= view->range_bytes) {
        return OU_NO_COUNTER;
    }
    ou_gc_page page = view->pages[at >> OU_PAGE_SHIFT];
    if (OU_LIKELY(page.magic > 1)) {
        return page.base + ((at & (OU_PAGE_BYTES - 1)) * page.magic >> 32);
    }
    return page.magic ? (size_t)(ou_gc_counter_slow((ou_object *)(uintptr_t)o) - ou_gc.counters)
                      : OU_NO_COUNTER;
}

/* Garbage without finalizers and weakrefs: frees it. World runs or not. */
void ou_gc_reclaim(void);

/* World stopped, after P1: the objects whose counts do not fit into their counters. */
void ou_gc_recount_big(void);

/* Any garbage. World stopped on entry, running on return. Returns members freed. */
size_t ou_gc_finish(ou_gc_report *report);

/* The same for the garbage list, when the counters do not tell the members: by a bit in their
 * headers, which the second one sets. */
void ou_gc_reclaim_by_header(void);
void ou_gc_flag_members(void);

/* Tells who registered; before a collection `report` is NULL. */
void ou_gc_call_back(const ou_gc_report *report);

/* One collection without a long stop (sliced.c); the caller is the collector. False: given up,
 * for somebody waits (ou_gc_hurry) or there is no memory for it. */
bool ou_gc_sliced(ou_gc_report *report);

/* atomic, futex: threads that wait for the collector; a sliced collection gives way. */
extern OU_HIDDEN uint32_t ou_gc_hurry;

/* Ends a stop of the collector's. (The clock is read before others are woken: they may well get
 * this thread's processor, but they run.) */
OU_INLINE uint64_t ou_gc_start_world(ou_gc_report *report)
{
    uint64_t stood = ou_world_start();
    report->longest_stop_ns = ou_max(report->longest_stop_ns, stood);
    report->stops++;
    return stood;
}

/* A collection that a threshold asked for, in short stops or in one; skipped while another one
 * runs. But one that is `pressing` takes the place of a sliced one. */
bool ou_gc_collect_automatic(bool sliced, bool pressing); /* false: skipped */

/* One of what was made lately (assist.c). False: another one runs. */
bool ou_gc_collect_fresh(ou_gc_report *report);

/* At a safepoint: such collections, as long as they pay. */
void ou_gc_assist(void);
bool ou_gc_assist_pays(void);
/* They do, and growth is enough for another, at this step of collections. */
bool ou_gc_assist_due(int64_t grown, int64_t step);
void ou_gc_assist_try(void);           /* a thread had to wait: see whether they do */
void ou_gc_assist_from(int64_t grown); /* growth that is not theirs */

/* ou_stop: ends the threads that shared collections. */
void ou_gc_stop(void);

/* Around fork: no collection and no change of the background thread is in progress. The child
 * has no background thread; it is started again if it ran. */
void ou_gc_fork_prepare(void);
void ou_gc_fork_done(bool child);
/* Around fork, world stopped: nobody is at the callbacks. (A thread that is not attached may
 * be: the stop does not hold it up.) */
void ou_gc_callbacks_fork(bool done);

/* Pacing: pacing.c. */
void ou_gc_pacing_start(void);
void ou_gc_pacing_begins(void);
void ou_gc_pacing_collected(void);
uint64_t ou_gc_pacing_growth(void);     /* bytes since the last collection */
void ou_gc_pacing_freed(int64_t bytes); /* without a long stop: so many were garbage */
/* In slices: stops take this many times as long as the program gets between them. Grows as the
 * program gets ahead. */
unsigned ou_gc_pacing_share(void);
/* How far a collection is: without a long stop, or in one (that, and freeing). */
enum { OU_PACING_IDLE, OU_PACING_HINT, OU_PACING_JUDGE, OU_PACING_WHOLE };
void ou_gc_pacing_phase(uint32_t now);
/* Finalizers, callbacks, listeners run from now on, in the collecting thread; or none does. */
void ou_gc_pacing_tells(bool now);
bool ou_gc_background_stop(void); /* true when it ran */

/* Somebody collects, or has just begun or ended to. */
bool ou_gc_is_busy(void);

/* This thread collects: it runs a finalizer, a callback, or the collector itself. */
bool ou_gc_is_inside(void);
void ou_gc_background_fork(bool done, bool child);

#define OU_GC_LOOKED_AT (OU_GC_TRACKED | OU_GC_DOOMED | OU_GC_DEAD | OU_GC_FROZEN)

/* Does the collector look at the object in this block? */
OU_INLINE bool ou_gc_looks_at(const ou_object *o)
{
    return (o->gcbits & OU_GC_LOOKED_AT) == OU_GC_TRACKED;
}

/* Object number `i` of a region. */
OU_INLINE ou_object *ou_region_object(const ou_region *region, size_t i)
{
    return region->start ? (ou_object *)(region->start + i * region->block_bytes)
                         : region->vector[i];
}

#endif
