/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * concurrent.pml - the hint is made while a mutator runs: objects are read word by word, and
 * may die and become others between two words.
 *
 * Blocks of one reference each. A word that nobody has written yet is what the block's last
 * object left there, so an address of what is garbage by now may lie in it. A birth is three
 * steps, as on its long way (ou_object_new, ou_object_track): the count, the reference, then
 * `tracked`. The straight lines store count and `tracked` as one word behind the reference
 * (ou_quick_show): a part of these runs, for nobody looks at a count that is not tracked. A
 * reference that a foreign thread drops waits in an inbox: counted until it is merged. Checked:
 * what is freed cannot be reached, and all that was garbage at the beginning is freed in the
 * end. Story: docs/gc.md; the same in short stops: sliced.pml.
 *
 * mutant NOT_JUDGED: suspects are freed without a look
 * mutant OLD_COUNTS: suspects are judged by the counts that the hint read
 * mutant NOT_MERGED: the inbox is not looked at before the hint
 * mutant TRACKED_FIRST: an object is shown to the collector before its reference is set
 * mutant REFERENCE_FIRST: a block's reference is read before its header
 */
#ifndef OBJECTS
#define OBJECTS 3
#endif
#if defined(DEEP) || defined(MUTANT_OLD_COUNTS)
#define STEPS 3 /* of the mutator */
#else
#define STEPS 2
#endif
#define NONE 255
#define VARIABLES 2

byte ref[OBJECTS], var[VARIABLES], queued[OBJECTS];
bool alive[OBJECTS], tracked[OBJECTS], was_garbage[OBJECTS];
bool seen[OBJECTS], scanned[OBJECTS], suspect[OBJECTS], reached[OBJECTS];
short counter[OBJECTS], outside[OBJECTS];
#ifdef MUTANT_OLD_COUNTS
byte old[OBJECTS];
#endif
hidden byte a, b, n; /* scratch of atomic steps */
byte i, child;       /* the collector's place, and what it read */
byte born = NONE;    /* the mutator's half-made object: its own reference */
bool more, header, standing;

/* References that the object's header counts. */
inline count_of(o)
{
    n = queued[o];
    for (b : 0 .. OBJECTS - 1) {
        if :: alive[b] && tracked[b] && ref[b] == o -> n++ :: else fi
    }
    for (b : 0 .. VARIABLES - 1) {
        if :: var[b] == o -> n++ :: else fi
    }
    if :: born == o -> n++ :: else fi
}

inline reach()
{
    for (a : 0 .. OBJECTS - 1) {
        reached[a] = (born == a);
        for (b : 0 .. VARIABLES - 1) {
            if :: var[b] == a -> reached[a] = true :: else fi
        }
    }
    for (b : 1 .. OBJECTS) {
        for (a : 0 .. OBJECTS - 1) {
            if
            :: reached[a] && tracked[a] && ref[a] != NONE -> reached[ref[a]] = true
            :: else
            fi
        }
    }
}

/* The reference stays where it is. */
inline die_by_counting()
{
    for (i_ : 1 .. OBJECTS) {
        for (a : 0 .. OBJECTS - 1) {
            count_of(a);
            if :: alive[a] && n == 0 -> alive[a] = false; tracked[a] = false :: else fi
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
            !standing;
            step++;
            select (v : 0 .. VARIABLES - 1);
            w = 1 - v;
            if
            :: var[w] != NONE -> var[v] = ref[var[w]]
            :: var[v] != NONE -> ref[var[v]] = var[w]
            :: var[v] != NONE -> queued[var[v]]++; var[v] = NONE
            :: var[v] = NONE
            :: select (a : 0 .. OBJECTS - 1);
               if
               :: !alive[a] -> alive[a] = true; was_garbage[a] = false; born = a
               :: else
               fi
            fi;
            die_by_counting()
        }
        if
        :: born != NONE -> /* no safepoint in between */
#ifdef MUTANT_TRACKED_FIRST
            tracked[born] = true;
            ref[born] = NONE;
#else
            ref[born] = NONE;
            tracked[born] = true;
#endif
            atomic { var[v] = born; born = NONE; die_by_counting() }
        :: else
        fi
    :: break
    od
}

inline hint()
{
    for (i : 0 .. OBJECTS - 1) {
#ifdef MUTANT_REFERENCE_FIRST
        child = ref[i];
#endif
        atomic {
            header = tracked[i];
            if
            :: header ->
                count_of(i);
                counter[i] = counter[i] + n;
#ifdef MUTANT_OLD_COUNTS
                old[i] = n;
#endif
                seen[i] = true
            :: else
            fi
        }
        atomic {
#ifndef MUTANT_REFERENCE_FIRST
            child = ref[i];
#endif
            if :: header && child != NONE -> counter[child]-- :: else fi;
            child = NONE
        }
    }
    more = true;
    do
    :: more ->
        more = false;
        for (i : 0 .. OBJECTS - 1) {
#ifdef MUTANT_REFERENCE_FIRST
            child = ref[i];
#endif
            atomic { header = tracked[i] && counter[i] != 0 && !scanned[i] }
            atomic {
#ifndef MUTANT_REFERENCE_FIRST
                child = ref[i];
#endif
                if
                :: header ->
                    scanned[i] = true;
                    more = true;
                    if
                    :: child != NONE && counter[child] == 0 -> counter[child] = 1
                    :: else
                    fi
                :: else
                fi;
                header = false;
                child = NONE
            }
        }
    :: else -> break
    od;
    for (i : 0 .. OBJECTS - 1) {
        atomic { suspect[i] = tracked[i] && seen[i] && counter[i] == 0 }
    }
}

/* Who dies of it dies now. */
inline merge()
{
    for (a : 0 .. OBJECTS - 1) {
        queued[a] = 0
    }
    die_by_counting()
}

inline judge_count()
{
    for (a : 0 .. OBJECTS - 1) {
        suspect[a] = suspect[a] && tracked[a];
        count_of(a);
#ifdef MUTANT_OLD_COUNTS
        n = (suspect[a] -> old[a] : n);
#endif
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
            :: tracked[a] && !suspect[a] && outside[a] > 0 && ref[a] != NONE &&
               suspect[ref[a]] ->
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
        :: suspect[a] && tracked[a] ->
            assert(!reached[a]);
            alive[a] = false;
            tracked[a] = false
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
            tracked[a] = true;
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
        if :: queued[1] = 1 :: skip fi;
        /* one block may be free already, its reference still in it */
        if
        :: var[0] != OBJECTS - 1 ->
            n = 0;
            for (b : 0 .. OBJECTS - 2) {
                if :: ref[b] == OBJECTS - 1 -> n++ :: else fi
            }
            if :: n == 0 -> alive[OBJECTS - 1] = false; tracked[OBJECTS - 1] = false :: else fi
        :: skip
        fi;
        die_by_counting();
        reach();
        for (a : 0 .. OBJECTS - 1) {
            was_garbage[a] = alive[a] && !reached[a]
        }
#ifndef MUTANT_NOT_MERGED
        merge();
#endif
        i = 0;
        run mutator()
    }
    hint();
    atomic {
        born == NONE -> standing = true; /* a safepoint */
#ifndef MUTANT_NOT_JUDGED
        merge();
        judge_count();
        judge_end();
#endif
        free_suspects();
        standing = false
    }
}
