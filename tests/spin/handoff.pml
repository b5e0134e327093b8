/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * handoff.pml - an object changes its owner, without an atomic instruction.
 *
 * One object, born in slot 1, and three threads, each in a slot of its own, which count, pass
 * references on, give, take, and enter and find the object in one table, in any order without
 * end. Checked: what object.inc asserts (freed once, not while a reference exists, never touched
 * afterwards, posted to one inbox); that the owner's straight death returns the block to the
 * heap it came from; and that it is freed in the end (else a deadlock). Slots that sleep and
 * end are in counting.pml: to the protocol here a slot is a number. Story: docs/counting.md.
 *
 * mutant GIVE_COUNTED: the giver does not look whether others count
 * mutant GIVE_LOCAL: the giver does not look whether it holds more references itself
 * mutant GIVE_LISTED: the giver does not look whether a table points to the object
 * mutant TAKE_COUNTED: the taker does not look whether its reference is the only one
 * mutant TAKE_LISTED: the taker does not look whether a table points to the object
 * mutant TAKE_INIT: the taker leaves INIT, and a straight death takes the block for its own
 * mutant TAKE_QUEUED: the taker leaves QUEUED, and nobody posts the object to it
 */
#define OBJECTS 1
#define MANY_OWNERS
#define LOCAL_MAX 2
#define REFS_MAX 2

bool lock; /* of the table */
bool entry;
bool flag;       /* WEAKREF or INTERNED; only ever set, under the lock */
bool registered; /* ghost: at most one registration */
byte inbox_of;   /* slot whose inbox holds the object */
byte ended;

#define LISTED(o) flag
#define ou_table_lock() atomic { !lock -> lock = true }
#define ou_table_unlock() lock = false

inline ou_object_die(o)
{
    if
    :: flag -> ou_table_lock(); entry = false; ou_table_unlock()
    :: else
    fi;
    ou_object_free(o)
}

#define ou_object_die_here(o) assert(slot_of[me] == 1); ou_object_die(o)

#include "object.inc"

inline ou_give(o)
{
    t = obj[o].rc_local;
    if
#ifdef MUTANT_GIVE_LOCAL
    :: atomic { obj[o].owner == slot_of[me] -> ALIVE(o); t = 0 }
#else
    :: atomic { obj[o].owner == slot_of[me] && t == 1 -> ALIVE(o); t = 0 }
#endif
        if
#ifdef MUTANT_GIVE_COUNTED
        :: true ->
#elif defined(MUTANT_GIVE_LISTED)
        :: obj[o].state != QUEUED && obj[o].count == 0 ->
#else
        :: SHARED_IS(o, INIT, 0) || (SHARED_IS(o, MAYBE_WEAKREF, 0) && !LISTED(o)) ->
#endif
            obj[o].rc_local = 0;
            obj[o].owner = 0;
            atomic { obj[o].state = MERGED; obj[o].count = 1 }
        :: else
        fi
    :: else -> t = 0
    fi
}

inline ou_take(o)
{
    if
#ifdef MUTANT_TAKE_COUNTED
    :: atomic { obj[o].state == MERGED -> ALIVE(o) }
#else
    :: atomic { SHARED_IS(o, MERGED, 1) -> ALIVE(o) }
#endif
        if
#ifndef MUTANT_TAKE_LISTED
        :: LISTED(o)
        :: !LISTED(o) ->
#else
        :: true ->
#endif
            obj[o].rc_local = 1;
            obj[o].owner = slot_of[me];
            atomic {
#if defined(MUTANT_TAKE_INIT)
                obj[o].state = INIT;
#elif defined(MUTANT_TAKE_QUEUED)
                obj[o].state = QUEUED;
#else
                obj[o].state = MAYBE_WEAKREF;
#endif
                obj[o].count = 0
            }
        fi
    :: else
    fi
}

inline ou_register(o)
{
    ou_maybe_weakref(o);
    ou_table_lock();
    atomic { ALIVE(o); flag = true; entry = true };
    ou_table_unlock()
}

inline ou_look_up(o)
{
    ou_table_lock();
    if
    :: entry -> ou_try_incref(o)
    :: else
    fi;
    ou_table_unlock()
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
    :: refs[1].by[me] > 0 -> ou_give(1)
    :: refs[1].by[me] > 0 -> ou_take(1)
    :: atomic { refs[1].by[me] > 0 && !registered -> registered = true } ou_register(1)
    :: entry && TOTAL(1) < REFS_MAX && obj[1].rc_local < LOCAL_MAX -> ou_look_up(1)
    :: obj[1].inbox && inbox_of == slot_of[me] ->
        ou_inbox_drain(1);
        if
        :: z -> ou_object_die(1)
        :: else
        fi
    :: obj[1].freed -> break
    od;
    ended++
}

init {
    atomic {
        obj[1].owner = 1; obj[1].rc_local = 1; obj[1].state = INIT; refs[1].by[1] = 1;
        slot_of[1] = 1; slot_of[2] = 2; slot_of[3] = 3;
        run thread(1); run thread(2); run thread(3)
    }
    ended == NT;
    assert(!entry && !obj[1].inbox)
}
