/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * pacing.c - when a collection begins by itself, and the background collector.
 *
 * Only the runtime's own counters decide, never resident memory: a collection is due when
 * tracked bytes have grown by a step, max(gc_min_bytes, gc_percent of what was live after the
 * last one). Heaps announce growth every 256 KiB; whoever crosses the line either wakes the
 * background thread or collects at its next safepoint. The background thread begins early
 * enough to know the garbage when 7/8 of the step are full, going by the last times. A thread
 * that makes more than was foreseen is held back at its next safepoint: its processor is the
 * collector's meanwhile.
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
static int64_t freed;        /* collector: bytes of garbage found without a long stop */
static int64_t lead = -1;    /* atomic: growth while a hint is made; -1: none was made yet */
static uint32_t phase;       /* atomic, futex: OU_PACING_... */
static uint64_t hint_began;  /* atomic, ns */
static uint64_t hint_ns;     /* atomic: what a hint takes */
static int64_t hint_growth;  /* atomic: when it began */
static uint32_t telling;     /* atomic: code of the program's may run in the collector */
static uint32_t squeezed;    /* atomic: the soft limit was crossed since the last collection */
static uint32_t wanted;      /* atomic, futex: the background thread has work */
static uint32_t running;     /* atomic: 1 while the background thread should live */
static pthread_t background; /* lock: callers of ou_gc_background */
static __thread bool is_background;
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

/* Growth at which threads are held back; they get a little further: 256 KiB each, and what they
 * do before their next safepoint. */
static int64_t room(void)
{
    return step() / 8 * 7;
}

/* Growth at which the background thread begins: early enough to have the hint when `room` is
 * full, going by the last times and a quarter more; or when what assists leave fills it. */
static int64_t due(void)
{
    if (!in_slices()) {
        return step();
    }
    int64_t full = room(), ahead = ou_load_relaxed(&lead);
    if (ou_gc_assist_pays()) {
        return full;
    }
    ahead = ahead < 0 ? full / 2 : ahead;
    int64_t early = full - ahead - ahead / 4;
    return early > full / 4 ? early : full / 4;
}

/* Growth at which the program does it itself, in one stop; with a collection without a long
 * stop only if it could not be held back. */
static int64_t too_late(void)
{
    return 2 * step();
}

static void wake_background(void)
{
    if (ou_load_relaxed(&phase) == OU_PACING_IDLE) { /* else it is awake */
        ou_store_release(&wanted, 1u);
        ou_os_wake(&wanted, false);
    }
}

/* ---- holding back ----------------------------------------------------------------------- */

#define HELD_NS 500000u       /* at a time: less than a stop may take */
#define HELD_MOST_NS 4000000u /* while finalizers run: they may want a lock of the thread's */
#define CHUNK ((int64_t)256 << 10) /* between two looks at a thread's growth */

/* How long the thread that has just grown by a chunk should wait, ns: so long that growth does
 * not reach the limit before the hint is there, if it goes on as since the hint began. */
static uint64_t hold_wanted(int64_t grown)
{
    int64_t left = room() - grown;
    if (left <= 0) {
        return HELD_NS;
    }
    if (ou_load_relaxed(&phase) != OU_PACING_HINT) {
        return 0;
    }
    int64_t whole = (int64_t)ou_load_relaxed(&hint_ns);
    int64_t took = (int64_t)(ou_os_now_ns() - ou_load_relaxed(&hint_began));
    int64_t made = grown - ou_load_relaxed(&hint_growth);
    int64_t rest = ou_max(whole - took, whole / 8);
    bool on_pace = (double)made * (double)rest <= (double)left * (double)took;
    return on_pace ? 0 : ou_min((uint64_t)((double)rest * CHUNK / (double)left), HELD_NS);
}

static bool can_assist(void)
{
    return !ou_blocks_from_malloc && ou_load_relaxed(&phase) == OU_PACING_IDLE &&
           !ou_gc_is_busy() && ou_gc_assist_due(growth(), step());
}

/* While no code of the program's runs in the collector, the thread may wait as long as it
 * takes. True: it need not wait any more, for it may help. */
