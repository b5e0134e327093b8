/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * slots.pml - who holds a slot, and that nothing posted to it is forgotten.
 *
 * One slot, whose thread sleeps, comes back and ends; a new thread that may adopt it; two
 * posters. Entries of the inbox are only counted (their lives are in counting.pml). Check: one
 * thread at a time works inside the slot; nobody waits for ever; and when everything is quiet
 * and no thread is ATTACHED, the inbox is empty.
 *
 * Two pairs of store-then-load must not be reordered (Dekker): leave: state := DETACHED, then
 * load inbox; post: push, then load state. Spin's memory is sequentially consistent, so the two
 * mutants *_BUFFERED keep the store in a store buffer over the load, as a processor does
 * when the order is weaker than seq_cst. Story: docs/counting.md.
 *
 * mutant LEAVE_BLIND: the inbox is not looked at after the slot is left
 * mutant LEAVE_BUFFERED: state := DETACHED becomes visible after the load of the inbox
 * mutant PUSH_BUFFERED: the push becomes visible after the load of the state
 * mutant RESTORE_BLIND: the inbox is not looked at after SUSPENDED is given back
 * mutant RESTORE_SILENT: giving SUSPENDED back wakes nobody
 * mutant WAIT_BLIND: the sleep does not compare the sequence number
 * mutant DRAIN_BARE: a poster drains without SUSPENDED
 */
mtype = { ATTACHED, DETACHED, ORPHAN, SUSPENDED };
#define NT 4
#ifdef DEEP
#define POSTS 2 /* entries of the first poster */
#else
#define POSTS 1
#endif

mtype slot = ATTACHED;
byte inbox;
byte seq;            /* futex word: changes when the slot leaves SUSPENDED */
bool waiting[NT + 1];    /* threads asleep on seq */
byte inside;         /* ghost: threads at work in the slot */
byte ended;

inline ou_futex_wait(word, seen)
{
#ifdef MUTANT_WAIT_BLIND
    waiting[me] = true;
#else
    atomic {
        if
        :: word == seen -> waiting[me] = true
        :: else
        fi
    }
#endif
    !waiting[me]
}

inline ou_futex_wake()
{
    atomic { waiting[1] = false; waiting[2] = false; waiting[3] = false; waiting[4] = false }
}

/* inbox := empty, then work on what was in it */
inline ou_inbox_drain()
{
    atomic { inside++; assert(inside == 1) }
    inbox = 0;
    inside--
}

inline ou_slot_help()
{
    do
    :: inbox == 0 -> break
    :: else ->
        s = slot;
        if
        :: s == ATTACHED || s == SUSPENDED -> break
        :: else ->
            if
#ifdef MUTANT_DRAIN_BARE
            :: slot == s -> ou_inbox_drain()
#else
            :: atomic { slot == s -> slot = SUSPENDED }
                ou_inbox_drain();
                slot = s; /* seq_cst */
#ifndef MUTANT_RESTORE_SILENT
                seq++;
                ou_futex_wake();
#endif
#endif
#ifdef MUTANT_RESTORE_BLIND
                break
#endif
            :: slot != s
            fi
        fi
    od
}

inline ou_slot_leave(to)
{
#if defined(MUTANT_LEAVE_BLIND)
    slot = to
#elif defined(MUTANT_LEAVE_BUFFERED)
    if
    :: inbox == 0 -> slot = to
    :: inbox != 0 -> slot = to; ou_slot_help()
    fi
#else
    slot = to; /* exchange, seq_cst */
    ou_slot_help()
#endif
}

/* from DETACHED, or from ORPHAN for a new thread */
inline ou_slot_enter(origin)
{
    do
    :: r = seq;
        if
        :: atomic { slot == origin -> slot = ATTACHED } break
        :: slot == SUSPENDED -> ou_futex_wait(seq, r)
        :: slot != origin && slot != SUSPENDED && origin == ORPHAN -> goto done
        fi
    od;
    r = 0;
    ou_inbox_drain()
}

proctype holder(byte me; bool first)
{
    mtype s;
    byte r;
    if
    :: first
    :: !first -> (slot == ORPHAN); ou_slot_enter(ORPHAN)
    fi;
    do
    :: ou_inbox_drain() /* safepoint */
    :: ou_slot_leave(DETACHED); ou_slot_enter(DETACHED)
    :: break
    od;
    ou_slot_leave(ORPHAN);
done:
    ended++
}

proctype poster(byte me; byte left)
{
    mtype s;
    do
    :: left > 0 ->
        left--;
#ifdef MUTANT_PUSH_BUFFERED
        s = slot;
        inbox++;
        if
        :: s == ATTACHED || s == SUSPENDED
        :: else -> ou_slot_help()
        fi
#else
        inbox++; /* CAS, seq_cst */
        ou_slot_help()
#endif
    :: left == 0 -> break
    od;
    ended++
}

init {
    atomic { run holder(1, true); run holder(2, false); run poster(3, POSTS); run poster(4, 1) }
    ended == NT;
    assert(slot == ORPHAN && inbox == 0)
}
