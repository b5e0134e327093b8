/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * sliced.c - a collection without a long stop (docs/gc.md). The hint is made, beside the
 * program or in short stops; then its groups are judged (judge.c): a group within one stop, as
 * many as fit. What was found dead in a stop is finished before the next one.
 */
#include "conf/conf.h"
#include "gc/sliced.h"
#include "gc/verify.h"
#include "ouro/runtime.h"
#include "thread/epoch.h"

#define BATCH                                                                                  \
    1024u /* suspects judged at once, some 10 us; the clock is looked at between them */

/* ---- stops ------------------------------------------------------------------------------ */

static uint64_t slice_ns(void)
{
    int64_t us = OU_KNOB(gc_slice_us);
    return (uint64_t)(us ? us : 1) * 1000;
}

/* The program gets as long as it stood, or less when it makes too much meanwhile; not waited
 * for when somebody wants the collector. */
static void gap(uint64_t stood_ns, uint64_t ran_ns)
{
    uint64_t wanted = stood_ns / ou_gc_pacing_share();
    if (wanted > ran_ns) {
        ou_blocking_begin();
        ou_os_wait(&ou_gc_hurry, 0, wanted - ran_ns);
        ou_blocking_end();
    }
}

static bool hurried(void)
{
    return ou_load_relaxed(&ou_gc_hurry) != 0;
}

/* 0: in short stops. 1: beside the program where there is a processor for it. 2: beside it. */
static bool may_run_beside(void)
{
    int64_t wish = OU_KNOB(gc_concurrent);
    return wish > 1 || (wish == 1 && ou_os_cores() > 1);
}

/* One slice while the world stands; true: the pass is through. */
static bool slice_standing(ou_gc_pass pass, ou_gc_report *report)
{
    ou_world_stop();
    ou_gc_hint.stands = true;
    bool through = pass(ou_os_now_ns() + slice_ns());
    ou_gc_hint.stands = false;
    uint64_t stood = ou_gc_start_world(report);
    if (!through && !hurried()) {
        gap(stood, 0);
    }
    return through;
}

/* One slice while the program runs. Others may stop the world meanwhile, also in a section: who
 * stands for this slot does not touch in_op. */
static bool slice_beside(ou_gc_pass pass)
{
    ou_blocking_begin();
    ou_epoch_enter();
    bool through = pass(ou_os_now_ns() + slice_ns());
    ou_epoch_leave();
    ou_blocking_end();
    return through;
}

/* A pass of the hint from begin to end; false when it was given up. */
static bool run_pass(ou_gc_pass pass, bool beside, ou_gc_report *report)
{
    bool through = false;
    ou_hint_rewind();
    while (!through && !hurried()) {
        bool stand = !beside || ou_gc_hint.must_stand;
        through = stand ? slice_standing(pass, report) : slice_beside(pass);
        report->beside |= !stand;
    }
    return through;
}

/* Bytes of the blocks of what was found. */
static int64_t found_bytes(void)
{
    size_t sum = 0;
    for (size_t i = 0; i < ou_gc.garbage_count; i++) {
        sum += ou_block_bytes(ou_gc.garbage[i]);
    }
    return (int64_t)sum;
}

/* World stopped on entry, running on return: the end of what was found in this stop. */
static void finish_found(ou_gc_report *report, ou_object *dead)
{
    if (ou_gc.garbage_count && ou_gc.special) {
        ou_gc_pacing_tells(true);
        report->unreachable += ou_gc_finish(report);
    } else {
        bool deaths = ou_deaths_hold();
        report->judged_ns += ou_gc_start_world(report);
        report->unreachable += ou_gc.garbage_count;
        ou_gc_pacing_freed(found_bytes());
        ou_gc_reclaim_by_header();
        ou_gc_pacing_tells(true);
        ou_deaths_release(deaths);
    }
    ou_objects_bury(dead);
    ou_gc_pacing_tells(false);
}

