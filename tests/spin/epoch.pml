/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * epoch.pml - side storage that is changed while the collector reads it without the guard.
 *
 * Two owners each change the array of a list of their own, without a lock; the collector reads
 * both beside them. While it does, an array that falls out is retired: freed after everybody
 * was seen outside of a section once, membarrier before the look. The collector's in_op goes
 * through a store buffer, so it may load before others can see it inside. It begins while the
 * world stands, that is, between two operations of everybody.
 *
 * Checked: what a section found is neither freed nor another block by its end, the length goes
 * with the array, and nobody waits for ever. Sources: user-space RCU with membarrier
 * (Desnoyers, McKenney et al., 2012). Story: docs/memory-model.md, *Reading without a lock*.
 *
 * mutant FREE_AT_ONCE: the owner frees what falls out although the collector reads
 * mutant NO_BARRIER: who frees looks at in_op without membarrier
 * mutant NO_WAIT: who frees does not wait for in_op
 * mutant PUBLISH_LATE: the old array is retired and freed before the new one is in its place
 * mutant BEGIN_RUNNING: the collector begins in the middle of somebody's operation
 * mutant WAIT_FOR_ALL: an owner inside its operation waits for the operations of all others
 * mutant NO_SECOND_LOOK: the reader does not look at the array again after the length
 * mutant LEN_FIRST: the reader loads the length before the array
 * mutant GROW_LEN_FIRST: the owner writes the length before the larger array
 * mutant SHRINK_LEN_LAST: the owner writes the length after the smaller array
 */
#define OWNERS 2
#define NONE 0
#define BLOCKS 6 /* 1..3 are the first owner's, 4..6 the second's */

byte items[OWNERS], length[OWNERS];
byte cap[BLOCKS + 1], generation[BLOCKS + 1];
bool taken[BLOCKS + 1];
bool in_op[OWNERS + 1]; /* the last one: the collector's */
bool inside[OWNERS];    /* ghost: between two safepoints */
bool reading;           /* ou_epoch_collector */
byte ended;
chan sb = [4] of { bit }; /* of the collector's stores of in_op */

proctype store_buffer()
{
    bit v;
end:
    do
    :: atomic { sb ? v -> in_op[OWNERS] = v; v = 0 }
    od
}

inline ou_free(b) { atomic { assert(taken[b]); taken[b] = false; generation[b]++ } }

inline ou_barrier()
{
#ifndef MUTANT_NO_BARRIER
    (len(sb) == 0)
#else
    skip
#endif
}

inline ou_outlast(who)
{
#ifndef MUTANT_NO_WAIT
    !in_op[who]
#else
    skip
#endif
}

inline ou_retire(b)
{
    if
    :: waiting == NONE -> waiting = b
    :: else -> /* no room: now, inside the operation */
        ou_barrier();
        ou_outlast(OWNERS);
#ifdef MUTANT_WAIT_FOR_ALL
        ou_outlast(1 - me);
#endif
        ou_free(b)
    fi
}

inline ou_flush()
{
    if
    :: waiting != NONE ->
        ou_barrier();
        ou_outlast(OWNERS);
        ou_outlast(1 - me);
        ou_free(waiting);
        waiting = NONE
    :: else
    fi
}

/* array_move: the new array in the place of the old one */
inline ou_array_move(n)
{
    old = items[me];
    atomic {
        b = me * 3 + 1;
        do
        :: taken[b] -> b++
        :: else -> break
        od;
        assert(b <= me * 3 + 3);
        taken[b] = true;
        cap[b] = n
    }
    if
#ifdef MUTANT_FREE_AT_ONCE
    :: true -> items[me] = b; ou_free(old)
#else
    :: !reading -> ou_free(old); items[me] = b /* realloc */
#ifdef MUTANT_PUBLISH_LATE
    :: reading -> ou_retire(old); ou_flush(); items[me] = b
#else
    :: reading -> items[me] = b; ou_retire(old)
#endif
#endif
    fi;
    b = 0; old = 0
}

proctype owner(byte me; byte ops)
{
    byte b, old, waiting;
    do
    :: ops > 0 ->
        atomic { ops--; inside[me] = true; in_op[me] = true };
        if
        :: length[me] == 1 ->
#ifdef MUTANT_GROW_LEN_FIRST
            length[me] = 2; ou_array_move(2)
#else
            ou_array_move(2); length[me] = 2
#endif
        :: else ->
#ifdef MUTANT_SHRINK_LEN_LAST
            ou_array_move(1); length[me] = 1
#else
            length[me] = 1; ou_array_move(1)
#endif
        fi;
        atomic { in_op[me] = false; inside[me] = false }
    :: waiting != NONE -> ou_flush() /* outside, now or later */
    :: ops == 0 -> break
    od;
    ou_flush();
    ended++
}

proctype collector(byte rounds)
{
    byte who, array, n, born;
#ifdef MUTANT_BEGIN_RUNNING
    reading = true;
#else
    atomic { !inside[0] && !inside[1] -> reading = true };
#endif
    do
    :: rounds > 0 ->
        rounds--;
        sb ! 1;
        if
        :: who = 0
        :: who = 1
        fi;
#ifdef MUTANT_LEN_FIRST
        n = length[who];
        atomic { array = items[who]; born = generation[array] };
#else
        atomic { array = items[who]; born = generation[array] };
        n = length[who];
#endif
        if
#ifndef MUTANT_NO_SECOND_LOOK
        :: items[who] != array -> skip
#endif
        :: else ->
            assert(n <= cap[array]);
            assert(taken[array] && generation[array] == born)
        fi;
        atomic { who = 0; array = 0; n = 0; born = 0 };
        sb ! 0
    :: rounds == 0 -> break
    od;
    atomic { len(sb) == 0 -> reading = false };
    ended++
}

init {
    atomic {
        items[0] = 1; length[0] = 1; cap[1] = 1; taken[1] = true;
        items[1] = 4; length[1] = 1; cap[4] = 1; taken[4] = true;
        run store_buffer(); run collector(2); run owner(0, 3); run owner(1, 2)
    }
    ended == OWNERS + 1;
    assert(items[0] != items[1] && !in_op[OWNERS])
}
