/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_cache.c - a dict of weak values that four threads use as a cache, while one of them
 * collects all the time: the case that weakrefs are made for (CPython: the threaded tests of
 * WeakValueDictionary).
 *
 * Who wants a value looks its key up, asks the weakref, and makes the value when it is gone.
 * The callback of a value that dies takes its entry out, unless that is another's already.
 * Values end by counting, or in rings by the collector, in any thread; others walk over the
 * dict meanwhile. What a weakref gives is the value of that key and whole; a value is announced
 * once; in the end the cache is empty.
 *
 *      cache [SEED [OPERATIONS]]
 */
#include <stdio.h>
#include <stdlib.h>

#include "torture/cells.h"

enum { KEYS = 64, HELD = 8 };

typedef struct value_note {
    ou_object *key;
    unsigned calls; /* atomic: of its weakref's callback */
} value_note;

typedef struct torture {
    uint64_t seed;
    size_t ops;
    ou_object *cache; /* key -> weakref */
    ou_object *key[KEYS];
    const ou_type *value;
    value_note *notes; /* one a value */
    size_t made;       /* atomic: of these */
} torture;

static torture state;

/* The entry may be another's: who finds a dead one replaces it, and may be earlier. If it
 * changes between the two calls here, one that is good is taken out: its value is made again.
 */
static void forget(ou_object *ref, void *arg)
{
    value_note *note = arg;
    ou_object *found = ou_dict_get(state.cache, note->key);
    REQUIRE(ou_weakref_get(ref) == NULL);
    REQUIRE(ou_fetch_add_relaxed(&note->calls, 1u) == 0);
    if (found == ref) {
        int err = ou_dict_del(state.cache, note->key);
        REQUIRE(err == OU_OK || err == OU_EKEY);
    }
    ou_xdecref(found);
}

/* Knows its key, and now and then itself: then it ends by the collector. The cache alone keeps
 * its weakref. */
static ou_object *value_make(size_t k, prng *r)
{
    value_note *note = &state.notes[ou_fetch_add_relaxed(&state.made, (size_t)1)];
    ou_object *o = ou_instance_new(state.value);
    REQUIRE(o && ou_attr_set_at(o, 0, state.key[k]) == OU_OK);
    if (prng_chance(r, 30)) {
        REQUIRE(ou_attr_set_at(o, 1, o) == OU_OK);
    }
    note->key = state.key[k];
    ou_object *ref = ou_weakref_new(o, forget, note);
    REQUIRE(ref && ou_dict_set(state.cache, state.key[k], ref) == OU_OK);
    ou_decref(ref);
    return o;
}

static void value_check(ou_object *o, ou_object *key)
{
    ou_object *mine = ou_attr_get_at(o, 0);
    REQUIRE(ou_type_of(o) == state.value && mine == key);
    ou_decref(mine);
}

/* A reference to the value of key `k`. */
static ou_object *want(size_t k, prng *r)
{
    ou_object *ref = ou_dict_get(state.cache, state.key[k]);
    ou_object *o = ref ? ou_weakref_get(ref) : NULL;
    ou_xdecref(ref);
    if (!o) {
        o = value_make(k, r);
    }
    value_check(o, state.key[k]);
    return o;
}

static void walk(void)
{
    uint64_t pos = 0;
    ou_object *key = NULL, *ref = NULL;
    int more = 0;
    while ((more = ou_dict_next(state.cache, &pos, &key, &ref)) == 1) {
        ou_object *o = ou_weakref_get(ref);
        if (o) {
            value_check(o, key);
            ou_decref(o);
        }
        ou_decref(key);
        ou_decref(ref);
    }
    REQUIRE(more == 0 || more == OU_ECHANGED);
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed, index);
    ou_object *held[HELD] = {0};
    for (size_t i = 0; i < t->ops; i++) {
        size_t k = prng_below(&r, KEYS), place = prng_below(&r, HELD);
        ou_object *o = want(k, &r);
        ou_xdecref(held[place]);
        held[place] = o;
        if (prng_chance(&r, 2)) {
            walk();
        }
        if (index == 0 && i % 64 == 0) {
            REQUIRE((i % 128 ? ou_gc_collect() : ou_gc_collect_sliced(NULL)) >= 0);
        }
        ou_safepoint();
    }
    for (size_t i = 0; i < HELD; i++) {
        ou_xdecref(held[i]);
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "cache", scale_ops(60000));
    static const char *const attrs[] = {"key", "self"};
    torture *t = &state;
    cells_start("gc_auto=0");
    t->seed = args.seed;
    t->ops = args.ops;
    t->value = ou_class_new("Value", attrs, 2, true, NULL, NULL);
    t->notes = calloc(CELL_THREADS * t->ops, sizeof *t->notes);
    t->cache = ou_dict_new(0);
    REQUIRE(t->notes && t->cache);
    for (size_t k = 0; k < KEYS; k++) {
        t->key[k] = ou_int_new((int64_t)(1000 + k));
    }
    team_run(CELL_THREADS, torture_member, t);
    ou_gc_collect(); /* merges what is queued for its owner, and ends the rings */
    ou_gc_collect(); /* what callbacks dropped */
    EXPECT_EQ(ou_dict_len(t->cache), 0);
    ou_decref(t->cache);
    printf("%zu values made in %zu operations\n", t->made, CELL_THREADS * t->ops);
    for (size_t k = 0; k < KEYS; k++) {
        ou_decref(t->key[k]);
    }
    free(t->notes);
    return cells_finish();
}