/* World stopped, inboxes merged: judges groups from `from` on. Returns where to go on. */
static uint32_t judge_until(uint32_t from, uint64_t until, bool *refused, ou_gc_report *report)
{
    const ou_hint *h = &ou_gc_hint;
    do {
        uint32_t first = h->groups[from], to = from + 1;
        while (to < h->group_count && h->groups[to + 1] - first <= BATCH) {
            to++;
        }
        *refused = !ou_hint_judge(from, to, report);
        from = *refused ? from : to;
    } while (from < h->group_count && !*refused && ou_os_now_ns() < until);
    return from;
}

/* One stop, and the end of what it found dead. Returns where to go on. */
static uint32_t judge_some(uint32_t from, bool *refused, ou_gc_report *report)
{
    uint64_t began = ou_os_now_ns(), before = ou_pauses_total_ns();
    ou_world_stop();
    uint64_t until = ou_os_now_ns() + slice_ns();
    ou_object *dead = ou_inbox_drain_all();
    ou_gc.garbage = ou_gc_hint.members + ou_gc_hint.groups[from];
    ou_gc.garbage_count = 0;
    ou_gc.special = false;
    from = judge_until(from, until, refused, report);
    finish_found(report, dead);
    uint64_t stood = ou_pauses_total_ns() - before;
    gap(stood, ou_os_now_ns() - began - stood);
    return from;
}

/* False: it gave way before all were judged, to somebody who waits, or to one stop for all. */
static bool judge_all(bool *refused, ou_gc_report *report)
{
    ou_object **array = ou_gc.garbage;
    uint32_t n = 0, all = ou_gc_hint.group_count;
    ou_hint_judge_prepare();
    while (n < all && !*refused && !hurried()) {
        n = judge_some(n, refused, report);
    }
    ou_gc.garbage = array;
    ou_gc.garbage_count = 0;
    return n == all;
}

/* The first stop: counts that wait in inboxes are merged. From here on what others let go of is
 * kept while the hint may be reading it, if it will be made beside them. */
static int begin(ou_gc_report *report, bool *beside)
{
    ou_world_stop();
    ou_object *dead = ou_inbox_drain_all();
    ou_gc_expect();
    ou_gc_forget_fresh();
    ou_gc_list_begin();
    int result = ou_hint_reserve();
    *beside = result == 0 && may_run_beside() && ou_epoch_read_begin();
    ou_gc_start_world(report);
    ou_gc_pacing_tells(true);
    ou_objects_bury(dead);
    ou_gc_pacing_tells(false);
    return result;
}

/* Pages are listed while the world stands. */
static bool make_hint(ou_gc_report *report, bool beside)
{
    return run_pass(ou_hint_list, false, report) && run_pass(ou_hint_count, beside, report) &&
           run_pass(ou_hint_clamp, beside, report) && run_pass(ou_hint_mark, beside, report) &&
           run_pass(ou_hint_collect, beside, report) &&
           run_pass(ou_hint_group, beside, report) &&
           run_pass(ou_hint_number, beside, report) && run_pass(ou_hint_order, beside, report);
}

bool ou_gc_sliced(ou_gc_report *report)
{
    bool through = false, judged = false, refused = false, beside;
    ou_gc.stack_len = 0;
    ou_gc.stack_overflow = false;
    if (!ou_blocks_from_malloc && begin(report, &beside) == 0) {
        ou_gc_pacing_phase(OU_PACING_HINT);
        through = make_hint(report, beside);
        if (beside) {
            ou_epoch_read_end();
        }
        if (through) {
            report->suspects = ou_gc_hint.suspect_count;
            report->growth_bytes = ou_gc_pacing_growth();
            ou_gc_pacing_phase(OU_PACING_JUDGE);
            ou_gc_expect_suspects();
            judged = judge_all(&refused, report);
        }
        ou_gc_pacing_phase(OU_PACING_IDLE);
        ou_gc_expect_end(report, judged);
    }
    ou_gc.stack_len = 0;
    ou_gc.stack_overflow = false;
    report->examined = ou_gc.examined;
    ou_blocking_begin(); /* takes milliseconds after a large heap: nobody need wait for it */
    ou_hint_release();
    ou_gc_release_memory();
    ou_blocking_end();
    return through && !refused;
}
