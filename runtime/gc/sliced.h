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
#include "heap/page.h"

#define OU_NO_SUSPECT UINT32_MAX

/* While groups are made, in address order; once they are, the same memory holds what the
 * judgement of a group that is not closed needs of each member. */
typedef union ou_suspect {
    struct {
        ou_object *object;
        uint32_t parent; /* union-find: towards the root of its group */
        uint32_t size;   /* of the group, at the root; then where its next member goes */
    };
    struct {
        int64_t left;   /* count not explained from within; once it lives: link of a list */
        uint32_t state; /* OU_MEMBER_... */
    };
} ou_suspect;

enum { OU_MEMBER_GONE, OU_MEMBER_INSIDE, OU_MEMBER_LIVES };

typedef struct ou_hint {
    uint32_t *shapes; /* by page, as listed: pages back to the span's start << 8 | bin */
    size_t shape_count;
    uint8_t *seen;      /* a bit a counter: P1 read an object there */
    uint32_t *index;    /* by counter: 1 + number of the suspect, then of the member; 0: none */
    size_t index_count; /* of both */
    ou_suspect *suspects;
    uint32_t suspect_count;
    ou_object **members; /* the suspects, group by group, each in address order */
    uint32_t *groups;    /* first member of each; one more: suspect_count */
    uint32_t group_count, largest;
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
bool ou_hint_number(uint64_t until);  /* where each group's members will be */
bool ou_hint_order(uint64_t until);   /* members, group by group */

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

/* Index of the counter of the block that was there when pages were listed; SIZE_MAX: none. */
OU_INLINE size_t ou_hint_counter(const ou_object *o)
{
    size_t at = (size_t)((const char *)o - ou_range);
    size_t i = at >> OU_PAGE_SHIFT;
    if (at >= ou_range_bytes || i >= ou_gc_hint.shape_count || !ou_gc.pages[i].magic) {
        return SIZE_MAX;
    }
    ou_gc_page page = ou_gc.pages[i];
    if (OU_LIKELY(page.magic > 1)) {
        return page.base + ((at & (OU_PAGE_BYTES - 1)) * page.magic >> 32);
    }
    uint32_t shape = ou_gc_hint.shapes[i], bin = shape & 255u;
    size_t offset = ((size_t)(shape >> 8) << OU_PAGE_SHIFT) + (at & (OU_PAGE_BYTES - 1));
    return page.base + (bin < OU_BIN_COUNT ? ou_block_index(offset, &ou_bins[bin]) : 0);
}

/* Groups are made: number of the member that `o` is, whatever the page is now: only that one
 * is at this address. */
OU_INLINE uint32_t ou_hint_find(const ou_object *o)
{
    size_t at = ou_hint_counter(o);
    uint32_t n = at == SIZE_MAX ? 0 : ou_gc_hint.index[at];
    return n && ou_gc_hint.members[n - 1] == o ? n - 1 : OU_NO_SUSPECT;
}

/* World stopped: is the page what it was when it was listed? */
bool ou_hint_page_holds(size_t page);

/* World stopped, inboxes merged: the any-subset rule on the members of groups from..to-1, all
 * at once or one by one (judge.c). Garbage is appended to ou_gc.garbage, which lies before
 * them. False: a group is so large, and not all garbage, that one stop for the whole heap is
 * the shorter one; nothing of it was found. */
bool ou_hint_judge(uint32_t from, uint32_t to, ou_gc_report *report);
/* Before the stops: several threads will share the large ones. */
void ou_hint_judge_prepare(void);

#endif
