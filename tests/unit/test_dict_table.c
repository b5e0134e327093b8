/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_dict_table.c - the table inside a dict, seen from within: long ways that run over its
 * end, the words that stand there twice, blocks that held other keys before, and the audit.
 */
#include "support/unit.h"

#include "types/dict_table.h"

enum { CROWD = 7 }; /* keys that want one slot: more than any first step looks at */

static size_t faults_of(const ou_object *dict)
{
    return ou_dict_check((const ou_dict *)dict);
}

/* The next int, from *from on, whose search begins `back` slots before the end. */
static ou_object *int_at(uint32_t mask, intptr_t back, int64_t *from)
{
    for (;;) {
        ou_object *o = ou_int_new((*from)++);
        uint64_t hash;
        assert_ok(ou_hash(o, &hash));
        if (ou_dict_slot(mask, hash) == -back) {
            return o;
        }
        ou_decref(o);
    }
}

static void expect(ou_object *dict, ou_object *key, ou_object *value)
{
    assert_int_equal(ou_dict_contains(dict, key), value != NULL);
    ou_object *found = ou_dict_get(dict, key);
    assert_ptr_equal(found, value);
    ou_xdecref(found);
}

/* All keys want the last slot, or the second last: the others go on at the first slots. The
 * first of them is deleted and set again; what is asked for is also an equal object, and a key
 * that wants the same slot and is not there. */
static void crowd_at_the_end(size_t capacity, intptr_t back)
{
    ou_object *dict = ou_dict_new(capacity), *keys[CROWD] = {0}, *value = ou_str_new("v", 1);
    uint32_t mask = ((ou_dict *)dict)->mask;
    size_t room = ((ou_dict *)dict)->room, n = room < CROWD ? room : CROWD;
    int64_t from = 1000;
    for (size_t i = 0; i < n; i++) {
        keys[i] = int_at(mask, back, &from);
        expect(dict, keys[i], NULL);
        assert_ok(ou_dict_set(dict, keys[i], keys[i]));
        assert_int_equal(faults_of(dict), 0);
    }
    ou_object *other = int_at(mask, back, &from);
    assert_int_equal(((ou_dict *)dict)->mask, mask);
    for (size_t i = 0; i < n; i++) {
        int64_t v;
        assert_ok(ou_int_value(keys[i], &v));
        ou_object *twin = ou_int_new(v);
        expect(dict, twin, keys[i]);
        assert_ok(ou_dict_set(dict, twin, value));
        expect(dict, keys[i], value);
        assert_ok(ou_dict_set(dict, keys[i], keys[i]));
        ou_decref(twin);
    }
    expect(dict, other, NULL);
    assert_ok(ou_dict_del(dict, keys[0]));
    expect(dict, keys[0], NULL);
    expect(dict, keys[n - 1], keys[n - 1]);
    assert_ok(ou_dict_set(dict, keys[0], value)); /* a new entry, or a rebuilt table */
    expect(dict, keys[0], value);
    assert_int_equal(faults_of(dict), 0);
    for (size_t i = 0; i < n; i++) {
        ou_decref(keys[i]);
    }
    ou_decref(other);
    ou_decref(value);
    ou_decref(dict);
}

static void ways_run_over_the_end(void **state)
{
    (void)state;
    const size_t capacities[] = {1, 6, 60, 600, 1365, 1366, 5000}; /* the last two are wide */
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        for (intptr_t back = 1; back <= 4; back++) {
            crowd_at_the_end(capacities[i], back);
        }
    }
}

/* An empty slot names entry 0: in a block that held something before, nobody's. */
static void used_block_has_no_old_keys(void **state)
{
    (void)state;
    ou_object *key = ou_str_intern("the key", 7);
    for (int i = 0; i < 200; i++) { /* until the magazine gives the same block again */
        ou_object *old = ou_dict_new(5), *fresh;
        assert_ok(ou_dict_set(old, key, key));
        assert_ok(ou_dict_clear(old));
        fresh = ou_dict_new(5);
        expect(fresh, key, NULL);
        assert_ok(ou_dict_set(fresh, key, old));
        expect(fresh, key, old);
        assert_ok(ou_dict_del(fresh, key));
        expect(fresh, key, NULL);
        ou_decref(old);
        ou_decref(fresh);
    }
    ou_decref(key);
}

static void five_keys_are_128_bytes(void **state)
{
    (void)state;
    ou_object *dict = ou_dict_new(5);
    const ou_dict *d = (const ou_dict *)dict;
    assert_int_equal(d->room, 5);
    assert_true(ou_dict_block_bytes(d->room, d->mask) <= 128);
    ou_decref(dict);
}

/* What the audit is for: a word that is gone, one that names another entry, a wrong length. */
static void audit_finds_faults(void **state)
{
    (void)state;
    ou_object *dict = ou_dict_new(60), *keys[2] = {ou_int_new(1000), ou_int_new(2000)};
    ou_dict *d = (ou_dict *)dict;
    for (int i = 0; i < 2; i++) {
        assert_ok(ou_dict_set(dict, keys[i], keys[i]));
    }
    assert_int_equal(faults_of(dict), 0);
    for (intptr_t slot = -1 - (intptr_t)d->mask; slot < 0; slot++) {
        uint32_t word = ou_dict_load(d->entries, d->mask, slot);
        if (word) {
            ou_dict_store(d->entries, d->mask, slot, 0);
            assert_int_equal(faults_of(dict), 1);
            ou_dict_store(d->entries, d->mask, slot, word ^ 1);
            assert_true(faults_of(dict) > 0);
            ou_dict_store(d->entries, d->mask, slot, word);
        }
    }
    d->len++;
    assert_int_equal(faults_of(dict), 1);
    d->len--;
    assert_int_equal(faults_of(dict), 0);
    ou_decref(keys[0]);
    ou_decref(keys[1]);
    ou_decref(dict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(ways_run_over_the_end),
        UNIT_TEST(used_block_has_no_old_keys),
        UNIT_TEST(five_keys_are_128_bytes),
        UNIT_TEST(audit_finds_faults),
    };
    return UNIT_MAIN(tests);
}
