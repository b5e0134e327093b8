/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* suspects.c - who is garbage: the three passes of gc.h. The world stands throughout. */
#include "gc/children.h"
#include "gc/verify.h"

/* Values of a counter after P1: 0 = suspect, 1..MANY = referred to from outside, then: */
#define MANY 254u
#define SCANNED 255u

/* P1 puts this where no object is, and nobody refers there: never a suspect. */
#define NOBODY 128u

#define SPECIAL_FLAGS OU_FL_WEAKREF
#define SPECIAL_GCBITS OU_GC_FINALIZER

static bool is_special(const ou_object *o)
{
    /* A weakref that dies may still be found by its target's death: no short way. */
    return o->flags & SPECIAL_FLAGS || o->gcbits & SPECIAL_GCBITS || o->type == OU_KIND_WEAKREF;
}

/* ---- P1 --------------------------------------------------------------------------------- */

static inline void edge_subtract(ou_object *child)
{
    uint8_t *counter = ou_gc_counter(child);
    if (counter) {
        --*counter;
    }
}

/* References to far counters: each would wait for memory. They are prefetched here and followed
 * FAR references later, in rings that begin full of the counter behind the last, so that there
 * is nothing to ask. */
#define FAR 16u
#define NEAR_COUNTERS ((size_t)4096)

typedef struct far_ring {
    size_t at[FAR];
    ou_object *child[FAR]; /* P2 */
    uint32_t next;
} far_ring;

static void far_begin(far_ring *far)
{
    far->next = 0;
    for (uint32_t i = 0; i < FAR; i++) {
        far->at[i] = ou_gc.counter_count;
    }
}

OU_INLINE bool is_near(size_t at, size_t here)
{
    return at - here + NEAR_COUNTERS < 2 * NEAR_COUNTERS;
}

/* `near`: a counter that was touched just now, that of the object that refers to them. */
OU_INLINE void subtract(const ou_gc_view *view, ou_object *const *items, size_t n, size_t near,
                        far_ring *far)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = ou_gc_index(view, items[i]);
        if (at == OU_NO_COUNTER) {
            continue;
        }
        size_t before = near;
        near = at;
        if (!is_near(at, before)) {
            size_t *place = &far->at[far->next++ % FAR], waiting = *place;
            __builtin_prefetch(view->counters + at, 1);
            *place = at;
            at = waiting;
        }
        view->counters[at]--;
    }
}

static void subtract_waiting(far_ring *far)
{
    for (uint32_t i = 0; i < FAR; i++) {
        ou_gc.counters[far->at[i]]--;
    }
    ou_gc.counters[ou_gc.counter_count] = 0;
}

/* What P1 learns of a region besides its counters. */
typedef struct tally {
    uint64_t counts;   /* all or-ed: immortal ones are beyond 255, too */
    uint64_t examined; /* objects */
    unsigned bits;     /* gcbits and flags, or-ed */
} tally;

OU_INLINE void count_one(const ou_object *o, uint8_t *counter, tally *sum)
{
    uint64_t count = (uint64_t)ou_count_now(o);
    *counter = (uint8_t)(*counter + count);
    sum->counts |= count;
    sum->bits |= (unsigned)o->gcbits | (unsigned)o->flags << 8;
    sum->examined++;
}

/* Instances of one closed class from block `i` on, the common case, in a loop of its own that
 * stays in registers. Returns the block of the first object of another type. */
static __attribute__((noinline)) uint32_t count_instances(const ou_region *region, uint32_t i,
                                                          const ou_shape *shape, tally *total,
                                                          far_ring *far)
{
    const ou_gc_view view = ou_gc_look();
    const uint32_t type = shape->type, n = region->count;
    const size_t bytes = region->block_bytes, slots = shape->n;
    uint8_t *counters = view.counters + region->counters;
    char *block = region->start + i * bytes;
    tally sum = *total;
    for (; i < n; i++, block += bytes) {
        ou_object *o = (ou_object *)block;
        if (OU_UNLIKELY(!ou_gc_looks_at(o))) {
            counters[i] = NOBODY;
            continue;
        }
        if (OU_UNLIKELY(o->type != type)) {
            break;
        }
        count_one(o, &counters[i], &sum);
        subtract(&view, (ou_object **)(block + sizeof(ou_instance)), slots,
                 region->counters + i, far);
    }
    *total = sum;
    return i;
}

static void count_blocks(ou_region *region, far_ring *far)
{
    const ou_gc_view view = ou_gc_look();
    uint8_t *counters = view.counters + region->counters;
    ou_shape shape = {0};
    tally sum = {0};
    bool weakrefs = false;
    for (uint32_t i = 0; i < region->count; i++) {
        ou_object *o = ou_region_object(region, i);
        if (!ou_gc_looks_at(o)) {
            counters[i] = NOBODY;
            continue;
        }
        ou_shape_follow(&shape, o);
        if (shape.kind == OU_KIND_COUNT) {
            i = count_instances(region, i, &shape, &sum, far) - 1;
            continue;
        }
        ou_object *const *items;
        size_t n;
        weakrefs |= shape.kind == OU_KIND_WEAKREF;
        count_one(o, &counters[i], &sum);
        if (ou_shape_items(&shape, o, &items, &n)) {
            subtract(&view, items, n, region->counters + i, far);
        } else {
            ou_each_child_other(o, edge_subtract);
        }
    }
    region->special = sum.bits & (SPECIAL_GCBITS | (unsigned)SPECIAL_FLAGS << 8) || weakrefs;
    ou_gc.any_big |= sum.counts > 255;
    ou_gc.examined += sum.examined;
}

