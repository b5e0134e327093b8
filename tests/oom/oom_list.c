/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * oom_list.c - allocation failure in every list operation: what was there stays, by identity
 * and by count, and the call works when memory is back.
 */
#include "oom/sweep.h"
#include "support/expect.h"

static ou_object *list;   /* what is operated on */
static ou_object *item;   /* a counted object */
static ou_object *result; /* what an operation made */
static size_t length;     /* of `list` before */

static void fill(size_t n)
{
    item = ou_int_new(4040404);
    list = ou_list_new(0);
    REQUIRE(item && list);
    for (size_t i = 0; i < n; i++) {
        REQUIRE(ou_list_append(list, item) == OU_OK);
    }
    length = n;
}

static void fill_64(void)
{
    fill(64);
}

/* A list as full as its array: the next item needs memory. */
static void fill_exact(void)
{
    ou_object *items[64];
    fill(0);
    ou_decref(list);
    for (int i = 0; i < 64; i++) {
        items[i] = item;
    }
    list = ou_list_of(items, 64);
    REQUIRE(list != NULL);
    length = 64;
}

static void fill_empty(void)
{
    fill(0);
}

static void same(void)
{
    REQUIRE(ou_list_len(list) == (int64_t)length);
    REQUIRE(ou_refcount(item) == 1 + (int64_t)length);
    for (size_t i = 0; i < length; i++) {
        ou_object *got = ou_list_get(list, i);
        REQUIRE(got == item);
        ou_decref(got);
    }
}

static void clean(void)
{
    ou_xdecref(result);
    result = NULL;
    ou_decref(list);
    REQUIRE(ou_refcount(item) == 1);
    ou_decref(item);
}

static bool made(ou_object *o)
{
    result = o;
    return o != NULL;
}

static bool act_new(void)
{
    return made(ou_list_new(100));
}

static bool act_of(void)
{
    ou_object *items[3] = {item, item, item};
    return made(ou_list_of(items, 3));
}

static bool act_repeat(void)
{
    return made(ou_list_repeat(item, 1000));
}

static bool act_copy(void)
{
    return made(ou_list_copy(list));
}

static void done_copy(void)
{
    REQUIRE(ou_equal(list, result) == 1);
    REQUIRE(ou_refcount(item) == 1 + 2 * (int64_t)length);
}

static bool act_append(void)
{
    return ou_list_append(list, item) == OU_OK;
}

static bool act_append_steal(void)
{
    return ou_list_append_steal(list, ou_incref(item)) == OU_OK;
}

static bool act_insert(void)
{
    return ou_list_insert(list, length / 2, item) == OU_OK;
}

static void one_more(void)
{
    length++;
    same();
}

static bool act_extend_self(void)
{
    return ou_list_extend(list, list) == OU_OK;
}

static void doubled(void)
{
    length *= 2;
    same();
}

/* Many appends in a row: each step that fails must leave what the steps before it did. */
static bool act_grow(void)
{
    while (ou_list_len(list) < 5000) {
        if (ou_list_append(list, item) != OU_OK) {
            length = (size_t)ou_list_len(list);
            return false;
        }
    }
    length = 5000;
    return true;
}

/* None of these may need memory. */
static bool act_shrink(void)
{
    bool ok = ou_list_set(list, 3, item) == OU_OK && ou_list_del(list, 10) == OU_OK;
    ou_object *last = ou_list_pop(list);
    ok = ok && last == item && ou_list_len(list) == (int64_t)length - 2;
    ou_decref(last);
    return ou_list_clear(list) == OU_OK && ok;
}

static void emptied(void)
{
    length = 0;
    same();
}

/* A deep and wide structure dies while no memory can be had. */
static void nest(void)
{
    fill(0);
    for (int i = 0; i < 3000; i++) {
        ou_object *pair[2] = {list, item};
        ou_object *outer = i % 2 ? ou_list_of(pair, 2) : ou_tuple_new(pair, 2);
        REQUIRE(outer != NULL);
        ou_decref(list);
        list = outer;
    }
}

static bool act_die(void)
{
    ou_decref(list);
    list = ou_none();
    return true;
}

int main(void)
{
    static const sweep_case cases[] = {
        {"list new", fill_64, act_new, same, same, clean},
        {"list of", fill_empty, act_of, same, NULL, clean},
        {"list repeat", fill_empty, act_repeat, same, NULL, clean},
        {"list copy", fill_64, act_copy, same, done_copy, clean},
        {"list append, full", fill_exact, act_append, same, one_more, clean},
        {"list append, empty", fill_empty, act_append, same, one_more, clean},
        {"list append_steal", fill_exact, act_append_steal, same, one_more, clean},
        {"list insert", fill_exact, act_insert, same, one_more, clean},
        {"list extend by itself", fill_64, act_extend_self, same, doubled, clean},
        {"list 5000 appends", fill_empty, act_grow, same, same, clean},
    };
    static const sweep_case calm[] = {
        {"list set, del, pop, clear", fill_64, act_shrink, NULL, emptied, clean},
        {"death of a nesting", nest, act_die, NULL, NULL, clean},
    };
    REQUIRE(ou_start("gc_auto=0") == OU_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sweep_run(&cases[i], SWEEP_FAILS);
    }
    for (size_t i = 0; i < sizeof(calm) / sizeof(calm[0]); i++) {
        sweep_run(&calm[i], SWEEP_CALM);
    }
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
