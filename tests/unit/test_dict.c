/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_dict.c - dicts: keys of every kind, order, change during iteration, growth, and user
 * code that runs while one is changed.
 */
#include "support/unit.h"

#include <math.h>
#include <stdio.h>

static void set_value(ou_object *dict, ou_object *key, int64_t value)
{
    ou_object *v = ou_int_new(value);
    assert_ok(ou_dict_set(dict, key, v));
    ou_decref(v);
}

static int64_t get_value(ou_object *dict, ou_object *key)
{
    ou_object *v = ou_dict_get(dict, key);
    int64_t n = unit_int(v);
    ou_decref(v);
    return n;
}

static void set_get_del(void **state)
{
    (void)state;
    ou_object *dict = ou_dict_new(0);
    ou_object *key = ou_str("key");
    ou_object *value = ou_int_new(5000);
    assert_int_equal(ou_dict_len(dict), 0);
    assert_ok(ou_dict_set(dict, key, value));
    assert_int_equal(ou_refcount(key), 2);
    assert_int_equal(ou_refcount(value), 2);
    assert_int_equal(ou_dict_contains(dict, key), 1);
    assert_int_equal(get_value(dict, key), 5000);
    assert_ok(ou_dict_set(dict, key, ou_none())); /* replaces: the key is not taken again */
    assert_int_equal(ou_refcount(key), 2);
    assert_int_equal(ou_refcount(value), 1);
    assert_ok(ou_dict_del(dict, key));
    assert_int_equal(ou_refcount(key), 1);
    assert_int_equal(ou_dict_len(dict), 0);
    assert_int_equal(ou_dict_contains(dict, key), 0);
    assert_fails(ou_dict_del(dict, key), OU_EKEY);
    assert_null_with(ou_dict_get(dict, key), OU_EKEY);
    ou_decref(dict);
    ou_decref(key);
    ou_decref(value);
}

static void equal_numbers_are_one_key(void **state)
{
    (void)state;
    ou_object *dict = ou_dict_new(0);
    ou_object *f = ou_float_new(1.0);
    ou_object *one = ou_int_new(1);
    set_value(dict, one, 10);
    set_value(dict, f, 20);
    set_value(dict, ou_true(), 30);
    assert_int_equal(ou_dict_len(dict), 1);
    assert_int_equal(get_value(dict, one), 30);
    assert_repr(dict, "{1: 30}"); /* the first key stays */
    ou_decref(dict);
    ou_decref(f);
}

static void keys_of_every_kind(void **state)
{
    (void)state;
    static const ou_type *cls;
    cls = cls ? cls : ou_class_new("Key", NULL, 0, false, NULL, NULL);
    ou_object *inner[] = {ou_int_new(5), ou_str("five")};
    ou_object *keys[] = {ou_none(),
                         ou_true(),
                         ou_int_new(123456),
                         ou_float_new(0.5),
                         ou_str("str"),
                         ou_tuple_new(inner, 2),
                         ou_tuple_new(NULL, 0),
                         ou_instance_new(cls),
                         ou_instance_new(cls)};
    ou_object *dict = ou_dict_new(0);
    for (int i = 0; i < 9; i++) {
        set_value(dict, keys[i], i);
    }
    assert_int_equal(ou_dict_len(dict), 9);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(get_value(dict, keys[i]), i);
    }
    ou_object *same = ou_tuple_new(inner, 2);
    assert_int_equal(get_value(dict, same), 5);
    ou_decref(same);
    ou_decref(dict);
    for (int i = 0; i < 9; i++) {
        ou_decref(keys[i]);
    }
    ou_decref(inner[1]);
}

static void unhashable_keys(void **state)
{
    (void)state;
    ou_object *dict = ou_dict_new(0);
    ou_object *list = ou_list_new(0);
    ou_object *tuple = ou_tuple_new(&list, 1);
    ou_object *bad[] = {list, dict, tuple};
    for (int i = 0; i < 3; i++) {
        assert_fails(ou_dict_set(dict, bad[i], ou_none()), OU_EHASH);
        assert_null_with(ou_dict_get(dict, bad[i]), OU_EHASH);
        assert_fails(ou_dict_contains(dict, bad[i]), OU_EHASH);
        assert_fails(ou_dict_del(dict, bad[i]), OU_EHASH);
    }
    assert_int_equal(ou_dict_len(dict), 0);
    assert_int_equal(ou_refcount(dict), 1);
    assert_int_equal(ou_refcount(list), 2);
    ou_decref(dict);
    ou_decref(tuple);
    ou_decref(list);
}

