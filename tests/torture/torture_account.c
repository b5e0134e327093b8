/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * torture_account.c - no operation on a shared container is lost or done twice.
 *
 * In each round every thread makes one list and one dict, shows them to all, and works on all
 * of them; each counts what it did. At the end of the round the length of every list is what
 * was put in minus what was taken out, and so is the size of every dict. New containers every
 * round mean that first foreign touches meet a working owner often.
 *
 *      account [SEED [ROUNDS]]
 */
#include "torture/cells.h"

enum { ACCOUNT_OPS = 400, ACCOUNT_KEYS = 64 };

typedef struct torture {
    uint64_t seed;
    size_t round;
    ou_object *lists[CELL_THREADS]; /* atomic; the array owns the reference, main drops it */
    ou_object *dicts[CELL_THREADS];
    int64_t in_list[CELL_THREADS]; /* atomic */
    int64_t in_dict[CELL_THREADS]; /* atomic */
} torture;

static torture state;

static void torture_list(ou_object *list, int64_t *balance, prng *r)
{
    int64_t change = 0;
    ou_object *item = NULL;
    switch (prng_below(r, 6)) {
    case 0:
    case 1:
        REQUIRE(ou_list_append_steal(list, ou_int_new((int64_t)prng_below(r, 4096))) == OU_OK);
        change = 1;
        break;
    case 2:
        item = ou_list_pop(list);
        change = item ? -1 : 0;
        ou_xdecref(item);
        break;
    case 3:
        change = ou_list_insert(list, prng_below(r, 4), ou_true()) == OU_OK;
        break;
    case 4:
        change = ou_list_del(list, prng_below(r, 4)) == OU_OK ? -1 : 0;
        break;
    default:
        ou_xdecref(ou_list_get(list, prng_below(r, 4)));
        break;
    }
    ou_fetch_add_relaxed(balance, change);
}

/* Each thread uses keys of its own, so that it knows what its calls must return. */
static void torture_dict(ou_object *dict, int64_t *balance, unsigned index, bool *has, prng *r)
{
    size_t k = prng_below(r, ACCOUNT_KEYS);
    ou_object *key = ou_int_new((int64_t)(index * ACCOUNT_KEYS + k));
    if (prng_chance(r, 50)) {
        REQUIRE(ou_dict_set(dict, key, ou_true()) == OU_OK);
        ou_fetch_add_relaxed(balance, !has[k]);
        has[k] = true;
    } else {
        REQUIRE(ou_dict_contains(dict, key) == has[k]);
        REQUIRE(ou_dict_del(dict, key) == (has[k] ? OU_OK : OU_EKEY));
        ou_fetch_add_relaxed(balance, -(int64_t)has[k]);
        has[k] = false;
    }
    ou_decref(key);
}

static void torture_member(unsigned index, void *arg)
{
    torture *t = arg;
    prng r = prng_from(t->seed + t->round, index);
    bool has[CELL_THREADS][ACCOUNT_KEYS] = {{false}};
    ou_object *list = ou_list_new(0);
    ou_object *dict = ou_dict_new(0);
    REQUIRE(list && dict);
    ou_store_release(&t->dicts[index], dict); /* pairs: the acquire loads below */
    ou_store_release(&t->lists[index], list);
    for (size_t i = 0; i < ACCOUNT_OPS; i++) {
        size_t which = prng_chance(&r, 40) ? index : prng_below(&r, CELL_THREADS);
        list = ou_load_acquire(&t->lists[which]);
        dict = ou_load_acquire(&t->dicts[which]);
        if (list) {
            torture_list(list, &t->in_list[which], &r);
        }
        if (dict) {
            torture_dict(dict, &t->in_dict[which], index, has[which], &r);
        }
        ou_safepoint();
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "account", scale_ops(600));
    torture *t = &state;
    cells_start(NULL);
    t->seed = args.seed;
    for (t->round = 0; t->round < args.ops; t->round++) {
        team_run(CELL_THREADS, torture_member, t);
        for (int i = 0; i < CELL_THREADS; i++) {
            REQUIRE(ou_list_len(t->lists[i]) == t->in_list[i]);
            REQUIRE(ou_dict_len(t->dicts[i]) == t->in_dict[i]);
            ou_decref(t->lists[i]);
            ou_decref(t->dicts[i]);
            t->lists[i] = t->dicts[i] = NULL;
            t->in_list[i] = t->in_dict[i] = 0;
        }
    }
    return cells_finish();
}
