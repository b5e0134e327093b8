/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_nesting.c - deep nestings whose layers belong to different threads and that any of
 * them drops: one death after the other goes on where the layer before ended, in this thread or
 * through the inbox of another, while weakrefs look at layers that wait for theirs and one
 * thread collects. (CPython's trashcan tests with threads.) Each layer that can be told is
 * finalized once, each weakref announced once, and nothing is left.
 *
 *      nesting [SEED [OPERATIONS]]
 */
#include "torture/cells.h"

enum { LAYERS = 60, DEEPEST = 2000 };

typedef struct torture {
    uint64_t seed;
    size_t ops;
    cell nests[CELLS];           /* pairs (depth, nest) */
    cell refs[CELLS];            /* weakrefs to layers */
    uint64_t watched, announced; /* atomic */
} torture;

static torture state;

/* A weakref lives until it was asked once more: by its own callback, too. */
static void torture_called(ou_object *ref, void *arg)
{
    (void)arg;
    REQUIRE(ou_weakref_get(ref) == NULL);
    ou_object *other = cell_swap(
        &state.refs[ou_fetch_add_relaxed(&state.announced, (uint64_t)1) % CELLS], NULL);
    if (other) {
        ou_xdecref(ou_weakref_get(other)); /* whole, or nothing */
        ou_decref(other);
    }
}

/* One more layer around `inner`, which is stolen. */
static ou_object *wrap(ou_object *inner, prng *r)
{
    ou_object *outer = NULL;
    switch (prng_below(r, 4)) {
    case 0:
        outer = ou_list_of(&inner, 1);
        break;
    case 1:
        outer = ou_tuple_new(&inner, 1);
        break;
    case 2:
        outer = ou_dict_new(1);
        REQUIRE(outer && ou_dict_set(outer, ou_none(), inner) == OU_OK);
        break;
    default:
        while (!outer || !ou_is_instance(outer)) {
            ou_xdecref(outer);
            outer = cookie_new(r);
        }
        REQUIRE(ou_attr_set_at(outer, 2, inner) == OU_OK);
        break;
    }
    REQUIRE(outer != NULL);
    ou_decref(inner);
    return outer;
}

static void watch(torture *t, ou_object *o, prng *r)
{
    ou_object *ref = ou_weakref_new(o, torture_called, NULL);
    REQUIRE(ref != NULL);
    ou_fetch_add_relaxed(&t->watched, (uint64_t)1);
    ou_xdecref(cell_swap(&t->refs[prng_below(r, CELLS)], ref));
}

/* Layers around what another thread made, or around nothing; back into a cell, and what was
 * there is dropped. Now and then the innermost refers to the whole: then counting ends nothing.
 */
static void torture_round(torture *t, prng *r)
{
    ou_object *pair = cell_swap(&t->nests[prng_below(r, CELLS)], NULL);
    int64_t depth = 0;
    ou_object *nest = NULL, *loop = NULL;
    if (pair) {
        REQUIRE(ou_int_value(ou_tuple_get_borrow(pair, 0), &depth) == OU_OK);
        nest = ou_incref(ou_tuple_get_borrow(pair, 1));
        ou_decref(pair);
    }
    if (!nest || depth > DEEPEST) {
        ou_xdecref(nest);
        depth = 0;
        loop = ou_list_new(0);
        nest = ou_incref(loop);
    }
    for (int i = 0; i < LAYERS; i++) {
        nest = wrap(nest, r);
        if (prng_chance(r, 5)) {
            watch(t, nest, r);
        }
    }
    if (loop && prng_chance(r, 20)) {
        REQUIRE(ou_list_append(loop, nest) == OU_OK);
    }
    ou_xdecref(loop);
    ou_object *parts[2] = {ou_int_new(depth + LAYERS), nest};
    pair = ou_tuple_new(parts, 2);
    REQUIRE(pair != NULL);
    ou_decref(parts[0]);
    ou_decref(nest);
    ou_xdecref(cell_swap(&t->nests[prng_below(r, CELLS)], pair));
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed, index);
    for (size_t i = 0; i < t->ops; i++) {
        torture_round(t, &r);
        if (prng_chance(&r, 20)) {
            ou_xdecref(cell_swap(&t->nests[prng_below(&r, CELLS)], NULL));
        }
        if (index == 0 && i % 256 == 0) {
            REQUIRE((i % 512 ? ou_gc_collect() : ou_gc_collect_sliced(NULL)) >= 0);
        }
        ou_safepoint();
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "nesting", scale_ops(5000));
    state.seed = args.seed;
    state.ops = args.ops;
    cells_start("gc_auto=0");
    team_run(CELL_THREADS, torture_member, &state);
    cells_drain(state.nests, CELLS);
    ou_gc_collect();
    cells_drain(state.refs, CELLS);
    EXPECT(state.announced <= state.watched);
    return cells_finish();
}
