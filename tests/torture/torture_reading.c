/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_reading.c - one list, one dict and one open instance that all threads look at without
 * their locks, while two of the threads change them: items die under the readers' eyes, arrays
 * and tables grow, shrink and are emptied, the collector runs.
 *
 * What a look gives is whole and stays so while it is held. In the end every reference that
 * fell out has been dropped. (Planted: a plain ou_decref in ou_guard_drop. The window between a
 * load and its count is a few instructions: no dead cookie came out of it in 3 runs of 60,000
 * operations on two cores; that no reference has waited is what ended them.)
 *
 *      reading [SEED [OPERATIONS]]
 */
#include <string.h>

#include "torture/cells.h"

enum { READERS = 2, PLACES = 24, ATTRS = 12 };

typedef struct torture {
    uint64_t seed;
    size_t ops;
    ou_object *list, *dict, *self;
    ou_object *key[PLACES]; /* immortal strings and small ints, by turns */
    char name[ATTRS][8];
} torture;

static torture state;

static void torture_seen(ou_object *item, prng *r)
{
    if (item) {
        cookie_check(item);
        if (prng_chance(r, 10)) {
            ou_safepoint();
            cookie_check(item);
        }
        ou_decref(item);
    }
}

static void torture_look(torture *t, prng *r)
{
    size_t at = prng_below(r, PLACES);
    uint64_t pos = 0;
    ou_object *item = NULL;
    switch (prng_below(r, 20)) {
    case 0:
        while (ou_dict_next(t->dict, &pos, NULL, &item) == 1) {
            torture_seen(item, r);
        }
        break;
    case 1:
        REQUIRE(ou_dict_contains(t->dict, t->key[at]) >= 0);
        break;
    case 2:
    case 3:
    case 4:
    case 5:
        torture_seen(ou_attr_get(t->self, t->name[at % ATTRS]), r);
        break;
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
    case 11:
        torture_seen(ou_dict_get(t->dict, t->key[at]), r);
        break;
    default:
        torture_seen(ou_list_get(t->list, at), r);
        break;
    }
}

static void torture_list_change(ou_object *list, ou_object *item, size_t at, prng *r)
{
    switch (prng_below(r, 12)) {
    case 0:
        ou_list_insert(list, at, item);
        break;
    case 1:
        ou_list_del(list, at);
        break;
    case 2:
        if (prng_chance(r, 10)) {
            REQUIRE(ou_list_clear(list) == OU_OK);
        }
        break;
    case 3:
    case 4:
        torture_seen(ou_list_pop(list), r);
        break;
    case 5:
    case 6:
    case 7:
        if (ou_list_len(list) < 4 * PLACES) {
            REQUIRE(ou_list_append(list, item) == OU_OK);
        }
        break;
    default:
        ou_list_set(list, at, item);
        break;
    }
}

static void torture_change(torture *t, prng *r)
{
    size_t at = prng_below(r, PLACES);
    ou_object *item = cookie_new(r);
    unsigned dice = (unsigned)prng_below(r, 100);
    if (dice < 50) {
        torture_list_change(t->list, item, at, r);
    } else if (dice < 70) {
        REQUIRE(ou_dict_set(t->dict, t->key[at], item) == OU_OK);
    } else if (dice < 80) {
        ou_dict_del(t->dict, t->key[at]);
    } else if (dice == 80) {
        REQUIRE(ou_dict_clear(t->dict) == OU_OK);
    } else {
        REQUIRE(ou_attr_set(t->self, t->name[at % ATTRS], item) == OU_OK);
    }
    ou_decref(item);
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed, index);
    for (size_t i = 0; i < t->ops; i++) {
        if (index < READERS || prng_chance(&r, 70)) {
            torture_look(t, &r);
        } else {
            torture_change(t, &r);
        }
        if (prng_below(&r, 20000) == 0) {
            REQUIRE(ou_gc_collect() >= 0);
        }
        ou_safepoint();
    }
}

static void torture_setup(torture *t)
{
    t->list = ou_list_new(0);
    t->dict = ou_dict_new(0);
    const ou_type *cls = ou_class_new("torture.open", NULL, 0, false, NULL, NULL);
    t->self = ou_instance_new(cls);
    REQUIRE(t->list && t->dict && t->self);
    for (int i = 0; i < PLACES; i++) {
        char text[16];
        snprintf(text, sizeof text, "key %d", i);
        t->key[i] = i % 2 ? ou_int_new(i) : ou_str_new(text, strlen(text));
        REQUIRE(t->key[i] != NULL);
    }
    for (int i = 0; i < ATTRS; i++) {
        snprintf(t->name[i], sizeof t->name[i], "a%d", i);
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "reading", scale_ops(150000));
    state.seed = args.seed;
    state.ops = args.ops;
    cells_start(NULL);
    torture_setup(&state);
    team_run(CELL_THREADS, torture_member, &state);
    REQUIRE(ou_stat("epoch_dropped") > 0 && ou_stat("reads_revoked") > 0);
    ou_decref(state.list);
    ou_decref(state.dict);
    ou_decref(state.self);
    for (int i = 0; i < PLACES; i++) {
        ou_decref(state.key[i]);
    }
    return cells_finish();
}
