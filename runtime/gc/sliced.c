/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * sliced.c - a collection in many short stops (docs/gc.md). The hint is made, then its groups
 * are judged: a group within one stop, as many as fit. What was found dead in a stop is
 * finished before the next one.
 */
#include "conf/conf.h"
#include "gc/children.h"
#include "gc/sliced.h"
#include "gc/verify.h"
#include "ouro/runtime.h"

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

/* World stopped, inboxes merged: the any-subset rule on one group. */
static void group_judge(uint32_t root, ou_gc_report *report)
{
    ou_suspect *s;
    group_count(root);
    group_spread_life(root);
    EACH_MEMBER(s, root, n)
    {
        ou_object *o = s->object;
        report->false_suspects += s->state != OU_SUSPECT_INSIDE;
        if (s->state == OU_SUSPECT_INSIDE) {
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
static void gap(uint64_t began)
{
    uint64_t took = (ou_os_now_ns() - began) / ou_gc_pacing_share();
    ou_blocking_begin();
    ou_os_wait(&ou_gc_hurry, 0, took);
    ou_blocking_end();
}

static bool hurried(void)
{
    return ou_load_relaxed(&ou_gc_hurry) != 0;
}

/* A pass of the hint from begin to end; false when it was given up. */
static bool run_pass(ou_gc_pass pass, ou_gc_report *report)
{
    ou_hint_rewind();
    for (;;) {
        uint64_t began = ou_os_now_ns();
        ou_world_stop();
        bool through = pass(ou_os_now_ns() + slice_ns());
        ou_gc_start_world(report);
        if (through || hurried()) {
            return through;
        }
        gap(began);
    }
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
        ou_gc_reclaim_by_header();
        ou_deaths_release(deaths);
    }
    ou_objects_bury(dead);
}

/* False: it gave way before all were judged. */
static bool judge_all(ou_gc_report *report)
{
    uint32_t n = 0, all = ou_gc_hint.suspect_count;
    size_t most = 0;
    while (n < all && !hurried()) {
        uint64_t began = ou_os_now_ns();
        ou_world_stop();
        uint64_t until = ou_os_now_ns() + slice_ns();
        ou_object *dead = ou_inbox_drain_all();
        ou_gc.garbage_count = 0;
        ou_gc.special = false;
        for (; n < all && ou_os_now_ns() < until; n++) {
            if (ou_hint_root(n) == n) {
                group_judge(n, report);
            }
        }
        most = ou_max(most, ou_gc.garbage_count);
        finish_found(report, dead);
        gap(began);
    }
    ou_gc.garbage_count = most; /* so much of the array is to be cleared */
    return n == all;
}

/* The first stop: counts that wait in inboxes are merged. */
static int begin(ou_gc_report *report)
{
    ou_world_stop();
    ou_object *dead = ou_inbox_drain_all();
    ou_gc_expect();
    ou_gc_list_begin();
    int result = ou_hint_reserve();
    ou_gc_start_world(report);
    ou_objects_bury(dead);
    return result;
}

bool ou_gc_sliced(ou_gc_report *report)
{
    bool through = false, judged = false;
    ou_gc.stack_len = 0;
    ou_gc.stack_overflow = false;
    if (!ou_blocks_from_malloc && begin(report) == 0) {
        if (run_pass(ou_hint_list, report) && run_pass(ou_hint_count, report)) {
            ou_hint_clamp();
            through = run_pass(ou_hint_mark, report) && run_pass(ou_hint_collect, report) &&
                      run_pass(ou_hint_group, report);
        }
        if (through) {
            report->suspects = ou_gc_hint.suspect_count;
            report->growth_bytes = ou_gc_pacing_growth();
            ou_gc_pacing_hinted();
            ou_gc_expect_suspects();
            judged = judge_all(report);
        }
        ou_gc_expect_end(report, judged);
        ou_hint_release();
    }
    ou_gc.stack_len = 0;
    ou_gc.stack_overflow = false;
    report->examined = ou_gc.examined;
    ou_gc_release_memory();
    return through;
}
