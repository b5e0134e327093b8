/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * object_window.c - fill, churn and drain of a window of objects. Called through ops.c.
 *
 * The window's references are the engine's own, so everything in it is alive for the collector.
 * A share of the things (`cyclic`) are rings: dropping one makes garbage only a collector
 * finds.
 */
#include "engine/calendar.h"
#include "engine/object_types.h"
#include "engine/operations.h"
#include "engine/window.h"

#define OBJECT_STR_DEFAULT 24u /* length of strings when there is no `sizes` */

static bool object_window_ring(struct worker *w, struct block *b)
{
    uint64_t n = w->phase->cycle;
    b->p = object_ring(n);
    b->size = (uint32_t)(n * OBJECT_NODE_BYTES);
    b->tag = OBJECT_RING;
    return b->p != NULL;
}

static bool object_window_single(struct worker *w, struct block *b, uint64_t random,
                                 const struct dist *sizes)
{
    uint64_t more = rng_mix(random); /* the length's bits, independent of the type's */
    uint32_t type = dist_draw(w->phase->types, random);
    uint32_t bytes = sizes ? dist_draw(sizes, more) : OBJECT_STR_DEFAULT;
    b->tag = ((uint32_t)(random >> 20) & ~OBJECT_TAG_MASK) | type;
    b->p = object_make((enum object_type)type, b->tag, bytes, &b->size);
    return b->p != NULL;
}

static inline bool object_window_make(struct worker *w, struct block *b, uint64_t random,
                                      bool filling)
{
    uint64_t cyclic = w->phase->cyclic;
    bool ring = cyclic && (rng_next(&w->rng) >> 32) < cyclic;
    const struct dist *sizes = filling ? w->phase->live_sizes : w->phase->sizes;
    bool fine = ring ? object_window_ring(w, b) : object_window_single(w, b, random, sizes);
    if (!fine) {
        return worker_fail(w, WORKER_NO_MEMORY, "an object could not be made: %s",
                           ou_error_message());
    }
    w->made++;
    w->made_bytes += b->size;
    worker_live_add(w, b->size);
    return true;
}

bool object_window_new(struct worker *w, struct block *b)
{
    return object_window_make(w, b, rng_next(&w->rng), false);
}

void object_release(struct worker *w, const struct block *b)
{
    uint64_t word = 0;
    if (!object_read(b->p, b->tag, b->size, &word)) {
        worker_fail(w, WORKER_CORRUPT, "an object (%s) lost its contents", ou_type_name(b->p));
    }
    worker_sum(w, word + b->tag);
    ou_decref(b->p);
    if ((b->tag & OBJECT_TAG_MASK) == OBJECT_RING) {
        worker_cyclic_add(w, b->size / OBJECT_NODE_BYTES);
    }
    w->released++;
    w->released_bytes += b->size;
    worker_live_sub(w, b->size);
}

/* Objects are not resized; the key is not allowed in this form. */
static inline bool object_window_resize(struct worker *w, struct block *b, uint64_t random)
{
    (void)b;
    (void)random;
    return worker_fail(w, WORKER_MISCOUNT, "objects cannot be resized");
}

static uint64_t object_fill_step(struct worker *w, uint64_t left)
{
    objects_poll(w);
    return window_fill(w, left, object_window_make);
}

static uint64_t object_churn_step(struct worker *w, uint64_t left)
{
    if (w->phase->lifetime == LIFE_EXPONENTIAL) {
        return calendar_churn(w, left, object_window_make, object_release);
    }
    return window_churn(w, left, object_window_make, object_release, object_window_resize);
}

static uint64_t object_drain_step(struct worker *w, uint64_t left)
{
    return window_drain(w, left, object_release);
}

static int object_window_end(struct worker *w)
{
    return window_end(w, object_release);
}

static int object_churn_end(struct worker *w)
{
    if (w->phase->lifetime == LIFE_EXPONENTIAL) {
        calendar_end(w);
    }
    return window_churn_end(w) == 0 ? window_end(w, object_release) : -1;
}

/* Strings are built on the stack; rings are described by 32 bits of size. */
int object_window_check(struct worker *w)
{
    const struct phase *p = w->phase;
    if (p->sizes && (p->sizes->max > OBJECT_STR_MAX || p->live_sizes->max > OBJECT_STR_MAX)) {
        worker_fail(w, WORKER_MISCOUNT, "sizes: strings of more than %u bytes", OBJECT_STR_MAX);
        return -1;
    }
    if (p->cyclic && (p->cycle < 2 || p->cycle > 1000000)) {
        worker_fail(w, WORKER_MISCOUNT, "cyclic: wants cycle: 2..1000000");
        return -1;
    }
    return 0;
}

static int object_fill_begin(struct worker *w)
{
    return object_window_check(w) == 0 ? window_fill_begin(w) : -1;
}

static int object_churn_begin(struct worker *w)
{
    return object_window_check(w) == 0 ? window_churn_begin(w) : -1;
}

#define OBJECT_MIX (KEY(sizes) | KEY(cyclic) | KEY(cycle) | KEY(free) | KEY(gc))

const struct op_form object_fill = {object_fill_begin, object_fill_step,
                                    object_window_end, KEY(window) | KEY(types),
                                    OBJECT_MIX,        false};
const struct op_form object_churn = {object_churn_begin,         object_churn_step,
                                     object_churn_end,           OPS_END | KEY(types),
                                     OBJECT_MIX | KEY(lifetime), false};
const struct op_form object_drain = {window_drain_begin,
                                     object_drain_step,
                                     object_window_end,
                                     0,
                                     KEY(lifetime) | KEY(free) | KEY(gc),
                                     false};
