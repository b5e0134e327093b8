/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * pacing.c - when a collection begins by itself, and the background collector.
 *
 * Only the runtime's own counters decide, never resident memory: a collection is due when
 * tracked bytes have grown by max(gc_min_bytes, gc_percent of what was live after the last
 * one). Heaps announce growth every 256 KiB; whoever crosses the line either wakes the
 * background thread or collects at its next safepoint. With the background thread, a mutator
 * that runs ahead by another whole step collects itself: memory stays bounded either way.
 */
#include <pthread.h>
#include <signal.h>

#include "conf/conf.h"
#include "gc/verify.h"
#include "heap/arena.h"
#include "ouro/heap.h"
#include "ouro/runtime.h"

static int64_t live_after;   /* atomic: tracked bytes after the last collection */
static int64_t before;       /* collector: tracked bytes when the collection began */
static int64_t lead;         /* atomic: growth while the last hint in slices was made */
static uint32_t squeezed;    /* atomic: the soft limit was crossed since the last collection */
static uint32_t wanted;      /* atomic, futex: the background thread has work */
static uint32_t running;     /* atomic: 1 while the background thread should live */
static pthread_t background; /* lock: callers of ou_gc_background */
static ou_lock background_lock = OU_LOCK_INIT;

static int64_t tracked_bytes(void)
{
    int64_t sum = 0;
    uint32_t slots = ou_slot_count();
    for (uint32_t id = 1; id <= slots; id++) {
        ou_heap *heap = ou_heap_at(id);
        if (heap) { /* what waits in the inbox is free already */
            sum +=
                ou_load_relaxed(&heap->tracked_bytes) - ou_load_relaxed(&heap->inbox_tracked);
        }
        sum += ou_load_relaxed(&ou_slots[id].vector_bytes);
        sum += ou_load_relaxed(&ou_slots[id].side_bytes);
    }
    return sum;
}

static int64_t step(void)
{
    int64_t percent = ou_load_relaxed(&live_after) / 100 * OU_KNOB(gc_percent);
    int64_t least = OU_KNOB(gc_min_bytes);
    return percent > least ? percent : least;
}

static int64_t growth(void)
{
    return tracked_bytes() - ou_load_relaxed(&live_after);
}

static bool in_slices(void)
{
    return ou_load_relaxed(&running) && OU_KNOB(gc_slice_us) != 0;
}

/* Growth at which the background thread begins: early enough to have the hint when the step is
 * full, going by last time. */
static int64_t due(void)
{
    int64_t full = step();
    int64_t early = in_slices() ? full - ou_load_relaxed(&lead) : full;
    return early > full / 4 ? early : full / 4;
}

/* Growth at which the program does it itself, in one stop. A collection in slices takes more of
 * the time long before (ou_gc_pacing_share). */
static int64_t too_late(void)
{
    return (in_slices() ? 4 : 2) * step();
}

static void on_growth(void)
{
    if (!OU_KNOB(gc_auto) || !ou_self.self) {
        return;
    }
    int64_t grown = growth();
    if (grown < due()) {
        return;
    }
    if (ou_load_relaxed(&running) && grown < too_late()) {
        ou_store_release(&wanted, 1u);
        ou_os_wake(&wanted, false);
        return;
    }
    ou_slot_poll_set(ou_self.self, OU_POLL_GC);
}

/* Told by whoever took the pages, perhaps no thread of the runtime; the collection is for the
 * next safepoint of that one, or for the background thread. */
static void on_soft_limit(void)
{
    if (!OU_KNOB(gc_auto)) {
        return;
    }
    ou_store_relaxed(&squeezed, 1u);
    if (ou_load_relaxed(&running)) {
        ou_store_release(&wanted, 1u);
        ou_os_wake(&wanted, false);
    } else if (ou_self.self) {
        ou_slot_poll_set(ou_self.self, OU_POLL_GC);
    }
}

static bool take_squeezed(void)
{
    return ou_load_relaxed(&squeezed) && ou_exchange_acquire(&squeezed, 0u);
}

static void at_safepoint(void)
{
    if (OU_KNOB(gc_zeal)) {
        ou_gc_zeal();
        return;
    }
    if (OU_KNOB(gc_auto)) {
        int64_t grown = growth();
        bool limited = take_squeezed();
        if (limited || grown >= step()) {
            ou_gc_collect_automatic(false, grown >= too_late());
        }
        if (limited) {
            ou_heap_trim(); /* what the collection freed is in magazines */
        }
    }
}

void ou_gc_pacing_start(void)
{
    ou_heap_on_growth = on_growth;
    ou_arena_on_soft_limit = on_soft_limit;
    ou_safepoint_gc = at_safepoint;
}

void ou_gc_pacing_begins(void)
{
    before = tracked_bytes();
}

void ou_gc_pacing_hinted(void)
{
    int64_t grown = tracked_bytes() - before;
    ou_store_relaxed(&lead, grown > 0 ? grown : 0);
}

uint64_t ou_gc_pacing_growth(void)
{
    int64_t grown = growth();
    return grown > 0 ? (uint64_t)grown : 0;
}

unsigned ou_gc_pacing_share(void)
{
    int64_t eighths = growth() * 8 / step();
    return eighths < 8 ? 1 : eighths < 12 ? 2 : eighths < 16 ? 4 : 16;
}

/* What was made while the world ran may be garbage already: it does not count as live. */
void ou_gc_pacing_collected(void)
{
    ou_store_relaxed(&live_after, ou_min(before, tracked_bytes()));
}

/* The background thread: attached only while it collects. */
static void *background_main(void *arg)
{
    (void)arg;
    while (ou_load_acquire(&running)) {
        ou_os_wait(&wanted, 0, (uint64_t)OU_KNOB(gc_period_ms) * 1000000u);
        bool asked = ou_exchange_acquire(&wanted, 0u);
        if (ou_load_acquire(&running) && ou_thread_attach() == 0) {
            if (OU_KNOB(gc_auto) && (asked || growth() >= due())) {
                ou_gc_collect_automatic(OU_KNOB(gc_slice_us) != 0, false);
            }
            bool limited = take_squeezed();
            ou_thread_detach();
            ou_arena_purge(limited);
        }
    }
    return NULL;
}

static int background_start(void)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old); /* signals are for the program's own threads */
    ou_store_release(&running, 1u);
    int failed = pthread_create(&background, NULL, background_main, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) {
        ou_store_release(&running, 0u);
        return ou_fail(OU_ENOMEM, "no thread for the background collector");
    }
    return 0;
}

static void background_stop(void)
{
    ou_store_release(&running, 0u);
    ou_store_release(&wanted, 1u);
    ou_os_wake(&wanted, true);
    ou_blocking_begin(); /* it may be waiting for the world to stop */
    pthread_join(background, NULL);
    ou_blocking_end();
    ou_store_release(&wanted, 0u);
}

int ou_gc_background(bool on)
{
    int result = 0;
    ou_lock_take_parked(&background_lock);
    if (on && !ou_load_relaxed(&running)) {
        result = background_start();
    } else if (!on && ou_load_relaxed(&running)) {
        background_stop();
    }
    ou_lock_give(&background_lock);
    return result;
}

void ou_gc_background_fork(bool done, bool child)
{
    if (!done) {
        ou_lock_take_parked(&background_lock);
        return;
    }
    if (child && ou_load_relaxed(&running)) {
        background_start(); /* the parent's did not come along */
    }
    ou_lock_give(&background_lock);
}

bool ou_gc_background_stop(void)
{
    bool was = ou_load_relaxed(&running);
    ou_gc_background(false);
    return was;
}
