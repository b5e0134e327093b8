/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * hint.c - the three passes of gc.h beside a running program, and the groups of connected
 * suspects.
 *
 * While objects are read (peek.h) anything may change but garbage, which nobody can reach. So
 * the counters of everything that was garbage when the regions were listed come out exact, and
 * all of it is among the suspects. Others may be, too.
 *
 * Spans come and go. A page is believed while it has the place in a span and the bin that it
 * was listed with; then block numbers mean the same as at the start.
 */
#include "gc/peek.h"
#include "gc/sliced.h"
#include "heap/arena.h"
#include "thread/epoch.h"

ou_hint ou_gc_hint;

/* As in suspects.c. */
#define MANY 253u
#define PUSHED 254u
#define SCANNED 255u
#define LOOK_AT_CLOCK 64             /* objects between two looks */
#define CLAMP_STRIDE ((size_t)16384) /* counters between two looks */

static_assert(OU_BIN_COUNT < 255 && OU_BIN_LARGE_TRACKED < 255, "a bin fits into a byte");

static_assert(offsetof(ou_page, used) % 8 == 0, "used and carved are one word");

static uint32_t page_carved(size_t page)
{
    return ou_peek_second(&ou_page_table[page].used);
}

static uint32_t shape_now(size_t page)
{
    return ou_peek_back(page) << 8 | ou_tag_bin(ou_load_relaxed(&ou_tags[page].word));
}

bool ou_hint_page_holds(size_t page)
{
    return ou_gc_hint.shapes[page] == shape_now(page);
}

int ou_hint_reserve(void)
{
    ou_hint *h = &ou_gc_hint;
    size_t top = ou_arena_top();
    size_t n = top * (OU_PAGE_BYTES / 16) + 1; /* no object is smaller; touched where listed */
    *h = (ou_hint){.shape_count = top, .index_count = n};
    h->shapes = ou_os_reserve(ou_align_up(top * sizeof *h->shapes, 4096), 4096);
    h->seen = ou_os_reserve(ou_align_up(n / 8 + 1, 4096), 4096);
    h->index = ou_os_reserve(ou_align_up(n * sizeof *h->index, 4096), 4096);
    h->suspects = ou_os_reserve(ou_align_up(n * sizeof *h->suspects, 4096), 4096);
    h->members = ou_os_reserve(ou_align_up(n * sizeof *h->members, 4096), 4096);
    h->groups = ou_os_reserve(ou_align_up(n * sizeof *h->groups, 4096), 4096);
    if (!h->shapes || !h->seen || !h->index || !h->suspects || !h->members || !h->groups) {
        ou_hint_release();
        return OU_ENOMEM; /* not told: the caller has another way */
    }
    return 0;
}

static void unmap(void *array, size_t bytes)
{
    if (array) {
        ou_os_unmap(array, ou_align_up(bytes, 4096));
    }
}

void ou_hint_release(void)
{
    ou_hint *h = &ou_gc_hint;
    unmap(h->shapes, h->shape_count * sizeof *h->shapes);
    unmap(h->seen, h->index_count / 8 + 1);
    unmap(h->index, h->index_count * sizeof *h->index);
    unmap(h->suspects, h->index_count * sizeof *h->suspects);
    unmap(h->members, h->index_count * sizeof *h->members);
    unmap(h->groups, h->index_count * sizeof *h->groups);
    *h = (ou_hint){0};
}

void ou_hint_rewind(void)
{
    ou_gc_hint.region = ou_gc_hint.block = 0;
}

/* As ou_hint_counter; SIZE_MAX also when the page is another one now. */
static inline size_t counter_at(const ou_object *o)
{
    size_t at = ou_hint_counter(o);
    if (at != SIZE_MAX) {
        at = ou_hint_page_holds(ou_page_index(o)) ? at : SIZE_MAX;
    }
    return at;
}

