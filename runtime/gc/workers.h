/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * workers.h - threads that share the passes of one stop for the whole heap (docs/gc.md).
 * Worker 0 is the collecting thread. The others are made before a stop, sleep between
 * collections, are never attached, never count, never allocate and never free.
 */
#ifndef OURO_GC_WORKERS_H
#define OURO_GC_WORKERS_H

#include "gc/gc.h"

#define OU_GC_WORKERS_MAX 16u
#define OU_FAR 64u /* 10^7 random nodes, P1: 16 10 ns, 32 6.7, 64 5.8 */

/* References to far counters that wait for memory: passes.h. */
typedef struct ou_far_ring {
    size_t at[OU_FAR];
    ou_object *child[OU_FAR]; /* not in P1 */
    uint32_t next;
} ou_far_ring;

typedef struct ou_gc_worker {
    uint8_t *counters; /* P1: its own, added to ou_gc.counters afterwards; worker 0: those */
    ou_object **stack; /* reserved. P2: mark stack; reclaiming: references to be dropped */
    size_t stack_len, stack_max;
    size_t sweep;     /* P2: counters up to here are behind ... */
    size_t sweep_end; /* ... up to here this worker gets to, in this region */
    bool again;       /* P2: something was marked that nobody may have seen */
    bool any_big;     /* P1 */
    bool special;     /* P3 */
    uint64_t examined, garbage;
    ou_far_ring far;
} __attribute__((aligned(64))) ou_gc_worker;

extern OU_HIDDEN ou_gc_worker ou_gc_workers[OU_GC_WORKERS_MAX];
/* That share the collection in progress: 1 until ou_gc_workers_gather, and after
 * ou_gc_workers_part. */
extern OU_HIDDEN uint32_t ou_gc_worker_count;
extern OU_HIDDEN __thread ou_gc_worker *ou_gc_me __attribute__((tls_model("initial-exec")));

/* Before the stop: makes threads that are missing, if the heap may be worth it. */
void ou_gc_workers_prepare(void);
/* Regions are listed: are they worth it? */
void ou_gc_workers_gather(void);
/* Back to one; their counters are zero again, most of that memory goes back. */
void ou_gc_workers_part(void);

/* Each worker runs `fn` once; returns when all have. What is written before is seen by all of
 * them, what they write by the caller. */
void ou_gc_workers_run(void (*fn)(ou_gc_worker *me));

/* Collector's lock held: ends the threads; in a forked child, which has none. */
void ou_gc_workers_stop(void);
void ou_gc_workers_forget(void);

#endif
