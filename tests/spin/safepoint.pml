/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * safepoint.pml - stopping the world, by two threads at once, while others come and go.
 *
 * Threads 2 and 3 stop the world; before that, thread 3 may hold slot 1 as a poster does
 * (slots.pml), and it may give up while it waits. Thread 1 is new, adopts an orphan slot,
 * works, sleeps, polls.
 * A "long computation" does nothing but poll: a poll that is lost is a deadlock here.
 * Checked: between stop and start no other thread is ATTACHED, nor does its work; every thread
 * comes to its end. Sleeping is a futex on a sequence number. Story: docs/counting.md, "Slots".
 *
 * mutant ATTACH_IGNORES_STOP: a new thread takes its slot without the CAS
 * mutant DETACHED_NOT_SUSPENDED: the requester leaves sleeping slots as they are
 * mutant SUSPENDED_SKIPPED: the requester takes a slot that a poster holds for stopped
 * mutant WAKE_UNCHECKED: who was woken attaches without the CAS
 * mutant WAIT_BLIND: the sleep does not compare the sequence number
 * mutant START_SILENT: the restart wakes nobody
 * mutant LEAVE_SILENT: a thread that detaches does not wake the requester
 * mutant LOCK_ATTACHED: a requester waits for the world's lock while ATTACHED
 * mutant POLL_CLEARED_LATE: a thread clears its poll word after the stop, not before parking
 * mutant GIVE_UP_KEEPS: who gives up does not give back the slots that stood already
 * mutant POLL_ONCE: the requester sets the poll words once, before it looks at the states
 */
#define NT 3
#ifdef DEEP
#define NAPS 3 /* times that thread 1 sleeps */
#else
#define NAPS 1
#endif

mtype = { ATTACHED, DETACHED, ORPHAN, SUSPENDED };
mtype = { RUNS, STOPS };

/* A futex on a sequence number. Instead of the number: which threads have read its present
 * value (a change clears all), and which sleep on it; one bit a thread. */
typedef futex { byte seen, asleep };

mtype state[NT + 1]; /* of slots; thread i has slot i */
bool poll[NT + 1];   /* in the slot */
bool lock;           /* of the world: one requester at a time */
bool stopping;       /* hint: do not even try to attach; progress, not safety */
futex arrived;       /* changes when a slot is left */
futex released;      /* changes when a slot leaves SUSPENDED */
byte stopper;        /* ghost: the world stands still for this thread */
byte requests = 2;   /* ghost: stops still to come */
byte ended;

#define BIT (1 << me)
#define RUNNING (state[me] == ATTACHED && (stopper == 0 || stopper == me))
#define STANDS(i) (i == me || state[i] != ATTACHED)

inline ou_futex_load(word) { word.seen = word.seen | BIT }

inline ou_futex_wait(word) /* sleeps only if the number is still the one it loaded */
{
    atomic {
        if
#ifdef MUTANT_WAIT_BLIND
        :: true -> word.asleep = word.asleep | BIT
#endif
        :: word.seen & BIT -> word.asleep = word.asleep | BIT
        :: else
        fi
    }
    !(word.asleep & BIT)
}

/* add one, wake all: a sleeper that compares in between does not sleep, so one step will do */
inline ou_futex_bump(word, wake)
{
    atomic {
        word.seen = 0;
        if
        :: wake -> word.asleep = 0
        :: else
        fi
    }
}

inline ou_slot_leave(to)
{
    state[me] = to; /* exchange, seq_cst */
#ifdef MUTANT_LEAVE_SILENT
    ou_futex_bump(arrived, false)
#else
    ou_futex_bump(arrived, true)
#endif
}

/* load released; unless the world is stopping, CAS to ATTACHED; else sleep and try again */
inline ou_slot_enter(from)
{
    do
    :: ou_futex_load(released);
        if
#ifdef MUTANT_ATTACH_IGNORES_STOP
        :: from == ORPHAN -> state[me] = ATTACHED; break
#endif
        :: !stopping -> /* may be out of date at once; the CAS decides */
            if
            :: atomic { state[me] == from -> state[me] = ATTACHED } break
            :: else -> ou_futex_wait(released)
            fi
        :: else -> ou_futex_wait(released)
#ifdef MUTANT_WAKE_UNCHECKED
            state[me] = ATTACHED; break
#endif
        fi
    od;
    released.seen = released.seen & ~BIT
}

