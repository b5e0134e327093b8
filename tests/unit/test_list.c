/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_list.c - lists and tuples: every call, its errors, and what user code sees when it runs
 * in the middle of one (finalizers of dropped items).
 */
#include "support/unit.h"

static ou_object *ints(int64_t from, int64_t to)
{
    ou_object *list = ou_list_new(0);
    assert_non_null(list);
    for (int64_t i = from; i < to; i++) {
        assert_ok(ou_list_append_steal(list, ou_int_new(i)));
    }
    return list;
}

static void append_get_set_len(void **state)
{
    (void)state;
    ou_object *list = ou_list_new(2);
    assert_int_equal(ou_list_len(list), 0);
    ou_object *big = ou_int_new(100000);
    for (int i = 0; i < 100; i++) {
        assert_ok(ou_list_append(list, big));
    }
    assert_int_equal(ou_list_len(list), 100);
    assert_int_equal(ou_refcount(big), 101);
    assert_ok(ou_list_set(list, 99, ou_none()));
    assert_int_equal(ou_refcount(big), 100);
    ou_object *got = ou_list_get(list, 98);
    assert_ptr_equal(got, big);
    ou_decref(got);
    assert_ok(ou_list_set(list, 0, big)); /* the same item over itself */
    assert_int_equal(ou_refcount(big), 100);
    ou_decref(list);
    assert_int_equal(ou_refcount(big), 1);
    ou_decref(big);
}

static void indexes_out_of_range(void **state)
{
    (void)state;
    ou_object *list = ints(0, 3);
    ou_object *empty = ou_list_new(0);
    size_t bad[] = {3, 4, SIZE_MAX, SIZE_MAX / 8};
    for (size_t i = 0; i < 4; i++) {
        assert_null_with(ou_list_get(list, bad[i]), OU_EINDEX);
        assert_fails(ou_list_set(list, bad[i], ou_none()), OU_EINDEX);
        assert_fails(ou_list_del(list, bad[i]), OU_EINDEX);
    }
    assert_fails(ou_list_insert(list, 4, ou_none()), OU_EINDEX);
    assert_null_with(ou_list_pop(empty), OU_EINDEX);
    assert_null_with(ou_list_get(empty, 0), OU_EINDEX);
    assert_repr(list, "[0, 1, 2]");
    ou_decref(list);
    ou_decref(empty);
}

static void anything_else_is_a_type_error(void **state)
{
    (void)state;
    ou_object *no[] = {ou_none(), ou_int_new(7), ou_str("seven"), ou_dict_new(0),
                       ou_tuple_new(NULL, 0)};
    for (size_t i = 0; i < 5; i++) {
        assert_fails(ou_list_len(no[i]), OU_ETYPE);
        assert_null_with(ou_list_get(no[i], 0), OU_ETYPE);
        assert_fails(ou_list_set(no[i], 0, ou_none()), OU_ETYPE);
        assert_fails(ou_list_append(no[i], ou_none()), OU_ETYPE);
        assert_fails(ou_list_insert(no[i], 0, ou_none()), OU_ETYPE);
        assert_null_with(ou_list_pop(no[i]), OU_ETYPE);
        assert_fails(ou_list_del(no[i], 0), OU_ETYPE);
        assert_fails(ou_list_clear(no[i]), OU_ETYPE);
        assert_null_with(ou_list_copy(no[i]), OU_ETYPE);
        assert_fails(ou_list_sum(no[i], &(int64_t){0}, NULL), OU_ETYPE);
        assert_false(ou_is_list(no[i]));
    }
    ou_decref(no[2]);
    ou_decref(no[3]);
}

static void steal_takes_the_reference_also_on_failure(void **state)
{
    (void)state;
    ou_object *item = ou_int_new(4242);
    ou_incref(item);
    assert_fails(ou_list_append_steal(ou_none(), item), OU_ETYPE);
    assert_int_equal(ou_refcount(item), 1);
    ou_object *list = ou_list_new(0);
    assert_ok(ou_list_append_steal(list, item));
    assert_int_equal(ou_refcount(item), 1);
    ou_decref(list);
}

