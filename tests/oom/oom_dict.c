/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * oom_dict.c - allocation failure in every dict operation: keys, values, order and counts stay
 * as they were, and the call works when memory is back.
 */
#include "oom/sweep.h"
#include "support/expect.h"

static ou_object *dict;
static ou_object *value; /* a counted object */
static ou_object *key;   /* not in the dict */
static ou_object *result;
static int64_t keys; /* 0..keys-1 are in `dict`, each with `value` */

static void fill(int64_t n)
{
    dict = ou_dict_new(0);
    value = ou_int_new(5050505);
    key = ou_str("a key of its own");
    REQUIRE(dict && value && key);
    for (keys = 0; keys < n; keys++) {
        REQUIRE(ou_dict_set(dict, ou_int_new(keys), value) == OU_OK);
    }
}

static void fill_100(void)
{
    fill(100);
}

static void fill_empty(void)
{
    fill(0);
}

/* Exactly the first `keys` small ints, in order; `key` present or not. */
static void check(bool with_key)
{
    uint64_t pos = 0;
    int64_t i = 0;
    ou_object *k = NULL;
    ou_object *v = NULL;
    REQUIRE(ou_dict_len(dict) == keys + with_key);
    while (ou_dict_next(dict, &pos, &k, &v) == 1) {
        REQUIRE(k == (i < keys ? ou_int_new(i) : key));
        REQUIRE(v == value);
        ou_decref(k);
        ou_decref(v);
        i++;
    }
    REQUIRE(i == keys + with_key);
    REQUIRE(ou_dict_contains(dict, key) == with_key);
    REQUIRE(ou_refcount(key) == 1 + with_key);
}

static void same(void)
{
    check(false);
    REQUIRE(ou_refcount(value) == 1 + keys);
}

static void one_more(void)
{
    check(true);
    REQUIRE(ou_refcount(value) == 2 + keys);
}

static void clean(void)
{
    ou_xdecref(result);
    result = NULL;
    ou_decref(dict);
    REQUIRE(ou_refcount(value) == 1 && ou_refcount(key) == 1);
    ou_decref(value);
    ou_decref(key);
}

static bool act_new(void)
{
    return (result = ou_dict_new(1000)) != NULL;
}

static bool act_set(void)
{
    return ou_dict_set(dict, key, value) == OU_OK;
}

static bool act_copy(void)
{
    return (result = ou_dict_copy(dict)) != NULL;
}

static void done_copy(void)
{
    REQUIRE(ou_equal(dict, result) == 1);
    REQUIRE(ou_refcount(value) == 1 + 2 * keys);
}

/* Grows through several tables; a failing step leaves what the steps before it did. */
static bool act_grow(void)
{
    while (keys < 250) {
        if (ou_dict_set(dict, ou_int_new(keys), value) != OU_OK) {
            return false;
        }
        keys++;
    }
    return true;
}

/* Deletions and replacements never need memory; iteration neither. */
static bool act_calm(void)
{
    bool ok = ou_dict_set(dict, ou_int_new(7), ou_none()) == OU_OK &&
              ou_dict_set(dict, ou_int_new(7), value) == OU_OK;
    check(false);
    for (int64_t i = 0; i < 50; i++) {
        ok = ou_dict_del(dict, ou_int_new(i)) == OU_OK && ok;
    }
    ok = ok && ou_dict_len(dict) == keys - 50;
    ok = ou_dict_clear(dict) == OU_OK && ok;
    keys = 0;
    return ok;
}

int main(void)
{
    static const sweep_case cases[] = {
        {"dict new", fill_100, act_new, same, same, clean},
        {"dict set, first key", fill_empty, act_set, same, one_more, clean},
        {"dict copy", fill_100, act_copy, same, done_copy, clean},
        {"dict 250 sets", fill_empty, act_grow, same, same, clean},
    };
    static const sweep_case calm = {
        "dict replace, del, clear", fill_100, act_calm, NULL, same, clean};
    REQUIRE(ou_start("gc_auto=0") == OU_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sweep_run(&cases[i], SWEEP_FAILS);
    }
    sweep_run(&calm, SWEEP_CALM);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
