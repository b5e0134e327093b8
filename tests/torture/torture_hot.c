/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_hot.c - four threads count on the same few objects until they are hot, replace them,
 * make weakrefs to them, sleep and collect: every object is whole while anybody holds it, and
 * none is left.
 *
 *      hot [SEED [OPERATIONS]]
 */
#include "torture/cells.h"

enum { PLACES = 2 };

typedef struct torture {
    uint64_t seed;
    size_t ops;
    cell cells[PLACES];
} torture;

static torture state;

static void burst(prng *r, ou_object *o)
{
    cookie_check(o);
    size_t n = prng_below(r, 1200);
    size_t up = 0;
    for (size_t i = 0; i < n; i++) {
        if (up < 8 && prng_chance(r, 50)) {
            ou_incref(o);
            up++;
        } else if (up) {
            ou_decref(o);
            up--;
        }
    }
    while (up--) {
        ou_decref(o);
    }
}

static void look_through_weakref(ou_object *o)
{
    ou_object *ref = ou_weakref_new(o, NULL, NULL);
    ou_object *got = ref ? ou_weakref_get(ref) : NULL;
    REQUIRE(!ref || got == o);
    ou_xdecref(got);
    ou_xdecref(ref);
}

static void pause_or_collect(prng *r)
{
    if (prng_chance(r, 5)) {
        ou_blocking_begin();
        ou_blocking_end();
    }
    if (prng_chance(r, 2)) {
        ou_gc_collect();
    }
    ou_safepoint();
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed, index);
    ou_object *mine = cookie_new(&r);
    for (size_t i = 0; i < t->ops; i++) {
        cell *c = &t->cells[prng_below(&r, PLACES)];
        ou_object *o = cell_swap(c, NULL);
        if (!o || prng_chance(&r, 1)) {
            ou_xdecref(o);
            o = cookie_new(&r);
        }
        /* Keeps one for long, so that all four count on the same at the same time. */
        ou_decref(mine);
        mine = ou_incref(o);
        ou_xdecref(cell_swap(c, o));
        burst(&r, mine);
        if (prng_chance(&r, 1)) {
            look_through_weakref(mine);
        }
        pause_or_collect(&r);
    }
    ou_decref(mine);
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "hot", scale_ops(4000));
    state.seed = args.seed;
    state.ops = args.ops;
    cells_start(NULL);
    team_run(CELL_THREADS, torture_member, &state);
    cells_drain(state.cells, PLACES);
    printf("hot: %llu promoted\n", (unsigned long long)ou_stat("hot_promoted"));
    return cells_finish();
}