static void insert_pop_del(void **state)
{
    (void)state;
    ou_object *list = ints(0, 4);
    ou_object *x = ou_str("x");
    assert_ok(ou_list_insert(list, 0, x));
    assert_ok(ou_list_insert(list, 5, x));
    assert_ok(ou_list_insert(list, 3, x));
    assert_repr(list, "['x', 0, 1, 'x', 2, 3, 'x']");
    assert_int_equal(ou_refcount(x), 4);
    ou_object *last = ou_list_pop(list);
    assert_ptr_equal(last, x);
    ou_decref(last);
    assert_ok(ou_list_del(list, 0));
    assert_ok(ou_list_del(list, 2));
    assert_repr(list, "[0, 1, 2, 3]");
    assert_int_equal(ou_refcount(x), 1);
    for (int i = 3; i >= 0; i--) {
        assert_int_equal(unit_int(ou_list_pop(list)), i);
    }
    assert_int_equal(ou_list_len(list), 0);
    assert_ok(ou_list_append(list, x)); /* usable after it was emptied */
    ou_decref(list);
    ou_decref(x);
}

static void extend_by_list_tuple_and_itself(void **state)
{
    (void)state;
    ou_object *list = ints(0, 3);
    ou_object *pair[2] = {ou_none(), ou_true()};
    ou_object *tuple = ou_tuple_new(pair, 2);
    assert_ok(ou_list_extend(list, tuple));
    assert_repr(list, "[0, 1, 2, None, True]");
    assert_ok(ou_list_extend(list, list));
    assert_repr(list, "[0, 1, 2, None, True, 0, 1, 2, None, True]");
    assert_fails(ou_list_extend(list, ou_none()), OU_ETYPE);
    assert_fails(ou_list_extend(tuple, list), OU_ETYPE);
    assert_int_equal(ou_list_len(list), 10);
    ou_object *empty = ou_list_new(0);
    assert_ok(ou_list_extend(empty, empty));
    assert_ok(ou_list_extend(list, empty));
    assert_int_equal(ou_list_len(list), 10);
    ou_decref(empty);
    ou_decref(list);
    ou_decref(tuple);
}

static void copy_is_shallow(void **state)
{
    (void)state;
    ou_object *inner = ints(0, 1);
    ou_object *list = ou_list_of(&inner, 1);
    ou_object *copy = ou_list_copy(list);
    assert_ptr_not_equal(copy, list);
    assert_int_equal(ou_equal(copy, list), 1);
    assert_int_equal(ou_refcount(inner), 3);
    assert_ok(ou_list_append(inner, ou_none()));
    assert_repr(copy, "[[0, None]]");
    ou_decref(list);
    ou_decref(copy);
    ou_decref(inner);
}

static void repeat_and_absurd_sizes(void **state)
{
    (void)state;
    ou_object *item = ou_int_new(9999);
    assert_repr_drop(ou_list_repeat(item, 0), "[]");
    assert_repr_drop(ou_list_repeat(item, 3), "[9999, 9999, 9999]");
    size_t sizes[] = {SIZE_MAX, SIZE_MAX / 8, SIZE_MAX / 16, (size_t)1 << 60};
    for (size_t i = 0; i < 4; i++) {
        assert_null_with(ou_list_repeat(item, sizes[i]), OU_ENOMEM);
        assert_null_with(ou_list_new(sizes[i]), OU_ENOMEM);
    }
    assert_int_equal(ou_refcount(item), 1);
    ou_decref(item);
}

static void sum_counts_ints_and_wraps(void **state)
{
    (void)state;
    ou_object *list = ints(0, 1000);
    int64_t sum = 0;
    size_t count = 0;
    assert_ok(ou_list_sum(list, &sum, &count));
    assert_int_equal(sum, 499500);
    assert_int_equal(count, 1000);
    assert_ok(ou_list_append(list, ou_none()));
    assert_ok(ou_list_append_steal(list, ou_float_new(5.0)));
    assert_ok(ou_list_append_steal(list, ou_int_new(INT64_MAX)));
    assert_ok(ou_list_sum(list, &sum, &count));
    assert_int_equal(count, 1001);
    assert_true(sum == (int64_t)((uint64_t)INT64_MAX + 499500u));
    assert_ok(ou_list_sum(list, &sum, NULL));
    ou_decref(list);
}

