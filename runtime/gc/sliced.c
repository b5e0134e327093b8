/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * sliced.c - a collection without a long stop (docs/gc.md). The hint is made, beside the
 * program or in short stops; then its groups are judged: a group within one stop, as many as
 * fit. What was found dead in a stop is finished before the next one.
 */
#include "conf/conf.h"
#include "gc/children.h"
#include "gc/sliced.h"
#include "gc/verify.h"
#include "ouro/runtime.h"
#include "thread/epoch.h"

#define LOOK_AT_CLOCK 64 /* suspects between two looks */

static uint32_t live_head; /* suspects that live, whose references are still to be read */

static inline void edge_inside(ou_object *child)
{
    uint32_t n = ou_hint_find(child);
    if (n != OU_NO_SUSPECT && ou_gc_hint.suspects[n].state == OU_SUSPECT_INSIDE) {
        ou_gc_hint.suspects[n].left--;
    }
}

static inline void lives(ou_suspect *s)
{
    s->state = OU_SUSPECT_LIVES;
    s->left = live_head;
    live_head = (uint32_t)(s - ou_gc_hint.suspects);
}

static inline void edge_lives(ou_object *child)
{
    uint32_t n = ou_hint_find(child);
    if (n != OU_NO_SUSPECT && ou_gc_hint.suspects[n].state == OU_SUSPECT_INSIDE) {
        lives(&ou_gc_hint.suspects[n]);
    }
}

#define EACH_MEMBER(s, root, n)                                                                \
    for (uint32_t n##_ = (root), n##_first = 1;                                                \
         (n##_first || n##_ != (root)) && ((s) = &ou_gc_hint.suspects[n##_], 1);               \
         n##_ = (s)->next, n##_first = 0)

/* The members that are still there, and those of their counts that come from outside. */
static void group_count(uint32_t root)
{
    ou_suspect *s;
    EACH_MEMBER(s, root, n)
    {
        s->state = OU_SUSPECT_DONE;
        if (ou_hint_holds(s->object)) {
            s->state = OU_SUSPECT_INSIDE;
            s->left = ou_is_immortal(s->object) ? INT64_MAX : ou_count_now(s->object);
        }
    }
    EACH_MEMBER(s, root, n)
    {
        if (s->state == OU_SUSPECT_INSIDE) {
            ou_each_child_other(s->object, edge_inside);
        }
    }
}

static void group_spread_life(uint32_t root)
{
    ou_suspect *s;
    live_head = OU_NO_SUSPECT;
    EACH_MEMBER(s, root, n)
    {
        if (s->state == OU_SUSPECT_INSIDE && s->left > 0) {
            lives(s);
        }
        while (live_head != OU_NO_SUSPECT) {
            ou_suspect *next = &ou_gc_hint.suspects[live_head];
            live_head = (uint32_t)next->left;
            ou_each_child_other(next->object, edge_lives);
        }
    }
}

/* All members' counts, and all references among them. */
static int64_t counts, inner;
static uint32_t group_mark;

static inline void edge_inner(ou_object *child)
{
    uint32_t n = ou_hint_find(child);
    inner += n != OU_NO_SUSPECT && ou_gc_hint.suspects[n].state == group_mark;
}

/* Is the whole group garbage, with all members there? No count is smaller than the references
 * to its object; so if the sums are equal, each is. */
static bool group_is_closed(uint32_t root)
{
    ou_suspect *s;
    ou_shape shape = {0};
    counts = inner = 0;
    group_mark = OU_SUSPECT_OF + root;
    EACH_MEMBER(s, root, n)
    {
        s->state = group_mark;
    }
    EACH_MEMBER(s, root, n)
    {
        if (!ou_hint_holds(s->object) || ou_is_immortal(s->object)) {
            return false;
        }
        counts += ou_count_now(s->object);
        ou_each_child(s->object, &shape, edge_inner);
    }
    return counts == inner;
}

/* World stopped, inboxes merged: the any-subset rule on one group. */
static void group_judge(uint32_t root, ou_gc_report *report)
{
    ou_suspect *s;
    bool closed = group_is_closed(root);
    if (!closed) {
        group_count(root);
        group_spread_life(root);
    }
    EACH_MEMBER(s, root, n)
    {
        ou_object *o = s->object;
        bool garbage = closed || s->state == OU_SUSPECT_INSIDE;
        report->false_suspects += !garbage;
        if (garbage) {
            ou_gc.garbage[ou_gc.garbage_count++] = o;
            ou_gc.special |= (o->flags & OU_FL_WEAKREF) | (o->gcbits & OU_GC_FINALIZER) |
                             (o->type == OU_KIND_WEAKREF);
        }
        s->state = OU_SUSPECT_DONE;
    }
}

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
        report->unreachable += ou_gc_finish(report);
    } else {
        bool deaths = ou_deaths_hold();
        report->judged_ns += ou_gc_start_world(report);
        report->unreachable += ou_gc.garbage_count;
        ou_gc_pacing_freed(found_bytes());
        ou_gc_reclaim_by_header();
        ou_deaths_release(deaths);
    }
    ou_objects_bury(dead);
}