/* heap=malloc */
static void count_vector(ou_region *region)
{
    uint8_t *counters = &ou_gc.counters[region->counters];
    for (uint32_t i = 0; i < region->count; i++) {
        ou_object *o = region->vector[i];
        if (ou_gc_looks_at(o)) {
            uint64_t count = (uint64_t)ou_count_now(o);
            counters[i] = (uint8_t)(counters[i] + count);
            ou_gc.any_big |= count > 255;
            ou_each_child_other(o, edge_subtract);
            ou_gc.examined++;
        } else {
            counters[i] = NOBODY;
        }
    }
    region->special = 1;
}

/* ---- P2 ------------------------------------------------------------------------------------
 * One sweep over the counters. What is found ahead of the sweep is marked only: it will be read
 * when the sweep gets there, in address order. What is found behind it goes to the stack.
 */

static size_t sweep; /* counters below are behind */

static void push(size_t at, ou_object *o)
{
    if (OU_UNLIKELY(ou_gc.stack_len == OU_GC_STACK_MAX)) {
        ou_gc.counters[at] = 1; /* a root like any other: the next round scans it */
        ou_gc.stack_overflow = true;
        return;
    }
    ou_gc.counters[at] = SCANNED;
    ou_gc.stack[ou_gc.stack_len++] = o;
    __builtin_prefetch(o);
}

static inline void edge_mark(ou_object *child)
{
    uint8_t *counter = ou_gc_counter(child);
    if (!counter || *counter) {
        return;
    }
    size_t at = (size_t)(counter - ou_gc.counters);
    if (at > sweep) {
        *counter = 1;
    } else {
        push(at, child);
    }
}

OU_INLINE void found(const ou_gc_view *view, size_t at, ou_object *child, size_t here)
{
    if (view->counters[at]) {
        return;
    }
    if (at > here) {
        view->counters[at] = 1;
    } else {
        push(at, child);
    }
}

/* `here`: counters up to there are behind the sweep. */
OU_INLINE void mark(const ou_gc_view *view, ou_object *const *items, size_t n, size_t here,
                    far_ring *far)
{
    for (size_t i = 0, near = here; i < n; i++) {
        ou_object *child = items[i];
        size_t at = ou_gc_index(view, child), before = near;
        if (at == OU_NO_COUNTER) {
            continue;
        }
        near = at;
        if (!is_near(at, before)) {
            uint32_t place = far->next++ % FAR;
            size_t waiting = far->at[place];
            ou_object *other = far->child[place];
            __builtin_prefetch(view->counters + at, 1);
            far->at[place] = at;
            far->child[place] = child;
            at = waiting;
            child = other;
        }
        found(view, at, child, here);
    }
}

static void mark_children(const ou_gc_view *view, const ou_shape *shape, ou_object *o,
                          far_ring *far)
{
    ou_object *const *items;
    size_t n;
    if (view->arenas && ou_shape_items(shape, o, &items, &n)) {
        mark(view, items, n, sweep, far);
    } else {
        ou_each_child_other(o, edge_mark);
    }
}

static void drain_stack(far_ring *far)
{
    const ou_gc_view view = ou_gc_look();
    ou_shape shape = {0};
    while (ou_gc.stack_len) {
        ou_object *o = ou_gc.stack[--ou_gc.stack_len];
        ou_shape_follow(&shape, o);
        mark_children(&view, &shape, o, far);
    }
}

/* Eight counters at once: nothing but suspects, or nothing but what was scanned? */
static bool all_done(const uint8_t *eight)
{
    uint64_t word;
    memcpy(&word, eight, sizeof word);
    return !word || !~word;
}

static bool is_root(uint8_t counter)
{
    return (uint8_t)(counter - 1) < MANY;
}

/* Number of the first counter from `i` on that is neither 0 nor SCANNED. */
OU_INLINE uint32_t next_root(const uint8_t *counters, uint32_t i, uint32_t n)
{
    while (OU_UNLIKELY(i < n && !is_root(counters[i]))) {
        i++;
        while (i + 8 <= n && all_done(counters + i)) {
            i += 8;
        }
    }
    return i;
}

