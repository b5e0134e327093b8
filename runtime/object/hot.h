/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * object/hot.h - objects that many threads count at once are counted by each slot for itself.
 *
 * operation            | who                       | what
 * ---------------------+---------------------------+-----------------------------------------
 * count on a hot one   | any attached thread       | its slot's counter, plain (inlined:
 *                      |                           | ouro/object.h)
 * nominate             | a thread in ou_incref_slow| flag HOT by CAS; then a reference
 * promote, cool        | whoever stopped the world | header, table, everybody's counters
 *
 * A hot object has owner OU_OWNER_HOT, in rc_local its place in the table, in rc_shared
 * (MERGED, its count at promotion, the table's reference with it). Nobody writes its header, so
 * its line stays in every core. References = that count + the counters of all slots - 1. Story:
 * docs/counting.md; model: tests/spin/hot.pml.
 */
#ifndef OURO_OBJECT_HOT_H
#define OURO_OBJECT_HOT_H

#include "object/object.h"

/* No slot has this id, nor does the link of a dead object look like it (count.c). */
static_assert(OU_OWNER_HOT >= OU_SLOT_MAX && OU_OWNER_HOT == UINT16_MAX, "no slot");

/* Looks out for objects that this slot counts by atomics again and again. */
typedef struct ou_hot_scout {
    ou_object *nominee;      /* owner; stopped world. Holds a reference, has flag HOT */
    const ou_object *sample; /* owner: what was looked at last; may be dead */
    uint32_t streak;         /* owner: looks that found the same object */
    uint32_t pause;  /* owner: `until_look` after the last promotion that found no stop */
    uint64_t random; /* owner: when to look next */
} __attribute__((aligned(64))) ou_hot_scout;

/* By slot; untouched pages cost nothing. */
extern OU_HIDDEN ou_hot_scout ou_hot_scouts[OU_SLOT_MAX];

/* A foreign increment of `o` is looked at closer: nominates what is met again and again. */
void ou_hot_look(ou_object *o, ou_hot_scout *scout);

/* Seams of the intern table. An interned string has a memory of its own for looks, and becomes
 * immortal where others get a place: met, a look found it, true = nominate; keep, world
 * stopped, true = for good. */
extern bool (*ou_hot_name_met)(ou_object *o);
extern bool (*ou_hot_name_keep)(ou_object *o);

/* Safepoint of a thread that has nominated (OU_POLL_HOT): stops the world, promotes. */
void ou_hot_promote(void);

/* World stopped: every count is in its header again; the dead are added to the list. */
void ou_hot_cool_all(ou_object **dead);

/* World stopped, caller has a reference: the same for `o` alone, if it is hot or nominated. */
void ou_hot_cool_one(ou_object *o);

/* Safepoint, caller has a reference: the same. */
void ou_hot_cool(ou_object *o);

/* References of a hot object; of a nominated one, those that are not references of ours. */
int64_t ou_hot_count(const ou_object *o);

OU_INLINE bool ou_is_hot(const ou_object *o)
{
    return ou_load_relaxed(&o->owner) == OU_OWNER_HOT;
}

OU_INLINE void ou_hot_sample(ou_object *o)
{
    if (OU_UNLIKELY(ou_self.until_look-- == 0)) {
        ou_hot_look(o, &ou_hot_scouts[ou_self.slot]);
    }
}

#endif