static void equality_is_by_items(void **state)
{
    (void)state;
    ou_object *a = ints(0, 300);
    ou_object *b = ints(0, 300);
    assert_int_equal(ou_equal(a, b), 1);
    assert_ok(ou_list_set(b, 299, ou_none()));
    assert_int_equal(ou_equal(a, b), 0);
    ou_decref(ou_list_pop(b));
    assert_int_equal(ou_equal(a, b), 0);
    uint64_t h;
    assert_fails(ou_hash(a, &h), OU_EHASH);
    ou_decref(a);
    ou_decref(b);
}

static void nesting_too_deep_to_compare(void **state)
{
    (void)state;
    ou_object *chains[2];
    for (int k = 0; k < 2; k++) {
        chains[k] = ou_list_new(0);
        for (int i = 0; i < 5000; i++) {
            chains[k] = ou_list_of(&(ou_object *){chains[k]}, 1);
        }
    }
    /* ou_list_of took its own references; drop those of the makers. */
    for (int k = 0; k < 2; k++) {
        ou_object *o = chains[k];
        for (int i = 0; i < 5000; i++) {
            ou_object *inner = ou_list_get(o, 0);
            ou_decref(inner);
            ou_decref(inner);
            o = inner;
        }
    }
    assert_fails(ou_equal(chains[0], chains[1]), OU_EOVERFLOW);
    char buf[64];
    assert_true(ou_repr(chains[0], buf, sizeof(buf)) > 0);
    ou_decref(chains[0]);
    ou_decref(chains[1]);
}

static void list_that_holds_itself_prints(void **state)
{
    (void)state;
    ou_object *list = ints(1, 2);
    assert_ok(ou_list_append(list, list));
    char buf[64];
    ou_repr(list, buf, sizeof(buf));
    assert_non_null(strstr(buf, "..."));
    assert_int_equal(ou_equal(list, list), 1);
    ou_decref(list);
    assert_int_equal(ou_gc_collect(), 1);
}

/* Finalizers that look at, and change, the list their object is dropped from. */
static ou_object *seen_list;
static int64_t seen_len;
static int seen_times;
static int seen_self; /* times a dying item was still in the list */

static int look_at_list(ou_object *self, void *arg)
{
    (void)arg;
    seen_times++;
    seen_len = ou_list_len(seen_list);
    for (int64_t i = 0; i < seen_len; i++) {
        ou_object *item = ou_list_get(seen_list, (size_t)i);
        seen_self += item == self;
        ou_xdecref(item);
    }
    return ou_list_append(seen_list, ou_none());
}

static void items_die_after_the_list_changed(void **state)
{
    (void)state;
    static const ou_type *cls;
    cls = cls ? cls : ou_class_new("Looker", NULL, 0, false, look_at_list, NULL);
    seen_list = ou_list_new(0);
    seen_times = 0;
    seen_self = 0;
    for (int i = 0; i < 3; i++) {
        assert_ok(ou_list_append_steal(seen_list, ou_instance_new(cls)));
    }
    assert_ok(ou_list_set(seen_list, 0, ou_true()));
    assert_int_equal(seen_times, 1);
    assert_int_equal(seen_len, 3);
    assert_ok(ou_list_del(seen_list, 1));
    assert_int_equal(seen_times, 2);
    assert_int_equal(seen_len, 3); /* 4 items after the first append, 3 when it looked */
    assert_ok(ou_list_clear(seen_list));
    assert_int_equal(seen_times, 3);
    assert_int_equal(seen_len, 0);
    assert_int_equal(seen_self, 0);
    assert_repr(seen_list, "[None]");
    ou_decref(seen_list);
}

