/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * quick.h - births and deaths that nobody must be told of, as straight lines without a call.
 * For the types floor, which knows what its objects hold.
 *
 * Birth:  o = ou_quick_new(type, bin, bits)     NULL: take the long way (ou_object_new); with
 *         ... or ou_quick_new_polled            a safepoint before it
 *         ...fields and references...
 * Death:  type->die(o, type), called by ou_decref_last:
 *         ou_quick_dies()                       false: ou_quick_die_long(o, refs, refs)
 *         rest = ou_quick_drop(refs, end, ...)  rest < end: some reference needs more than a
 *                                               subtraction: ou_quick_die_long(o, refs, rest)
 *         ou_quick_free(o, bin)
 *
 * Why no weakref and no intern entry can be there: whoever makes one leaves the state INIT
 * first (docs/counting.md), and ou_decref_last calls `die` in state INIT only. Why the block is
 * of this thread's heap: the owning slot has the id of the heap it gave the block from, and
 * only finalizers bring an object back under another owner.
 */
#ifndef OURO_OBJECT_QUICK_H
#define OURO_OBJECT_QUICK_H

#include "object/object.h"

OU_INLINE ou_object *ou_quick_birth(uint64_t first, const ou_type *type, uint32_t bin,
                                    uint64_t bits)
{
    ou_object *o = ou_heap_pop_object(bin);
    if (OU_UNLIKELY(!o)) {
        return NULL;
    }
    first |= type->birth | bits << 48;
    ptrdiff_t known = type - ou_types; /* a built-in type: no load */
    uint64_t second = (uint64_t)(__builtin_constant_p(known) ? known : type->index) << 32;
    memcpy(o, &first, sizeof first);
    memcpy((char *)o + 8, &second, sizeof second);
    return o;
}

/* Block and header of an object of the size of `bin`, `bits` being added to its gcbits. Given a
 * constant type, its index is one as well. */
OU_INLINE ou_object *ou_quick_new(const ou_type *type, uint32_t bin, uint64_t bits)
{
    uint64_t first = ou_self.birth;
    if (OU_UNLIKELY(!first || ou_load_relaxed(&ou_special) || OU_ASAN)) {
        return NULL;
    }
    return ou_quick_birth(first, type, bin, bits);
}

/* The same behind a safepoint: NULL also when somebody wants the thread there. The long way
 * begins with ou_object_poll. */
OU_INLINE ou_object *ou_quick_new_polled(const ou_type *type, uint32_t bin, uint64_t bits)
{
    uint64_t first = ou_self.birth;
    if (OU_UNLIKELY(!first || OU_ASAN) ||
        OU_UNLIKELY(ou_load_relaxed(&ou_special) | ou_load_relaxed(&ou_self.self->poll))) {
        return NULL;
    }
    return ou_quick_birth(first, type, bin, bits);
}

/* The collector may look from here on; for a constant `bits`, no load of what was just written.
 */
OU_INLINE void ou_quick_track(ou_object *o)
{
    ou_store_release(&o->gcbits, (uint8_t)(OU_GC_ALIVE | OU_GC_TRACKED));
}

/* One more reference without a call; false when another slot owns `o`: ou_incref then. */
OU_INLINE bool ou_own_incref(ou_object *o)
{
    uint32_t local = ou_load_relaxed(&o->rc_local);
    if (OU_UNLIKELY((int32_t)local < 0)) {
        return true; /* immortal */
    }
    if (OU_UNLIKELY(ou_load_relaxed(&o->owner) != ou_self.slot)) {
        return false;
    }
    ou_store_relaxed(&o->rc_local, local + 1);
    return true;
}

/* One reference less without a call; false when it is the last, or another slot's. */
OU_INLINE bool ou_own_decref(ou_object *o)
{
    uint32_t local = ou_load_relaxed(&o->rc_local);
    if (OU_LIKELY(ou_load_relaxed(&o->owner) == ou_self.slot && (int32_t)local > 1)) {
        ou_store_relaxed(&o->rc_local, local - 1);
        return true;
    }
    return (int32_t)local < 0; /* immortal */
}

/* Gives the block of a dead object, of this thread's heap and of `bin`, back. */
OU_INLINE void ou_quick_free(ou_object *o, uint32_t bin)
{
    ou_header_bury(o);
    ou_heap_put_object(ou_heap_current(), bin, o);
}

/* ou_decref, for whoever drops many: the death of a plain object, which is over in a few
 * stores, needs no call (see ou_decref_last). */
OU_INLINE void ou_quick_decref(ou_object *o)
{
    uint32_t local = ou_load_relaxed(&o->rc_local);
    if (OU_UNLIKELY(ou_load_relaxed(&o->owner) != ou_self.slot || local != 1)) {
        ou_decref(o);
        return;
    }
    const ou_type *type = ou_type_get(o);
    if (OU_UNLIKELY(ou_load_acquire(&o->rc_shared) != OU_RC_INIT ||
                    !(type->flags & OU_TF_PLAIN) || ou_load_relaxed(&ou_special) || OU_ASAN)) {
        ou_decref_last(o);
        return;
    }
    ou_quick_free(o, type->bin);
}

/* Drops references, of which some may be NULL if `gaps`, until one needs a call: the place of
 * that, or `end`. */
OU_INLINE ou_object **ou_quick_drop(ou_object **refs, ou_object **end, bool gaps)
{
    for (; refs != end; refs++) {
        ou_object *o = *refs;
        if ((!gaps || o) && OU_UNLIKELY(!ou_own_decref(o))) {
            break;
        }
    }
    return refs;
}

/* May the caller end this container where it stands? */
OU_INLINE bool ou_quick_dies(void)
{
    return OU_LIKELY(!ou_load_relaxed(&ou_special) && !ou_self.dying && !OU_ASAN);
}

/* The rest of a death: the references of `o` from `refs` to `rest` are gone already and become
 * NULL. */
void ou_quick_die_long(ou_object *o, ou_object **refs, ou_object **rest);

#endif
