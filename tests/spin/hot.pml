/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * hot.pml - objects that every slot counts for itself, from promotion to cooling and again.
 *
 * One object, owned by slot 1, and three threads that count and pass it on. A foreign thread may
 * nominate it, which takes a reference; a stop of the world promotes it or lets it go; another
 * one cools it: the sum of all slots becomes its merged count. A stop is one step here, taken
 * when no other thread is inside an operation (that stops are such is safepoint.pml's business).
 * Checked: what object.inc asserts (freed once, not while a reference exists, never touched
 * afterwards), no count below zero at cooling, and that the object is freed in the end (else a
 * deadlock). Story: docs/counting.md.
 *
 * mutant PROMOTE_RUNNING: the world is not stopped for the promotion
 * mutant COOL_RUNNING: the world is not stopped for the cooling
 * mutant SLOT_FORGOTTEN: a slot whose thread has nothing to do with it is not summed
 * mutant SLOT_KEPT: the counters are not cleared, and the place is used again
 * mutant TABLE_COUNTED: the table's own reference is not subtracted
 * mutant NOMINEE_BARE: nominating takes no reference
 * mutant NOMINATE_TWICE: two threads nominate at once, and only one nomination is remembered
 * mutant DRAIN_HOT: who drains the inbox takes the place of a promoted object for its count
 * mutant CANCEL_PLAIN: a nominee that is let go is only subtracted from
 */
#define OBJECTS 1
#define OWNER_HOT 4
#define NONE 255
#define PLACE 1 /* index in the table, in rc_local while hot: as if it were a count */
#define LOCAL_MAX 3
#define DRIFT 1 /* one thread may take and another drop: without bound, but for a cooling */
#ifdef DEEP
#define REFS_MAX 3
#else
#define REFS_MAX 2
#endif

typedef counters { short by[4] };
counters slot_count[3]; /* by place */
bool busy[4];           /* the thread is inside an operation */
bool nominee;           /* some slot has nominated the object */
byte ended;

#define ou_object_die(o) ou_object_free(o)
#include "object.inc"

#define IS_HOT (obj[1].owner == OWNER_HOT)
#define STANDS (!busy[1] && !busy[2] && !busy[3])
#define SUM (slot_count[PLACE].by[1] + slot_count[PLACE].by[2] + slot_count[PLACE].by[3])
#define LITTLE(n) (!IS_HOT || (slot_count[PLACE].by[me] + n <= DRIFT && \
                               slot_count[PLACE].by[me] + n >= -DRIFT))

/* The counts become one; the world stands. */
#define MERGE_TO(n) obj[1].count = n; assert(obj[1].count >= 0); obj[1].rc_local = 0; \
    obj[1].owner = 0; obj[1].state = MERGED; z = (obj[1].count == 0)

/* The caller holds a reference. Flag HOT first, by CAS: one nomination at a time. */
inline ou_hot_nominate()
{
    if
#ifdef MUTANT_NOMINATE_TWICE
    :: nominee = true;
#else
    :: atomic { !nominee -> nominee = true }
#endif
#ifndef MUTANT_NOMINEE_BARE
        obj[1].count++
#endif
    :: nominee
    fi
}

/* The world stands; the reference of the nomination goes away. z: it was the last. */
inline ou_hot_let_go()
{
    if
#ifndef MUTANT_CANCEL_PLAIN
    :: (obj[1].state == INIT || obj[1].state == MAYBE_WEAKREF) && obj[1].count == 0 ->
        MERGE_TO(obj[1].rc_local - 1)
#endif
    :: else ->
        SUBTRACT(1)
    fi
}

/* The safepoint of a thread that has nominated. */
inline ou_hot_promote()
{
    atomic {
#ifdef MUTANT_PROMOTE_RUNNING
        nominee -> busy[me] = true;
#else
        nominee && STANDS -> busy[me] = true;
#endif
        ALIVE(1);
        nominee = false;
        z = false;
        if
        :: obj[1].state == QUEUED || obj[1].rc_local + obj[1].count == 1 -> ou_hot_let_go()
        :: else ->
            obj[1].count = obj[1].rc_local + obj[1].count; /* the table's reference with it */
            obj[1].rc_local = PLACE;
            obj[1].owner = OWNER_HOT;
            obj[1].state = MERGED
        fi
    }
    if
    :: z -> ou_object_die(1)
    :: else
    fi;
    z = false
}

/* A collection, or a promotion that finds the table full: all counts become exact. */
inline ou_hot_cool()
{
    atomic {
#ifdef MUTANT_COOL_RUNNING
        IS_HOT -> busy[me] = true;
#else
        IS_HOT && STANDS -> busy[me] = true;
#endif
        ALIVE(1);
#if defined(MUTANT_TABLE_COUNTED)
        MERGE_TO(obj[1].count + SUM);
#elif defined(MUTANT_SLOT_FORGOTTEN)
        MERGE_TO(obj[1].count + SUM - slot_count[PLACE].by[3] - 1);
#else
        MERGE_TO(obj[1].count + SUM - 1);
#endif
#ifndef MUTANT_SLOT_KEPT
        slot_count[PLACE].by[1] = 0;
        slot_count[PLACE].by[2] = 0;
        slot_count[PLACE].by[3] = 0
#endif
    }
    if
    :: z -> ou_object_die(1)
    :: else
    fi;
    z = false
}

proctype thread(byte me)
{
    byte t, from;
    mtype s;
    bool z, q;
    do
    :: atomic { refs[1].by[me] > 0 && TOTAL(1) < REFS_MAX && LITTLE(1) &&
                (IS_HOT || obj[1].rc_local < LOCAL_MAX) -> busy[me] = true }
        ou_incref(1); atomic { t = 0; busy[me] = false }
    :: atomic { refs[1].by[me] > 0 && LITTLE(-1) -> busy[me] = true }
        ou_decref(1); atomic { z = false; q = false; busy[me] = false }
    :: atomic { refs[1].by[me] > 0 && !cell[1] -> refs[1].by[me]--; cell[1] = true }
    :: atomic { cell[1] -> cell[1] = false; refs[1].by[me]++ }
    :: atomic { refs[1].by[me] > 0 && obj[1].owner != slot_of[me] && !IS_HOT && !nominee ->
            busy[me] = true } /* in ou_incref_slow: others may be inside, too */
        ou_hot_nominate(); busy[me] = false
    :: ou_hot_promote(); busy[me] = false
    :: ou_hot_cool(); busy[me] = false
    :: atomic { me == 1 && obj[1].inbox -> busy[me] = true }
        ou_inbox_drain(1);
        if
        :: z -> ou_object_die(1)
        :: else
        fi;
        atomic { z = false; busy[me] = false }
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
    assert(!obj[1].inbox && !nominee && SUM == 0)
}