/* Instances of one closed class, as in P1. */
static __attribute__((noinline)) uint32_t mark_instances(const ou_region *region, uint32_t i,
                                                         const ou_shape *shape, far_ring *far)
{
    const ou_gc_view view = ou_gc_look();
    const uint32_t type = shape->type, n = region->count, first = region->counters;
    const size_t bytes = region->block_bytes, slots = shape->n;
    uint8_t *counters = view.counters + first;
    for (; (i = next_root(counters, i, n)) < n; i++) {
        ou_object *o = (ou_object *)(region->start + i * bytes);
        if (OU_UNLIKELY(o->type != type || !ou_gc_looks_at(o))) {
            break;
        }
        counters[i] = SCANNED;
        mark(&view, (ou_object **)((char *)o + sizeof(ou_instance)), slots, first + i, far);
        if (OU_UNLIKELY(ou_gc.stack_len)) {
            sweep = first + i;
            drain_stack(far);
        }
    }
    return i;
}

static void mark_region(const ou_region *region, far_ring *far)
{
    const ou_gc_view view = ou_gc_look();
    uint8_t *counters = view.counters + region->counters;
    ou_shape shape = {0};
    for (uint32_t i = 0; (i = next_root(counters, i, region->count)) < region->count;) {
        ou_object *o = ou_region_object(region, i);
        if (!ou_gc_looks_at(o)) {
            counters[i++] = SCANNED;
            continue;
        }
        ou_shape_follow(&shape, o);
        if (region->start && shape.kind == OU_KIND_COUNT) {
            i = mark_instances(region, i, &shape, far);
            continue;
        }
        sweep = region->counters + i;
        counters[i++] = SCANNED;
        mark_children(&view, &shape, o, far);
        drain_stack(far);
    }
}

/* 255 becomes MANY, in eight counters at once. */
static void clamp(void)
{
    const uint64_t low = 0x7F7F7F7F7F7F7F7Fu;
    uint8_t *counters = ou_gc.counters; /* reserved in whole pages, zero behind the last */
    for (size_t i = 0, n = ou_gc.counter_count; i < n; i += 8) {
        uint64_t word;
        memcpy(&word, counters + i, sizeof word);
        uint64_t full =
            word & ((word & low) + ~low / 0x80); /* bit 7 of each byte that is 255 */
        word -= (full & ~low) >> 7;
        memcpy(counters + i, &word, sizeof word);
    }
}

/* The sweep is through: what waits in the ring, and all that it leads to. */
static void mark_waiting(far_ring *far)
{
    const ou_gc_view view = ou_gc_look();
    sweep = OU_NO_COUNTER;
    while (far->next) {
        far_ring waiting = *far;
        far_begin(far);
        for (uint32_t i = 0; i < FAR; i++) {
            found(&view, waiting.at[i], waiting.child[i], sweep);
        }
        drain_stack(far);
    }
}

static void mark_from_roots(void)
{
    far_ring far;
    far_begin(&far);
    clamp();
    ou_gc.counters[ou_gc.counter_count] = SCANNED;
    do {
        ou_gc.stack_overflow = false;
        for (size_t r = 0; r < ou_gc.region_count; r++) {
            mark_region(&ou_gc.regions[r], &far);
        }
        mark_waiting(&far);
    } while (ou_gc.stack_overflow);
    ou_gc.counters[ou_gc.counter_count] = 0;
}

/* ---- P3 --------------------------------------------------------------------------------- */

/* How many of the counters are 0. */
static uint32_t zeros(const uint8_t *counters, uint32_t n)
{
    const uint64_t low = 0x7F7F7F7F7F7F7F7Fu;
    uint32_t sum = 0, i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, counters + i, sizeof word);
        uint64_t zero = ~(((word & low) + low) | word | low); /* bit 7 of each byte that is 0 */
        sum += (uint32_t)((zero >> 7) * 0x0101010101010101u >> 56);
    }
    for (; i < n; i++) {
        sum += !counters[i];
    }
    return sum;
}

static size_t count_garbage(void)
{
    size_t sum = 0;
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        ou_region *region = &ou_gc.regions[r];
        const uint8_t *counters = &ou_gc.counters[region->counters];
        sum += region->garbage = zeros(counters, region->count);
        for (uint32_t i = 0; i < region->count && region->garbage && region->special; i++) {
            ou_gc.special |= !counters[i] && is_special(ou_region_object(region, i));
        }
    }
    return sum;
}

static void list_garbage(void)
{
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        const ou_region *region = &ou_gc.regions[r];
        const uint8_t *counters = &ou_gc.counters[region->counters];
        for (uint32_t i = 0; i < region->count && region->garbage; i++) {
            if (!counters[i]) {
                ou_gc.garbage[ou_gc.garbage_count++] = ou_region_object(region, i);
            }
        }
    }
}

static void count_all(void)
{
    far_ring far;
    far_begin(&far);
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        ou_region *region = &ou_gc.regions[r];
        if (region->start) {
            count_blocks(region, &far);
        } else {
            count_vector(region);
        }
    }
    subtract_waiting(&far);
}

size_t ou_gc_find_garbage(void)
{
    ou_gc_check_types();
    count_all();
    if (ou_gc.any_big) {
        ou_gc_recount_big();
    }
    mark_from_roots();
    size_t found = count_garbage();
    if (ou_gc.special || ou_load_relaxed(&ou_special)) {
        list_garbage();
    }
    return found;
}
