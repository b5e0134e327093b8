/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * remote.pml - blocks freed by threads that do not own their page.
 *
 * One page of three blocks, one heap (it belongs to the slot: one thread uses it, ends, a new
 * one adopts it), two threads that free. A freeing thread chains blocks and pushes the chain
 * on the heap's inbox with one CAS; the heap takes the whole inbox with one exchange when it
 * needs blocks, and returns at most PER_VISIT nodes to the page at a time. A node of the chain
 * carries one other block, written into it like its link. A block in flight
 * counts as used, so that its page cannot be given back. A push CAS has no ABA trouble: that
 * the head is again the block seen before makes the link just written true again.
 *
 * Checked: a block is handed out to one user at a time; memory of a page given back is not
 * touched; when all is quiet and drained, all blocks are free. Source: the batched remote
 * frees of snmalloc (Lietar et al., ISMM 2019). Story: docs/counting.md, "Remote frees".
 *
 * mutant DRAIN_TWO_STEPS: load of the inbox, then store of NULL
 * mutant PUSH_UNLINKED: the tail of the chain is not linked to the old head
 * mutant LINK_LATE: the tail is linked after the chain was published
 * mutant USED_AT_FREE: the freeing thread lowers the page's used count
 * mutant EXIT_KEEPS_BATCH: a thread ends without a flush
 * mutant VISIT_DROPS_REST: the bounded drain forgets what it left over
 * mutant CARRY_LATE: a carried block is written into the node after the chain was published
 * mutant CARRY_STALE: a new node keeps what it carried the last time
 */
#define BLOCKS 3
#define PER_VISIT 1
#ifdef DEEP
#define ALLOCS 5 /* of each thread of the heap */
#else
#define ALLOCS 4
#endif

mtype = { FREE, OUT, FLIGHT };
mtype = { ATTACHED, ORPHAN };

mtype block[BLOCKS + 1] = FREE; /* ghost */
byte next[BLOCKS + 1]; /* first word of a free block: the link */
byte carry[BLOCKS + 1]; /* a further word of a node: the block it carries; 0 = none */
bool page;             /* memory is there */
byte used;             /* page meta: handed out or in flight; owner */
byte freelist;         /* page meta: head; owner */
byte pending;          /* heap: taken from the inbox, not yet returned; owner */
byte inbox;            /* heap: atomic head of the Treiber stack */
mtype slot = ORPHAN;
byte cell;             /* hands a block from the allocating to a freeing thread; 0 = empty */
bool over;             /* nobody will fill the cell again */
byte ended;

inline ou_page_free(b) /* by the owner */
{
    atomic {
        assert(page && block[b] != FREE);
        next[b] = freelist; freelist = b; block[b] = FREE;
#ifdef MUTANT_USED_AT_FREE
        used = used - local_free
#else
        used--
#endif
    }
}

/* take the inbox when nothing is left of the last one, return at most PER_VISIT blocks */
inline ou_remote_drain(limit)
{
    if
    :: pending == 0 ->
#ifdef MUTANT_DRAIN_TWO_STEPS
        b = inbox;
        atomic { inbox = 0; pending = b }
#else
        atomic { pending = inbox; inbox = 0 }
#endif
    :: else
    fi;
    left = limit;
    do
    :: pending != 0 && left > 0 ->
        b = pending;
        atomic { assert(page); pending = next[b]; c = carry[b] }
        local_free = 0;
        ou_page_free(b);
        if
        :: c != 0 -> ou_page_free(c); c = 0
        :: else
        fi;
        left--
    :: else -> break
    od;
#ifdef MUTANT_VISIT_DROPS_REST
    pending = 0;
#endif
    b = 0
}

inline ou_page_fresh()
{
    atomic { page = true; next[1] = 2; next[2] = 3; next[3] = 0; freelist = 1; used = 0 }
}

/* b = a block, or 0 */
inline ou_heap_alloc()
{
    if
    :: !page -> ou_page_fresh()
    :: page && freelist == 0 -> ou_remote_drain(PER_VISIT)
    :: else
    fi;
    atomic {
        b = freelist;
        if
        :: b != 0 ->
            assert(page && block[b] == FREE);
            freelist = next[b]; block[b] = OUT; used++
        :: else
        fi
    }
}

/* Thread of the heap: allocates, frees some itself, gives the others away, ends. */
proctype owner(byte allocs)
{
    byte b, c, left, local_free;
    atomic { slot == ORPHAN -> slot = ATTACHED }
    do
    :: allocs > 0 ->
        allocs--;
        ou_heap_alloc();
        if
        :: b == 0
        :: b != 0 -> atomic { cell == 0 -> cell = b; b = 0 }
        :: b != 0 -> local_free = 1; ou_page_free(b); b = 0
        fi
    :: page && used == 0 -> atomic { page = false; freelist = 0 } /* ou_page_retire */
    :: allocs == 0 -> break
    od;
    slot = ORPHAN;
    ended++
}

/* Publishes the chain first..tail. */
inline ou_remote_push()
{
    do
    :: h = inbox;
#ifndef MUTANT_LINK_LATE
        atomic { assert(page);
#ifdef MUTANT_PUSH_UNLINKED
            next[tail] = 0 }
#else
            next[tail] = h }
#endif
#endif
        if
        :: atomic { inbox == h -> inbox = first } break
        :: else
        fi
    od;
#ifdef MUTANT_LINK_LATE
    next[tail] = h;
#endif
#ifdef MUTANT_CARRY_LATE
    if
    :: late != 0 -> carry[first] = late; late = 0
    :: else
    fi;
#endif
    first = 0; tail = 0; h = 0
}

proctype freer()
{
    byte b, first, tail, h;
#ifdef MUTANT_CARRY_LATE
    byte late;
#endif
    do
    :: atomic { cell != 0 -> b = cell; cell = 0; block[b] = FLIGHT } /* ou_remote_free */
        atomic {
            assert(page);
#ifdef MUTANT_USED_AT_FREE
            used--;
#endif
            if
#ifdef MUTANT_CARRY_LATE
            :: first != 0 && late == 0 -> late = b
#else
            :: first != 0 && carry[first] == 0 -> carry[first] = b
#endif
            :: else ->
                next[b] = first; first = b;
#ifndef MUTANT_CARRY_STALE
                carry[b] = 0;
#endif
                if
                :: tail == 0 -> tail = b
                :: else
                fi
            fi;
            b = 0
        }
    :: first != 0 -> ou_remote_push() /* enough, or a safepoint */
    :: over && cell == 0 -> break
    od;
#ifndef MUTANT_EXIT_KEEPS_BATCH
    if
    :: first != 0 -> ou_remote_push()
    :: else
    fi;
#endif
    ended++
}

init {
    byte b, c, left, local_free;
    atomic { run owner(ALLOCS); run owner(ALLOCS); run freer(); run freer() }
    ended == 2 && slot == ORPHAN && cell == 0;
    over = true;
    ended == 4;
    ou_remote_drain(BLOCKS);
    ou_remote_drain(BLOCKS);
    assert(inbox == 0 && pending == 0 && used == 0);
    assert(block[1] == FREE && block[2] == FREE && block[3] == FREE)
}
