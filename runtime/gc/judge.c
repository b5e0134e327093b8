/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * judge.c - the any-subset rule on groups of suspects, called while the world stands and
 * inboxes are merged (sliced.c).
 *
 * Nearly always all of them are garbage, and that takes two sums to see: no count is smaller
 * than the references to its object, so if all counts add up to the references from members to
 * members, each count is explained. Sums can be shared: a group of many members is divided
 * among workers. Any set will do, so small groups are summed up many at once. Where the sums
 * differ, each group is looked at by itself, then each member.
 */
#include "gc/children.h"
#include "gc/passes.h"
#include "gc/sliced.h"

#define SHARED 65536u /* members from which workers share: they take some us to come */
#define SHARE 4096u   /* members at a time */

/* A member costs as much one by one as so many objects in one stop for the whole heap. */
#define WHOLE_PART 6u

/* ---- all at once ------------------------------------------------------------------------ */

static uint32_t set_from, set_to; /* members; constant while workers run */

typedef struct sums {
    int64_t open;     /* counts not explained so far; modulo 2^64 */
    bool not_garbage; /* a member is gone, or immortal */
    bool special;
} sums;

static inline bool is_member(uint32_t index)
{
    return index - 1 - set_from < set_to - set_from;
}

/* References to members from what has no inline array. */
static __thread int64_t explained __attribute__((tls_model("initial-exec")));

static inline void edge_explained(ou_object *child)
{
    uint32_t n = ou_hint_find(child);
    explained += n != OU_NO_SUSPECT && is_member(n + 1);
}

/* The page that members lie in: they follow each other in address order. */
typedef struct page_seen {
    uintptr_t start; /* 0: none */
    uintptr_t end;   /* of the blocks carved; 0: the page is no longer what it was */
    uint64_t magic;  /* as in ou_gc_page; 1: not told by the page */
    const uint32_t *index;
} page_seen;

static __attribute__((noinline)) page_seen page_see(const ou_object *o)
{
    size_t i = ou_page_index(o);
    ou_gc_page page = ou_gc.pages[i];
    page_seen seen = {.start = (uintptr_t)o & ~(OU_PAGE_BYTES - 1), .magic = page.magic};
    if (page.magic > 1 && ou_hint_page_holds(i)) {
        const ou_page *now = &ou_page_table[i];
        seen.index = ou_gc_hint.index + page.base;
        seen.end =
            seen.start + (size_t)now->carved * ou_bins[ou_tag_bin(ou_page_tag(now))].size_bytes;
    }
    return seen;
}

/* A reference to another page. If all members hold, an address in a page of single blocks that
 * has a member's counter is that member. */
static inline bool leads_to_member(const ou_object *child)
{
    size_t at = (size_t)((const char *)child - ou_range);
    size_t i = at >> OU_PAGE_SHIFT;
    if (at >= ou_range_bytes || i >= ou_gc_hint.shape_count) {
        return false;
    }
    ou_gc_page page = ou_gc.pages[i];
    if (OU_LIKELY(page.magic > 1)) {
        size_t in = at & (OU_PAGE_BYTES - 1);
        return is_member(ou_gc_hint.index[page.base + (in * page.magic >> 32)]);
    }
    uint32_t n = page.magic ? ou_hint_find(child) : OU_NO_SUSPECT;
    return n != OU_NO_SUSPECT && is_member(n + 1);
}

OU_INLINE bool reference_explains(const page_seen *seen, const ou_object *child)
{
    uintptr_t in = (uintptr_t)child - seen->start;
    if (OU_LIKELY(in < OU_PAGE_BYTES && seen->end)) {
        return is_member(seen->index[in * seen->magic >> 32]);
    }
    return leads_to_member(child);
}

OU_INLINE bool member_holds(const page_seen *seen, const ou_object *o)
{
    if (OU_LIKELY(seen->magic > 1)) {
        return (uintptr_t)o < seen->end && ou_gc_looks_at(o);
    }
    return ou_hint_holds(o);
}

static sums sum_up(uint32_t from, uint32_t to)
{
    sums sum = {0};
    page_seen seen = {0};
    ou_shape shape = {0};
    explained = 0;
    for (uint32_t i = from; i < to; i++) {
        ou_object *o = ou_gc_hint.members[i];
        if (OU_UNLIKELY((uintptr_t)o - seen.start >= OU_PAGE_BYTES)) {
            seen = page_see(o);
        }
        if (OU_UNLIKELY(!member_holds(&seen, o) || ou_is_immortal(o))) {
            sum.not_garbage = true;
            break;
        }
        ou_shape_follow(&shape, o);
        sum.open += ou_count_now(o);
        sum.special |= (o->flags & OU_FL_WEAKREF) || (o->gcbits & OU_GC_FINALIZER) ||
                       shape.kind == OU_KIND_WEAKREF;
        ou_object *const *items;
        size_t n;
        if (OU_UNLIKELY(!ou_shape_items(&shape, o, &items, &n))) {
            ou_each_child_other(o, edge_explained);
            continue;
        }
        for (size_t k = 0; k < n; k++) {
            sum.open -= reference_explains(&seen, items[k]);
        }
    }
    sum.open -= explained;
    return sum;
}

/* What the workers found, added up. */
static struct {
    uint64_t open;        /* atomic */
    uint32_t not_garbage; /* atomic */
    uint32_t special;     /* atomic */
} common;

