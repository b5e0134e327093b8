/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * remote.pml - blocks freed by threads that do not own their page.
 *
 * One page of three blocks, one heap (it belongs to the slot: one thread uses it, ends, a new
 * one adopts it), two threads that free. A freeing thread collects blocks, ties them to a chain
 * and pushes that on the heap's inbox with one CAS; the heap takes the whole inbox with one
 * exchange when it needs blocks, and returns at most PER_VISIT chains to the page at a time. The
 * first word of a chain's first block says how many there are and which, that of the last one
 * links to the next chain; of a chain of one block it is the link. A block in flight
 * counts as used, so that its page cannot be given back. A push CAS has no ABA trouble: that
 * the head is again the block seen before makes the link just written true again.
 *
 * Checked: a block is handed out to one user at a time; memory of a page given back is not
 * touched; when all is quiet and drained, all blocks are free. Source: the batched remote
 * frees of snmalloc (Lietar et al., ISMM 2019). Story: docs/heap.md, "Remote frees".
 *
 * mutant DRAIN_TWO_STEPS: load of the inbox, then store of NULL
 * mutant PUSH_UNLINKED: the tail of the chain is not linked to the old head
 * mutant LINK_LATE: the tail is linked after the chain was published
 * mutant LINK_FIRST: the link is written into the chain's first block, over what is there
 * mutant USED_AT_FREE: the freeing thread lowers the page's used count
 * mutant EXIT_KEEPS_BATCH: a thread ends without a flush
 * mutant VISIT_DROPS_REST: the bounded drain forgets what it left over
 * mutant TIE_LATE: the first block says what belongs to the chain after it was published
 * mutant UNTIED: the first block does not say what belongs to the chain
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
typedef word { bool node; byte n, second, third, next };
word first[BLOCKS + 1]; /* first word of a block in flight: a node, or a link to `next` */
byte below[BLOCKS + 1]; /* the free block under this one */
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
    d_step {
        assert(page && block[b] != FREE);
        below[b] = freelist; freelist = b; block[b] = FREE;
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
        local_free = 0;
        atomic { assert(page); /* nobody else has it */
            b = pending;
            n = 1; c = b; /* the last */
            if
            :: first[b].node -> n = first[b].n; c = (n == 2 -> first[b].second : first[b].third)
            :: else
            fi;
            pending = first[c].next;
            if
            :: n == 3 -> ou_page_free(c); c = first[b].second; ou_page_free(c)
            :: n == 2 -> ou_page_free(c)
            :: else
            fi;
            ou_page_free(b);
            b = 0; c = 0; n = 0
        }
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
    atomic { page = true; below[1] = 2; below[2] = 3; below[3] = 0; freelist = 1; used = 0 }
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
            freelist = below[b]; block[b] = OUT; used++;
            below[b] = 0; /* the user writes what it likes */
            first[b].node = false; first[b].n = 0; first[b].next = 0;
            first[b].second = 0; first[b].third = 0
        :: else
        fi
    }
}

/* Thread of the heap: allocates, frees some itself, gives the others away, ends. */
proctype owner(byte allocs)
{
    byte b, c, n, left, local_free;
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

/* The first word of the first block, unless it is the only one. */
inline ou_chain_tie()
{
    atomic { assert(page || n == 0);
        if
        :: n > 1 ->
            first[at[0]].node = true; first[at[0]].n = n; first[at[0]].next = 0;
            first[at[0]].second = at[1];
            first[at[0]].third = (n == 3 -> at[2] : 0)
        :: else
        fi
    }
}

inline ou_chain_link(b, h)
{
    atomic { assert(page);
        first[b].node = false; first[b].n = 0; first[b].second = 0; first[b].third = 0;
        first[b].next = h }
}

/* Publishes the chain of at[0..n-1]. */
inline ou_remote_push()
{
#if !defined(MUTANT_TIE_LATE) && !defined(MUTANT_UNTIED)
    ou_chain_tie();
#endif
    do
    :: h = inbox;
#ifdef MUTANT_PUSH_UNLINKED
        ou_chain_link(at[n - 1], 0);
#elif defined(MUTANT_LINK_FIRST)
        ou_chain_link(at[0], h);
#elif !defined(MUTANT_LINK_LATE)
        ou_chain_link(at[n - 1], h);
#endif
        if
        :: atomic { inbox == h -> inbox = at[0] } break
        :: else
        fi
    od;
#ifdef MUTANT_LINK_LATE
    ou_chain_link(at[n - 1], h);
#endif
#ifdef MUTANT_TIE_LATE
    ou_chain_tie();
#endif
    atomic { n = 0; h = 0; at[0] = 0; at[1] = 0; at[2] = 0 }
}

proctype freer()
{
    byte b, n, h;
    byte at[BLOCKS];
    do
    :: atomic { cell != 0 -> b = cell; cell = 0; block[b] = FLIGHT } /* ou_remote_free */
        atomic {
            assert(page);
#ifdef MUTANT_USED_AT_FREE
            used--;
#endif
            at[n] = b; n++; b = 0
        }
    :: n != 0 -> ou_remote_push() /* enough, or a safepoint */
    :: over && cell == 0 -> break
    od;
#ifndef MUTANT_EXIT_KEEPS_BATCH
    if
    :: n != 0 -> ou_remote_push()
    :: else
    fi;
#endif
    ended++
}

init {
    byte b, c, n, left, local_free;
    atomic { run owner(ALLOCS); run owner(ALLOCS); run freer(); run freer() }
    ended == 2 && slot == ORPHAN && cell == 0;
    over = true;
    ended == 4;
    ou_remote_drain(BLOCKS);
    ou_remote_drain(BLOCKS);
    assert(inbox == 0 && pending == 0 && used == 0);
    assert(block[1] == FREE && block[2] == FREE && block[3] == FREE)
}
