/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * reading.pml - a shared container that is looked at without its lock.
 *
 * Everybody but the readers locks. The container is one word that refers to an item, and a pair of
 * words that must be seen together: an array and where it stands. Who looks says in_op, looks
 * at READ, loads, counts what it found. One word is changed beside the readers: the reference
 * that fell out is dropped after everybody was seen outside once. The pair is changed alone: READ
 * is taken back, and everybody waited for. Who finds READ taken back looks under the lock, and
 * may set it again there. Stores of in_op go through store buffers.
 *
 * Checked: nobody counts on a dead item, no half of a pair is seen, no reference is lost, nobody
 * waits for ever. That the owner is locked out before is sharing.pml. Sources: user-space RCU
 * with membarrier (Desnoyers, McKenney et al., 2012); taking READ back: BRAVO (Dice and Kogan,
 * USENIX ATC 2019). Story: docs/sharing.md.
 *
 * mutant DROP_AT_ONCE: what fell out is dropped without waiting for the readers
 * mutant NO_BARRIER: who waits looks at in_op without membarrier
 * mutant NO_WAIT: who waits does not look at in_op
 * mutant LOOK_FIRST: the reader looks at READ before it says in_op, and not again
 * mutant NOT_ALONE: the pair is changed beside the readers
 * mutant KEEP_READ: the readers are waited for, but READ is not taken back
 * mutant SET_UNLOCKED: READ is set after the lock was given back
 * mutant ASK_EARLY: who changes the word looks at READ before it has the lock
 * mutant COUNT_LATE: the reader leaves, then counts
 */
#define READERS 2
#define WRITERS 2
#define ITEMS 6
#ifdef DEEP
#define LOOKS 2
#else
#define LOOKS 1
#endif

bool read_, locked; /* bits of o->flags */
byte item = 1;
byte left_half, right_half;
byte count[ITEMS]; /* references; 0 = dead, or not born */
byte born = 2;     /* next item */
bool in_op[READERS];
byte ended;
chan sb0 = [2] of { bit };
chan sb1 = [2] of { bit };

proctype store_buffer(byte me; chan sb)
{
    bit v;
end:
    do
    :: atomic { sb ? v -> in_op[me] = v; v = 0 }
    od
}

inline ou_lock() { atomic { !locked -> locked = true } }
inline ou_unlock() { locked = false }

inline ou_epoch_wait()
{
#ifndef MUTANT_NO_BARRIER
    (len(sb0) == 0);
    (len(sb1) == 0);
#endif
#ifndef MUTANT_NO_WAIT
    !in_op[0];
    !in_op[1];
#endif
    skip
}

inline ou_incref(x) { atomic { assert(count[x] > 0); count[x]++ } }
inline ou_decref(x) { atomic { assert(count[x] > 0); count[x]-- } }

proctype reader(byte me; chan sb; byte looks)
{
    byte x, a;
    bool beside;
    do
    :: looks > 0 ->
        looks--;
        beside = false;
        if
        :: read_ ->
#ifdef MUTANT_LOOK_FIRST
            sb ! 1; beside = true
#else
            sb ! 1;
            if
            :: read_ -> beside = true
            :: else -> sb ! 0
            fi
#endif
        :: else
        fi;
        if
        :: beside ->
            x = item;
            a = left_half;
            assert(a == right_half);
#ifdef MUTANT_COUNT_LATE
            sb ! 0;
            ou_incref(x)
#else
            ou_incref(x);
            atomic { len(sb) == 0 -> skip }; /* counting is an atomic instruction */
            sb ! 0
#endif
        :: else ->
            atomic { len(sb) == 0 && !locked -> locked = true };
            x = item;
            a = left_half;
            assert(a == right_half);
            ou_incref(x);
#ifdef MUTANT_SET_UNLOCKED
            ou_unlock();
            read_ = true
#else
            if
            :: read_ = true
            :: skip
            fi;
            ou_unlock()
#endif
        fi;
        ou_decref(x);
        atomic { x = 0; a = 0; beside = false }
    :: looks == 0 -> break
    od;
    ended++
}

proctype writer(byte ops)
{
    byte old, waiting;
    bool was_read;
    do
    :: ops > 0 && waiting == 0 -> /* another item */
        ops--;
#ifdef MUTANT_ASK_EARLY
        was_read = read_;
        ou_lock();
#else
        ou_lock();
        was_read = read_;
#endif
        old = item;
        atomic { count[born] = 1; item = born; born++ };
        ou_unlock();
        if
#ifndef MUTANT_DROP_AT_ONCE
        :: was_read -> waiting = old
#endif
        :: else -> ou_decref(old)
        fi;
        atomic { old = 0; was_read = false }
    :: ops > 0 -> /* another pair */
        ops--;
        ou_lock();
#ifndef MUTANT_NOT_ALONE
        if
        :: read_ ->
#ifndef MUTANT_KEEP_READ
            read_ = false;
#endif
            ou_epoch_wait()
        :: else
        fi;
#endif
        left_half++;
        right_half++;
        ou_unlock()
    :: waiting != 0 ->
        ou_epoch_wait();
        ou_decref(waiting);
        waiting = 0
    :: ops == 0 && waiting == 0 -> break
    od;
    ended++
}

init {
    atomic {
        count[1] = 1;
        run store_buffer(0, sb0); run store_buffer(1, sb1);
        run reader(0, sb0, 2); run reader(1, sb1, LOOKS);
        run writer(2); run writer(1)
    }
    ended == READERS + WRITERS && len(sb0) == 0 && len(sb1) == 0;
    byte i, alive;
    for (i : 1 .. ITEMS - 1) { alive = alive + count[i] }
    assert(alive == 1 && count[item] == 1 && left_half == right_half)
}