/* World stopped, inboxes merged: judges groups from suspect `n` on. Returns where to go on. The
 * clock costs as much as a small group. */
static uint32_t judge_until(uint32_t n, uint64_t until, ou_gc_report *report)
{
    for (uint32_t judged = 0; n < ou_gc_hint.suspect_count; n++) {
        if (ou_hint_root(n) == n) {
            group_judge(n, report);
            judged += ou_gc_hint.suspects[n].size;
            if (judged >= LOOK_AT_CLOCK) {
                judged = 0;
                if (ou_os_now_ns() >= until) {
                    return n + 1;
                }
            }
        }
    }
    return n;
}

/* False: it gave way before all were judged. */
static bool judge_all(ou_gc_report *report)
{
    uint32_t n = 0, all = ou_gc_hint.suspect_count;
    size_t most = 0;
    while (n < all && !hurried()) {
        uint64_t began = ou_os_now_ns(), before = ou_pauses_total_ns();
        ou_world_stop();
        uint64_t until = ou_os_now_ns() + slice_ns();
        ou_object *dead = ou_inbox_drain_all();
        ou_gc.garbage_count = 0;
        ou_gc.special = false;
        n = judge_until(n, until, report);
        most = ou_max(most, ou_gc.garbage_count);
        finish_found(report, dead);
        uint64_t stood = ou_pauses_total_ns() - before;
        gap(stood, ou_os_now_ns() - began - stood);
    }
    ou_gc.garbage_count = most; /* so much of the array is to be cleared */
    return n == all;
}

/* The first stop: counts that wait in inboxes are merged. From here on what others let go of is
 * kept while the hint may be reading it, if it will be made beside them. */
static int begin(ou_gc_report *report, bool *beside)
{
    ou_world_stop();
    ou_object *dead = ou_inbox_drain_all();
    ou_gc_expect();
    ou_gc_list_begin();
    int result = ou_hint_reserve();
    *beside = result == 0 && may_run_beside() && ou_epoch_read_begin();
    ou_gc_start_world(report);
    ou_objects_bury(dead);
    return result;
}

/* Pages are listed while the world stands. */
static bool make_hint(ou_gc_report *report, bool beside)
{
    return run_pass(ou_hint_list, false, report) && run_pass(ou_hint_count, beside, report) &&
           run_pass(ou_hint_clamp, beside, report) && run_pass(ou_hint_mark, beside, report) &&
           run_pass(ou_hint_collect, beside, report) && run_pass(ou_hint_group, beside, report);
}

bool ou_gc_sliced(ou_gc_report *report)
{
    bool through = false, judged = false, beside;
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
            judged = judge_all(report);
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
    return through;
}
