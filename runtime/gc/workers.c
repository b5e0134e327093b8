/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* workers.c - the threads of workers.h, and how work is dealt out. Models: tests/spin/. */
#include "gc/passes.h"

#include <pthread.h>
#include <signal.h>

#include "conf/conf.h"
#include "heap/arena.h"

#define STACK_BYTES ((size_t)256 << 10)
#define SPINS 2000 /* some 50 us: a pass follows the other */

ou_gc_worker ou_gc_workers[OU_GC_WORKERS_MAX];
uint32_t ou_gc_worker_count = 1;
__thread ou_gc_worker *ou_gc_me;

static pthread_t threads[OU_GC_WORKERS_MAX]; /* lock: the collector's, as all below */
static uint32_t made = 1;                    /* workers 1..made-1 have a thread */
static void (*work)(ou_gc_worker *me);       /* written before `turn` grows; NULL: end */
static uint32_t turn;                        /* atomic, futex: one for each call of `work` */
static uint32_t pending;                     /* atomic, futex: workers still at it */

/* ---- threads ---------------------------------------------------------------------------- */

static void wait_turn(uint32_t seen)
{
    for (unsigned spins = 0; ou_load_acquire(&turn) == seen; spins++) { /* pairs: each_run */
        if (spins < SPINS) {
            ou_os_pause();
        } else {
            ou_os_wait(&turn, seen, 0);
        }
    }
}

static void *worker_main(void *arg)
{
    ou_gc_worker *me = arg;
    uint32_t seen = ou_load_acquire(&turn);
    ou_gc_me = me;
    ou_fetch_sub_acq_rel(&pending, 1u); /* has seen where it begins: pairs with worker_make */
    ou_os_wake(&pending, true);
    for (;;) {
        wait_turn(seen++);
        if (!work) {
            return NULL;
        }
        if (me < ou_gc_workers + ou_gc_worker_count) {
            work(me);
        }
        if (ou_fetch_sub_acq_rel(&pending, 1u) == 1) { /* pairs: wait_pending */
            ou_os_wake(&pending, true);
        }
    }
}

static void wait_pending(void)
{
    for (uint32_t left, spins = 0; (left = ou_load_acquire(&pending)); spins++) {
        if (spins < SPINS) {
            ou_os_pause();
        } else {
            ou_os_wait(&pending, left, 1000000);
        }
    }
}

static bool worker_reserve(ou_gc_worker *worker)
{
    if (!worker->stack) {
        worker->stack = ou_os_reserve(OU_GC_STACK_MAX * sizeof(ou_object *), 4096);
    }
    if (!worker->counters) {
        worker->counters = ou_os_reserve(ou_range_bytes / 16, (size_t)2 << 20);
    }
    return worker->stack && worker->counters;
}

static bool worker_make(uint32_t i)
{
    sigset_t all, old;
    pthread_attr_t attr;
    if (!worker_reserve(&ou_gc_workers[i]) || pthread_attr_init(&attr) != 0) {
        return false;
    }
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old); /* signals are for the program's own threads */
    ou_store_relaxed(&pending, 1u);
    bool ok = pthread_create(&threads[i], &attr, worker_main, &ou_gc_workers[i]) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (!ok) {
        ou_store_relaxed(&pending, 0u);
        return false;
    }
    wait_pending();
    return true;
}

static uint32_t wanted(void)
{
    int64_t knob = OU_KNOB(gc_workers);
    return knob ? (uint32_t)knob : (uint32_t)ou_min(ou_os_cores(), 4);
}

static bool worth_it(size_t pages)
{
    return !ou_blocks_from_malloc &&
           pages << OU_PAGE_SHIFT >= (size_t)OU_KNOB(gc_parallel_bytes);
}

void ou_gc_workers_prepare(void)
{
    uint32_t want = worth_it(ou_arena_top()) ? wanted() : 1;
    while (made < want && worker_make(made)) {
        made++;
    }
}

