/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * guard.h - who may work on a container now. Biased locking with an asymmetric handshake.
 *
 * - owner, not SHARED: in_op = 1; look at SHARED; work; in_op = 0 (no atomic instruction)
 * - anyone else: take LOCKED; the first one sets SHARED, makes the owner's stores visible with
 *   membarrier, waits until the owner is out of its operation; work; release LOCKED
 * - owner, SHARED: LOCKED like everyone
 *
 * SHARED only ever changes under LOCKED and is never taken back. Between begin and end: no
 * safepoint, no ou_decref (it may kill), no second guard. Model: tests/spin/sharing.pml.
 *
 * A SHARED container that is looked at again and again becomes READ: then who only looks takes
 * no lock.
 *
 * - look: in_op = 1; look at READ; load, count what was found; in_op = 0
 * - change of a word (an item, a value, a length): LOCKED like everyone, beside those who look;
 *   what fell out is dropped by ou_guard_drop, when they have left
 * - other changes: LOCKED; take READ back and wait until nobody looks: ou_guard_alone
 *
 * Story: docs/sharing.md; model: tests/spin/reading.pml.
 *
 * With ThreadSanitizer, which knows nothing of membarrier, the owner's store and load are
 * sequentially consistent instead: the same protocol with stronger orders.
 */
#ifndef OURO_OBJECT_GUARD_H
#define OURO_OBJECT_GUARD_H

#include "object/object.h"
#include "thread/slot.h"

/* LOOK: not alone. READ: locked, but others look. REFUSED: the calling thread is not attached.
 * OU_ESTATE is set, there is nothing to end. Only the slow half says so, so that who asks for
 * it pays nothing on the owner's way. */
typedef enum ou_guard {
    OU_GUARD_OWNER,
    OU_GUARD_LOOK,
    OU_GUARD_LOCKED,
    OU_GUARD_READ,
    OU_GUARD_REFUSED
} ou_guard;

ou_guard ou_guard_slow(ou_object *o);

OU_INLINE ou_guard ou_guard_begin(ou_object *o)
{
    if (OU_LIKELY(ou_load_relaxed(&o->owner) == ou_self.slot)) {
        ou_slot *self = ou_self.self;
        OU_ASSERT(!self->in_op);
        ou_slot_op_enter(self); /* pairs: handshake in guard.c */
        if (OU_LIKELY(!(ou_load_seq_cst(&o->flags) & OU_FL_SHARED))) {
            ou_race_point();
            return OU_GUARD_OWNER;
        }
        ou_slot_op_leave(self);
    }
    return ou_guard_slow(o);
}

OU_INLINE void ou_guard_end(ou_object *o, ou_guard guard)
{
    if (OU_LIKELY(guard <= OU_GUARD_LOOK)) {
        ou_slot_op_leave(ou_self.self);
    } else {
        ou_fetch_and_release(&o->flags, (uint8_t)~OU_FL_LOCKED); /* pairs: guard_lock */
    }
}

/* The lock of a call that only looks; makes what is looked at often READ. */
ou_guard ou_guard_look_slow(ou_object *o);

/* Its way without the lock: true: the caller looks, until ou_epoch_leave. */
OU_INLINE bool ou_look_enter(const ou_object *o)
{
    if (OU_LIKELY(ou_load_relaxed(&o->flags) & OU_FL_READ && !ou_is_detached())) {
        ou_epoch_enter(); /* pairs: ou_guard_alone_slow, ou_guard_drop */
        if (OU_LIKELY(ou_load_seq_cst(&o->flags) & OU_FL_READ)) {
            ou_race_point();
            return true;
        }
        ou_epoch_leave();
    }
    return false;
}

/* The guard of a call that only looks, and has found the owner's way closed. Words that others
 * store are loaded by acquire, once; arrays and tables stay where they are until the end. */
OU_INLINE ou_guard ou_guard_look(ou_object *o)
{
    return ou_look_enter(o) ? OU_GUARD_LOOK : ou_guard_look_slow(o);
}

/* Inside a guard that is not for looking: from here to its end nobody looks. */
void ou_guard_alone_slow(ou_object *o);

OU_INLINE void ou_guard_alone(ou_object *o)
{
    if (OU_UNLIKELY(ou_load_relaxed(&o->flags) & OU_FL_READ)) {
        ou_guard_alone_slow(o);
    }
}

/* After the guard: drops what stood in the container, or NULL. */
OU_INLINE void ou_guard_drop(ou_guard guard, ou_object *o)
{
    if (OU_UNLIKELY(guard == OU_GUARD_READ && o)) {
        ou_epoch_drop(o);
    } else {
        ou_xdecref(o);
    }
}

#endif
