/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * intern.pml - equal strings are one object, while that object may die at any moment.
 *
 * One key, one entry in each of two tables: the shard's own, and a larger one to which it may
 * grow, once, and from which it goes back when that is empty. Threads intern the key and drop
 * the result. A hit is lock-free, in an epoch: load the table, load the entry, ou_try_incref. A
 * miss, or a hit on a dying object, takes the shard lock, looks again, and replaces a dying object
 * by a new one. The dying one removes the entry only if it is still its own, and its memory goes
 * when every reader of that time has left, at once if there was never another thread; so does the
 * larger table's.
 * Checked: what object.inc asserts, and that two live objects never stand for the key. Objects
 * are not recycled here (each number is born once), and nobody passes a reference on, so that
 * none is posted. Story: docs/counting.md.
 *
 * mutant REMOVE_ANY: the dying object removes the entry without looking whose it is
 * mutant NO_EPOCH: the memory is freed without waiting for lock-free readers
 * mutant NO_SECOND_LOOK: after the lock, the table is not looked at again
 * mutant ALONE_EARLY: the dying object looks before it left the table whether it is alone
 * mutant TABLE_AT_ONCE: the larger table is freed without waiting for lock-free readers
 * mutant NOT_CLEARED: the shard's own table is used again with what stood in it
 * mutant COPY_LATE: the entry is copied to the larger table after the lock was given back
 * mutant TABLE_BEFORE_LOCK: the dying object looks in the table that was there before its lock
 * mutant KEEPS_DYING: an entry that cannot be taken is left and the new object not entered
 */
#define OBJECTS 3
#define NONE 255

bool lock; /* of the shard */
byte entry[2]; /* of each table: 0 or the number of an object */
bit table;     /* the one in use */
bool grown, table_freed;
byte slots;
byte born;  /* objects made so far */
byte ended;
bool reading[4]; /* the thread is inside an epoch */

#define ou_shard_lock() atomic { !lock -> lock = true }
#define ou_shard_unlock() lock = false
#define QUIET(i) (i == me || !reading[i])

inline ou_object_die(o)
{
#ifdef MUTANT_ALONE_EARLY
    alone = slots == 1;
#endif
#ifdef MUTANT_TABLE_BEFORE_LOCK
    w = table;
    ou_shard_lock();
#else
    ou_shard_lock();
    w = table;
#endif
    old = false;
    if
#ifdef MUTANT_REMOVE_ANY
    :: true ->
#else
    :: entry[w] == o ->
#endif
        if
        :: w == 1 ->
#ifndef MUTANT_NOT_CLEARED
            entry[0] = 0;
#endif
            table = 0; old = true
        :: else -> entry[w] = 0
        fi
    :: else
    fi;
    ou_shard_unlock();
    if
    :: old ->
#ifndef MUTANT_TABLE_AT_ONCE
        QUIET(1); QUIET(2); QUIET(3);
#endif
        table_freed = true
    :: else
    fi;
#ifndef MUTANT_ALONE_EARLY
    alone = slots == 1;
#endif
#ifndef MUTANT_NO_EPOCH
    alone || QUIET(1); alone || QUIET(2); alone || QUIET(3); /* each was seen outside once: ou_epoch_defer */
#endif
    ou_object_free(o)
}

#include "object.inc"

/* x = the object for the key, with a new reference, or 0 when the model is out of objects. */
inline ou_str_intern()
{
    reading[me] = true;
    w = table;
    atomic { assert(w == 0 || !table_freed); x = entry[w] };
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
        w = table;
        z = false;
#ifndef MUTANT_NO_SECOND_LOOK
        x = entry[w];
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
            :: x != 0 && entry[w] != 0
            :: x != 0 && entry[w] == 0 -> entry[w] = x
#else
            :: x != 0 -> entry[w] = x
#endif
            fi;
            if
            :: !grown ->
                grown = true;
#ifdef MUTANT_COPY_LATE
                table = 1; ou_shard_unlock(); ou_shard_lock(); entry[1] = entry[0]
#else
                entry[1] = entry[0]; table = 1
#endif
            :: true
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
    bit w;
    mtype s;
    bool z, q, old, alone;
    slots++; /* attaches: ou_slot_count */
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
    assert(entry[table] == 0 && !LIVE(1) && !LIVE(2) && !LIVE(3))
}