inline ou_safepoint()
{
#ifdef MUTANT_POLL_CLEARED_LATE
    ou_slot_leave(DETACHED);
    ou_slot_enter(DETACHED);
    poll[me] = false
#else
    poll[me] = false; /* still ATTACHED: whoever asks from here on asks again */
    ou_slot_leave(DETACHED);
    ou_slot_enter(DETACHED)
#endif
}

inline ou_world_stop()
{
#ifdef MUTANT_LOCK_ATTACHED
    atomic { !lock -> lock = true };
#else
    ou_slot_leave(DETACHED); /* waiting for the lock is a blocking region */
    atomic { !lock -> lock = true };
    ou_slot_enter(DETACHED);
#endif
    stopping = true;
#ifdef MUTANT_POLL_ONCE
    for (i : 1 .. NT) {
        if
        :: i != me && state[i] == ATTACHED -> poll[i] = true
        :: else
        fi
    }
#endif
    for (i : 1 .. NT) {
        do
        :: i == me || gave_up -> break
        :: i != me && me == 3 && (state[i] == ATTACHED || state[i] == SUSPENDED) ->
            gave_up = true; break /* ou_world_try_stop: its time is over */
        :: i != me && !gave_up ->
            ou_futex_load(arrived);
            st = state[i];
            if
            :: st == ATTACHED ->
#ifndef MUTANT_POLL_ONCE
                poll[i] = true;
#endif
                ou_futex_wait(arrived)
            :: st == SUSPENDED -> /* a poster's: it gives it back and wakes us */
#ifdef MUTANT_SUSPENDED_SKIPPED
                break
#else
                ou_futex_wait(arrived)
#endif
            :: else ->
#ifdef MUTANT_DETACHED_NOT_SUSPENDED
                break
#else
                if
                :: atomic { state[i] == st -> state[i] = SUSPENDED; saved[i] = st } break
                :: else
                fi
#endif
            fi
        od
    }
    atomic {
        arrived.seen = arrived.seen & ~BIT;
        if
        :: gave_up
        :: else -> stopper = me; assert(STANDS(1) && STANDS(2) && STANDS(3))
        fi
    }
}

inline ou_world_start()
{
    if
    :: stopper == me -> stopper = 0
    :: else
    fi;
    stopping = false;
    for (i : 1 .. NT) {
        if
#ifdef MUTANT_GIVE_UP_KEEPS
        :: gave_up
#endif
        :: i != me && saved[i] != 0 -> state[i] = saved[i]; saved[i] = 0
        :: else
        fi
    }
    i = 0;
#ifdef MUTANT_START_SILENT
    ou_futex_bump(released, false);
#else
    ou_futex_bump(released, true);
#endif
    gave_up = false;
    lock = false
}

/* What a poster does with a slot that nobody holds; the drain itself is in slots.pml. */
inline ou_slot_help(n)
{
    st = state[n];
    if
    :: atomic { st == DETACHED || st == ORPHAN -> skip }
        if
        :: atomic { state[n] == st -> state[n] = SUSPENDED }
            state[n] = st; /* seq_cst */
            ou_futex_bump(arrived, true);
            ou_futex_bump(released, true)
        :: else
        fi
    :: else
    fi
}

proctype thread(byte me; mtype does; bool helps; byte naps)
{
    byte i;
    bool gave_up;
    mtype st, saved[NT + 1];
    if
    :: state[me] != ATTACHED -> ou_slot_enter(ORPHAN)
    :: else
    fi;
    do
    :: poll[me] -> ou_safepoint()
    :: !poll[me] && naps > 0 -> naps--; ou_slot_leave(DETACHED); ou_slot_enter(DETACHED)
    :: !poll[me] && helps -> helps = false; ou_slot_help(1)
    :: !poll[me] && does == STOPS ->
        ou_world_stop();
        ou_world_start();
        does = RUNS;
        requests--
    :: !poll[me] && does == RUNS -> /* a long computation */
        assert(RUNNING);
        (poll[me] || requests == 0);
        assert(RUNNING)
    :: !poll[me] && does == RUNS -> break
    od;
    ou_slot_leave(ORPHAN);
    ended++
}

init {
    atomic {
        state[1] = ORPHAN; state[2] = ATTACHED; state[3] = ATTACHED;
        run thread(1, RUNS, false, NAPS);
        run thread(2, STOPS, false, 0);
        run thread(3, STOPS, true, 0)
    }
    ended == NT
}
