/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_weakref.c - weakref_get against the last decref: four threads hold one reference each
 * to the same objects and drop them in different orders, reading weakrefs all the time. What
 * a weakref gives is whole; in the end every weakref is dead and every callback was called
 * once.
 *
 *      weakref [SEED [ROUNDS]]
 */
#include "torture/cells.h"

enum { WEAK_OBJECTS = 512, WEAK_OWN = 6 };

typedef struct torture {
    uint64_t seed;
    size_t round;
    ou_object *refs[WEAK_OBJECTS];                 /* weakrefs, owned by main */
    ou_object *strong[CELL_THREADS][WEAK_OBJECTS]; /* a reference for each thread */
    unsigned order[CELL_THREADS][WEAK_OBJECTS];
    unsigned calls[WEAK_OBJECTS]; /* atomic */
    unsigned own_calls;           /* atomic: of short-lived weakrefs */
} torture;

static torture state;

static void torture_called(ou_object *ref, void *arg)
{
    REQUIRE(ou_weakref_get(ref) == NULL);
    ou_fetch_add_relaxed((unsigned *)arg, 1u);
}

static void torture_make(torture *t, prng *r)
{
    for (size_t i = 0; i < WEAK_OBJECTS; i++) {
        ou_object *o = NULL;
        while (!o || ou_is_int(o) || ou_is_str(o)) {
            ou_xdecref(o);
            o = cookie_new(r);
        }
        t->calls[i] = 0;
        t->refs[i] = ou_weakref_new(o, torture_called, &t->calls[i]);
        REQUIRE(t->refs[i] != NULL);
        for (unsigned k = 0; k < CELL_THREADS; k++) {
            t->strong[k][i] = k ? ou_incref(o) : o;
            t->order[k][i] = (unsigned)i;
        }
    }
    /* Nearly the same order for all, so that last references meet. */
    for (unsigned k = 0; k < CELL_THREADS; k++) {
        for (size_t i = 0; i + 4 < WEAK_OBJECTS; i++) {
            size_t j = i + prng_below(r, 4);
            unsigned keep = t->order[k][i];
            t->order[k][i] = t->order[k][j];
            t->order[k][j] = keep;
        }
    }
}

static void torture_look(torture *t, size_t i)
{
    ou_object *o = ou_weakref_get(t->refs[i]);
    if (o) {
        cookie_check(o);
        ou_decref(o);
    }
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed + t->round, 100 + index);
    for (size_t i = 0; i < WEAK_OBJECTS; i++) {
        unsigned at = t->order[index][i];
        torture_look(t, at);
        torture_look(t, prng_below(&r, WEAK_OBJECTS));
        /* Weakrefs of one's own on a dying object: they die at the same time, perhaps while
         * the object's death is about to call them. */
        ou_object *own[WEAK_OWN] = {0};
        ou_object *o = ou_weakref_get(t->refs[at]);
        for (size_t k = 0; o && k < WEAK_OWN; k++) {
            own[k] = ou_weakref_new(o, torture_called, &t->own_calls);
            REQUIRE(own[k] != NULL);
        }
        ou_xdecref(o);
        ou_decref(t->strong[index][at]);
        for (size_t k = 0; k < WEAK_OWN; k++) {
            ou_xdecref(own[k]);
        }
        torture_look(t, at);
        ou_safepoint();
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "weakref", scale_ops(150));
    torture *t = &state;
    prng r = prng_from(args.seed, 0);
    t->seed = args.seed;
    cells_start(NULL);
    for (t->round = 0; t->round < args.ops; t->round++) {
        torture_make(t, &r);
        team_run(CELL_THREADS, torture_member, t);
        ou_gc_collect(); /* merges what is still queued for its owner */
        for (size_t i = 0; i < WEAK_OBJECTS; i++) {
            REQUIRE(ou_weakref_get(t->refs[i]) == NULL);
            REQUIRE(ou_load_relaxed(&t->calls[i]) == 1);
            ou_decref(t->refs[i]);
        }
    }
    return cells_finish();
}