/* A long array finds room where it is: of all the times it grows it is copied but a few. */
static void long_lists_grow_in_place(void **state)
{
    (void)state;
    enum { N = 1 << 21 };
    int64_t from_malloc = 0;
    assert_ok(ou_knob_get("heap", &from_malloc));
    uint64_t grown = ou_stat("heap_grown_in_place"), copied = ou_stat("heap_large_allocs");
    ou_object *list = ou_list_new(0), *item = ou_float_new(1.5);
    for (int i = 0; i < N; i++) {
        assert_ok(ou_list_append(list, item));
    }
    assert_int_equal(ou_refcount(item), N + 1);
    grown = ou_stat("heap_grown_in_place") - grown;
    copied = ou_stat("heap_large_allocs") - copied;
    if (!from_malloc) {
        assert_true(grown >= 8);
        assert_in_range(copied, 1, grown / 2);
    }
    ou_decref(list);
    ou_decref(item);
}

static void tuples_are_fixed(void **state)
{
    (void)state;
    ou_object *items[] = {ou_int_new(5000), ou_none(), ou_str("z")};
    ou_object *t = ou_tuple_new(items, 3);
    assert_int_equal(ou_tuple_len(t), 3);
    assert_ptr_equal(ou_tuple_get_borrow(t, 0), items[0]);
    assert_int_equal(ou_refcount(items[0]), 2);
    assert_null_with(ou_tuple_get_borrow(t, 3), OU_EINDEX);
    assert_null_with(ou_tuple_get_borrow(t, SIZE_MAX), OU_EINDEX);
    assert_fails(ou_tuple_len(ou_none()), OU_ETYPE);
    assert_true(ou_is_tuple(t) && !ou_is_list(t));
    assert_repr(t, "(5000, None, 'z')");
    assert_repr_drop(ou_tuple_new(items, 1), "(5000,)");
    ou_object *same = ou_tuple_new(items, 3);
    uint64_t h1 = 0;
    uint64_t h2 = 1;
    assert_int_equal(ou_equal(t, same), 1);
    assert_ok(ou_hash(t, &h1));
    assert_ok(ou_hash(same, &h2));
    assert_true(h1 == h2);
    ou_decref(same);
    ou_decref(t);
    assert_int_equal(ou_refcount(items[0]), 1);
    ou_decref(items[0]);
    ou_decref(items[2]);
}

static void empty_tuple_is_one_and_hashable_by_content(void **state)
{
    (void)state;
    ou_object *e = ou_tuple_new(NULL, 0);
    assert_ptr_equal(e, ou_tuple_new(NULL, 0));
    assert_true(ou_is_immortal(e));
    assert_int_equal(ou_tuple_len(e), 0);
    assert_repr(e, "()");
    ou_object *list = ou_list_new(0);
    ou_object *t = ou_tuple_new(&list, 1);
    uint64_t h = 0;
    assert_ok(ou_hash(e, &h));
    assert_fails(ou_hash(t, &h), OU_EHASH);
    assert_int_equal(ou_equal(list, e), 0);
    ou_decref(t);
    ou_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(append_get_set_len),
        UNIT_TEST(indexes_out_of_range),
        UNIT_TEST(anything_else_is_a_type_error),
        UNIT_TEST(steal_takes_the_reference_also_on_failure),
        UNIT_TEST(insert_pop_del),
        UNIT_TEST(extend_by_list_tuple_and_itself),
        UNIT_TEST(copy_is_shallow),
        UNIT_TEST(repeat_and_absurd_sizes),
        UNIT_TEST(sum_counts_ints_and_wraps),
        UNIT_TEST(equality_is_by_items),
        UNIT_TEST(nesting_too_deep_to_compare),
        UNIT_TEST(list_that_holds_itself_prints),
        UNIT_TEST(items_die_after_the_list_changed),
        UNIT_TEST(long_lists_grow_in_place),
        UNIT_TEST(tuples_are_fixed),
        UNIT_TEST(empty_tuple_is_one_and_hashable_by_content),
    };
    return UNIT_MAIN(tests);
}