static void anything_else_is_a_type_error(void **state)
{
    (void)state;
    ou_object *list = ou_list_new(0);
    ou_object *no[] = {ou_none(), list};
    for (int i = 0; i < 2; i++) {
        uint64_t pos = 0;
        assert_fails(ou_dict_len(no[i]), OU_ETYPE);
        assert_fails(ou_dict_set(no[i], ou_none(), ou_none()), OU_ETYPE);
        assert_null_with(ou_dict_get(no[i], ou_none()), OU_ETYPE);
        assert_fails(ou_dict_contains(no[i], ou_none()), OU_ETYPE);
        assert_fails(ou_dict_del(no[i], ou_none()), OU_ETYPE);
        assert_fails(ou_dict_clear(no[i]), OU_ETYPE);
        assert_null_with(ou_dict_copy(no[i]), OU_ETYPE);
        assert_fails(ou_dict_next(no[i], &pos, NULL, NULL), OU_ETYPE);
        assert_false(ou_is_dict(no[i]));
    }
    ou_decref(list);
}

static void nan_is_found_by_identity(void **state)
{
    (void)state;
    ou_object *dict = ou_dict_new(0);
    ou_object *a = ou_float_new(NAN);
    ou_object *b = ou_float_new(NAN);
    set_value(dict, a, 1);
    assert_int_equal(ou_dict_contains(dict, a), 1);
    assert_int_equal(ou_dict_contains(dict, b), 0);
    set_value(dict, b, 2);
    assert_int_equal(ou_dict_len(dict), 2);
    ou_decref(dict);
    ou_decref(a);
    ou_decref(b);
}

static void order_is_of_insertion(void **state)
{
    (void)state;
    ou_object *dict = ou_dict_new(0);
    for (int64_t i = 9; i >= 0; i--) {
        set_value(dict, ou_int_new(i), i);
    }
    for (int64_t i = 1; i < 9; i++) {
        assert_ok(ou_dict_del(dict, ou_int_new(i)));
    }
    assert_repr(dict, "{9: 9, 0: 0}");
    set_value(dict, ou_int_new(5), 5); /* comes last when it comes again */
    set_value(dict, ou_int_new(9), 7); /* stays where it is */
    assert_repr(dict, "{9: 7, 0: 0, 5: 5}");
    ou_object *copy = ou_dict_copy(dict);
    assert_repr(copy, "{9: 7, 0: 0, 5: 5}");
    assert_int_equal(ou_equal(dict, copy), 1);
    set_value(copy, ou_int_new(6), 6);
    assert_int_equal(ou_dict_len(dict), 3);
    assert_int_equal(ou_equal(dict, copy), 0);
    ou_decref(copy);
    ou_decref(dict);
}

static void equality_ignores_order(void **state)
{
    (void)state;
    ou_object *a = ou_dict_new(0);
    ou_object *b = ou_dict_new(100);
    for (int64_t i = 0; i < 50; i++) {
        set_value(a, ou_int_new(i), i * 1000);
        set_value(b, ou_int_new(49 - i), (49 - i) * 1000);
    }
    assert_int_equal(ou_equal(a, b), 1);
    set_value(b, ou_int_new(3), 1);
    assert_int_equal(ou_equal(a, b), 0);
    ou_decref(a);
    ou_decref(b);
}

static void grows_and_shrinks(void **state)
{
    (void)state;
    enum { N = 20000 };
    ou_object *dict = ou_dict_new(0);
    for (int64_t i = 0; i < N; i++) {
        ou_object *key = ou_int_new(i * 7919);
        set_value(dict, key, i);
        ou_decref(key);
    }
    assert_int_equal(ou_dict_len(dict), N);
    for (int64_t i = 0; i < N; i++) {
        ou_object *key = ou_int_new(i * 7919);
        assert_int_equal(get_value(dict, key), i);
        if (i % 3) {
            assert_ok(ou_dict_del(dict, key));
        }
        ou_decref(key);
    }
    assert_int_equal(ou_dict_len(dict), (N + 2) / 3);
    assert_ok(ou_dict_clear(dict));
    assert_int_equal(ou_dict_len(dict), 0);
    set_value(dict, ou_none(), 1);
    assert_repr(dict, "{None: 1}");
    ou_decref(dict);
}

/* A few keys set and deleted for ever must not make the table grow for ever. */
static void churn_does_not_grow(void **state)
{
    (void)state;
    ou_object *dict = ou_dict_new(0);
    size_t after_warm_up = 0;
    for (int64_t i = 0; i < 100000; i++) {
        ou_object *key = ou_int_new(i);
        set_value(dict, key, 1);
        ou_decref(key);
        if (i >= 8) {
            key = ou_int_new(i - 8);
            assert_ok(ou_dict_del(dict, key));
            ou_decref(key);
        }
        if (i == 1000) {
            after_warm_up = ou_heap_live_bytes();
        }
    }
    assert_true(ou_heap_live_bytes() <= after_warm_up + 4096);
    ou_decref(dict);
}

