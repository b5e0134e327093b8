/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * marking.pml - two workers mark what lives while the world stands: they claim regions, sweep
 * them, mark what lies ahead and push what lies behind (runtime/gc/marking.c, workers.c).
 *
 * Regions of one object each, with one or two references anywhere and some roots. Counters:
 * 0 suspect, 1 to be scanned, 2 scanned. Each load and store is a step of its own; the frontier
 * may be old by the time it is used. The first worker begins rounds and waits for the second.
 * Checked at the end: what can be reached from the roots is scanned, nothing else is.
 * Story: docs/gc.md.
 *
 * mutant ONE_ROUND: a mark beyond the frontier asks for no other round
 * mutant NOT_WAITED: a round ends when the first worker is through
 * mutant CLAIM_TWO_STEPS: a region is claimed by a load and a store
 */
#define REGIONS 3
#define NONE 255

byte edge[REGIONS], other[REGIONS], counter[REGIONS];
bool root[REGIONS], reached[REGIONS];
byte claimed, turn, pending;
bool again[2], over;
byte scans[REGIONS]; /* ghost: sweeps of a region in this round */

/* The child at one end of a reference. */
inline found(child)
{
    if
    :: child == NONE
    :: else ->
        if
        :: counter[child] != 0
        :: else ->
            seen = claimed; /* the frontier */
            if
            :: child > here && child >= seen ->
                counter[child] = 1;
#ifndef MUTANT_ONE_ROUND
                again[me] = true
#else
                skip
#endif
            :: else ->
                counter[child] = 2;
                stack[depth] = child;
                depth++
            fi
        fi
    fi
}

inline drain()
{
    do
    :: depth > 0 ->
        depth--;
        now = stack[depth];
        found(edge[now]);
        found(other[now])
    :: else -> break
    od
}

inline round()
{
    again[me] = false;
    do
    :: true ->
#ifdef MUTANT_CLAIM_TWO_STEPS
        here = claimed;
        claimed = here + 1;
#else
        atomic { here = claimed; claimed++ }
#endif
        if
        :: here >= REGIONS -> break
        :: else
        fi;
        atomic { scans[here]++; assert(scans[here] == 1) }
        if
        :: counter[here] == 1 ->
            counter[here] = 2;
            found(edge[here]);
            found(other[here]);
            drain()
        :: else
        fi
    od;
    here = 0
}

inline begin_round()
{
    atomic {
        claimed = 0;
        for (now : 0 .. REGIONS - 1) {
            scans[now] = 0
        }
    }
}

proctype second()
{
    byte here, seen, now, depth, me = 1, mine;
    byte stack[8];
    do
    :: turn != mine ->
        mine++;
        if
        :: over -> break
        :: else
        fi;
        round();
        pending--
    od
}

active proctype first()
{
    byte here, seen, now, depth, me = 0, k;
    byte stack[8];
    atomic {
        for (now : 0 .. REGIONS - 1) {
            if
            :: edge[now] = 0
            :: edge[now] = 1
            :: edge[now] = REGIONS - 1
            :: edge[now] = NONE
            fi;
            if
            :: other[now] = NONE
            :: now == 0 -> other[now] = REGIONS - 1
            fi;
            if
            :: root[now] = true; counter[now] = 1; reached[now] = true
            :: skip
            fi
        }
        for (k : 1 .. REGIONS) {
            for (now : 0 .. REGIONS - 1) {
                if :: reached[now] && edge[now] != NONE -> reached[edge[now]] = true :: else fi;
                if :: reached[now] && other[now] != NONE -> reached[other[now]] = true :: else fi
            }
        }
        k = 0;
        run second()
    }
    do
    :: true ->
        begin_round();
        pending = 1;
        turn++;
        round();
#ifndef MUTANT_NOT_WAITED
        pending == 0;
#endif
        if
        :: again[0] || again[1]
        :: else -> break
        fi
    od;
    over = true;
    turn++;
    atomic {
        for (now : 0 .. REGIONS - 1) {
            assert(reached[now] == (counter[now] == 2))
        }
    }
}
