/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* suspects.c - who is garbage: the three passes of gc.h, P2 in marking.c. The world stands
 * throughout; workers share the passes. */
#include "gc/children.h"
#include "gc/passes.h"
#include "gc/verify.h"

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

/* Each worker has counters of its own in P1. */
static inline void edge_subtract(ou_object *child)
{
    uint8_t *counter = ou_gc_counter(child);
    if (counter) {
        ou_gc_me->counters[counter - ou_gc.counters]--;
    }
}

OU_INLINE void subtract(const ou_gc_view *view, ou_object *const *items, size_t n,
                        ou_gc_window *window, ou_far_ring *far)
{
    for (size_t i = 0; i < n; i++) {
        ou_object *child = items[i];
        uint8_t *counter;
        size_t at;
        if (ou_window_shows(window, child, &counter)) {
            --*counter;
        } else if (ou_far_away(view, window, far, &at, &child)) {
            view->counters[at]--;
        }
    }
}

OU_INLINE ou_gc_view look(const ou_gc_worker *me)
{
    ou_gc_view view = ou_gc_look();
    view.counters = me->counters;
    return view;
}

static void subtract_waiting(ou_gc_worker *me)
{
    for (uint32_t i = 0; i < OU_FAR; i++) {
        me->counters[me->far.at[i]]--;
    }
    me->counters[ou_gc.counter_count] = 0;
}

/* What P1 learns of a region besides its counters. */
typedef struct tally {
    uint64_t counts; /* all or-ed: immortal ones are beyond 255, too */
    uint64_t heads;  /* first words, or-ed */
    uint64_t nobody; /* blocks without an object that is looked at */
} tally;

/* A header as two words: see ou_object. */
typedef struct head {
    uint64_t first, second;
} head;

#define HEAD_LOOKED_AT ((uint64_t)OU_GC_LOOKED_AT << 48)
#define HEAD_TRACKED ((uint64_t)OU_GC_TRACKED << 48)
#define HEAD_SPECIAL ((uint64_t)SPECIAL_GCBITS << 48 | (uint64_t)SPECIAL_FLAGS << 56)

static_assert(offsetof(ou_object, gcbits) == 6 && offsetof(ou_object, flags) == 7 &&
                  offsetof(ou_object, rc_local) == 0,
              "first word of a header");
static_assert(offsetof(ou_object, rc_shared) == 8 && offsetof(ou_object, type) == 12,
              "second word of a header");

OU_INLINE head head_of(const ou_object *o)
{
    head h;
    memcpy(&h, o, sizeof h);
    return h;
}

OU_INLINE bool head_is_looked_at(head h)
{
    return (h.first & HEAD_LOOKED_AT) == HEAD_TRACKED;
}

OU_INLINE void count_one(head h, uint8_t *counter, tally *sum)
{
    uint64_t count = (uint64_t)((int64_t)(uint32_t)h.first + ou_rc_count((uint32_t)h.second));
    *counter = (uint8_t)(*counter + count);
    sum->counts |= count;
    sum->heads |= h.first;
}

/* Instances of one closed class from block `i` on, the common case, in a loop of its own that
 * stays in registers. Returns the block of the first object of another type. */
static __attribute__((noinline)) uint32_t count_instances(const ou_region *region, uint32_t i,
                                                          const ou_shape *shape, tally *total,
                                                          ou_gc_worker *me)
{
    const ou_gc_view view = look(me);
    const uint32_t type = shape->type, n = region->count;
    const size_t bytes = region->block_bytes, slots = shape->n;
    uint8_t *counters = view.counters + region->counters;
    char *block = region->start + i * bytes;
    ou_gc_window window = ou_window_on(&view, region);
    tally sum = *total;
    for (; i < n; i++, block += bytes) {
        head h = head_of((ou_object *)block);
        if (OU_UNLIKELY(!head_is_looked_at(h))) {
            counters[i] = NOBODY;
            sum.nobody++;
            continue;
        }
        if (OU_UNLIKELY(h.second >> 32 != type)) {
            break;
        }
        count_one(h, &counters[i], &sum);
        subtract(&view, (ou_object **)(block + sizeof(ou_instance)), slots, &window, &me->far);
    }
    *total = sum;
    return i;
}

