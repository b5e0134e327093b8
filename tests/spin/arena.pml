/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * arena.pml - free pages given back to the system while others allocate.
 *
 * Two pages, one lock. Two threads take a page, write into it, read it back and free it. A third
 * takes a free dirty page out of the map under the lock, gives it back to the system without
 * (which may refuse), and puts it back. A fork may find it in any state: what the child starts
 * with is computed from the parent's state while the lock is held.
 *
 * Checked: a page in use keeps its content; a page said to be clean reads as zero; an
 * allocation fails only when all pages are in use; in a child every page is in use or free, and
 * none that may hold data is said to be clean.
 *
 * mutant STAYS_FREE: the page stays free while the system works
 * mutant BACK_EARLY: the page is put back before the system works
 * mutant OUT_IS_FAILURE: an allocation fails although a page is on its way back
 * mutant REFUSED_IS_CLEAN: a page that the system kept is put back as clean
 * mutant FORK_FORGETS: the child does not put back what was out
 * mutant FORK_CLEAN: the child puts back as clean what was out
 */
#define PAGES 2
#ifdef DEEP
#define ROUNDS 3
#else
#define ROUNDS 2
#endif
#define NOBODY 0
#define NO_PAGE PAGES

bool locked;
bool free[PAGES] = true;
bool soiled[PAGES];
byte user[PAGES];        /* ghost: who has it */
byte content[PAGES];     /* 0: as the system gives it */
byte out = NO_PAGE;      /* lock: page that is out */

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

inline find(p) /* lock: first free page */
{
    p = 0;
    do
    :: p < PAGES && !free[p] -> p++
    :: else -> break
    od
}

proctype allocator(byte me)
{
    byte p, round;
    bool clean;
    for (round : 1 .. ROUNDS) {
        do
        :: lock();
           find(p);
           if
           :: p < PAGES -> break
#ifndef MUTANT_OUT_IS_FAILURE
           :: p == NO_PAGE && out != NO_PAGE -> unlock() /* and look again */
#endif
           :: else ->
              assert(user[0] != NOBODY && user[1] != NOBODY);
              unlock();
              goto done
           fi
        od;
        atomic {
            free[p] = false; clean = !soiled[p]; soiled[p] = false;
            assert(user[p] == NOBODY);
            user[p] = me
        }
        unlock();
        assert(!clean || content[p] == 0);
        content[p] = me;
        assert(content[p] == me);
        lock();
        atomic { assert(content[p] == me); user[p] = NOBODY; free[p] = true; soiled[p] = true }
        unlock()
    }
done: skip
}

inline put_back(p, is_clean)
{
    atomic { free[p] = true; soiled[p] = !(is_clean); out = NO_PAGE }
}

proctype purger()
{
    byte p, round;
    bool done;
    for (round : 1 .. ROUNDS) {
        lock();
        p = 0;
        do
        :: p < PAGES && !(free[p] && soiled[p]) -> p++
        :: else -> break
        od;
        if
        :: p < PAGES ->
           atomic {
#ifndef MUTANT_STAYS_FREE
               free[p] = false;
#endif
               soiled[p] = false; out = p
           }
#ifdef MUTANT_BACK_EARLY
           put_back(p, true);
#endif
           unlock();
           if
           :: content[p] = 0; done = true
           :: done = false
           fi;
           lock();
#ifndef MUTANT_BACK_EARLY
#ifdef MUTANT_REFUSED_IS_CLEAN
           done = true;
#endif
           put_back(p, done);
#endif
           unlock()
        :: else -> unlock()
        fi
    }
}

/* Everybody else is gone in the child. */
proctype forker()
{
    byte p;
    bool its_free, its_soiled;
    lock();
    for (p : 0 .. PAGES - 1) {
        atomic {
            its_free = free[p]; its_soiled = soiled[p];
#ifndef MUTANT_FORK_FORGETS
            if
            :: p == out -> its_free = true;
#ifdef MUTANT_FORK_CLEAN
                           its_soiled = false
#else
                           its_soiled = true
#endif
            :: else
            fi;
#endif
            assert(its_free || user[p] != NOBODY);
            assert(!its_free || its_soiled || content[p] == 0)
        }
    }
    unlock()
}

init
{
    atomic {
        run allocator(1);
        run allocator(2);
        run purger();
        run forker()
    }
}