static bool glance_held(const ou_object *o, ou_glance *glance)
{
    size_t at = counter_at(o);
    if (at == SIZE_MAX || (uintptr_t)o % 8) {
        return false;
    }
    size_t i = ou_page_index(o);
    return at - ou_gc.pages[i].base < page_carved(i - (ou_gc_hint.shapes[i] >> 8)) &&
           ou_glance_at(o, glance);
}

bool ou_hint_holds(const ou_object *o)
{
    ou_glance glance;
    return glance_held(o, &glance);
}

bool ou_hint_turn(const ou_object *o)
{
    ou_gc_hint.turns++;
    if (!ou_gc_hint.stands) {
        ou_epoch_leave();
        ou_epoch_enter();
    }
    return !o || ou_hint_holds(o);
}

/* The references of an object. False, and nothing was visited: its type's slot must see it
 * whole, but the world runs; it will stand from now on. */
OU_INLINE bool each_child(ou_object *o, const ou_glance *glance, ou_shape *shape,
                          ou_child_fn visit)
{
    ou_shape_peek(shape, ou_glance_type(glance));
    if (OU_LIKELY(!ou_shape_is_foreign(shape))) {
        ou_peek_children(o, glance, shape, visit);
        return true;
    }
    if (!ou_gc_hint.stands) {
        ou_gc_hint.must_stand = true;
        return false;
    }
    ou_each_child_other(o, visit);
    return true;
}

/* Blocks of a region that may hold objects now; 0 when its span is gone. */
static size_t region_blocks(const ou_region *region)
{
    size_t page = ou_page_index(region->start);
    if (!ou_hint_page_holds(page)) {
        return 0;
    }
    return ou_min(region->count, page_carved(page));
}

/* In a section that began after `*turn` the span may be gone. */
static inline bool still_there(const ou_region *region, uint32_t *turn)
{
    if (OU_LIKELY(*turn == ou_gc_hint.turns)) {
        return true;
    }
    *turn = ou_gc_hint.turns;
    return region_blocks(region) != 0;
}

/* A pass over the listed blocks, taken up where it was left: */
static bool each_region(uint64_t until,
                        bool (*each)(const ou_region *region, size_t blocks, uint64_t until))
{
    ou_hint *h = &ou_gc_hint;
    for (; h->region < ou_gc.region_count; h->region++, h->block = 0) {
        const ou_region *region = &ou_gc.regions[h->region];
        if (!each(region, region_blocks(region), until)) {
            return false;
        }
        ou_hint_turn(NULL);
        if (ou_os_now_ns() >= until) { /* this one is through: never count a block twice */
            h->region++;
            h->block = 0;
            return false;
        }
    }
    return true;
}

static inline bool late(size_t i, uint64_t until)
{
    if (OU_LIKELY(i % LOOK_AT_CLOCK != LOOK_AT_CLOCK - 1)) {
        return false;
    }
    ou_hint_turn(NULL);
    return ou_os_now_ns() >= until;
}

/* ---- list ------------------------------------------------------------------------------- */

bool ou_hint_list(uint64_t until)
{
    ou_hint *h = &ou_gc_hint;
    for (h->block = ou_max(h->block, 1); h->block < h->shape_count; h->block++) {
        size_t i = h->block, back = ou_peek_back(i);
        /* A span whose first page was another one's when that was listed is new. */
        if (back <= i && (!back || h->shapes[i - back] == shape_now(i - back))) {
            ou_gc_list_pages(i, i + 1);
            h->shapes[i] = ou_gc.pages[i].magic ? shape_now(i) : 0;
        }
        if (late(i, until)) {
            h->block++;
            return false;
        }
    }
    return true;
}

/* ---- P1 --------------------------------------------------------------------------------- */

static inline void edge_subtract(ou_object *child)
{
    size_t at = counter_at(child);
    if (at != SIZE_MAX) {
        ou_gc.counters[at]--;
    }
}

