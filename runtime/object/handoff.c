/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * handoff.c - an object whose only reference travels to another thread changes its owner.
 *
 *   ou_give  owner, local 1, nobody else counts, in no table   -> owner none, (MERGED, 1)
 *   ou_take  (MERGED, 1), the caller's, in no table            -> owner me, local 1,
 *                                                                 (MAYBE_WEAKREF, 0)
 *
 * Both write with plain stores: whoever holds the only reference of an object that no table
 * points to is the only one who may look at its counts. What orders the giver's stores before
 * the taker's loads is what carried the pointer. Between the two the object is an ordinary
 * merged one, so that a receiver who does not take, and a giver who could not give, count as
 * always. MAYBE_WEAKREF keeps the owner's straight death away, which would put the block into
 * the owner's heap; it came from another. Model: tests/spin/handoff.pml.
 */
#include "conf/stats.h"
#include "object/object.h"

/* A dead object is a panic, a thread that is not attached an error. */
static OU_COLD bool refuse(const char *what, const ou_object *o)
{
    ou_check_alive(what, o);
    ou_fail_detached(what);
    return false;
}

OU_INLINE bool is_usable(const ou_object *o)
{
    return OU_LIKELY(!(ou_load_relaxed(&o->gcbits) & OU_GC_DEAD) &&
                     ou_self.slot != OU_SLOT_NONE);
}

/* A nominated object (hot.h) has a second holder. Under an event listener objects stay merged:
 * every count takes the way that is told of. */
OU_INLINE bool may_move(const ou_object *o)
{
    return !ou_is_listed(o) && !(ou_load_relaxed(&o->flags) & (OU_FL_WATCHED | OU_FL_HOT));
}

/* The caller's reference is the only one, and nobody counts locally (nor is it immortal). */
OU_INLINE bool is_ownerless(const ou_object *o, uint32_t shared)
{
    return shared == (OU_RC_ONE | OU_RC_MERGED) && !ou_load_relaxed(&o->rc_local) &&
           ou_load_relaxed(&o->owner) == OU_OWNER_NONE && may_move(o);
}

bool ou_give(ou_object *o)
{
    if (!is_usable(o)) {
        return refuse("give", o);
    }
    uint32_t shared = ou_load_acquire(&o->rc_shared); /* pairs: every decref of others */
    if (ou_load_relaxed(&o->owner) != ou_self.slot) {
        return is_ownerless(o, shared);
    }
    if (ou_load_relaxed(&o->rc_local) != 1 || ou_rc_count(shared) ||
        (shared & OU_RC_STATE) > OU_RC_MAYBE_WEAKREF || !may_move(o)) {
        return false;
    }
    ou_store_relaxed(&o->rc_local, 0u);
    ou_store_release(&o->owner, OU_OWNER_NONE); /* as the merge does */
    ou_store_relaxed(&o->rc_shared, (uint32_t)(OU_RC_ONE | OU_RC_MERGED));
    return true;
}

bool ou_take(ou_object *o)
{
    if (!is_usable(o)) {
        return refuse("take", o);
    }
    uint32_t shared = ou_load_acquire(&o->rc_shared); /* pairs: every decref of others */
    if (OU_UNLIKELY(!is_ownerless(o, shared))) {
        return ou_load_relaxed(&o->owner) == ou_self.slot;
    }
    if (ou_load_relaxed(&o->flags) & OU_FL_SHARED && ou_have_membarrier) {
        /* Nobody else can be in an operation, or come to one before the pointer is published
         * again: the container has one user, as at birth. */
        ou_fetch_and_relaxed(&o->flags, (uint8_t) ~(OU_FL_SHARED | OU_FL_READ));
    }
    ou_store_relaxed(&o->rc_local, 1u);
    ou_store_relaxed(&o->owner, (uint16_t)ou_self.slot);
    ou_store_relaxed(&o->rc_shared, (uint32_t)OU_RC_MAYBE_WEAKREF);
    OU_STAT(objects_taken, 1);
    return true;
}
