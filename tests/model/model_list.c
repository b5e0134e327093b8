/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * model_list.c - random list operations against a naive shadow: an array of indexes into a pool
 * of objects. Checked all along: results, errors, contents by identity, and the exact count of
 * every object of the pool.
 *
 *      model_list [SEED [OPERATIONS]]
 */
#include <string.h>

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/prng.h"
#include "support/proc.h"
#include "support/scale.h"
#include "support/seed.h"

enum { POOL = 48, MAX_LEN = 600 };

typedef struct model {
    ou_object *pool[POOL];
    ou_object *list;
    int shadow[2 * MAX_LEN];
    size_t len;
    prng r;
} model;

static void model_fill_pool(model *m)
{
    for (int i = 0; i < POOL; i++) {
        switch (i % 4) {
        case 0:
            m->pool[i] = ou_int_new(1000000 + i);
            break;
        case 1:
            m->pool[i] = ou_float_new(i);
            break;
        case 2:
            m->pool[i] =
                ou_str_new("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", 1 + i);
            break;
        default:
            m->pool[i] = ou_list_new(0);
            break;
        }
        REQUIRE(m->pool[i] != NULL);
    }
}

static void model_check(model *m)
{
    int64_t uses[POOL] = {0};
    REQUIRE(ou_list_len(m->list) == (int64_t)m->len);
    for (size_t i = 0; i < m->len; i++) {
        ou_object *item = ou_list_get(m->list, i);
        REQUIRE(item == m->pool[m->shadow[i]]);
        ou_decref(item);
        uses[m->shadow[i]]++;
    }
    for (int i = 0; i < POOL; i++) {
        REQUIRE(ou_refcount(m->pool[i]) == 1 + uses[i]);
    }
}

static void model_open(model *m, size_t at, size_t n)
{
    memmove(m->shadow + at + n, m->shadow + at, (m->len - at) * sizeof(int));
    m->len += n;
}

static void model_close(model *m, size_t at, size_t n)
{
    memmove(m->shadow + at, m->shadow + at + n, (m->len - at - n) * sizeof(int));
    m->len -= n;
}

static void model_append(model *m)
{
    int k = (int)prng_below(&m->r, POOL);
    if (prng_chance(&m->r, 50)) {
        REQUIRE(ou_list_append(m->list, m->pool[k]) == OU_OK);
    } else {
        REQUIRE(ou_list_append_steal(m->list, ou_incref(m->pool[k])) == OU_OK);
    }
    m->shadow[m->len++] = k;
}

static void model_insert(model *m)
{
    int k = (int)prng_below(&m->r, POOL);
    size_t at = prng_below(&m->r, m->len + 3);
    int done = ou_list_insert(m->list, at, m->pool[k]);
    REQUIRE(done == (at <= m->len ? OU_OK : OU_EINDEX));
    if (done == OU_OK) {
        model_open(m, at, 1);
        m->shadow[at] = k;
    }
}

static void model_set(model *m)
{
    int k = (int)prng_below(&m->r, POOL);
    size_t at = prng_below(&m->r, m->len + 3);
    int done = ou_list_set(m->list, at, m->pool[k]);
    REQUIRE(done == (at < m->len ? OU_OK : OU_EINDEX));
    if (done == OU_OK) {
        m->shadow[at] = k;
    }
}

static void model_del(model *m)
{
    size_t at = prng_below(&m->r, m->len + 3);
    int done = ou_list_del(m->list, at);
    REQUIRE(done == (at < m->len ? OU_OK : OU_EINDEX));
    if (done == OU_OK) {
        model_close(m, at, 1);
    }
}

static void model_pop(model *m)
{
    ou_object *item = ou_list_pop(m->list);
    REQUIRE((item != NULL) == (m->len > 0));
    if (item) {
        REQUIRE(item == m->pool[m->shadow[--m->len]]);
        ou_decref(item);
    }
}

static void model_extend(model *m)
{
    int chosen[8];
    ou_object *items[8];
    size_t n = prng_below(&m->r, 9);
    if (m->len > 0 && m->len < MAX_LEN / 2 && prng_chance(&m->r, 10)) {
        REQUIRE(ou_list_extend(m->list, m->list) == OU_OK);
        memcpy(m->shadow + m->len, m->shadow, m->len * sizeof(int));
        m->len *= 2;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        chosen[i] = (int)prng_below(&m->r, POOL);
        items[i] = m->pool[chosen[i]];
    }
    ou_object *other = prng_chance(&m->r, 50) ? ou_list_of(items, n) : ou_tuple_new(items, n);
    REQUIRE(other && ou_list_extend(m->list, other) == OU_OK);
    ou_decref(other);
    memcpy(m->shadow + m->len, chosen, n * sizeof(int));
    m->len += n;
}

/* A copy takes the place of the original, or is dropped. */
static void model_copy(model *m)
{
    ou_object *copy = ou_list_copy(m->list);
    REQUIRE(copy && copy != m->list && ou_equal(copy, m->list) == 1);
    if (prng_chance(&m->r, 50)) {
        ou_object *old = m->list;
        m->list = copy;
        copy = old;
    }
    ou_decref(copy);
}

static void model_clear(model *m)
{
    if (prng_chance(&m->r, 4)) {
        REQUIRE(ou_list_clear(m->list) == OU_OK);
        m->len = 0;
    }
}

static void model_sum(model *m)
{
    int64_t want = 0;
    size_t ints = 0;
    for (size_t i = 0; i < m->len; i++) {
        bool is_int = m->shadow[i] % 4 == 0;
        want += is_int ? 1000000 + m->shadow[i] : 0;
        ints += is_int;
    }
    int64_t sum = -1;
    size_t got = 0;
    REQUIRE(ou_list_sum(m->list, &sum, &got) == OU_OK);
    REQUIRE(sum == want && got == ints);
}

static void model_step(model *m)
{
    static void (*const ops[])(model *) = {
        model_append, model_append, model_append, model_insert, model_insert, model_set,
        model_del,    model_pop,    model_extend, model_copy,   model_clear,  model_sum};
    if (m->len > MAX_LEN) {
        size_t n = prng_below(&m->r, m->len);
        for (size_t i = 0; i < n; i++) {
            model_pop(m);
        }
        return;
    }
    ops[prng_below(&m->r, sizeof(ops) / sizeof(ops[0]))](m);
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "model_list", scale_ops(40000));
    REQUIRE(ou_start("gc_auto=0") == OU_OK);
    uint64_t before = ou_leak_report(proc_null());
    model m = {.r = prng_from(args.seed, 0)};
    model_fill_pool(&m);
    m.list = ou_list_new(prng_below(&m.r, 20));
    REQUIRE(m.list != NULL);
    for (size_t i = 0; i < args.ops; i++) {
        model_step(&m);
        if (i % 64 == 0) {
            model_check(&m);
        }
        if (i % 4096 == 0) {
            REQUIRE(ou_heap_check() == 0);
        }
    }
    model_check(&m);
    ou_decref(m.list);
    for (int i = 0; i < POOL; i++) {
        REQUIRE(ou_refcount(m.pool[i]) == 1);
        ou_decref(m.pool[i]);
    }
    EXPECT_EQ(ou_leak_report(proc_null()), before);
    EXPECT_EQ(ou_heap_check(), 0);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
