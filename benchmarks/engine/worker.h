/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * worker.h - one thread of a run and everything it owns.
 *
 * Worker 0 is the process's main thread, so that a run with one thread is a process without
 * threads (allocators take other paths as soon as there are two). What a worker keeps alive
 * survives from phase to phase: a window of blocks and a list.
 *
 * Synchronisation: a field is touched by its own thread only, except `live` (atomic: the
 * sampler reads it) and the exchange (see exchange.h); totals are read after the threads met.
 */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/exchange.h"
#include "engine/rng.h"
#include "engine/workload.h"
#include "measure/clock.h"
#include "measure/histogram.h"
#include "ouro/atomic.h"

struct run;
struct worker;

/* A block of raw memory or an object, with what its contents must be. */
struct block {
    void *p;
    uint32_t size; /* bytes asked for; of an object: its nominal size */
    uint32_t tag;  /* random: contents follow from size and tag */
};

enum worker_failure {
    WORKER_FINE,
    WORKER_NO_MEMORY, /* the allocator returned NULL */
    WORKER_CORRUPT,   /* contents were not what had been written */
    WORKER_MISCOUNT   /* less or more was done than ordered */
};

struct worker_list {
    void **item; /* raw: from the allocator under test */
    uint64_t len;
    uint64_t cap;
    void *object;        /* object form: the list */
    uint32_t item_bytes; /* of one element */
};

struct worker {
    unsigned index;
    struct run *run;
    const struct phase *phase;
    uint64_t rng;
    uint64_t planned; /* operations of this phase */
    uint64_t done;

    struct block *window;
    uint64_t window_len; /* blocks alive in it */
    uint64_t window_cap; /* room */
    uint64_t cursor;
    struct worker_list list;
    void *scratch; /* an operation's own array */
    size_t scratch_bytes;

    uint64_t made; /* blocks or objects */
    uint64_t made_bytes;
    uint64_t released;
    uint64_t released_bytes;
    uint64_t live; /* atomic: bytes alive that are this worker's to free */
    uint64_t live_peak;
    uint64_t checksum;
    uint64_t cyclic; /* atomic: objects dropped inside rings: the collector must find as many */
    uint64_t finalizable; /* objects made with a finalizer: as many must have run in the end */
    uint64_t collected;
    uint64_t phase_made; /* `made` when the phase began */
    uint64_t resized;
    uint64_t drift; /* of the fault that does other work each time */
    enum worker_failure failure;
    char detail[128];

    struct exchange inbox;       /* filled by the previous thread */
    struct histogram *histogram; /* NULL without --latency */
    struct histogram *latency;   /* the same while a timed phase runs, otherwise NULL */
    uint64_t mark_ns;
    pthread_t thread;
};

/* How a form gives back what stands in a window; used by the exchange. */
typedef void (*worker_release)(struct worker *w, const struct block *b);

struct run_options {
    enum form form;
    bool heap_malloc;
    unsigned threads;
    uint64_t seed;
    double scale;  /* of what was ordered */
    double inject; /* fraction done on top of it */
    unsigned iterations;
    bool turns;            /* with the iterations of another process: */
    int turn_in, turn_out; /* pipes with a byte for each */
    bool latency;
    const char *rss_series;
    const char *pauses;
};

struct phase_result {
    uint64_t wall_ns;
    uint64_t cpu_ns;
    uint64_t ops;
    uint64_t minflt;
    uint64_t majflt;
};

/* One pass through all phases: sums over the timed ones. */
struct iteration_result {
    uint64_t wall_ns;
    uint64_t cpu_ns;
    uint64_t checksum; /* of all workers, from the start of the process */
};

struct run {
    const struct workload *workload;
    const struct form_plan *plan;
    struct run_options options;
    worker_release release;
    struct worker *worker;              /* options.threads of them */
    struct phase_result *result;        /* one a phase, written by worker 0 */
    struct iteration_result *iteration; /* one each, written by worker 0 */
    pthread_barrier_t barrier;
    uint32_t failed; /* atomic: some worker failed, the others stop at the next phase */
    bool by_time;    /* some phase ends with the clock: iterations may differ */
    uint64_t base_rss_bytes;
    uint64_t end_rss_bytes;
    uint64_t peak_rss_bytes;
};

/* Marks the run as failed and keeps the first reason. Returns 0 for `return` from a step. */
uint64_t worker_fail(struct worker *w, enum worker_failure why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes room for `slots` blocks in the window (mmap); what is alive moves. 0 or -1. */
int worker_window_room(struct worker *w, uint64_t slots);

/* Takes w->scratch: zeroed, given back after the phase. 0 or -1. */
int worker_scratch(struct worker *w, size_t bytes);

static inline void worker_live_add(struct worker *w, uint64_t bytes)
{
    uint64_t live =
        ou_load_relaxed(&w->live) + bytes; /* own thread writes; relaxed: a figure */
    ou_store_relaxed(&w->live, live);
    if ((int64_t)live > (int64_t)w->live_peak) {
        w->live_peak = live;
    }
}

static inline void worker_live_sub(struct worker *w, uint64_t bytes)
{
    ou_store_relaxed(&w->live, ou_load_relaxed(&w->live) - bytes);
}

/* Objects that only the collector can free from now on; whoever collects reads the sum. */
static inline void worker_cyclic_add(struct worker *w, uint64_t objects)
{
    ou_store_relaxed(&w->cyclic, ou_load_relaxed(&w->cyclic) + objects); /* own; a figure */
}

/* Adds contents that were read back. Order does not matter, every bit of a value does. */
static inline void worker_sum(struct worker *w, uint64_t value)
{
    w->checksum += (value ^ (value >> 29)) * 0x9e3779b97f4a7c15u;
}

/* Latency of consecutive operations: one clock reading an operation. */
static inline void worker_lap_begin(struct worker *w)
{
    w->mark_ns = clock_wall_ns();
}

static inline void worker_lap(struct worker *w)
{
    uint64_t now = clock_wall_ns();
    hist_add(w->latency, now - w->mark_ns);
    w->mark_ns = now;
}

#endif