static void absurd_capacity_is_no_memory(void **state)
{
    (void)state;
    assert_null_with(ou_dict_new(SIZE_MAX), OU_ENOMEM);
    assert_null_with(ou_dict_new((size_t)1 << 60), OU_ENOMEM);
}

static void next_gives_each_once_in_order(void **state)
{
    (void)state;
    ou_object *dict = ou_dict_new(0);
    for (int64_t i = 0; i < 1000; i++) {
        set_value(dict, ou_int_new(i % 200), i);
    }
    uint64_t pos = 0;
    int64_t i = 0;
    ou_object *key;
    ou_object *value;
    while (ou_dict_next(dict, &pos, &key, &value) == 1) {
        assert_int_equal(unit_int(key), i);
        assert_int_equal(unit_int(value), 800 + i);
        ou_decref(key);
        ou_decref(value);
        i++;
    }
    assert_int_equal(i, 200);
    assert_int_equal(ou_dict_next(dict, &pos, NULL, NULL), 0);
    ou_decref(dict);
}

static ou_object *small_dict(int64_t n)
{
    ou_object *dict = ou_dict_new(0);
    for (int64_t i = 0; i < n; i++) {
        set_value(dict, ou_int_new(i), i);
    }
    return dict;
}

static void added_key_ends_an_iteration(void **state)
{
    (void)state;
    ou_object *dict = small_dict(5);
    uint64_t pos = 0;
    assert_int_equal(ou_dict_next(dict, &pos, NULL, NULL), 1);
    set_value(dict, ou_int_new(3), 33); /* replacing a value is no change of size */
    assert_int_equal(ou_dict_next(dict, &pos, NULL, NULL), 1);
    set_value(dict, ou_int_new(77), 77);
    assert_fails(ou_dict_next(dict, &pos, NULL, NULL), OU_ECHANGED);
    ou_decref(dict);
}

/* As many keys as before: it is the adding that ends it, not the number. */
static void key_deleted_and_added_ends_an_iteration(void **state)
{
    (void)state;
    for (int64_t which = 0; which < 5; which++) { /* behind the place, at it, ahead of it */
        ou_object *dict = small_dict(5);
        uint64_t pos = 0;
        assert_int_equal(ou_dict_next(dict, &pos, NULL, NULL), 1);
        assert_int_equal(ou_dict_next(dict, &pos, NULL, NULL), 1);
        assert_ok(ou_dict_del(dict, ou_int_new(which)));
        set_value(dict, ou_int_new(which), 50);
        assert_int_equal(ou_dict_len(dict), 5);
        assert_fails(ou_dict_next(dict, &pos, NULL, NULL), OU_ECHANGED);
        pos = 0; /* begun anew it goes through */
        for (int i = 0; i < 5; i++) {
            assert_int_equal(ou_dict_next(dict, &pos, NULL, NULL), 1);
        }
        assert_int_equal(ou_dict_next(dict, &pos, NULL, NULL), 0);
        ou_decref(dict);
    }
}

static void clear_ends_an_iteration(void **state)
{
    (void)state;
    ou_object *dict = small_dict(5);
    uint64_t pos = 0;
    assert_int_equal(ou_dict_next(dict, &pos, NULL, NULL), 1);
    assert_ok(ou_dict_clear(dict));
    assert_fails(ou_dict_next(dict, &pos, NULL, NULL), OU_ECHANGED);
    ou_decref(dict);
}

static void keys_may_be_deleted_during_iteration(void **state)
{
    (void)state;
    ou_object *dict = small_dict(100);
    uint64_t pos = 0;
    int64_t sum = 0;
    ou_object *key;
    while (ou_dict_next(dict, &pos, &key, NULL) == 1) {
        sum += unit_int(key);
        assert_ok(ou_dict_del(dict, key));
        ou_decref(key);
    }
    assert_int_equal(sum, 4950);
    assert_int_equal(ou_dict_len(dict), 0);
    ou_decref(dict);
}

static ou_object *seen_dict;
static int seen_times;
static int seen_self; /* times a dying value was still in the dict */