static bool count_region(const ou_region *region, size_t blocks, uint64_t until)
{
    ou_shape shape = {0};
    uint32_t turn = ou_gc_hint.turns;
    for (size_t i = ou_gc_hint.block; i < blocks && still_there(region, &turn); i++) {
        ou_object *o = ou_region_object(region, i);
        ou_glance glance;
        if (ou_glance_at(o, &glance)) {
            size_t at = region->counters + i;
            if (!each_child(o, &glance, &shape, edge_subtract)) {
                ou_gc_hint.block = i;
                return false;
            }
            ou_gc.counters[at] =
                (uint8_t)(ou_gc.counters[at] + (uint8_t)ou_glance_count(&glance));
            ou_gc_hint.seen[at >> 3] |= (uint8_t)(1u << (at & 7));
            ou_gc.examined++;
        }
        if (late(i, until)) {
            ou_gc_hint.block = i + 1;
            return false;
        }
    }
    return true;
}

bool ou_hint_count(uint64_t until)
{
    return each_region(until, count_region);
}

bool ou_hint_clamp(uint64_t until)
{
    uint8_t *counters = ou_gc.counters;
    size_t *at = &ou_gc_hint.block, n = ou_gc.counter_count;
    while (*at < n && ou_os_now_ns() < until) {
        size_t i = *at, end = ou_min(i + CLAMP_STRIDE, n);
        for (; i < end; i++) {
            counters[i] = counters[i] > MANY ? MANY : counters[i];
        }
        *at = end;
        ou_hint_turn(NULL);
    }
    return *at == n;
}

/* ---- P2 --------------------------------------------------------------------------------- */

static inline void edge_mark(ou_object *child)
{
    size_t at = counter_at(child);
    if (at == SIZE_MAX || ou_gc.counters[at]) {
        return;
    }
    if (OU_UNLIKELY(ou_gc.stack_len == OU_GC_STACK_MAX)) {
        ou_gc.counters[at] = 1;
        ou_gc.stack_overflow = true;
        return;
    }
    ou_gc.counters[at] = PUSHED;
    ou_gc.stack[ou_gc.stack_len++] = child;
}

/* The stack outlives the slice: what it holds may be gone by now. */
static bool drain_stack(ou_shape *shape, uint64_t until)
{
    for (size_t n = 0; ou_gc.stack_len; n++) {
        if (late(n, until)) {
            return false;
        }
        ou_object *o = ou_gc.stack[--ou_gc.stack_len];
        ou_glance glance;
        if (glance_held(o, &glance) && !each_child(o, &glance, shape, edge_mark)) {
            ou_gc.stack_len++;
            return false;
        }
    }
    return true;
}

static bool mark_region(const ou_region *region, size_t blocks, uint64_t until)
{
    uint8_t *counters = &ou_gc.counters[region->counters];
    ou_shape shape = {0};
    uint32_t turn = ou_gc_hint.turns;
    for (size_t i = ou_gc_hint.block; i < blocks && still_there(region, &turn); i++) {
        if (counters[i] && counters[i] < PUSHED) {
            ou_object *o = ou_region_object(region, i);
            ou_glance glance;
            if (ou_glance_at(o, &glance) && !each_child(o, &glance, &shape, edge_mark)) {
                ou_gc_hint.block = i;
                return false;
            }
            counters[i] = SCANNED;
        }
        if (!drain_stack(&shape, until) || late(i, until)) {
            ou_gc_hint.block = i + 1;
            return false;
        }
    }
    return true;
}

bool ou_hint_mark(uint64_t until)
{
    ou_shape shape = {0};
    if (!drain_stack(&shape, until) || !each_region(until, mark_region)) {
        return false;
    }
    if (ou_gc.stack_overflow) {
        ou_gc.stack_overflow = false;
        ou_hint_rewind();
        return false;
    }
    return true;
}

/* ---- P3 --------------------------------------------------------------------------------- */

