/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * gc.h - the cycle collector.
 *
 * Counting frees everything except groups that refer to each other. The collector finds those:
 * an object whose count is wholly explained by references from other suspects is unreachable
 * (docs/gc.md). It runs when asked, by itself when enough was allocated, and in a
 * background thread; each can be turned off. Source: rows 8 and 9 of the documents; trial
 * deletion, Bacon and Rajan, ECOOP 2001; the order in which garbage ends, PEP 442.
 */
#ifndef OURO_GC_H
#define OURO_GC_H

#include <sys/types.h>

#include "ouro/common.h"

typedef struct ou_gc_report {
    uint64_t unreachable; /* objects found unreachable and freed (resurrected ones excluded) */
    uint64_t resurrected; /* objects that a finalizer brought back */
    uint64_t finalized;   /* finalizers run */
    uint64_t failed;      /* ... that reported an error; the collection went on */
    uint64_t examined;    /* tracked objects looked at */
    uint64_t stop_ns;     /* world stopped, in all */
    uint64_t total_ns;    /* from begin to end */
    bool automatic;       /* started by a threshold, not by ou_gc_collect */
    bool sliced;          /* without a long stop: the next three are its own */
    bool beside;          /* some of the hint was made while the program ran */
    uint64_t suspects;    /* objects that the hint named */
    uint64_t false_suspects;  /* ... and that turned out to live, or were gone */
    uint64_t stops;           /* times the world was stopped */
    uint64_t longest_stop_ns; /* from the wish to stop until the world ran again */
    uint64_t judged_ns;       /* of stop_ns, spent to judge suspects */
    uint32_t workers;         /* in one stop: threads that shared the work (knob gc_workers) */
    bool fresh;     /* only what was made lately was looked at, by who made too much ... */
    bool fresh_all; /* ... all of it */
    uint64_t growth_bytes; /* tracked bytes above what was left after the last collection, just
                              before this one freed: uncollected garbage was no more */
} ou_gc_report;

typedef enum ou_gc_policy {
    OU_GC_PAUSE_FIRST, /* the default: the background thread collects beside the program and
                          in short stops, growth of 33 % */
    OU_GC_MEMORY_FIRST /* in one stop, as soon as tracked memory has grown by 25 % */
} ou_gc_policy;

/* Before (report NULL) and after every collection, on the collecting thread, world running,
 * outside of every lock; `report` is borrowed. It may use the runtime; a collection it asks for
 * returns 0. */
typedef void (*ou_gc_callback)(const ou_gc_report *report, void *arg);

OU_BEGIN_DECLS

/* Collects now; what happened goes to *report, which may be NULL. Returns the number of
 * unreachable objects found (as Python's gc.collect()), 0 at once when called from a finalizer
 * or callback of a running collection. A negative error: OU_ENOMEM, OU_ESTATE (the thread is
 * not attached). Thread-safety: any attached thread; other threads are stopped at safepoints
 * meanwhile. */
OU_API int64_t ou_gc_collect(void);
OU_API int64_t ou_gc_collect_report(ou_gc_report *report);

/* The same without a long stop: garbage is looked for while the program runs, on two processors
 * or more (knob gc_concurrent), and judged in many stops of about `gc_slice_us` each. Frees all
 * that was garbage when it began, unless another thread asks for a collection meanwhile: then
 * it gives way. The longest stop follows the largest group of connected garbage (docs/gc.md),
 * not the heap. With heap=malloc it is ou_gc_collect_report. */
OU_API int64_t ou_gc_collect_sliced(ou_gc_report *report);

/* Automatic collections, on by default (knob `gc_auto`). Any thread. */
OU_API void ou_gc_enable(void);
OU_API void ou_gc_disable(void);
OU_API bool ou_gc_is_enabled(void);

/* Starts or stops the background collector thread (knob `gc_background`); it is there, or gone,
 * when this returns. 0, OU_ENOMEM, OU_ESTATE (not attached; in a finalizer or callback of a
 * collection). A safepoint. */
OU_API int ou_gc_background(bool on);

/* Next automatic collection when tracked bytes have grown by max(min_bytes, percent of what
 * was live after the last one). 0, OU_EINVAL for percent > 1000 or more than 1 TiB. Any thread.
 */
OU_API int ou_gc_threshold_set(size_t min_bytes, unsigned percent);

/* How automatic collections weigh, from now on: sets the knobs gc_slice_us, gc_min_bytes and
 * gc_percent, which may be set one by one as well. OU_EINVAL for what is none. Any thread. */
OU_API int ou_gc_policy_set(ou_gc_policy policy);

/* Registers a callback (at most 8, called in no order); returns 0, OU_ELIMIT, or OU_EINVAL
 * without a function. Takes one registration of the same pair back; OU_EINVAL when there is
 * none. A collection that has begun its calls may call it once more. Any thread. */
OU_API int ou_gc_callback_add(ou_gc_callback fn, void *arg);
OU_API int ou_gc_callback_remove(ou_gc_callback fn, void *arg);

/* Tracked objects that live now, of all threads (Python's gc.get_objects): new references, at
 * most `max`, to `out`; returns how many there are. Stops the world meanwhile; 0 and OU_ESTATE
 * on a thread that is not attached. Who refers to whom: ouro/census.h. */
OU_API size_t ou_gc_objects(ou_object **out, size_t max);

/* True for objects the collector looks at (containers). Any thread that holds a reference. */
OU_API bool ou_gc_is_tracked(const ou_object *o);

/* Moves all tracked objects that exist now out of the collector's sight, without touching them
 * (fork-friendly); unfreeze undoes it for all. They still die by counting. Returns their
 * number; 0 in a finalizer or callback of a collection, and 0 with OU_ESTATE on a thread that
 * is not attached. Stops the world meanwhile. Source: Python's gc.freeze. */
OU_API uint64_t ou_gc_freeze(void);
OU_API uint64_t ou_gc_unfreeze(void);

OU_END_DECLS

#endif