static void count_object(const ou_gc_view *view, const ou_shape *shape, ou_object *o,
                         ou_gc_window *window, ou_gc_worker *me)
{
    ou_object *const *items;
    size_t n;
    if (!ou_shape_items(shape, o, &items, &n)) {
        ou_each_child_other(o, edge_subtract);
    } else if (!ou_gc_long_put(items, n)) {
        subtract(view, items, n, window, &me->far);
    }
}

static void count_blocks(ou_region *region, ou_gc_worker *me)
{
    const ou_gc_view view = look(me);
    uint8_t *counters = view.counters + region->counters;
    ou_gc_window window = ou_window_on(&view, region);
    ou_shape shape = {0};
    tally sum = {0};
    bool weakrefs = false;
    region->plain = region->block_bytes != 0;
    for (uint32_t i = 0; i < region->count; i++) {
        ou_object *o = ou_region_object(region, i);
        if (!ou_gc_looks_at(o)) {
            counters[i] = NOBODY;
            sum.nobody++;
            continue;
        }
        ou_shape_follow(&shape, o);
        if (shape.kind == OU_KIND_COUNT) {
            i = count_instances(region, i, &shape, &sum, me) - 1;
            continue;
        }
        region->plain = false;
        weakrefs |= shape.kind == OU_KIND_WEAKREF;
        count_one(head_of(o), &counters[i], &sum);
        count_object(&view, &shape, o, &window, me);
    }
    region->special = (sum.heads & HEAD_SPECIAL) || weakrefs;
    me->any_big |= sum.counts > 255;
    me->examined += region->count - sum.nobody;
}

/* heap=malloc: one worker */
static void count_vector(ou_region *region, ou_gc_worker *me)
{
    uint8_t *counters = &ou_gc.counters[region->counters];
    for (uint32_t i = 0; i < region->count; i++) {
        ou_object *o = region->vector[i];
        if (ou_gc_looks_at(o)) {
            uint64_t count = (uint64_t)ou_count_now(o);
            counters[i] = (uint8_t)(counters[i] + count);
            me->any_big |= count > 255;
            ou_each_child_other(o, edge_subtract);
            me->examined++;
        } else {
            counters[i] = NOBODY;
        }
    }
    region->special = 1;
}

static void count_regions(ou_gc_worker *me)
{
    me->examined = me->any_big = 0;
    ou_far_begin(&me->far, OU_FAR);
    for (size_t r; (r = ou_gc_claim()) < ou_gc.region_count;) {
        ou_region *region = &ou_gc.regions[r];
        if (region->start) {
            count_blocks(region, me);
        } else {
            count_vector(region, me);
        }
    }
    subtract_waiting(me);
}

static void count_long(ou_gc_worker *me)
{
    const ou_gc_view view = look(me);
    ou_gc_window window = ou_window_none(&view, 0);
    ou_object *const *items;
    ou_far_begin(&me->far, OU_FAR);
    for (size_t n; ou_gc_long_take(&items, &n);) {
        subtract(&view, items, n, &window, &me->far);
    }
    subtract_waiting(me);
}

#define SHARE ((size_t)1 << 16) /* counters */

/* Eight sums of bytes at once, none of which carries into the next. */
static uint64_t add_bytes(uint64_t a, uint64_t b)
{
    return ((a & OU_GC_LOW7) + (b & OU_GC_LOW7)) ^ ((a ^ b) & ~OU_GC_LOW7);
}

