/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * collect.c - one collection from begin to end, one at a time. A collection that is asked for
 * by a finalizer or callback of the running one returns at once; any other thread waits its
 * turn, out of the world's way.
 */
#include "conf/conf.h"
#include "gc/gc.h"
#include "gc/workers.h"
#include "heap/arena.h"
#include "object/watch.h"

static ou_lock collecting = OU_LOCK_INIT;
uint32_t ou_gc_hurry;
static uint32_t slicing;     /* atomic: the collection in progress gives way */
static __thread bool inside; /* this thread collects: finalizers below */

/* A sliced collection in progress is given up for whoever waits. */
static void collector_take(void)
{
    ou_fetch_add_acq_rel(&ou_gc_hurry, 1u);
    ou_os_wake(&ou_gc_hurry, true);
    ou_lock_take_parked(&collecting);
    ou_fetch_sub_acq_rel(&ou_gc_hurry, 1u);
}

static size_t stop_and_find(ou_gc_report *report, ou_object **dead)
{
    ou_world_stop();
    *dead = ou_inbox_drain_all();
    if (report->fresh) {
        report->fresh_all = ou_gc_list_fresh();
    } else {
        ou_gc_forget_fresh();
        ou_gc_list_regions();
    }
    return ou_gc_find_garbage();
}

/* Bytes of the blocks of what was found; without those of objects in foreign memory, or runs.
 */
static int64_t garbage_bytes(void)
{
    uint64_t sum = 0;
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        sum += (uint64_t)ou_gc.regions[r].garbage * ou_gc.regions[r].block_bytes;
    }
    return (int64_t)sum;
}

static void collect_whole(ou_gc_report *report)
{
    ou_object *dead;
    ou_gc_pacing_phase(OU_PACING_WHOLE);
    report->growth_bytes = ou_gc_pacing_growth();
    if (!report->fresh) {
        ou_gc_workers_prepare();
    }
    size_t found = stop_and_find(report, &dead);
    report->examined = ou_gc.examined;
    report->workers = ou_gc_worker_count;
    if (found && ou_gc.special) {
        ou_gc_pacing_tells(true);
        report->unreachable += ou_gc_finish(report);
    } else {
        /* No finalizer may run before the last member is buried: it could find the others. */
        bool deaths = ou_deaths_hold();
        ou_gc_start_world(report);
        ou_gc_pacing_freed(garbage_bytes());
        ou_gc_reclaim();
        ou_gc_pacing_tells(true);
        ou_deaths_release(deaths);
        report->unreachable += found;
    }
    ou_objects_bury(dead);
    ou_gc_pacing_tells(false);
    ou_gc_release_memory();
    ou_gc_pacing_phase(OU_PACING_IDLE);
}

/* False: it gave way to another. */
static bool collect_locked(ou_gc_report *report)
{
    uint64_t begin = ou_os_now_ns();
    uint64_t before = ou_pauses_total_ns();
    bool given_up = false;
    if (report->sliced) {
        ou_store_relaxed(&slicing, 1u);
        report->sliced = ou_gc_sliced(report);
        ou_store_relaxed(&slicing, 0u);
        given_up = !report->sliced && ou_load_relaxed(&ou_gc_hurry);
        OU_STAT(gc_sliced, report->sliced);
        OU_STAT(gc_beside, report->beside);
        OU_STAT(gc_given_up, !report->sliced);
        OU_STAT(gc_suspects, report->suspects);
        OU_STAT(gc_false_suspects, report->false_suspects);
    }
    if (!report->sliced && !given_up) {
        collect_whole(report);
    }
    report->stop_ns = ou_pauses_total_ns() - before;
    report->total_ns = ou_os_now_ns() - begin;
    OU_STAT(gc_collections, 1);
    OU_STAT(gc_unreachable, report->unreachable);
    OU_STAT(gc_resurrected, report->resurrected);
    OU_STAT(gc_examined, report->examined);
    OU_STAT(gc_pause_ns, report->stop_ns);
    OU_STAT(gc_judged_ns, report->judged_ns);
    return !given_up;
}

