/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * guard.h - the modes secure and debug: a layer between malloc and the heap that knows of each
 * raw block what was asked for, and keeps freed blocks a while to see who still writes to them.
 *
 *   block  | asked for | red zone, 8 bytes at least | seal, 16 bytes |
 *   large  | seal, 4 KiB | no access | asked for | red zone | no access to the end of the run |
 *                                    ^ on a page of 64 KiB  ^ on 4 KiB
 *
 * The heap below is the ordinary one: to it a guarded block is a block in use until the
 * quarantine lets go of it. A byte for every 16 of the range says what begins there:
 *
 *   NONE --alloc--> LIVE --free--> HELD --quarantine lets go--> NONE
 *
 * LIVE -> HELD is one compare-and-swap, so that of two threads that free a block one is told.
 * Blocks of NONE are those made before the mode began, and mistakes; the ordinary free() takes
 * or names them.
 *
 * The ordinary paths do not ask for the mode. It begins by making them miss: every size gets a
 * bin whose magazine is empty (ou_raw_bins), and no pointer lies in the range that free() looks
 * at (ou_plain_bytes). Once begun it does not end.
 *
 * operation            | by                 | synchronisation
 * ---------------------+--------------------+---------------------------------------------
 * state of a block     | who has it         | CAS acq_rel to HELD; the rest is the holder's
 * a heap's quarantine  | holder of the heap | passed on with the heap
 * all, with the knob   | any                | guard lock: heap_check_every looks at all blocks
 *   heap_check_every   |                    |
 */
#ifndef OURO_HEAP_GUARD_H
#define OURO_HEAP_GUARD_H

#include "conf/conf.h"
#include "heap/heap.h"

/* Begins the mode that knob heap_mode asks for; nothing for `default`. 0, OU_ENOMEM, or
 * OU_ESTATE when another mode has begun. While no other thread allocates. */
int ou_guard_start(void);

/* Has a mode begun? */
extern OU_HIDDEN uint32_t ou_guard_mode; /* atomic: OU_MODE_DEFAULT until then */

OU_INLINE bool ou_guard_on(void)
{
    return OU_UNLIKELY(ou_load_acquire(&ou_guard_mode) != OU_MODE_DEFAULT);
}

/* A block of `size` bytes aligned to `align` (power of two); `site`: the caller of malloc.
 * NULL: no memory. */
void *ou_guard_alloc(size_t size, size_t align, bool zero, const void *site);
void ou_guard_free(void *p);

/* False, and nothing is done: `p` is no guarded block in use. */
bool ou_guard_realloc(void *p, size_t size, const void *site, void **result);
bool ou_guard_size(const void *p, size_t *size);

/* Lets go of all that the calling thread's quarantine holds. */
void ou_guard_flush(void);

/* Bytes of blocks in all quarantines. */
size_t ou_guard_held_bytes(void);

/* Looks at all guarded blocks and all held ones; returns faults, each warned of. */
size_t ou_guard_check(void);

/* A magazine was filled: its blocks get another order. */
void ou_guard_shuffle(ou_heap *heap, uint32_t bin);

void ou_guard_fork_prepare(void);
void ou_guard_fork_done(void);

/* ---- between guard.c and its parts -------------------------------------------------------
 */

enum { OU_GUARD_NONE, OU_GUARD_LIVE, OU_GUARD_HELD };

#define OU_FILL_FRESH 0xA5 /* debug: what malloc gives */
#define OU_FILL_FREED 0xDB
#define OU_FILL_RED 0xFB

extern OU_HIDDEN uintptr_t ou_guard_states_zero; /* the map, as if the range began at 0 */

OU_INLINE uint8_t *ou_guard_state(const void *p)
{
    return (uint8_t *)(ou_guard_states_zero + ((uintptr_t)p >> 4));
}

/* What the seal of a block in use or held says. */
typedef struct ou_guarded {
    char *p;
    size_t size;      /* asked for */
    size_t bytes;     /* of the heap's block or run */
    size_t room;      /* from `p` to the seal, or to the end of the run */
    size_t end;       /* bytes from `p` to the end of the red zone */
    const void *site; /* who asked */
    ou_page *run;     /* of a large block; NULL: a small one */
} ou_guarded;

/* False: the seal is broken. */
bool ou_guard_read(void *p, ou_guarded *g);

/* What is wrong with a block in use, or with a held one, in `text`; false: nothing. */
bool ou_guard_spoilt(const ou_guarded *g, char *text, size_t text_bytes);
bool ou_guard_written(const ou_guarded *g, char *text, size_t text_bytes);

/* Panics when something is wrong with a held block. */
ou_guarded ou_guard_check_held(void *p);

/* Puts a held block into the quarantine of the calling thread, or lets go of it. */
void ou_quarantine_put(const ou_guarded *g);

/* Gives a held block back to the heap; returns its bytes there. */
size_t ou_guard_release(void *p);

/* Calls `fn` for each guarded block in use or held. */
void ou_guard_each(void (*fn)(void *p, uint8_t state, void *arg), void *arg);

/* Looks at what the quarantines of the calling thread and of ended threads hold; debug: prints
 * which callers' blocks are still in use. */
void ou_guard_at_exit(void);
void ou_quarantine_check(void);

/* Name of a place in code: "file(symbol+0x12)". Returns `text`. */
const char *ou_guard_site(char *text, size_t text_bytes, const void *site);

#endif
