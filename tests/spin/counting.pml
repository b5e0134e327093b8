/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * counting.pml - biased counts, the inbox, and slots that sleep, end and are adopted.
 *
 * One object, three threads that take, drop and pass references in any order without end; the
 * state space is finite because references are. Checked: an object is freed once, never while a
 * reference exists, never touched afterwards; when all references are gone and all threads have
 * ended, it was freed and no inbox holds it; if a reference is left, the count is exactly one.
 * Sources: Choi, Shull, Torrellas, PACT 2018; PEP 703. Story: docs/counting.md.
 *
 * mutant FREE_BLIND: the owner frees at local 0 without a look at the shared count
 * mutant OWNER_KEPT: the owner merges and stays owner
 * mutant QUEUE_SUBTRACTS: the reference given to the queue is subtracted as well
 * mutant DRAIN_KEEPS_ONE: the drain forgets the queue's reference
 * mutant PLAIN_SHARED_ADD: a foreign incref loads, adds, stores
 * mutant DRAIN_DETACHED_BARE: a poster drains for a sleeping owner without SUSPENDED
 * mutant DRAIN_ORPHAN_BARE: a poster drains an orphan slot, a new thread adopts it meanwhile
 * mutant OWNER_GONE_IGNORED: the poster does not see that the owner has merged meanwhile
 * mutant DETACH_BLIND: the inbox is not looked at again after the slot is left
 */
#define OBJECTS 1
#define ou_object_die(o) ou_object_free(o)
#include "object.inc"

#define NONE 255
#define LOCAL_MAX 3 /* owner's count; foreign decrefs can make it exceed the references */
#ifdef DEEP
#define REFS_MAX 3 /* references in the whole world */
#else
#define REFS_MAX 2
#endif
byte ended;

/* Leave slot 1: asleep in a blocking call, or for good. */
inline ou_slot_leave(to)
{
    slot = to;
#ifndef MUTANT_DETACH_BLIND
    ou_slot_help(1)
#endif
}

inline ou_safepoint()
{
    ou_inbox_drain(1);
    if
    :: z -> ou_object_die(1)
    :: else
    fi
}

proctype thread(byte me)
{
    byte t, from;
    mtype s;
    bool z, q;
#ifdef MUTANT_PLAIN_SHARED_ADD
    mtype st; short n;
#endif
    do
    :: refs[1].by[me] > 0 && TOTAL(1) < REFS_MAX && obj[1].rc_local < LOCAL_MAX ->
        ou_incref(1)
    :: refs[1].by[me] > 0 -> ou_decref(1)
    :: atomic { refs[1].by[me] > 0 && !cell[1] -> refs[1].by[me]--; cell[1] = true }
    :: atomic { cell[1] -> cell[1] = false; refs[1].by[me]++ }
    :: slot_of[me] == 1 && obj[1].inbox -> ou_safepoint()
    :: slot_of[me] == 1 -> /* ou_blocking_begin, ou_blocking_end */
        ou_slot_leave(DETACHED);
        atomic { slot == DETACHED -> slot = ATTACHED }
        ou_safepoint()
    :: slot_of[me] == 1 && refs[1].by[me] == 0 -> /* ou_thread_detach: the thread ends */
        slot_of[me] = NONE;
        ou_slot_leave(ORPHAN);
        break
    :: atomic { me == 3 && slot_of[3] != 1 && refs[1].by[3] == 0 && slot == ORPHAN ->
        slot = ATTACHED; slot_of[3] = 1 } /* ou_thread_attach: adoption */
        ou_safepoint()
    :: slot_of[me] != 1 && refs[1].by[me] == 0 -> break
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
    assert(!obj[1].inbox);
    if
    :: cell[1] -> assert(!obj[1].freed && obj[1].rc_local + obj[1].count == 1)
    :: else -> assert(obj[1].freed)
    fi
}
