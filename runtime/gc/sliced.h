/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * sliced.h - a collection without a long stop: the hint (hint.c) and its judgement (sliced.c).
 *
 * The world runs during the passes or between their slices, so what they add up is only a hint
 * at who may be garbage. It never frees anything: each group of suspects is judged by the
 * any-subset rule within one stop, with exact counts. Everything here is the collecting
 * thread's own.
 */
#ifndef OURO_GC_SLICED_H
#define OURO_GC_SLICED_H

#include "gc/gc.h"

#define OU_NO_SUSPECT UINT32_MAX

enum {
    OU_SUSPECT_WAITS,
    OU_SUSPECT_INSIDE,
    OU_SUSPECT_LIVES,
    OU_SUSPECT_DONE,
    OU_SUSPECT_OF /* and the group's root: it is being judged */
};

typedef struct ou_suspect {
    ou_object *object;
    int64_t left;    /* count not explained from within; once it lives: link of a list */
    uint32_t parent; /* union-find: towards the root of its group */
    uint32_t next;   /* ring of the group's members */
    uint32_t size;   /* of the group, at the root */
    uint32_t state;
} ou_suspect;

typedef struct ou_hint {
    uint32_t *shapes; /* by page, as listed: pages back to the span's start << 8 | bin */
    size_t shape_count;
    uint8_t *seen;   /* a bit a counter: P1 read an object there */
    uint32_t *index; /* by counter: number of the suspect; believed only if that one agrees */
    size_t index_count; /* of both */
    ou_suspect *suspects;
    uint32_t suspect_count;
    size_t region, block; /* where the pass goes on */
    uint32_t current;     /* suspect whose references are being read */
    uint32_t turns;       /* sections begun; what was looked up in one holds there only */
    bool stands;          /* the world does, in this slice */
    bool must_stand;      /* from now on: some type's traverse slot is needed */
} ou_hint;

extern OU_HIDDEN ou_hint ou_gc_hint;

/* A pass goes on until `until` (ns) or its end; true: it is through. World running or not. */
typedef bool (*ou_gc_pass)(uint64_t until);
bool ou_hint_list(uint64_t until);    /* regions; world stopped */
bool ou_hint_count(uint64_t until);   /* P1 */
bool ou_hint_clamp(uint64_t until);   /* between them: no counter looks as if it was scanned */
bool ou_hint_mark(uint64_t until);    /* P2 */
bool ou_hint_collect(uint64_t until); /* P3: the suspects */
bool ou_hint_group(uint64_t until);   /* groups: who is connected */

/* World stopped: makes the memory for all pages there are now. 0 or OU_ENOMEM. */
int ou_hint_reserve(void);
void ou_hint_release(void);
void ou_hint_rewind(void); /* before each pass */

/* Others may wait for the end of the section in which the hint reads beside them (peek.h): ends
 * it and begins another one. False: `o`, unless NULL, is not there any more. */
bool ou_hint_turn(const ou_object *o);

/* World stopped, or in a section: is there a tracked object in this block, where one was
 * listed? */
bool ou_hint_holds(const ou_object *o);
/* Number of the suspect that `o` is. */
uint32_t ou_hint_find(ou_object *o);
uint32_t ou_hint_root(uint32_t suspect);

#endif
