/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * immortal.pml - making an object immortal that belongs to somebody else.
 *
 * The owner adds to rc_local with a plain load and store; a foreign atomic OR of bit 31 that
 * falls in between is lost, and it does not help to look at once whether the bit is there:
 * whoever saw it has not counted. So a foreigner holds the owner's slot (SUSPENDED, or a
 * stopped world) while it sets the bit, and the owner sets its own. Checked: what was immortal
 * once stays so. Story: docs/counting.md, "Immortal objects".
 *
 * mutant OR_ANYWHERE: the foreigner sets the bit while the owner runs
 */
mtype = { ATTACHED, DETACHED, SUSPENDED };
mtype slot = ATTACHED;
byte rc_local = 1;
bool bit31;
bool seen; /* ghost: somebody has seen it immortal and has not counted */

proctype owner()
{
    byte t, rounds = 3;
    bool b;
    do
    :: rounds > 0 -> /* ou_incref, or ou_decref */
        rounds--;
        atomic { t = rc_local; b = bit31 }
        if
        :: !b -> atomic { rc_local = t + 1; bit31 = false } /* one store of the whole word */
        :: else
        fi
    :: slot = DETACHED; atomic { slot == DETACHED -> slot = ATTACHED } /* safepoint */
    :: rounds == 0 -> break
    od;
    slot = DETACHED
}

proctype foreigner() /* ou_immortalize, then ou_incref */
{
#ifdef MUTANT_OR_ANYWHERE
    do
    :: bit31 -> break
    :: else -> bit31 = true
    od;
#else
    atomic { slot == DETACHED -> slot = SUSPENDED };
    bit31 = true;
    slot = DETACHED;
#endif
    seen = true;
    assert(bit31)
}

init {
    atomic { run owner(); run foreigner() }
    _nr_pr == 1;
    assert(!seen || bit31)
}
