/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * weakref.pml - a table of pointers that do not count, against the last decref.
 *
 * One object, one table entry under a stripe lock. A holder of a reference may register the
 * object (ou_weakref_new); anyone may look it up (ou_weakref_get): find the pointer under the
 * lock, then ou_try_incref. Who brings the count to zero takes the lock, removes the entry, and
 * frees only then. Checked: what object.inc asserts (freed once, not while a reference exists,
 * never touched afterwards), and that the dead do not come back. Story: docs/counting.md.
 *
 * mutant STAYS_INIT: registering leaves INIT, the owner's fast death does not see the table
 * mutant FLAG_IGNORED: the owner at MAYBE_WEAKREF frees without a look at the flag
 * mutant REMOVE_LATE: the entry is removed after the memory is freed
 * mutant TRY_REVIVES: ou_try_incref accepts a merged object of count 0
 * mutant DEAD_LOOKS_IMMORTAL: the link of the list of the dead sets bit 31 of rc_local
 * mutant LOOKUP_UNLOCKED: the lookup does not take the stripe lock (and there is no epoch)
 */
#define OBJECTS 1
#define REFS_MAX 2
#define LOCAL_MAX 2
#define NONE 255

bool lock; /* of the stripe */
bool entry;
bool flag;       /* WEAKREF: set under the lock */
bool registered; /* ghost: at most one registration */
byte ended;

#define LISTED(o) flag
#define ou_stripe_lock() atomic { !lock -> lock = true }
#define ou_stripe_unlock() lock = false

inline ou_object_die(o)
{
#ifdef MUTANT_REMOVE_LATE
    ou_object_free(o);
    ou_stripe_lock(); entry = false; ou_stripe_unlock()
#else
    if
    :: flag ->
#ifdef MUTANT_DEAD_LOOKS_IMMORTAL
        obj[o].immortal = true;
#endif
        ou_stripe_lock(); entry = false; ou_stripe_unlock()
    :: else
    fi;
    ou_object_free(o)
#endif
}

#include "object.inc"

inline ou_weakref_new(o)
{
    ou_maybe_weakref(o);
    registered = true;
    ou_stripe_lock();
    atomic { ALIVE(o); flag = true };
    entry = true;
    ou_stripe_unlock()
}

inline ou_weakref_get(o)
{
#ifdef MUTANT_LOOKUP_UNLOCKED
    if
    :: entry -> ou_try_incref(o)
    :: else
    fi
#else
    ou_stripe_lock();
    if
    :: entry -> ou_try_incref(o)
    :: else
    fi;
    ou_stripe_unlock()
#endif
}

proctype thread(byte me)
{
    byte t, from;
    mtype s;
    bool z, q;
    do
    :: refs[1].by[me] > 0 && TOTAL(1) < REFS_MAX && obj[1].rc_local < LOCAL_MAX ->
        ou_incref(1)
    :: refs[1].by[me] > 0 -> ou_decref(1)
    :: atomic { refs[1].by[me] > 0 && !cell[1] -> refs[1].by[me]--; cell[1] = true }
    :: atomic { cell[1] -> cell[1] = false; refs[1].by[me]++ }
    :: atomic { refs[1].by[me] > 0 && !registered -> skip } ou_weakref_new(1)
    :: TOTAL(1) < REFS_MAX && obj[1].rc_local < LOCAL_MAX -> ou_weakref_get(1)
    :: slot_of[me] == 1 && obj[1].inbox ->
        ou_inbox_drain(1);
        if
        :: z -> ou_object_die(1)
        :: else
        fi
    :: refs[1].by[me] == 0 -> break
    od;
    if
    :: slot_of[me] == 1 -> slot_of[me] = NONE; slot = ORPHAN; ou_slot_help(1)
    :: else
    fi;
    ended++
}

init {
    atomic {
        obj[1].owner = 1; obj[1].rc_local = 1; obj[1].state = INIT; refs[1].by[1] = 1;
        slot_of[1] = 1; slot_of[2] = 2; slot_of[3] = 3;
        run thread(1); run thread(2); run thread(3)
    }
    ended == NT;
    assert(!obj[1].inbox);
    if
    :: cell[1] -> assert(!obj[1].freed && obj[1].rc_local + obj[1].count == 1)
    :: else -> assert(obj[1].freed && !entry)
    fi
}
