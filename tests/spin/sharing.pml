/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * sharing.pml - a container that its owner changes without a lock until somebody else comes.
 *
 * The owner says in_op, looks at SHARED, works. A foreigner sets SHARED and LOCKED by one
 * CAS; if SHARED was not set before, it makes the handshake *while it holds the lock*:
 * membarrier, then wait until in_op is 0. A second foreigner finds the lock taken, hence waits
 * for the handshake of the first without knowing of it. No second bit is needed.
 *
 * Plain stores of owners go into a store buffer (first in first out, as x86; each load of its
 * own thread sees it) and become visible at any later time; an atomic read-modify-write
 * waits until it is empty. membarrier() returns when every thread's buffer was empty once. The
 * slot has two threads in turn: the first may end, the second adopts slot and ownership. The
 * owner may merge the object (owner 0) at any time between two operations.
 *
 * Checked: no update is lost, nobody waits for ever. Sources: lock reservation
 * (Kawachiya et al., OOPSLA 2002), asymmetric Dekker (Dice et al., 2001), membarrier(2). Story:
 * docs/sharing.md.
 *
 * mutant NO_MEMBARRIER: the foreigner only looks at in_op
 * mutant NO_WAIT: the foreigner does not wait for in_op
 * mutant CHECK_FIRST: the owner looks at SHARED before it says in_op
 * mutant SHARED_BEFORE_LOCK: SHARED first, handshake, then lock: the second one gets in earlier
 * mutant LOCK_IN_OP: the owner waits for a lock while in_op is 1
 * mutant THREAD_BEFORE_BARRIER: in_op is per thread; the thread is looked up before the barrier
 */
#define SLOT 1

mtype = { IN_OP, DATA, OWNER };
mtype = { ATTACHED, ORPHAN };

bool shared, locked;   /* bits of o->flags */
byte owner = SLOT;     /* o->owner */
byte data, done;       /* the container; ghost: operations finished on it */
bool in_op[2];         /* [0] only, in the slot; the mutant keeps one per thread */
mtype slot = ATTACHED;
byte holder;           /* thread that has the slot: 0, then 1 */
byte ended;

chan sb0 = [4] of { mtype, byte }; /* store buffers of the two threads of the slot */
chan sb1 = [4] of { mtype, byte };
byte pending[2], newest[2]; /* stores of `data` still in the buffer; value of the last one */

#ifdef MUTANT_THREAD_BEFORE_BARRIER
#define MINE me
#else
#define MINE 0
#endif
#define DRAINED (len(sb) == 0)

proctype store_buffer(byte me; chan sb)
{
    byte v;
end:
    do
    :: atomic { sb ? IN_OP(v) -> in_op[MINE] = v; v = 0 }
    :: atomic { sb ? DATA(v) -> data = v; pending[me]--; v = 0 }
    :: atomic { sb ? OWNER(v) -> owner = v }
    od
}

/* data = data + 1, in two steps, as the owner's processor sees it */
inline mutate_buffered()
{
    if
    :: atomic { pending[me] > 0 -> t = newest[me] }
    :: atomic { pending[me] == 0 -> t = data }
    fi;
    atomic { sb ! DATA(t + 1); newest[me] = t + 1; pending[me]++; t = 0; done++ }
}

inline ou_lock_owner()
{
    atomic { DRAINED && !locked -> locked = true };
    mutate_buffered();
    atomic { DRAINED -> locked = false }
}

/* One operation by the thread that holds the slot. */
inline ou_op_owner()
{
    if
    :: merged || owner != SLOT -> ou_lock_owner()
    :: else ->
#ifdef MUTANT_CHECK_FIRST
        t = shared;
        sb ! IN_OP(1);
#else
        sb ! IN_OP(1);
        t = shared;
#endif
        if
        :: t -> t = 0;
#ifdef MUTANT_LOCK_IN_OP
            ou_lock_owner();
            sb ! IN_OP(0)
#else
            sb ! IN_OP(0);
            ou_lock_owner()
#endif
        :: else ->
            mutate_buffered();
            sb ! IN_OP(0)
        fi
    fi
}

proctype thread_of_slot(byte me; chan sb; byte ops)
{
    byte t;
    bool merged;
    atomic { holder == me && (me == 0 || slot == ORPHAN) -> slot = ATTACHED }
    do
    :: ops > 0 -> ops--; ou_op_owner()
    :: !merged -> merged = true; sb ! OWNER(0) /* release: after all it did before */
    :: break
    od;
    atomic { DRAINED -> slot = ORPHAN; holder = me + 1 } /* exchange: a full fence */
    ended++
}

inline ou_share_handshake()
{
#ifndef MUTANT_NO_MEMBARRIER
    (len(sb0) == 0);
    (len(sb1) == 0);
#endif
#ifdef MUTANT_THREAD_BEFORE_BARRIER
    !in_op[who]
#elif !defined(MUTANT_NO_WAIT)
    !in_op[0]
#else
    skip
#endif
}

proctype foreigner(byte ops)
{
    byte o, t, who;
    bool first;
    do
    :: ops > 0 ->
        ops--;
        o = owner; /* acquire: 0 = all the owner did without a lock is visible */
        who = (holder > 1 -> 1 : holder);
#ifdef MUTANT_SHARED_BEFORE_LOCK
        atomic { first = !shared; shared = true }
        if
        :: first && o != 0 -> ou_share_handshake()
        :: else
        fi;
        atomic { !locked -> locked = true };
#else
        atomic { !locked -> locked = true; first = !shared; shared = true }
        if
        :: first && o != 0 -> ou_share_handshake()
        :: else
        fi;
#endif
        t = data;
        atomic { data = t + 1; done++; t = 0; o = 0; who = 0 }
        locked = false
    :: ops == 0 -> break
    od;
    ended++
}

init {
    atomic {
        run store_buffer(0, sb0); run store_buffer(1, sb1);
        run thread_of_slot(0, sb0, 2); run thread_of_slot(1, sb1, 2);
        run foreigner(2); run foreigner(1)
    }
    ended == 4 && len(sb0) == 0 && len(sb1) == 0;
    assert(data == done)
}
