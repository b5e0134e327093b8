/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_counts.c - four threads pass references through cells, count up and down on each
 * other's objects and end them: every object is whole while anybody holds it, and none is left.
 *
 *      counts [SEED [OPERATIONS]]
 */
#include "torture/cells.h"

typedef struct torture {
    uint64_t seed;
    size_t ops;
    cell cells[CELLS];
} torture;

static torture state;

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed, index);
    for (size_t i = 0; i < t->ops; i++) {
        cell *c = &t->cells[prng_below(&r, CELLS)];
        ou_object *o = cell_swap(c, NULL);
        if (!o) {
            o = cookie_new(&r);
        }
        cookie_check(o);
        unsigned extra = (unsigned)prng_below(&r, 4);
        for (unsigned k = 0; k < extra; k++) {
            ou_incref(o);
        }
        /* One reference goes on to a random cell, what was there is ours to end. */
        ou_object *old = cell_swap(&t->cells[prng_below(&r, CELLS)], ou_incref(o));
        for (unsigned k = 0; k < extra; k++) {
            ou_decref(o);
        }
        if (old) {
            cookie_check(old);
            ou_decref(old);
        }
        if (prng_chance(&r, 50)) {
            old = cell_swap(c, ou_incref(o));
            ou_xdecref(old);
        }
        ou_decref(o);
        ou_safepoint();
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "counts", scale_ops(300000));
    state.seed = args.seed;
    state.ops = args.ops;
    cells_start(NULL);
    team_run(CELL_THREADS, torture_member, &state);
    cells_drain(state.cells, CELLS);
    return cells_finish();
}
