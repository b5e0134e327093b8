/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * sliced.pml - a collection in many stops against a mutator: a hint that may be wrong, and its
 * judgement, which may not.
 *
 * Objects with one reference each, a mutator with two variables: it loads, stores, drops and
 * makes objects (addresses are used again). Counts are exact; what has none left dies at once.
 * Every step of a pass is one stop, in which one object is read. Checked: what is freed cannot
 * be reached from the variables (nor can what it refers to be taken from under them), and all
 * that was garbage at the beginning is freed in the end. Story: docs/gc.md.
 *
 * mutant NOT_JUDGED: suspects are freed without a look
 * mutant TWO_STOPS: suspects are counted in one stop and condemned in the next
 * mutant SUMS_IN_STOPS: counts and references are summed up in a stop for each suspect
 */
#ifndef OBJECTS
#define OBJECTS 3
#endif
#ifdef MUTANT_SUMS_IN_STOPS
#define STEPS 3 /* a variable that walks along a ring is never where the collector looks */
#else
#define STEPS 2 /* of the mutator */
#endif
#define NONE 255
#define VARIABLES 2

byte ref[OBJECTS], var[VARIABLES];
bool alive[OBJECTS], was_garbage[OBJECTS];
bool seen[OBJECTS], scanned[OBJECTS], suspect[OBJECTS], reached[OBJECTS];
short counter[OBJECTS], outside[OBJECTS];
hidden byte a, b, n; /* scratch of atomic steps */
byte i;              /* the collector's place */
bool more;
bool closed; /* all suspects are there ... */
short rest;  /* ... and so many of their counts are not explained */

inline count_of(o)
{
    n = 0;
    for (b : 0 .. OBJECTS - 1) {
        if :: alive[b] && ref[b] == o -> n++ :: else fi
    }
    for (b : 0 .. VARIABLES - 1) {
        if :: var[b] == o -> n++ :: else fi
    }
}

/* What cannot be reached from the variables. */
inline reach()
{
    for (a : 0 .. OBJECTS - 1) {
        reached[a] = false;
        for (b : 0 .. VARIABLES - 1) {
            if :: var[b] == a -> reached[a] = true :: else fi
        }
    }
    for (b : 1 .. OBJECTS) {
        for (a : 0 .. OBJECTS - 1) {
            if :: reached[a] && ref[a] != NONE -> reached[ref[a]] = true :: else fi
        }
    }
}

inline die_by_counting()
{
    for (i_ : 1 .. OBJECTS) {
        for (a : 0 .. OBJECTS - 1) {
            count_of(a);
            if :: alive[a] && n == 0 -> alive[a] = false; ref[a] = NONE :: else fi
        }
    }
    reach();
    for (a : 0 .. OBJECTS - 1) {
        assert(!reached[a] || alive[a])
    }
}

proctype mutator()
{
    byte step, v, w, i_;
    do
    :: step < STEPS ->
        atomic {
            step++;
            select (v : 0 .. VARIABLES - 1);
            select (w : 0 .. VARIABLES - 1);
            if
            :: var[w] != NONE -> var[v] = ref[var[w]]
            :: var[v] != NONE -> ref[var[v]] = var[w]
            :: var[v] = var[w]
            :: var[v] = NONE
            :: select (a : 0 .. OBJECTS - 1);
               if
               :: !alive[a] -> alive[a] = true; ref[a] = NONE; var[v] = a
               :: else
               fi
            fi;
            die_by_counting()
        }
    :: break
    od
}

inline hint()
{
    for (i : 0 .. OBJECTS - 1) {
        atomic {
            if
            :: alive[i] ->
                count_of(i);
                seen[i] = true;
                counter[i] = counter[i] + n;
                if
                :: ref[i] != NONE ->
                    counter[ref[i]]--
                :: else
                fi
            :: else
            fi
        }
    }
    more = true;
    do
    :: more ->
        more = false;
        for (i : 0 .. OBJECTS - 1) {
            atomic {
                if
                :: counter[i] != 0 && !scanned[i] ->
                    scanned[i] = true;
                    more = true;
                    if
                    :: alive[i] && ref[i] != NONE && counter[ref[i]] == 0 -> counter[ref[i]] = 1
                    :: else
                    fi
                :: else
                fi
            }
        }
    :: else -> break
    od;
    for (i : 0 .. OBJECTS - 1) {
        atomic { suspect[i] = alive[i] && seen[i] && counter[i] == 0 }
    }
}

inline sum_up(o)
{
    if
    :: suspect[o] && alive[o] ->
        count_of(o);
        rest = rest + n;
        if :: ref[o] != NONE && suspect[ref[o]] -> rest-- :: else fi
    :: suspect[o] && !alive[o] -> closed = false
    :: else
    fi
}

inline judge_count()
{
    for (a : 0 .. OBJECTS - 1) {
        suspect[a] = suspect[a] && alive[a];
        count_of(a);
        outside[a] = n
    }
    for (a : 0 .. OBJECTS - 1) {
        if
        :: suspect[a] && ref[a] != NONE -> outside[ref[a]]--
        :: else
        fi
    }
}

inline judge_end()
{
    for (a : 0 .. OBJECTS - 1) {
        if :: outside[a] > 0 -> suspect[a] = false :: else fi
    }
    for (b : 1 .. OBJECTS) {
        for (a : 0 .. OBJECTS - 1) {
            if
            :: alive[a] && !suspect[a] && outside[a] > 0 && ref[a] != NONE && suspect[ref[a]] ->
                suspect[ref[a]] = false;
                outside[ref[a]] = 1
            :: else
            fi
        }
    }
}

inline free_suspects()
{
    reach();
    for (a : 0 .. OBJECTS - 1) {
        if
        :: suspect[a] && alive[a] -> assert(!reached[a]); alive[a] = false; ref[a] = NONE
        :: else
        fi
    }
    die_by_counting();
    for (a : 0 .. OBJECTS - 1) {
        assert(!was_garbage[a] || !alive[a] || reached[a])
    }
}

active proctype collector()
{
    byte i_;
    atomic {
        for (a : 0 .. OBJECTS - 1) {
            alive[a] = true;
            ref[a] = NONE
        }
        var[0] = 0;
        var[1] = NONE;
        for (i : 0 .. OBJECTS - 1) {
            if
            :: ref[i] = 0
            :: ref[i] = 1
            :: ref[i] = OBJECTS - 1
            :: ref[i] = NONE
            fi
        }
        if :: var[1] = 1 :: skip fi;
        die_by_counting();
        reach();
        for (a : 0 .. OBJECTS - 1) {
            was_garbage[a] = alive[a] && !reached[a]
        }
        run mutator()
    }
    hint();
#ifdef MUTANT_SUMS_IN_STOPS
    closed = true;
    for (i : 0 .. OBJECTS - 1) {
        atomic { sum_up(i) }
    }
    atomic { if :: closed && rest == 0 -> free_suspects() :: else fi }
#elif !defined(MUTANT_NOT_JUDGED)
    atomic {
        closed = true;
        for (i : 0 .. OBJECTS - 1) {
            sum_up(i)
        }
        if
        :: closed && rest == 0
        :: else -> judge_count()
        fi;
#ifdef MUTANT_TWO_STOPS
    }
    atomic {
#endif
        if
        :: closed && rest == 0
        :: else -> judge_end()
        fi;
        free_suspects()
    }
#else
    atomic { free_suspects() }
#endif
}
