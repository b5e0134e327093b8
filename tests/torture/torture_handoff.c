/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_handoff.c - four threads pass objects on through cells, given and taken or not, while
 * they count on them, look at them through weakrefs and go to sleep: every object is whole
 * while anybody holds it, and none is left.
 *
 *      handoff [SEED [OPERATIONS]]
 */
#include "torture/cells.h"

typedef struct torture {
    uint64_t seed;
    size_t ops;
    cell cells[CELLS];
    cell refs[CELLS]; /* weakrefs to what has been in the cells */
} torture;

static torture state;

/* A weakref to `o` goes to a random place; what was there is asked once more and ended. */
static void point_at(torture *t, prng *r, ou_object *o)
{
    ou_object *ref = ou_weakref_new(o, NULL, NULL);
    if (!ref) { /* a type without weakrefs */
        return;
    }
    ref = cell_swap(&t->refs[prng_below(r, CELLS)], ref);
    ou_object *target = ref ? ou_weakref_get(ref) : NULL;
    if (target) {
        cookie_check(target);
        ou_decref(target);
    }
    ou_xdecref(ref);
}

static void use(torture *t, prng *r, ou_object *o)
{
    cookie_check(o);
    unsigned extra = (unsigned)prng_below(r, 3);
    for (unsigned k = 0; k < extra; k++) {
        ou_incref(o);
    }
    if (prng_chance(r, 5)) {
        point_at(t, r, o);
    }
    if (prng_chance(r, 10)) { /* shared for once */
        ou_xdecref(cell_swap(&t->cells[prng_below(r, CELLS)], ou_incref(o)));
    }
    for (unsigned k = 0; k < extra; k++) {
        ou_decref(o);
    }
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed, index);
    for (size_t i = 0; i < t->ops; i++) {
        ou_object *o = cell_swap(&t->cells[prng_below(&r, CELLS)], NULL);
        if (!o) {
            o = cookie_new(&r);
        } else if (prng_chance(&r, 80)) {
            ou_take(o);
        }
        use(t, &r, o);
        if (prng_chance(&r, 70)) {
            ou_give(o);
            o = cell_swap(&t->cells[prng_below(&r, CELLS)], o);
        }
        if (o && prng_chance(&r, 50)) {
            ou_take(o);
        }
        ou_xdecref(o);
        if (prng_chance(&r, 2)) {
            ou_blocking_begin();
            ou_blocking_end();
        }
        ou_safepoint();
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "handoff", scale_ops(200000));
    state.seed = args.seed;
    state.ops = args.ops;
    cells_start(NULL);
    team_run(CELL_THREADS, torture_member, &state);
    cells_drain(state.cells, CELLS);
    cells_drain(state.refs, CELLS);
    return cells_finish();
}
