/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dicts.c - a dict of 1,000 string keys: get a key that is there, set one, build it anew.
 *
 * Keys are asked for in a shuffled order, by the very objects that were inserted, as
 * a program that uses interned names does. Get and set are timed by the library; building is
 * timed by hand, 16 dicts at a time, without their death.
 */
#include "micro.h"

#include <stdio.h>

#include MICRO_OPS

#define KEYS 1000
#define DICTS 16
#define FIRST 1000000
#define VALUE_SUM ((int64_t)KEYS * FIRST + KEYS * (KEYS - 1) / 2)

typedef struct fixture {
    op_ref key[KEYS]; /* in insertion order */
    op_ref value[KEYS];
    op_ref asked[KEYS]; /* keys shuffled, borrowed from `key` */
} fixture;

static fixture *fixture_new(void)
{
    fixture *f = micro_pages(sizeof *f);
    uint64_t x = micro_seed;
    for (unsigned i = 0; i < KEYS; i++) {
        char text[24];
        int n = snprintf(text, sizeof text, "key_%04u", i);
        f->key[i] = op_str(text, (size_t)n);
        f->value[i] = op_int(FIRST + i);
        f->asked[i] = f->key[i];
    }
    for (uint32_t i = KEYS - 1; i > 0; i--) {
        uint32_t j = micro_below(&x, i + 1);
        op_ref k = f->asked[i];
        f->asked[i] = f->asked[j];
        f->asked[j] = k;
    }
    return f;
}

static void fixture_free(fixture *f)
{
    for (unsigned i = 0; i < KEYS; i++) {
        op_decref(f->key[i]);
        op_decref(f->value[i]);
    }
    micro_pages_free(f, sizeof *f);
}

static int fill(op_ref dict, const fixture *f)
{
    int failed = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        failed |= op_dict_set(dict, f->key[i], f->value[i]);
    }
    return failed;
}

static int64_t sum_of(op_ref dict, const fixture *f)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        op_ref v = op_dict_get(dict, f->key[i]);
        if (v) {
            sum += op_int_value(v);
            op_decref(v);
        }
    }
    return sum;
}

static const char *run_get(gb_state *s, const micro_row *row)
{
    fixture *f = fixture_new();
    op_ref dict = op_dict();
    const char *wrong = dict && !fill(dict, f) ? NULL : "out of memory";
    uint64_t found = 0, asked = 0;
    (void)row;
    while (!wrong && gb_next_batch(s, KEYS)) {
        for (unsigned i = 0; i < KEYS; i++) {
            op_ref v = op_dict_get(dict, f->asked[i]);
            if (__builtin_expect(v != NULL, 1)) {
                found++;
                op_decref(v);
            }
        }
        asked += KEYS;
    }
    if (!wrong && (found != asked || sum_of(dict, f) != VALUE_SUM)) {
        wrong = "a key was not found or has another value";
    }
    op_decref(dict);
    fixture_free(f);
    return wrong;
}

/* Sets every key to one of the first `values` values, their sum being `sum`. Inline: a constant
 * costs the loop nothing. */
OP_INLINE const char *set_to(gb_state *s, unsigned values, int64_t sum)
{
    fixture *f = fixture_new();
    op_ref dict = op_dict();
    const char *wrong = dict && !fill(dict, f) ? NULL : "out of memory";
    while (!wrong && gb_next_batch(s, KEYS)) {
        int failed = 0;
        for (unsigned i = 0; i < KEYS; i++) {
            failed |= op_dict_set(dict, f->asked[i], f->value[i < values ? i : 0]);
        }
        wrong = failed ? "a key could not be set" : NULL;
    }
    if (!wrong && (op_dict_len(dict) != KEYS || sum_of(dict, f) != sum)) {
        wrong = "a key does not have the value it was set to";
    }
    op_decref(dict);
    if (!wrong && op_refcount(f->value[0]) != 1) {
        wrong = "a dropped dict still holds its values";
    }
    fixture_free(f);
    return wrong;
}

/* All to the same object, counted up and down each time. */
static const char *run_set(gb_state *s, const micro_row *row)
{
    (void)row;
    return set_to(s, 1, (int64_t)KEYS * FIRST);
}

/* Each to an object of its own. */
static const char *run_set_distinct(gb_state *s, const micro_row *row)
{
    (void)row;
    return set_to(s, KEYS, VALUE_SUM);
}

static const char *run_build(gb_state *s, const micro_row *row)
{
    fixture *f = fixture_new();
    const char *wrong = NULL;
    (void)row;
    while (!wrong && gb_next_batch(s, KEYS * DICTS)) {
        op_ref dict[DICTS] = {0};
        int failed = 0;
        uint64_t begin = micro_now_ns();
        for (int d = 0; d < DICTS && !failed; d++) {
            dict[d] = op_dict();
            failed = dict[d] ? fill(dict[d], f) : -1;
        }
        gb_manual_time(s, (double)(micro_now_ns() - begin) * 1e-9);
        for (int d = 0; d < DICTS; d++) {
            if (failed || op_dict_len(dict[d]) != KEYS) {
                wrong = "a dict does not hold its keys";
            }
            if (dict[d]) {
                op_decref(dict[d]);
            }
        }
    }
    if (!wrong && op_refcount(f->value[0]) != 1) {
        wrong = "a dropped dict still holds its values";
    }
    fixture_free(f);
    return wrong;
}

void micro_dicts(void)
{
    static const micro_row table[] = {
        {"dicts/get_hit", run_get, "limit/hash_get", KEYS, 0, MICRO_QUICK},
        {"dicts/set_existing", run_set, "limit/hash_set", KEYS, 0, 0},
        {"dicts/set_distinct", run_set_distinct, "limit/hash_set", KEYS, 0, 0},
        {"dicts/build", run_build, "limit/hash_insert", KEYS, 0, MICRO_MANUAL | MICRO_QUICK},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}
