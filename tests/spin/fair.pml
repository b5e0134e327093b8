/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * fair.pml - a thread that wants to run again gets in, however often the world is stopped.
 *
 * Two threads stop the world again and again without end; two others enter, work, leave. Who has
 * waited through PATIENCE stops says so (`starving`), and no stop begins before it is in.
 * What a stop must be is in safepoint.pml: here it is a flag and slots that are held.
 * Checked: once it has said so, at most one more stop begins before it is in (one that had looked
 * already); everything said is taken back; and no deadlock: the stopper that waits holds the
 * world's lock. Story: docs/counting.md, "Stopping the world".
 *
 * mutant UNAWAITED: stops begin without a look at who starves
 * mutant NEVER_IN: who was starving does not take it back
 * mutant TOLD_AGAIN: it is told once more after each stop, and taken back once
 * mutant AWAITED_IN_FORCE: the stopper waits after it has said that it stops
 */
#define PATIENCE 2
#define DETACHED 0
#define ATTACHED 1
#define SUSPENDED 2

bool lock, stopping;
byte state[2];
byte starving;
byte passed[2]; /* ghost: stops that have begun since the thread told */
bool told[2];   /* local to the thread; read by the checks */

proctype stopper()
{
    byte i;
    do
    :: atomic { !lock -> lock = true }
#ifndef MUTANT_UNAWAITED
#ifdef MUTANT_AWAITED_IN_FORCE
        stopping = true;
#endif
        starving == 0;
#endif
        atomic {
            stopping = true;
            i = 0;
            do
            :: i < 2 ->
                if
                :: told[i] -> passed[i]++; assert(passed[i] <= 1)
                :: else
                fi;
                i++
            :: else -> break
            od
        }
        i = 0;
        do
        :: i < 2 -> atomic { state[i] == DETACHED -> state[i] = SUSPENDED } i++
        :: else -> break
        od;
        stopping = false;
        i = 0;
        do
        :: i < 2 -> state[i] = DETACHED; i++
        :: else -> break
        od;
        i = 0;
        lock = false
    od
}

proctype worker(byte me)
{
    byte missed;
    do
    :: do
        :: if
            :: stopping ->
                missed++;
                if
#ifdef MUTANT_TOLD_AGAIN
                :: atomic { missed >= PATIENCE && starving < 4 -> starving++; told[me] = true }
#else
                :: atomic { missed >= PATIENCE && !told[me] -> starving++; told[me] = true }
#endif
                :: else
                fi;
                missed = (missed > PATIENCE -> PATIENCE : missed);
                !stopping
            :: else
            fi;
            if
            :: atomic { state[me] == DETACHED -> state[me] = ATTACHED }
                if
                :: !stopping -> break
                :: else -> state[me] = DETACHED
                fi
            :: state[me] == SUSPENDED
            fi
        od;
        missed = 0;
#ifndef MUTANT_NEVER_IN
        if
        :: atomic { told[me] -> starving--; told[me] = false; passed[me] = 0 }
        :: else
        fi;
#endif
        atomic {
            assert(!told[me] && starving == told[1 - me]);
            state[me] = DETACHED /* the next safepoint */
        }
    od
}

init {
    atomic { run stopper(); run stopper(); run worker(0); run worker(1) }
}