static void sum_share(ou_gc_worker *me)
{
    (void)me;
    uint64_t open = 0;
    bool special = false;
    for (size_t at; !ou_load_relaxed(&common.not_garbage) &&
                    (at = set_from + ou_gc_claim() * SHARE) < set_to;) {
        sums sum = sum_up((uint32_t)at, (uint32_t)ou_min(at + SHARE, (size_t)set_to));
        open += (uint64_t)sum.open;
        special |= sum.special;
        if (sum.not_garbage) {
            ou_store_relaxed(&common.not_garbage, 1u);
        }
    }
    ou_fetch_add_relaxed(&common.open, open);
    if (special) {
        ou_store_relaxed(&common.special, 1u);
    }
}

static sums sum_shared(void)
{
    common.open = common.not_garbage = common.special = 0;
    ou_gc_claim_begin();
    ou_gc_workers_run(sum_share);
    return (sums){(int64_t)common.open, common.not_garbage, common.special};
}

/* Are members from..to-1 garbage, all of them? */
static bool is_closed(uint32_t from, uint32_t to, bool *special)
{
    set_from = from;
    set_to = to;
    sums sum = to - from >= SHARED ? sum_shared() : sum_up(from, to);
    *special = sum.special;
    return !sum.not_garbage && sum.open == 0;
}

void ou_hint_judge_prepare(void)
{
    if (ou_gc_hint.largest >= SHARED) {
        ou_gc_workers_prepare();
        ou_gc_workers_gather();
    }
}

/* ---- one by one ------------------------------------------------------------------------- */

static uint32_t live_head; /* members that live, whose references are still to be read */

static ou_suspect *inside(const ou_object *o)
{
    uint32_t n = ou_hint_find(o);
    if (n == OU_NO_SUSPECT || !is_member(n + 1)) {
        return NULL;
    }
    ou_suspect *s = &ou_gc_hint.suspects[n];
    return s->state == OU_MEMBER_INSIDE ? s : NULL;
}

static inline void edge_inside(ou_object *child)
{
    ou_suspect *s = inside(child);
    if (s) {
        s->left--;
    }
}

static inline void lives(ou_suspect *s)
{
    s->state = OU_MEMBER_LIVES;
    s->left = live_head;
    live_head = (uint32_t)(s - ou_gc_hint.suspects);
}

static inline void edge_lives(ou_object *child)
{
    ou_suspect *s = inside(child);
    if (s) {
        lives(s);
    }
}

/* The members that are still there, and those of their counts that come from outside. */
static void count_members(void)
{
    for (uint32_t i = set_from; i < set_to; i++) {
        const ou_object *o = ou_gc_hint.members[i];
        ou_suspect *s = &ou_gc_hint.suspects[i];
        s->state = OU_MEMBER_GONE;
        if (ou_hint_holds(o)) {
            s->state = OU_MEMBER_INSIDE;
            s->left = ou_is_immortal(o) ? INT64_MAX : ou_count_now(o);
        }
    }
    for (uint32_t i = set_from; i < set_to; i++) {
        if (ou_gc_hint.suspects[i].state == OU_MEMBER_INSIDE) {
            ou_each_child_other(ou_gc_hint.members[i], edge_inside);
        }
    }
}

static void spread_life(void)
{
    live_head = OU_NO_SUSPECT;
    for (uint32_t i = set_from; i < set_to; i++) {
        ou_suspect *s = &ou_gc_hint.suspects[i];
        if (s->state == OU_MEMBER_INSIDE && s->left > 0) {
            lives(s);
        }
        while (live_head != OU_NO_SUSPECT) {
            uint32_t n = live_head;
            live_head = (uint32_t)ou_gc_hint.suspects[n].left;
            ou_each_child_other(ou_gc_hint.members[n], edge_lives);
        }
    }
}

static bool is_special(const ou_object *o)
{
    return o->flags & OU_FL_WEAKREF || o->gcbits & OU_GC_FINALIZER ||
           o->type == OU_KIND_WEAKREF;
}

static void judge_members(ou_gc_report *report)
{
    count_members();
    spread_life();
    for (uint32_t i = set_from; i < set_to; i++) {
        ou_object *o = ou_gc_hint.members[i];
        if (ou_gc_hint.suspects[i].state == OU_MEMBER_INSIDE) {
            ou_gc.garbage[ou_gc.garbage_count++] = o;
            ou_gc.special |= is_special(o);
        } else {
            report->false_suspects++;
        }
    }
}

/* ---- groups ----------------------------------------------------------------------------- */

static void all_are_garbage(bool special)
{
    ou_object **members = ou_gc_hint.members + set_from,
              **end = ou_gc.garbage + ou_gc.garbage_count;
    size_t n = set_to - set_from;
    if (end != members) { /* some before them live */
        memmove(end, members, n * sizeof *end);
    }
    ou_gc.garbage_count += n;
    ou_gc.special |= special;
}

static bool is_for_one_stop(uint32_t members)
{
    return members >= SHARED && members > ou_gc.examined / WHOLE_PART;
}

bool ou_hint_judge(uint32_t from, uint32_t to, ou_gc_report *report)
{
    const uint32_t *groups = ou_gc_hint.groups;
    bool special;
    if (is_closed(groups[from], groups[to], &special)) {
        all_are_garbage(special);
        return true;
    }
    for (uint32_t g = from; g < to; g++) {
        uint32_t n = groups[g + 1] - groups[g];
        if (to - from > 1 && is_closed(groups[g], groups[g + 1], &special)) {
            all_are_garbage(special);
        } else if (!is_for_one_stop(n)) {
            set_from = groups[g];
            set_to = groups[g + 1];
            judge_members(report);
        } else {
            return false; /* the only one: it is larger than a batch */
        }
    }
    return true;
}
