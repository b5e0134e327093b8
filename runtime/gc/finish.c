/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * finish.c - what happens to a garbage set once it is known. The order is that of PEP 442:
 *
 *   1 world stopped   weakrefs to members are cleared; every member gets merged counts and one
 *                     reference of the collector's, so that none dies in the middle
 *   2 world running   weakref callbacks (of weakrefs that are not members), then finalizers
 *   3 world stopped   the any-subset rule on the members alone: who was brought back, and all
 *                     that it reaches, leaves the set; weakrefs made meanwhile are cleared, and
 *                     members that are weakrefs refer to nothing any more
 *   4 world running   members are cleared, then let go: they die by counting
 *
 * A set without finalizers and weakrefs needs none of this: reclaim.c.
 */
#include "gc/children.h"
#include "gc/gc.h"
#include "object/watch.h"
#include "object/weakref.h"

/* ---- the long way -------------------------------------------------------------------------
 */

static bool not_garbage(ou_weakref *w, void *arg)
{
    (void)arg;
    return !ou_gc_is_garbage(&w->base);
}

static void chain_append(ou_weakref **list, ou_weakref *more)
{
    while (*list) {
        list = &(*list)->next;
    }
    *list = more;
}

static ou_weakref *clear_weakrefs(void)
{
    ou_weakref *notify = NULL;
    for (size_t i = 0; i < ou_gc.garbage_count; i++) {
        ou_object *o = ou_gc.garbage[i];
        if (o->flags & OU_FL_WEAKREF) {
            ou_weakref *more = ou_weakrefs_detach(o, not_garbage, NULL);
            chain_append(&more, notify);
            notify = more;
        }
    }
    return notify;
}

/* What members refer to weakly may die of what follows, if it is no member: nobody is to be
 * called then whose argument is taken apart already (CPython issue 38006). */
static void disarm_weakrefs(void)
{
    for (size_t i = 0; i < ou_gc.garbage_count; i++) {
        ou_object *o = ou_gc.garbage[i];
        if (o->type == OU_KIND_WEAKREF) {
            ou_type_get(o)->release(o);
        }
    }
}

/* Counts of a member become merged, plus one for the collector. */
static void hold(ou_object *o)
{
    int64_t total = ou_count_now(o) + 1;
    total = total > OU_COUNT_HIGH ? OU_COUNT_HIGH + 1 : total; /* saturated: immortal */
    ou_store_relaxed(&o->owner, OU_OWNER_NONE);
    ou_store_relaxed(&o->rc_local, 0u);
    ou_store_relaxed(&o->rc_shared, (uint32_t)total << 2 | OU_RC_MERGED);
}

/* Runs one finalizer; the object keeps its merged count, so coming back needs no repair. */
static void finalize_member(ou_object *o, ou_gc_report *report)
{
    if ((o->gcbits & (OU_GC_FINALIZER | OU_GC_FINALIZED)) != OU_GC_FINALIZER) {
        return;
    }
    const ou_type *type = ou_type_get(o);
    o->gcbits |= OU_GC_FINALIZED;
    ou_watch(OU_EV_FINALIZE, o, 0);
    OU_STAT(finalizers_run, 1);
    report->finalized++;
    if (type->finalize(o, type) != 0) {
        OU_STAT(finalizers_failed, 1);
        report->failed++;
    }
}

/* Members are merged, so rc_local is free to hold the count of references from outside, beside
 * the bit of those that a finalizer made immortal. */
static inline void edge_explain(ou_object *child)
{
    if (ou_gc_is_garbage(child) && !(child->rc_local & OU_IMMORTAL)) {
        child->rc_local--;
    }
}

static inline void edge_survive(ou_object *child)
{
    if (ou_gc_is_garbage(child)) {
        child->gcbits &= (uint8_t)~OU_GC_GARBAGE;
        ou_gc.stack_overflow |= ou_gc.stack_len == OU_GC_STACK_MAX;
        if (!ou_gc.stack_overflow) {
            ou_gc.stack[ou_gc.stack_len++] = child;
        } else {
            child->rc_local |= 1; /* not scanned yet: found again by the next round */
            child->gcbits |= OU_GC_GARBAGE;
        }
    }
}

static void survive_from(ou_object *o)
{
    o->rc_local &= OU_IMMORTAL;
    ou_each_child_other(o, edge_survive);
    while (ou_gc.stack_len) {
        ou_object *next = ou_gc.stack[--ou_gc.stack_len];
        next->rc_local &= OU_IMMORTAL;
        ou_each_child_other(next, edge_survive);
    }
}

/* World stopped: drops from the list who is referred to from outside again. Returns how many.
 */
static size_t remove_survivors(void)
{
    size_t kept = 0, all = ou_gc.garbage_count;
    for (size_t i = 0; i < all; i++) {
        ou_object *o = ou_gc.garbage[i];
        o->rc_local =
            ou_is_immortal(o) ? OU_IMMORTAL : (uint32_t)(ou_rc_count(o->rc_shared) - 1);
    }
    for (size_t i = 0; i < all; i++) {
        ou_each_child_other(ou_gc.garbage[i], edge_explain);
    }
    do {
        ou_gc.stack_overflow = false;
        for (size_t i = 0; i < all; i++) {
            ou_object *o = ou_gc.garbage[i];
            if (o->rc_local && ou_gc_is_garbage(o)) {
                o->gcbits &= (uint8_t)~OU_GC_GARBAGE;
                survive_from(o);
            }
        }
    } while (ou_gc.stack_overflow);
    for (size_t i = 0; i < all; i++) { /* survivors to the end, so that they can be let go */
        ou_object *o = ou_gc.garbage[i];
        o->rc_local &= OU_IMMORTAL;
        if (ou_gc_is_garbage(o)) {
            ou_gc.garbage[i] = ou_gc.garbage[kept];
            ou_gc.garbage[kept++] = o;
        }
    }
    ou_gc.garbage_count = kept;
    return all - kept;
}

static void clear_members(void)
{
    for (size_t i = 0; i < ou_gc.garbage_count; i++) {
        ou_object *o = ou_gc.garbage[i];
        const ou_type *type = ou_type_get(o);
        ou_watch(OU_EV_UNREACHABLE, o, (int64_t)ou_gc.garbage_count);
        if (type->clear) {
            type->clear(o);
        }
    }
}

size_t ou_gc_finish(ou_gc_report *report)
{
    ou_gc_flag_members();
    ou_weakref *notify = clear_weakrefs();
    for (size_t i = 0; i < ou_gc.garbage_count; i++) {
        hold(ou_gc.garbage[i]);
    }
    ou_gc_start_world(report);
    ou_weakrefs_notify(notify);
    size_t all = ou_gc.garbage_count;
    for (size_t i = 0; i < all; i++) {
        finalize_member(ou_gc.garbage[i], report);
    }
    ou_world_stop();
    ou_object *dead = ou_inbox_drain_all();
    report->resurrected += remove_survivors();
    notify = clear_weakrefs();
    disarm_weakrefs();
    ou_gc_start_world(report);
    ou_objects_bury(dead); /* finalizers may stop the world: never while it stands */
    ou_weakrefs_notify(notify);
    size_t freed = ou_gc.garbage_count;
    for (size_t i = freed; i < all; i++) {
        ou_decref(ou_gc.garbage[i]);
    }
    clear_members();
    for (size_t i = 0; i < freed; i++) {
        ou_object *o = ou_gc.garbage[i];
        o->gcbits &= (uint8_t)~OU_GC_GARBAGE;
        ou_decref(o);
    }
    return freed;
}