/* 255 becomes OU_GC_MANY. */
static uint64_t clamp_bytes(uint64_t word)
{
    uint64_t full = word & ((word & OU_GC_LOW7) + ~OU_GC_LOW7 / 0x80); /* bit 7 of each 255 */
    return word - ((full & ~OU_GC_LOW7) >> 7);
}

/* The workers' counters become one. */
static void sum_counters(ou_gc_worker *me)
{
    uint8_t *all = ou_gc.counters;
    (void)me;
    for (size_t i; (i = ou_gc_claim() * SHARE) < ou_gc.counter_count;) {
        size_t end = ou_min(i + SHARE, ou_gc.counter_count); /* a multiple of 8 */
        for (; i < end; i += 8) {
            uint64_t sum, more;
            memcpy(&sum, all + i, 8);
            for (uint32_t w = 1; w < ou_gc_worker_count; w++) {
                memcpy(&more, ou_gc_workers[w].counters + i, 8);
                sum = add_bytes(sum, more);
            }
            sum = clamp_bytes(sum);
            memcpy(all + i, &sum, 8);
        }
    }
}

static void run(void (*pass)(ou_gc_worker *me))
{
    ou_gc_claim_begin();
    ou_gc_workers_run(pass);
}

static void count_all(void)
{
    ou_gc_long_clear(true);
    run(count_regions);
    if (ou_gc_long_any()) {
        run(count_long);
    }
    run(sum_counters);
    for (uint32_t w = 0; w < ou_gc_worker_count; w++) {
        ou_gc.any_big |= ou_gc_workers[w].any_big;
        ou_gc.examined += ou_gc_workers[w].examined;
    }
}

/* ---- P3 --------------------------------------------------------------------------------- */

/* How many of the counters are 0. */
static uint32_t zeros(const uint8_t *counters, uint32_t n)
{
    uint32_t sum = 0, i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, counters + i, sizeof word);
        uint64_t zero = ~(((word & OU_GC_LOW7) + OU_GC_LOW7) | word |
                          OU_GC_LOW7); /* bit 7 of each byte that is 0 */
        sum += (uint32_t)((zero >> 7) * 0x0101010101010101u >> 56);
    }
    for (; i < n; i++) {
        sum += !counters[i];
    }
    return sum;
}

#define STEP 64u /* regions: some 10 us */

static void count_garbage(ou_gc_worker *me)
{
    me->garbage = 0;
    for (size_t r; (r = ou_gc_claim() * STEP) < ou_gc.region_count;) {
        for (size_t end = ou_min(r + STEP, ou_gc.region_count); r < end; r++) {
            ou_region *region = &ou_gc.regions[r];
            region->garbage = zeros(&ou_gc.counters[region->counters], region->count);
            me->garbage += region->garbage;
        }
    }
}

size_t ou_gc_count_garbage(void)
{
    size_t sum = 0;
    run(count_garbage);
    for (uint32_t w = 0; w < ou_gc_worker_count; w++) {
        sum += ou_gc_workers[w].garbage;
    }
    return sum;
}

/* Has garbage a finalizer or a weakref? */
static bool find_special(void)
{
    bool special = false;
    for (size_t r = 0; r < ou_gc.region_count && !special; r++) {
        const ou_region *region = &ou_gc.regions[r];
        const uint8_t *counters = &ou_gc.counters[region->counters];
        for (uint32_t i = 0; i < region->count && region->garbage && region->special; i++) {
            special |= !counters[i] && is_special(ou_region_object(region, i));
        }
    }
    return special;
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

size_t ou_gc_find_garbage(void)
{
    ou_gc_check_types();
    ou_gc_workers_gather();
    count_all();
    if (ou_gc.any_big) {
        ou_gc_recount_big();
    }
    ou_gc_mark();
    size_t found = ou_gc_count_garbage();
    ou_gc.special = find_special();
    if (ou_gc.special || ou_load_relaxed(&ou_special)) {
        list_garbage();
    }
    return found;
}
