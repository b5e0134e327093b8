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

/* Does not change its owner: what a table points to (ou_is_listed), and what has a second
 * holder (nominated: hot.h). Under an event listener objects stay merged: every count takes the
 * way that is told of. */
#define STAYS_FLAGS (OU_FL_WEAKREF | OU_FL_INTERNED | OU_FL_WATCHED | OU_FL_HOT)

OU_INLINE bool may_move(const ou_object *o, uint8_t flags)
{
    return OU_LIKELY(!(flags & STAYS_FLAGS) && o->type != OU_KIND_WEAKREF);
}

/* The caller's reference is the only one, and nobody counts locally (nor is it immortal). */
OU_INLINE bool is_ownerless(const ou_object *o, uint32_t shared, uint8_t flags)
{
    return OU_LIKELY(shared == (OU_RC_ONE | OU_RC_MERGED)) && !ou_load_relaxed(&o->rc_local) &&
           ou_load_relaxed(&o->owner) == OU_OWNER_NONE && may_move(o, flags);
}

static __attribute__((noinline)) bool give_slow(const ou_object *o)
{
    if (!is_usable(o)) {
        return refuse("give", o);
    }
    uint32_t shared = ou_load_acquire(&o->rc_shared); /* pairs: every decref of others */
    return is_ownerless(o, shared, ou_load_relaxed(&o->flags));
}

bool ou_give(ou_object *o)
{
    if (OU_UNLIKELY(ou_load_relaxed(&o->owner) != ou_self.slot)) {
        return give_slow(o); /* nobody's, dead, or the thread is not attached */
    }
    uint32_t shared = ou_load_acquire(&o->rc_shared); /* pairs: every decref of others */
    if (OU_UNLIKELY(ou_load_relaxed(&o->rc_local) != 1 || shared > OU_RC_MAYBE_WEAKREF ||
                    !may_move(o, ou_load_relaxed(&o->flags)))) {
        return false;
    }
    ou_store_relaxed(&o->rc_local, 0u);
    ou_store_release(&o->owner, OU_OWNER_NONE); /* as the merge does */
    ou_store_relaxed(&o->rc_shared, (uint32_t)(OU_RC_ONE | OU_RC_MERGED));
    return true;
}

/* The first word of a header at once. Whoever gives it wrote it in another core, so no narrow
 * store waits here to be forwarded. */
typedef uint64_t __attribute__((may_alias)) first_word;

#define FIRST_WORD(gcbits, flags) ((uint64_t)(gcbits) << 48 | (uint64_t)(flags) << 56)
#define COUNTED (((uint64_t)1 << 48) - 1) /* rc_local and owner: somebody's, or immortal */
#define STAYS FIRST_WORD(OU_GC_DEAD, STAYS_FLAGS)

static __attribute__((noinline)) bool take_slow(ou_object *o)
{
    if (!is_usable(o)) {
        return refuse("take", o);
    }
    return ou_load_relaxed(&o->owner) == ou_self.slot;
}

bool ou_take(ou_object *o)
{
    uint32_t shared = ou_load_acquire(&o->rc_shared); /* pairs: every decref of others */
    uint64_t first = ou_load_relaxed((const first_word *)o), mine = ou_self.birth;
    if (OU_UNLIKELY(shared != (OU_RC_ONE | OU_RC_MERGED) || first & (COUNTED | STAYS) ||
                    o->type == OU_KIND_WEAKREF || !mine)) {
        return take_slow(o);
    }
    if (first & FIRST_WORD(0, OU_FL_SHARED) && ou_have_membarrier) {
        /* Nobody else can be in an operation, or come to one before the pointer is published
         * again: the container has one user, as at birth. */
        first &= ~FIRST_WORD(0, OU_FL_SHARED | OU_FL_READ);
    }
    ou_store_relaxed((first_word *)o, first | mine); /* local 1, owner this slot */
    ou_store_relaxed(&o->rc_shared, (uint32_t)OU_RC_MAYBE_WEAKREF);
    OU_STAT(objects_taken, 1);
    return true;
}