void ou_gc_workers_gather(void)
{
    ou_gc_workers[0].counters = ou_gc.counters;
    ou_gc_workers[0].stack = ou_gc.stack;
    ou_gc_worker_count = worth_it(ou_gc.region_count) ? (uint32_t)ou_min(made, wanted()) : 1;
    for (uint32_t i = 1; i < ou_gc_worker_count; i++) {
        ou_gc_counters_huge(ou_gc_workers[i].counters);
    }
}

void ou_gc_workers_part(void)
{
    for (uint32_t i = 1; i < ou_gc_worker_count; i++) {
        ou_gc_counters_clear(ou_gc_workers[i].counters);
        ou_gc_array_trim(ou_gc_workers[i].stack, OU_GC_STACK_MAX * sizeof(ou_object *));
    }
    ou_gc_worker_count = 1;
}

static void each_run(void (*fn)(ou_gc_worker *me))
{
    work = fn;
    ou_store_relaxed(&pending, made - 1);
    ou_fetch_add_acq_rel(&turn, 1u);
    ou_os_wake(&turn, true);
}

void ou_gc_workers_run(void (*fn)(ou_gc_worker *me))
{
    ou_gc_me = &ou_gc_workers[0];
    bool shared = ou_gc_worker_count > 1;
    if (shared) {
        each_run(fn);
    }
    fn(ou_gc_me);
    if (shared) {
        wait_pending();
    }
}

void ou_gc_workers_stop(void)
{
    if (made > 1) {
        each_run(NULL);
    }
    for (; made > 1; made--) {
        pthread_join(threads[made - 1], NULL);
    }
    ou_store_relaxed(&pending, 0u);
}

void ou_gc_workers_forget(void)
{
    ou_gc_workers_part(); /* a finalizer may have forked before its collection did */
    made = 1;
    ou_store_relaxed(&pending, 0u);
}

/* ---- pieces of work --------------------------------------------------------------------- */

static size_t claimed; /* atomic */

void ou_gc_claim_begin(void)
{
    ou_store_relaxed(&claimed, (size_t)0); /* nobody runs: ou_gc_workers_run publishes it */
}

size_t ou_gc_claim(void)
{
    return ou_fetch_add_relaxed(&claimed, (size_t)1);
}

size_t ou_gc_claimed(void)
{
    return ou_load_relaxed(&claimed);
}

/* ---- long arrays ------------------------------------------------------------------------ */

#define LONG_MAX 64u

static struct {
    ou_object *const *items;
    size_t n;
} arrays[LONG_MAX];          /* each written by who took its number; read in the next run */
static uint32_t array_count; /* atomic; may go beyond array_max */
static uint32_t array_max;   /* changes while no worker runs */

bool ou_gc_long_put(ou_object *const *items, size_t n)
{
    if (OU_LIKELY(n < OU_GC_LONG) || ou_load_relaxed(&array_count) >= array_max) {
        return false;
    }
    uint32_t i = ou_fetch_add_relaxed(&array_count, 1u);
    if (i >= array_max) {
        return false;
    }
    arrays[i].items = items;
    arrays[i].n = n;
    return true;
}

bool ou_gc_long_take(ou_object *const **items, size_t *n)
{
    size_t part = ou_gc_claim();
    size_t count = ou_min(ou_load_relaxed(&array_count), array_max);
    for (size_t i = 0; i < count; i++) {
        size_t parts = (arrays[i].n + OU_GC_LONG - 1) / OU_GC_LONG;
        if (part < parts) {
            *items = arrays[i].items + part * OU_GC_LONG;
            *n = ou_min(OU_GC_LONG, arrays[i].n - part * OU_GC_LONG);
            return true;
        }
        part -= parts;
    }
    return false;
}

bool ou_gc_long_any(void)
{
    return ou_load_relaxed(&array_count) != 0;
}

void ou_gc_long_clear(bool open)
{
    array_max = open ? LONG_MAX : 0;
    ou_store_relaxed(&array_count, 0u);
}
