/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_containers.c - lists, dicts and instances used by their owner and by others at the
 * same time, including the first foreign touch while the owner is in the middle of its work.
 *
 * Every thread makes containers, gives references of them to the others through inboxes and
 * goes on working on them; each works on what it got. All items are whole cookies, and none is
 * left in the end. (That no operation is lost is torture_account.c's business.)
 *
 *      containers [SEED [OPERATIONS]]
 */
#include "torture/cells.h"

enum { SHARED_KEEP = 4, SHARED_KEYS = 40 };

typedef struct torture {
    uint64_t seed;
    size_t ops;
    cell inbox[CELL_THREADS];
} torture;

static torture state;

static void torture_item_check(ou_object *item)
{
    if (item) {
        cookie_check(item);
        ou_decref(item);
    }
}

static void torture_list(ou_object *list, prng *r)
{
    size_t at = prng_below(r, 8);
    ou_object *item = NULL;
    switch (prng_below(r, 10)) {
    case 0:
    case 1:
    case 2:
        REQUIRE(ou_list_append_steal(list, cookie_new(r)) == OU_OK);
        break;
    case 3:
    case 4:
        torture_item_check(ou_list_pop(list));
        break;
    case 5:
        item = cookie_new(r);
        ou_list_set(list, at, item);
        ou_decref(item);
        break;
    case 6:
        item = cookie_new(r);
        ou_list_insert(list, at, item);
        ou_decref(item);
        break;
    case 7:
        ou_list_del(list, at);
        break;
    default:
        torture_item_check(ou_list_get(list, at));
        REQUIRE(ou_list_len(list) >= 0);
        break;
    }
}

static void torture_list_whole(ou_object *list, prng *r)
{
    ou_object *copy = ou_list_copy(list);
    REQUIRE(copy != NULL);
    int64_t n = ou_list_len(copy);
    for (int64_t i = 0; i < n; i++) {
        ou_object *item = ou_list_get(copy, (size_t)i);
        REQUIRE(item != NULL);
        torture_item_check(item);
    }
    if (prng_chance(r, 30)) {
        REQUIRE(ou_list_extend(copy, list) == OU_OK);
        REQUIRE(ou_list_len(copy) >= n);
    }
    ou_decref(copy);
}

static void torture_dict(ou_object *dict, prng *r)
{
    ou_object *key = ou_int_new((int64_t)prng_below(r, SHARED_KEYS));
    ou_object *item = NULL;
    uint64_t pos = 0;
    int step = 0;
    switch (prng_below(r, 8)) {
    case 0:
    case 1:
    case 2:
        item = cookie_new(r);
        REQUIRE(ou_dict_set(dict, key, item) == OU_OK);
        ou_decref(item);
        break;
    case 3:
        step = ou_dict_del(dict, key);
        REQUIRE(step == OU_OK || step == OU_EKEY);
        break;
    case 4:
        while ((step = ou_dict_next(dict, &pos, NULL, &item)) == 1) {
            torture_item_check(item);
        }
        REQUIRE(step == 0 || step == OU_ECHANGED);
        break;
    default:
        torture_item_check(ou_dict_get(dict, key));
        REQUIRE(ou_dict_len(dict) >= 0);
        break;
    }
}

static void torture_instance(ou_object *self, prng *r)
{
    if (prng_chance(r, 40)) {
        REQUIRE(ou_attr_set_at_steal(self, 2, cookie_new(r)) == OU_OK);
    } else if (prng_chance(r, 10)) {
        ou_attr_set_at(self, 2, NULL);
    } else {
        torture_item_check(ou_attr_get_at(self, 2));
    }
    cookie_check(self);
}

static void torture_touch(ou_object *o, prng *r)
{
    if (ou_is_list(o)) {
        torture_list(o, r);
        if (prng_chance(r, 2)) {
            torture_list_whole(o, r);
        }
    } else if (ou_is_dict(o)) {
        torture_dict(o, r);
    } else {
        torture_instance(o, r);
    }
}

static ou_object *torture_container(prng *r)
{
    unsigned kind = (unsigned)prng_below(r, 3);
    ou_object *o = kind == 0 ? ou_list_new(0) : kind == 1 ? ou_dict_new(0) : NULL;
    while (!o) {
        o = cookie_new(r);
        if (!ou_is_instance(o)) {
            ou_decref(o);
            o = NULL;
        }
    }
    return o;
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed, index);
    ou_object *mine[SHARED_KEEP] = {0};
    for (size_t i = 0; i < t->ops; i++) {
        ou_object **o = &mine[prng_below(&r, SHARED_KEEP)];
        if (!*o) {
            *o = torture_container(&r);
        }
        torture_touch(*o, &r);
        unsigned dice = (unsigned)prng_below(&r, 200);
        if (dice < 8) { /* give it to another thread and go on with it */
            unsigned to = (unsigned)prng_below(&r, CELL_THREADS);
            ou_xdecref(cell_swap(&t->inbox[to], ou_incref(*o)));
        } else if (dice < 20) { /* take what was given, in its place */
            ou_object *given = cell_swap(&t->inbox[index], NULL);
            if (given) {
                ou_decref(*o);
                *o = given;
            }
        } else if (dice == 20) {
            ou_decref(*o);
            *o = NULL;
        }
        ou_safepoint();
    }
    for (size_t i = 0; i < SHARED_KEEP; i++) {
        ou_xdecref(mine[i]);
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "containers", scale_ops(150000));
    state.seed = args.seed;
    state.ops = args.ops;
    cells_start(NULL);
    team_run(CELL_THREADS, torture_member, &state);
    cells_drain(state.inbox, CELL_THREADS);
    return cells_finish();
}
