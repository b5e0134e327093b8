/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * own.h - the owner's half of ou_guard_begin alone, for the few operations whose fast path
 * should be a straight line without a saved register: enter, work, leave, or else a tail call
 * of the general form. Same protocol, same rules: see object/guard.h.
 */
#ifndef OURO_TYPES_OWN_H
#define OURO_TYPES_OWN_H

#include "object/guard.h"
#include "object/quick.h"

/* True: the caller, whose slot is *self, is in an operation on `o`, to be ended by
 * ou_slot_op_leave. False: it is not, because it does not own `o` or must lock it. */
OU_INLINE bool ou_own_begin(const ou_object *o, ou_slot **self)
{
    if (OU_UNLIKELY(ou_load_relaxed(&o->owner) != ou_self.slot)) {
        return false;
    }
    *self = ou_self.self;
    OU_ASSERT(!(*self)->in_op);
    ou_slot_op_enter(*self); /* pairs: handshake in guard.c */
    if (OU_UNLIKELY(ou_load_seq_cst(&o->flags) & OU_FL_SHARED)) {
        ou_slot_op_leave(*self);
        return false;
    }
    return true;
}

/* The same for who keeps nothing until the end: to be ended by ou_own_leave. */
OU_INLINE bool ou_own_enter(const ou_object *o)
{
    ou_slot *self;
    return ou_own_begin(o, &self);
}

OU_INLINE void ou_own_leave(void)
{
    ou_slot_op_leave(ou_self.self);
}

#endif
