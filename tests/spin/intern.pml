/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * intern.pml - equal strings are one object, while that object may die at any moment.
 *
 * One key, one table entry; threads intern the key and drop the result. A hit is lock-free, in
 * an epoch: load the entry, ou_try_incref. A miss, or a hit on a dying object, takes the shard
 * lock, looks again, and replaces a dying object by a new one. The dying one removes the entry
 * only if it is still its own, and its memory goes when every reader of that time has left.
 * Checked: what object.inc asserts, and that two live objects never stand for the key. Objects
 * are not recycled here (each number is born once), and nobody passes a reference on, so that
 * none is posted. Story: docs/counting.md.
 *
 * mutant REMOVE_ANY: the dying object removes the entry without looking whose it is
 * mutant NO_EPOCH: the memory is freed without waiting for lock-free readers
 * mutant NO_SECOND_LOOK: after the lock, the table is not looked at again
 * mutant KEEPS_DYING: an entry that cannot be taken is left and the new object not entered
 */
#define OBJECTS 3
#define NONE 255

bool lock; /* of the shard */
byte entry; /* 0 or the number of an object */
byte born;  /* objects made so far */
byte ended;
bool reading[4]; /* the thread is inside an epoch */

#define ou_shard_lock() atomic { !lock -> lock = true }
#define ou_shard_unlock() lock = false
#define QUIET(i) (i == me || !reading[i])

inline ou_object_die(o)
{
    ou_shard_lock();
#ifdef MUTANT_REMOVE_ANY
    entry = 0;
#else
    if
    :: entry == o -> entry = 0
    :: else
    fi;
#endif
    ou_shard_unlock();
#ifndef MUTANT_NO_EPOCH
    QUIET(1); QUIET(2); QUIET(3); /* each was seen outside once: ou_epoch_defer */
#endif
    ou_object_free(o)
}

#include "object.inc"

/* x = the object for the key, with a new reference, or 0 when the model is out of objects. */
inline ou_str_intern()
{
    reading[me] = true;
    x = entry;
    z = false;
    if
    :: x != 0 -> ou_try_incref(x)
    :: else
    fi;
    reading[me] = false;
    if
    :: z
    :: else ->
        ou_shard_lock();
        z = false;
#ifndef MUTANT_NO_SECOND_LOOK
        x = entry;
        if
        :: x != 0 -> ou_try_incref(x)
        :: else
        fi;
#endif
        if
        :: z
        :: else ->
            atomic {
                if
                :: born < OBJECTS ->
                    born++; x = born;
                    obj[x].owner = slot_of[me]; obj[x].rc_local = 1;
                    obj[x].state = MAYBE_WEAKREF; refs[x].by[me] = 1
                :: else -> x = 0
                fi
            }
            if
            :: x == 0
#ifdef MUTANT_KEEPS_DYING
            :: x != 0 && entry != 0
            :: x != 0 && entry == 0 -> entry = x
#else
            :: x != 0 -> entry = x
#endif
            fi
        fi;
        ou_shard_unlock()
    fi;
    z = false
}

#define LIVE(o) (TOTAL(o) > 0)

proctype thread(byte me; byte rounds)
{
    byte t, from, x;
    mtype s;
    bool z, q;
    do
    :: rounds > 0 ->
        rounds--;
        ou_str_intern();
        assert(LIVE(1) + LIVE(2) + LIVE(3) <= 1);
        if
        :: x != 0 -> ou_decref(x)
        :: else
        fi;
        x = 0
    :: rounds == 0 -> break
    od;
    ended++
}

init {
    atomic {
        slot_of[1] = 1; slot_of[2] = 2; slot_of[3] = 3;
        run thread(1, 2); run thread(2, 2); run thread(3, 1)
    }
    ended == NT;
    assert(entry == 0 && !LIVE(1) && !LIVE(2) && !LIVE(3))
}
