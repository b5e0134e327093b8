/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * weakref.c - weak references, kept in a table beside the objects.
 *
 * The table is split into stripes by the target's address; a stripe's lock protects its buckets
 * and the `target` field of the weakrefs in them. A target's death takes the lock before its
 * memory goes; a reader holds it while it tries to take a reference. So the reader either
 * gets one in time or finds nothing (model: tests/spin/counting.pml, try_incref).
 */
#include "object/weakref.h"

#include "conf/stats.h"
#include "object/death.h"
#include "object/hot.h"
#include "os/lock.h"
#include "ouro/heap.h"

#define STRIPES 64u

typedef struct stripe {
    ou_lock lock;
    ou_weakref **buckets; /* lock */
    size_t mask;          /* lock: buckets - 1 */
    size_t count;         /* lock */
} __attribute__((aligned(64))) stripe;

static stripe stripes[STRIPES];

static stripe *stripe_of(uint64_t hash)
{
    return &stripes[hash >> 58]; /* the buckets use the low bits */
}

static ou_weakref **bucket_of(const stripe *s, uint64_t hash)
{
    return &s->buckets[hash & s->mask];
}

/* Makes room for one more; false when there is no memory and none at all before. */
static bool stripe_reserve(stripe *s)
{
    if (s->buckets && s->count <= s->mask) {
        return true;
    }
    size_t n = s->buckets ? (s->mask + 1) * 2 : 8;
    ou_weakref **grown = ou_side_alloc(n * sizeof *grown);
    if (!grown) {
        return s->buckets != NULL; /* longer chains are slower, not wrong */
    }
    memset(grown, 0, n * sizeof *grown);
    ou_weakref **old = s->buckets;
    size_t old_n = old ? s->mask + 1 : 0;
    s->buckets = grown;
    s->mask = n - 1;
    for (size_t i = 0; i < old_n; i++) {
        for (ou_weakref *w = old[i], *next; w; w = next) {
            next = w->next;
            w->next = *bucket_of(s, w->hash);
            *bucket_of(s, w->hash) = w;
        }
    }
    if (old) {
        ou_side_free(old, old_n * sizeof *old);
    }
    return true;
}

ou_object *ou_weakref_new(ou_object *target, ou_weakref_callback callback, void *arg)
{
    if (!(ou_type_get(target)->flags & OU_TF_WEAKREFS)) {
        return ou_fail_null(OU_ETYPE, "weakref: %s objects have no weak references",
                            ou_type_name(target));
    }
    ou_object_poll();
    ou_weakref *w = (ou_weakref *)ou_object_new_fixed(&ou_types[OU_KIND_WEAKREF]);
    if (!w) {
        return NULL;
    }
    w->target = target;
    w->callback = callback;
    w->arg = arg;
    w->hash = ou_mix64((uint64_t)(uintptr_t)target) * 0xD6E8FEB86659FD93u;
    ou_allow_try_incref(target);
    ou_allow_try_incref(&w->base); /* a dying target takes a reference for the callback */
    stripe *s = stripe_of(w->hash);
    ou_lock_take(&s->lock);
    bool room = stripe_reserve(s);
    uint8_t flags = 0;
    if (room) {
        flags = ou_fetch_or_acq_rel(&target->flags, (uint8_t)OU_FL_WEAKREF); /* pairs: hot.c */
        w->next = *bucket_of(s, w->hash);
        *bucket_of(s, w->hash) = w;
        s->count++;
    }
    ou_lock_give(&s->lock);
    if (!room) {
        ou_object_abandon(&w->base);
        return NULL;
    }
    ou_object_track(&w->base);
    if (OU_UNLIKELY(flags & OU_FL_HOT)) {
        ou_hot_cool(target); /* its death is to be seen at once */
    }
    return &w->base;
}

bool ou_is_weakref(const ou_object *o)
{
    return o->type == OU_KIND_WEAKREF;
}

