/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * model_dict.c - random dict operations against a naive shadow: an array of (key, value) in
 * order of insertion, searched from the front.
 *
 * The pool of keys holds several objects a value (1, 1.0, True; equal strings; equal tuples),
 * so that equality, not identity, is what finds a key, and so that the first key of equal ones
 * is seen to stay. Checked all along: results, errors, order, counts of every object.
 *
 *      model_dict [SEED [OPERATIONS]]
 */
#include <stdio.h>
#include <string.h>

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/prng.h"
#include "support/proc.h"
#include "support/scale.h"
#include "support/seed.h"

enum { VALUES_OF_KEYS = 96, TWINS = 2, KEYS = VALUES_OF_KEYS * TWINS, VALUES = 16 };

typedef struct entry {
    int key; /* index of the object that was used first */
    int value;
} entry;

typedef struct model {
    ou_object *keys[KEYS]; /* k and k + VALUES_OF_KEYS are equal */
    ou_object *values[VALUES];
    ou_object *dict;
    entry shadow[VALUES_OF_KEYS];
    size_t len;
    prng r;
} model;

static ou_object *model_key(int k, int twin)
{
    char text[32];
    switch (k % 4) {
    case 0: /* equal numbers of two types; the first of them are True and 1, 0.0 and False */
        if (k < 8 && twin) {
            return ou_bool(k == 4);
        }
        return twin ? ou_int_new(k / 4) : ou_float_new(k / 4);
    case 1:
        return ou_int_new(1000 + k);
    case 2:
        return twin ? ou_str_intern(text, (size_t)snprintf(text, sizeof(text), "key %d", k))
                    : ou_str_new(text, (size_t)snprintf(text, sizeof(text), "key %d", k));
    default: {
        ou_object *items[2] = {ou_int_new(100000 + k), ou_none()};
        ou_object *tuple = ou_tuple_new(items, 2);
        ou_decref(items[0]);
        return tuple;
    }
    }
}

static void model_fill(model *m)
{
    for (int k = 0; k < KEYS; k++) {
        m->keys[k] = model_key(k % VALUES_OF_KEYS, k >= VALUES_OF_KEYS);
        REQUIRE(m->keys[k] != NULL);
    }
    for (int v = 0; v < VALUES; v++) {
        m->values[v] = v % 2 ? ou_int_new(5000 + v) : ou_list_new(0);
        REQUIRE(m->values[v] != NULL);
    }
}

static size_t model_find(const model *m, int key)
{
    size_t i = 0;
    while (i < m->len && m->shadow[i].key % VALUES_OF_KEYS != key % VALUES_OF_KEYS) {
        i++;
    }
    return i;
}

static void model_check(model *m)
{
    int64_t key_uses[KEYS] = {0};
    int64_t value_uses[VALUES] = {0};
    uint64_t pos = 0;
    size_t i = 0;
    ou_object *key = NULL;
    ou_object *value = NULL;
    REQUIRE(ou_dict_len(m->dict) == (int64_t)m->len);
    while (ou_dict_next(m->dict, &pos, &key, &value) == 1) {
        REQUIRE(i < m->len);
        REQUIRE(key == m->keys[m->shadow[i].key]);
        REQUIRE(value == m->values[m->shadow[i].value]);
        key_uses[m->shadow[i].key]++;
        value_uses[m->shadow[i].value]++;
        ou_decref(key);
        ou_decref(value);
        i++;
    }
    REQUIRE(i == m->len);
    for (int k = 0; k < KEYS; k++) {
        REQUIRE(ou_is_immortal(m->keys[k]) || ou_refcount(m->keys[k]) == 1 + key_uses[k]);
    }
    for (int v = 0; v < VALUES; v++) {
        REQUIRE(ou_refcount(m->values[v]) == 1 + value_uses[v]);
    }
}

static void model_set(model *m)
{
    int k = (int)prng_below(&m->r, KEYS);
    int v = (int)prng_below(&m->r, VALUES);
    REQUIRE(ou_dict_set(m->dict, m->keys[k], m->values[v]) == OU_OK);
    size_t i = model_find(m, k);
    if (i == m->len) {
        m->shadow[m->len++].key = k;
    }
    m->shadow[i].value = v;
}

static void model_get(model *m)
{
    int k = (int)prng_below(&m->r, KEYS);
    size_t i = model_find(m, k);
    ou_object *value = ou_dict_get(m->dict, m->keys[k]);
    REQUIRE(ou_dict_contains(m->dict, m->keys[k]) == (i < m->len));
    if (i < m->len) {
        REQUIRE(value == m->values[m->shadow[i].value]);
        ou_decref(value);
    } else {
        REQUIRE(value == NULL && ou_error() == OU_EKEY);
    }
}

static void model_del(model *m)
{
    int k = (int)prng_below(&m->r, KEYS);
    size_t i = model_find(m, k);
    REQUIRE(ou_dict_del(m->dict, m->keys[k]) == (i < m->len ? OU_OK : OU_EKEY));
    if (i < m->len) {
        memmove(m->shadow + i, m->shadow + i + 1, (m->len - i - 1) * sizeof(entry));
        m->len--;
    }
}

static void model_clear(model *m)
{
    if (prng_chance(&m->r, 3)) {
        REQUIRE(ou_dict_clear(m->dict) == OU_OK);
        m->len = 0;
    }
}

static void model_copy(model *m)
{
    ou_object *copy = ou_dict_copy(m->dict);
    REQUIRE(copy && copy != m->dict && ou_equal(copy, m->dict) == 1);
    if (prng_chance(&m->r, 50)) {
        ou_object *old = m->dict;
        m->dict = copy;
        copy = old;
    }
    ou_decref(copy);
}

/* Deletes the keys of one kind while it iterates: allowed, and each key is met once. */
static void model_sweep(model *m)
{
    uint64_t pos = 0;
    size_t met = 0;
    size_t was = m->len;
    ou_object *key = NULL;
    if (!prng_chance(&m->r, 10)) {
        return;
    }
    while (ou_dict_next(m->dict, &pos, &key, NULL) == 1) {
        met++;
        if (ou_is_str(key)) {
            REQUIRE(ou_dict_del(m->dict, key) == OU_OK);
        }
        ou_decref(key);
    }
    REQUIRE(met == was);
    size_t kept = 0;
    for (size_t i = 0; i < was; i++) {
        if (m->shadow[i].key % VALUES_OF_KEYS % 4 != 2) {
            m->shadow[kept++] = m->shadow[i];
        }
    }
    m->len = kept;
}

static void model_step(model *m)
{
    static void (*const ops[])(model *) = {model_set, model_set,   model_set,  model_set,
                                           model_get, model_get,   model_del,  model_del,
                                           model_del, model_clear, model_copy, model_sweep};
    ops[prng_below(&m->r, sizeof(ops) / sizeof(ops[0]))](m);
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "model_dict", scale_ops(40000));
    REQUIRE(ou_start("gc_auto=0") == OU_OK);
    uint64_t before = ou_leak_report(proc_null());
    static model m;
    m.r = prng_from(args.seed, 0);
    model_fill(&m);
    m.dict = ou_dict_new(prng_below(&m.r, 20));
    REQUIRE(m.dict != NULL);
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
    ou_decref(m.dict);
    for (int k = 0; k < KEYS; k++) {
        ou_decref(m.keys[k]);
    }
    for (int v = 0; v < VALUES; v++) {
        ou_decref(m.values[v]);
    }
    EXPECT_EQ(ou_leak_report(proc_null()), before);
    EXPECT_EQ(ou_heap_check(), 0);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
