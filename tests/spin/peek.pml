/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * peek.pml - the collector reads a page of containers beside the program, which gives the page
 * back; its next owner protects it.
 *
 * The page has a tag while it is a span of containers. Who gives it back clears the tag, then
 * waits for the collector's section (membarrier, then in_op), then lets others take it. The
 * collector looks at the tag in each section, and reads what lies there in that section only.
 * Its in_op goes through a store buffer. The page may be taken again as containers. Storage
 * apart is kept by the same wait: epoch.pml. Story: docs/gc.md, *Objects that change*.
 *
 * Checked: no read of protected memory; nobody waits for ever.
 *
 * mutant OUTSIDE: the collector reads outside of a section
 * mutant OLD_LOOK: the collector relies on a look at the tag in an earlier section
 * mutant NO_WAIT: the page is given back without a wait
 * mutant NO_BARRIER: who gives back looks at in_op without membarrier
 * mutant TAG_LATE: the tag is cleared after the wait
 */
#define ROUNDS 3

bool tag = true, protected, in_op;
byte ended;
chan sb = [4] of { bit }; /* of the collector's stores of in_op */

proctype store_buffer()
{
    bit v;
end:
    do
    :: atomic { sb ? v -> in_op = v; v = 0 }
    od
}

inline ou_await()
{
#ifndef MUTANT_NO_WAIT
#ifndef MUTANT_NO_BARRIER
    (len(sb) == 0);
#endif
    !in_op
#else
    skip
#endif
}

/* The span's owner and, in turn, the page's next one. */
proctype owners()
{
    byte n;
    do
    :: n < ROUNDS ->
        n++;
#ifdef MUTANT_TAG_LATE
        ou_await();
        tag = false;
#else
        tag = false;
        ou_await();
#endif
        protected = true; /* raw memory now */
        protected = false;
        tag = true
    :: n > 0 -> break
    od;
    ended++
}

proctype collector()
{
    byte n;
    bool there;
#ifdef MUTANT_OLD_LOOK
    there = tag;
#endif
    do
    :: n < ROUNDS ->
        n++;
#ifndef MUTANT_OUTSIDE
        sb ! 1;
#endif
#ifndef MUTANT_OLD_LOOK
        there = tag;
#endif
        if
        :: there -> assert(!protected); assert(!protected) /* two words */
        :: else
        fi;
#ifndef MUTANT_OUTSIDE
        sb ! 0
#endif
    :: n == ROUNDS -> break
    od;
    ended++
}

init {
    atomic { run store_buffer(); run owners(); run collector() }
    ended == 2 && len(sb) == 0;
    assert(!in_op)
}