static int64_t collect(ou_gc_report *report)
{
    if (inside) {
        return 0;
    }
    if (ou_is_detached()) {
        return ou_fail_detached("ou_gc_collect");
    }
    ou_epoch_flush(); /* what this thread let go of is not to look alive */
    collector_take();
    if (ou_gc_reserve() != 0) {
        ou_lock_give(&collecting);
        return OU_ENOMEM;
    }
    inside = true;
    ou_gc_pacing_tells(true);
    ou_gc_call_back(NULL);
    ou_watch(OU_EV_GC_BEGIN, NULL, 0);
    if (!report->fresh) {
        ou_gc_pacing_begins();
    }
    ou_gc_pacing_tells(false);
    bool done = collect_locked(report);
    ou_gc_pacing_tells(true);
    ou_watch(OU_EV_GC_END, NULL, (int64_t)report->unreachable);
    if (done && !report->fresh) {
        ou_gc_pacing_collected();
    }
    ou_gc_call_back(report);
    ou_gc_pacing_tells(false);
    inside = false;
    ou_lock_give(&collecting);
    return (int64_t)report->unreachable;
}

static int64_t collect_asked(ou_gc_report *report, bool sliced)
{
    ou_gc_report mine = {.sliced = sliced};
    int64_t found = collect(&mine);
    if (report) {
        *report = mine;
    }
    return found;
}

int64_t ou_gc_collect_report(ou_gc_report *report)
{
    return collect_asked(report, false);
}

int64_t ou_gc_collect_sliced(ou_gc_report *report)
{
    return collect_asked(report, !ou_blocks_from_malloc);
}

bool ou_gc_is_busy(void)
{
    return ou_load_relaxed(&collecting.state) != 0;
}

bool ou_gc_is_inside(void)
{
    return inside;
}

int64_t ou_gc_collect(void)
{
    return ou_gc_collect_report(NULL);
}

bool ou_gc_collect_automatic(bool sliced, bool pressing)
{
    ou_gc_report report = {.automatic = true, .sliced = sliced && !ou_blocks_from_malloc};
    if (inside || (ou_gc_is_busy() && !(pressing && ou_load_relaxed(&slicing)))) {
        return false;
    }
    OU_STAT(gc_automatic, 1);
    collect(&report);
    return true;
}

bool ou_gc_collect_fresh(ou_gc_report *report)
{
    if (inside || ou_gc_is_busy()) {
        return false;
    }
    OU_STAT(gc_assists, 1);
    return collect(report) >= 0;
}

void ou_gc_fork_prepare(void)
{
    ou_gc_background_fork(false, false);
    if (!inside) { /* else: a finalizer forks, and the lock is ours already */
        collector_take();
    }
}

void ou_gc_stop(void)
{
    if (!inside) {
        collector_take();
        ou_gc_workers_stop();
        ou_lock_give(&collecting);
    }
}

void ou_gc_fork_done(bool child)
{
    if (child) {
        ou_gc_workers_forget();
    }
    if (!inside) {
        ou_lock_give(&collecting);
    }
    ou_gc_background_fork(true, child);
}

bool ou_gc_is_tracked(const ou_object *o)
{
    return o->gcbits & OU_GC_TRACKED;
}

/* ---- freeze ---------------------------------------------------------------------------------
 */

static uint64_t freeze_regions(bool frozen)
{
    uint64_t n = 0;
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        const ou_region *region = &ou_gc.regions[r];
        for (uint32_t i = 0; i < region->count; i++) {
            ou_object *o = ou_region_object(region, i);
            n += (o->gcbits & (OU_GC_TRACKED | OU_GC_DEAD)) == OU_GC_TRACKED;
            if (region->vector) {
                o->gcbits =
                    (uint8_t)(frozen ? o->gcbits | OU_GC_FROZEN : o->gcbits & ~OU_GC_FROZEN);
            }
        }
        if (region->start) {
            ou_span_set_frozen(ou_span_of(region->start), frozen);
        }
    }
    return n;
}

static uint64_t freeze(bool frozen)
{
    if (ou_is_detached()) {
        ou_fail_detached("ou_gc_freeze");
        return 0;
    }
    if (inside) {
        return 0;
    }
    uint64_t n = 0;
    collector_take(); /* the arrays are the collector's */
    if (ou_gc_reserve() != 0) {
        ou_lock_give(&collecting);
        return 0;
    }
    ou_world_stop();
    if (frozen) {
        ou_gc_list_regions();
        n = freeze_regions(true);
        ou_special_set(OU_SPECIAL_FROZEN, true);
    } else {
        ou_span_thaw_all();
        ou_gc_list_regions();
        n = freeze_regions(false);
        ou_special_set(OU_SPECIAL_FROZEN, false);
    }
    ou_world_start();
    ou_gc_release_memory();
    ou_lock_give(&collecting);
    return n;
}

uint64_t ou_gc_freeze(void)
{
    return freeze(true);
}

uint64_t ou_gc_unfreeze(void)
{
    return freeze(false);
}