ou_object *ou_weakref_get(ou_object *ref)
{
    if (!ou_is_weakref(ref)) {
        return ou_fail_null(OU_ETYPE, "weakref_get: %s is no weakref", ou_type_name(ref));
    }
    if (ou_is_detached()) {
        ou_fail_detached("ou_weakref_get");
        return NULL;
    }
    ou_weakref *w = (ou_weakref *)ref;
    stripe *s = stripe_of(w->hash);
    ou_lock_take(&s->lock);
    ou_object *target = w->target;
    ou_race_point();
    if (target && !ou_try_incref(target)) {
        target = NULL;
    }
    ou_lock_give(&s->lock);
    return target;
}

size_t ou_weakref_count(ou_object *target)
{
    uint64_t hash = ou_mix64((uint64_t)(uintptr_t)target) * 0xD6E8FEB86659FD93u;
    stripe *s = stripe_of(hash);
    size_t n = 0;
    ou_lock_take(&s->lock);
    for (ou_weakref *w = s->buckets ? *bucket_of(s, hash) : NULL; w; w = w->next) {
        n += w->target == target;
    }
    ou_lock_give(&s->lock);
    return n;
}

static bool any_callback(ou_weakref *w, void *arg)
{
    (void)w, (void)arg;
    return true;
}

ou_weakref *ou_weakrefs_detach(ou_object *target, bool (*wanted)(ou_weakref *, void *),
                               void *arg)
{
    uint64_t hash = ou_mix64((uint64_t)(uintptr_t)target) * 0xD6E8FEB86659FD93u;
    stripe *s = stripe_of(hash);
    ou_weakref *notify = NULL, **tail = &notify; /* newest first, as the bucket has them */
    ou_race_point();
    ou_lock_take(&s->lock);
    ou_fetch_and_relaxed(&target->flags, (uint8_t)~OU_FL_WEAKREF);
    for (ou_weakref **at = s->buckets ? bucket_of(s, hash) : NULL; at && *at;) {
        ou_weakref *w = *at;
        if (w->target != target) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        s->count--;
        w->target = NULL;
        OU_STAT(weakrefs_cleared, 1);
        if (w->callback && wanted(w, arg) && ou_try_incref(&w->base)) {
            *tail = w;
            tail = &w->next;
        }
    }
    *tail = NULL;
    ou_lock_give(&s->lock);
    return notify;
}

void ou_weakrefs_notify(ou_weakref *list)
{
    while (list) {
        ou_weakref *w = list;
        list = w->next;
        w->next = NULL;
        ou_race_point();
        w->callback(&w->base, w->arg);
        ou_decref(&w->base);
    }
}

void ou_weakrefs_die(ou_object *target)
{
    ou_weakrefs_notify(ou_weakrefs_detach(target, any_callback, NULL));
}

/* The weakref itself dies: leaves the table if its target has not taken it out already. */
static void weakref_drop(ou_object *o)
{
    ou_weakref *w = (ou_weakref *)o;
    stripe *s = stripe_of(w->hash);
    ou_race_point();
    ou_lock_take(&s->lock);
    if (w->target) {
        ou_weakref **at = bucket_of(s, w->hash);
        while (*at != w) {
            at = &(*at)->next;
        }
        *at = w->next;
        s->count--;
        w->target = NULL;
    }
    ou_lock_give(&s->lock);
}

static void weakref_traverse(ou_object *o, ou_visit visit, void *arg)
{
    (void)o, (void)visit, (void)arg; /* a weakref holds nothing */
}

void ou_weakref_define(void)
{
    static const ou_type description = {
        .name = "weakref",
        .kind = OU_KIND_WEAKREF,
        .flags = OU_TF_TRACKED | OU_TF_ID_HASH,
        .size_bytes = sizeof(ou_weakref),
        .traverse = weakref_traverse,
        .drop = weakref_drop,
        .release = weakref_drop,
    };
    ou_type_define(&description);
}