static bool hold_back(uint64_t began)
{
    uint64_t wait, entered = ou_os_now_ns(), now = entered;
    uint32_t seen = ou_load_relaxed(&phase);
    bool help = false;
    ou_blocking_begin();
    while (!help && in_slices() && (wait = hold_wanted(growth())) != 0) {
        if (!ou_gc_assist_due(growth(), step())) { /* else: as soon as the collector is free */
            wake_background();
        }
        ou_os_wait(&phase, seen, wait);
        ou_gc_assist_try();
        now = ou_os_now_ns();
        seen = ou_load_relaxed(&phase);
        help = can_assist();
        if (wait < HELD_NS || (ou_load_relaxed(&telling) && now - began > HELD_MOST_NS)) {
            break;
        }
    }
    ou_blocking_end();
    OU_STAT(gc_held_ns, now - entered);
    return help;
}

/* At a safepoint of a thread that made too much. */
static void assist_or_wait(void)
{
    uint64_t began = ou_os_now_ns();
    do {
        if (can_assist()) {
            ou_gc_assist();
        }
    } while (hold_back(began));
}

void ou_gc_pacing_phase(uint32_t next)
{
    int64_t grown = growth(), last = ou_load_relaxed(&lead);
    uint64_t now = ou_os_now_ns(), took = now - ou_load_relaxed(&hint_began);
    if (next == OU_PACING_HINT) {
        ou_store_relaxed(&hint_began, now);
        ou_store_relaxed(&hint_growth, grown);
    } else if (next == OU_PACING_JUDGE) {
        ou_store_relaxed(&lead, ou_max(grown - ou_load_relaxed(&hint_growth), last - last / 4));
        ou_store_relaxed(&hint_ns, took);
    }
    ou_store_relaxed(&phase, next);
    ou_os_wake(&phase, true);
}

void ou_gc_pacing_tells(bool now)
{
    ou_store_relaxed(&telling, now || ou_load_relaxed(&ou_special)); /* event listeners */
}

void ou_gc_pacing_freed(int64_t bytes)
{
    freed += bytes;
}

/* ---- growth ----------------------------------------------------------------------------- */

static void on_growth(void)
{
    if (!OU_KNOB(gc_auto) || !ou_self.self) {
        return;
    }
    int64_t grown = growth();
    if (!(in_slices() && ou_gc_assist_due(grown, step()))) {
        if (grown < due()) {
            return;
        }
        if (ou_load_relaxed(&running) && grown < too_late()) {
            wake_background();
            if (!in_slices() || ou_gc_is_inside() || !hold_wanted(grown)) {
                return;
            }
        }
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
        if (in_slices() && grown < too_late()) { /* the background thread looks at limits */
            if (!ou_gc_is_inside()) {
                assist_or_wait();
            }
            return;
        }
        bool limited = take_squeezed();
        if ((limited || grown >= step()) &&
            !ou_gc_collect_automatic(false, grown >= too_late()) && in_slices() &&
            !ou_gc_is_inside()) {
            assist_or_wait();
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
    freed = 0;
}

uint64_t ou_gc_pacing_growth(void)
{
    int64_t grown = growth();
    return grown > 0 ? (uint64_t)grown : 0;
}

unsigned ou_gc_pacing_share(void)
{
    int64_t parts = growth() * 32 / step();
    return parts < 28 ? 1 : parts < 30 ? 4 : parts < 32 ? 16 : 64;
}

/* What was made while the world ran may be garbage already: it does not count as live. */
void ou_gc_pacing_collected(void)
{
    ou_store_relaxed(&live_after, ou_min(before - freed, tracked_bytes()));
    ou_gc_assist_from(0); /* what was made meanwhile, too */
}

/* The background thread: attached only while it collects. */
static void *background_main(void *arg)
{
    (void)arg;
    is_background = true;
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
    if (ou_is_detached()) { /* it parks, and that does not nest */
        return ou_fail_detached("ou_gc_background");
    }
    if (ou_gc_is_inside() || is_background) { /* what the thread that ends may be waiting for */
        return ou_fail(OU_ESTATE, "ou_gc_background: called by a finalizer or callback");
    }
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
