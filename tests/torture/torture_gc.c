/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_gc.c - the collector against mutators: threads build and cut rings, pass live
 * structures through cells, ask for collections of both kinds at the same time, while automatic
 * collections and the background collector run as well. What is held stays whole; in the end
 * every instance was finalized exactly once.
 *
 *      gc [SEED [OPERATIONS]]
 */
#include "torture/cells.h"

typedef struct torture {
    uint64_t seed;
    size_t ops;
    size_t collect_every;
    cell cells[CELLS];
} torture;

static torture state;

static ou_object *torture_instance(prng *r)
{
    ou_object *o = NULL;
    while (!o || !ou_is_instance(o)) {
        ou_xdecref(o);
        o = cookie_new(r);
    }
    return o;
}

/* A ring of instances, some links through a list; an owned reference to one of them. */
static ou_object *torture_ring(prng *r)
{
    size_t n = 1 + prng_below(r, 6);
    ou_object *first = torture_instance(r);
    ou_object *last = ou_incref(first);
    for (size_t i = 0; i <= n; i++) {
        ou_object *next = i < n ? torture_instance(r) : ou_incref(first);
        if (prng_chance(r, 30)) {
            ou_object *link = ou_list_of(&next, 1);
            REQUIRE(link && ou_attr_set_at_steal(last, 2, link) == OU_OK);
        } else {
            REQUIRE(ou_attr_set_at(last, 2, next) == OU_OK);
        }
        ou_decref(last);
        last = next;
    }
    ou_decref(last);
    return first;
}

/* Walks a few steps along a ring that is held: everything must be whole. */
static void torture_walk(ou_object *o)
{
    ou_incref(o);
    for (int i = 0; i < 8; i++) {
        cookie_check(o);
        ou_object *next = ou_attr_get_at(o, 2);
        if (next && ou_is_list(next)) {
            ou_object *inner = ou_list_get(next, 0);
            ou_decref(next);
            next = inner;
        }
        ou_decref(o);
        if (!next) {
            return;
        }
        o = next;
    }
    ou_decref(o);
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed, index);
    for (size_t i = 0; i < t->ops; i++) {
        ou_object *ring = torture_ring(&r);
        if (prng_chance(&r, 50)) {
            ou_object *old = cell_swap(&t->cells[prng_below(&r, CELLS)], ou_incref(ring));
            if (old) {
                torture_walk(old);
                ou_decref(old);
            }
        }
        ou_object *held = cell_swap(&t->cells[prng_below(&r, CELLS)], NULL);
        if (held) {
            torture_walk(held);
            if (prng_chance(&r, 20)) { /* cut it open: the rest dies by counting */
                REQUIRE(ou_attr_set_at(held, 2, NULL) == OU_OK);
            }
            ou_decref(held);
        }
        ou_decref(ring);
        if (prng_below(&r, t->collect_every) == 0) {
            REQUIRE((prng_chance(&r, 70) ? ou_gc_collect_sliced(NULL) : ou_gc_collect()) >= 0);
        }
        ou_safepoint();
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "gc", scale_ops(40000));
    state.seed = args.seed;
    state.ops = args.ops;
    state.collect_every = 200;
    cells_start("gc_min_bytes=256k,gc_percent=20,gc_period_ms=1,gc_slice_us=20");
    EXPECT_EQ(ou_gc_background(true), OU_OK);
    team_run(CELL_THREADS, torture_member, &state);
    EXPECT_EQ(ou_gc_background(false), OU_OK);
    EXPECT(ou_gc_collect_sliced(NULL) >= 0); /* alone: it is given way to by nobody */
    cells_drain(state.cells, CELLS);
    return cells_finish();
}