static void suspect_add(ou_object *o, size_t at)
{
    ou_hint *h = &ou_gc_hint;
    uint32_t n = h->suspect_count++;
    h->suspects[n] = (ou_suspect){.object = o, .parent = n, .size = 1};
    h->index[at] = n + 1;
}

static bool collect_region(const ou_region *region, size_t blocks, uint64_t until)
{
    uint32_t turn = ou_gc_hint.turns;
    for (size_t i = ou_gc_hint.block; i < blocks && still_there(region, &turn); i++) {
        size_t at = region->counters + i;
        bool seen = ou_gc_hint.seen[at >> 3] >> (at & 7) & 1;
        ou_object *o = ou_region_object(region, i);
        ou_glance glance;
        if (seen && !ou_gc.counters[at] && ou_glance_at(o, &glance) &&
            ou_hint_counter(o) == at) { /* not in a span that formed again between two lists */
            suspect_add(o, at);
        }
        if (late(i, until)) {
            ou_gc_hint.block = i + 1;
            return false;
        }
    }
    return true;
}

bool ou_hint_collect(uint64_t until)
{
    return each_region(until, collect_region);
}

/* ---- groups ----------------------------------------------------------------------------- */

static uint32_t root_of(uint32_t n)
{
    ou_suspect *suspects = ou_gc_hint.suspects;
    while (suspects[n].parent != n) {
        suspects[n].parent = suspects[suspects[n].parent].parent;
        n = suspects[n].parent;
    }
    return n;
}

static inline void edge_join(ou_object *child)
{
    ou_suspect *suspects = ou_gc_hint.suspects;
    size_t at = ou_hint_counter(child);
    uint32_t other = at == SIZE_MAX ? 0 : ou_gc_hint.index[at];
    if (!other || suspects[other - 1].object != child) {
        return;
    }
    uint32_t a = root_of(ou_gc_hint.current), b = root_of(other - 1);
    if (a == b) {
        return;
    }
    if (suspects[a].size < suspects[b].size) {
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    suspects[b].parent = a;
    suspects[a].size += suspects[b].size;
}

bool ou_hint_group(uint64_t until)
{
    ou_hint *h = &ou_gc_hint;
    ou_shape shape = {0};
    for (; h->block < h->suspect_count; h->block++) {
        ou_object *o = h->suspects[h->block].object;
        h->current = (uint32_t)h->block;
        ou_glance glance;
        if (glance_held(o, &glance) && !each_child(o, &glance, &shape, edge_join)) {
            return false;
        }
        if (late(h->block, until)) {
            h->block++;
            return false;
        }
    }
    return true;
}

#define STRIDE ((size_t)256) /* suspects between two looks */

OU_INLINE bool each_suspect(uint64_t until, void (*each)(uint32_t n))
{
    ou_hint *h = &ou_gc_hint;
    while (h->block < h->suspect_count) {
        size_t end = ou_min(h->block + STRIDE, h->suspect_count);
        for (; h->block < end; h->block++) {
            each((uint32_t)h->block);
        }
        ou_hint_turn(NULL);
        if (ou_os_now_ns() >= until) {
            break;
        }
    }
    return h->block == h->suspect_count;
}

static inline void number(uint32_t n)
{
    ou_hint *h = &ou_gc_hint;
    ou_suspect *s = &h->suspects[n];
    if (s->parent == n) {
        uint32_t first = h->groups[h->group_count], size = s->size;
        h->largest = size > h->largest ? size : h->largest;
        s->size = first;
        h->groups[++h->group_count] = first + size;
    }
}

static inline void order(uint32_t n)
{
    ou_hint *h = &ou_gc_hint;
    ou_object *o = h->suspects[n].object;
    uint32_t member = h->suspects[root_of(n)].size++;
    h->members[member] = o;
    h->index[ou_hint_counter(o)] = member + 1;
}

bool ou_hint_number(uint64_t until)
{
    return each_suspect(until, number);
}

bool ou_hint_order(uint64_t until)
{
    return each_suspect(until, order);
}