static int look_at_dict(ou_object *self, void *arg)
{
    (void)arg;
    seen_times++;
    uint64_t pos = 0;
    ou_object *value = NULL;
    while (ou_dict_next(seen_dict, &pos, NULL, &value) == 1) {
        seen_self += value == self;
        ou_decref(value);
    }
    char text[16];
    int len = snprintf(text, sizeof(text), "new %d", seen_times);
    ou_object *key = ou_str_new(text, (size_t)len);
    int done = ou_dict_set(seen_dict, key, ou_none());
    ou_decref(key);
    return done;
}

static void values_die_after_the_dict_changed(void **state)
{
    (void)state;
    static const ou_type *cls;
    cls = cls ? cls : ou_class_new("DictLooker", NULL, 0, false, look_at_dict, NULL);
    seen_dict = ou_dict_new(0);
    seen_times = 0;
    seen_self = 0;
    for (int64_t i = 0; i < 3; i++) {
        ou_object *v = ou_instance_new(cls);
        assert_ok(ou_dict_set(seen_dict, ou_int_new(i), v));
        ou_decref(v);
    }
    set_value(seen_dict, ou_int_new(0), 5);
    assert_int_equal(seen_times, 1);
    assert_ok(ou_dict_del(seen_dict, ou_int_new(1)));
    assert_int_equal(seen_times, 2);
    assert_int_equal(ou_dict_len(seen_dict), 4);
    assert_ok(ou_dict_clear(seen_dict));
    assert_int_equal(seen_times, 3);
    assert_int_equal(seen_self, 0);
    assert_repr(seen_dict, "{'new 3': None}");
    ou_decref(seen_dict);
}

static void dict_that_holds_itself(void **state)
{
    (void)state;
    ou_object *dict = small_dict(1);
    assert_ok(ou_dict_set(dict, ou_none(), dict));
    char buf[64];
    ou_repr(dict, buf, sizeof(buf));
    assert_non_null(strstr(buf, "..."));
    assert_int_equal(ou_equal(dict, dict), 1);
    ou_decref(dict);
    assert_int_equal(ou_gc_collect(), 1);
}

/* The index goes from words of 2 to words of 4 bytes on the way, and deleted entries are squeezed
 * out. */
static void from_narrow_to_wide_words(void **state)
{
    (void)state;
    const int64_t keys = 120000;
    ou_object *d = ou_dict_new(0);
    for (int64_t i = 0; i < keys; i++) {
        ou_object *k = ou_int_new(i);
        assert_ok(ou_dict_set(d, k, k));
        ou_decref(k);
        if (i % 3 == 2) { /* every third one goes at once */
            ou_object *gone = ou_int_new(i - 1);
            assert_ok(ou_dict_del(d, gone));
            assert_fails(ou_dict_del(d, gone), OU_EKEY);
            ou_decref(gone);
        }
    }
    assert_int_equal(ou_dict_len(d), keys / 3 * 2);
    ou_object *copy = ou_dict_copy(d);
    uint64_t pos = 0;
    ou_object *key = NULL;
    for (int64_t i = 0; i < keys; i++) {
        if (i % 3 == 1) {
            continue;
        }
        assert_int_equal(ou_dict_next(d, &pos, &key, NULL), 1); /* in order of insertion */
        assert_int_equal(unit_int(key), i);
        ou_object *value = ou_dict_get(copy, key);
        assert_ptr_equal(value, key);
        ou_decref(value);
        ou_decref(key);
    }
    assert_int_equal(ou_dict_next(d, &pos, &key, NULL), 0);
    assert_int_equal(ou_equal(d, copy), 1);
    ou_decref(d);
    ou_decref(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(set_get_del),
        UNIT_TEST(equal_numbers_are_one_key),
        UNIT_TEST(keys_of_every_kind),
        UNIT_TEST(unhashable_keys),
        UNIT_TEST(anything_else_is_a_type_error),
        UNIT_TEST(nan_is_found_by_identity),
        UNIT_TEST(order_is_of_insertion),
        UNIT_TEST(equality_ignores_order),
        UNIT_TEST(grows_and_shrinks),
        UNIT_TEST(churn_does_not_grow),
        UNIT_TEST(absurd_capacity_is_no_memory),
        UNIT_TEST(next_gives_each_once_in_order),
        UNIT_TEST(added_key_ends_an_iteration),
        UNIT_TEST(key_deleted_and_added_ends_an_iteration),
        UNIT_TEST(clear_ends_an_iteration),
        UNIT_TEST(keys_may_be_deleted_during_iteration),
        UNIT_TEST(values_die_after_the_dict_changed),
        UNIT_TEST(dict_that_holds_itself),
        UNIT_TEST(from_narrow_to_wide_words),
    };
    return UNIT_MAIN(tests);
}
