/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_number.c - none, bool, int, float: singletons, interning, arithmetic, equality and
 * hashes across the numeric types, repr.
 */
#include "support/unit.h"

#include <math.h>

static void singletons_are_immortal(void **state)
{
    (void)state;
    ou_object *all[] = {ou_none(), ou_true(), ou_false()};
    for (size_t i = 0; i < 3; i++) {
        assert_true(ou_is_immortal(all[i]));
        assert_true(ou_refcount(all[i]) == INT64_MAX);
        for (int k = 0; k < 1000; k++) {
            ou_decref(all[i]);
        }
        ou_incref(all[i]);
        assert_true(ou_refcount(all[i]) == INT64_MAX);
    }
    assert_ptr_equal(ou_bool(true), ou_true());
    assert_ptr_equal(ou_bool(false), ou_false());
    assert_ptr_not_equal(ou_true(), ou_false());
}

static void small_ints_share_one_object(void **state)
{
    (void)state;
    for (int64_t v = OU_SMALL_MIN; v <= OU_SMALL_MAX; v++) {
        ou_object *a = ou_int_new(v);
        assert_ptr_equal(a, ou_int_new(v));
        assert_true(ou_is_immortal(a));
        assert_int_equal(unit_int(a), v);
    }
}

static void other_ints_do_not_share(void **state)
{
    (void)state;
    int64_t values[] = {OU_SMALL_MIN - 1, OU_SMALL_MAX + 1, INT64_MIN, INT64_MAX, 1 << 20};
    for (size_t i = 0; i < 5; i++) {
        ou_object *a = ou_int_new(values[i]);
        ou_object *b = ou_int_new(values[i]);
        assert_ptr_not_equal(a, b);
        assert_int_equal(ou_equal(a, b), 1);
        assert_true(unit_int(a) == values[i]);
        assert_int_equal(ou_refcount(a), 1);
        assert_false(ou_is_immortal(a));
        ou_decref(a);
        ou_decref(b);
    }
}

static void int_value_accepts_bool_only_besides(void **state)
{
    (void)state;
    int64_t v = 7;
    assert_ok(ou_int_value(ou_true(), &v));
    assert_int_equal(v, 1);
    assert_ok(ou_int_value(ou_false(), &v));
    assert_int_equal(v, 0);
    ou_object *f = ou_float_new(1.0);
    ou_object *s = ou_str("1");
    v = 7;
    assert_fails(ou_int_value(f, &v), OU_ETYPE);
    assert_fails(ou_int_value(s, &v), OU_ETYPE);
    assert_fails(ou_int_value(ou_none(), &v), OU_ETYPE);
    assert_int_equal(v, 7);
    ou_decref(f);
    ou_decref(s);
}

static void add_checks_types_and_overflow(void **state)
{
    (void)state;
    ou_object *max = ou_int_new(INT64_MAX);
    ou_object *min = ou_int_new(INT64_MIN);
    ou_object *one = ou_int_new(1);
    ou_object *minus = ou_int_new(-1);
    ou_object *f = ou_float_new(1.0);
    assert_null_with(ou_int_add(max, one), OU_EOVERFLOW);
    assert_null_with(ou_int_add(min, minus), OU_EOVERFLOW);
    assert_null_with(ou_int_add(min, min), OU_EOVERFLOW);
    assert_null_with(ou_int_add(one, f), OU_ETYPE);
    assert_null_with(ou_int_add(ou_none(), one), OU_ETYPE);
    assert_repr_drop(ou_int_add(max, min), "-1");
    assert_repr_drop(ou_int_add(max, minus), "9223372036854775806");
    ou_decref(max);
    ou_decref(min);
    ou_decref(f);
}

static void sum_in_the_small_range_is_interned(void **state)
{
    (void)state;
    ou_object *big = ou_int_new(300);
    ou_object *less = ou_int_new(-200);
    ou_object *sum = ou_int_add(big, less);
    assert_ptr_equal(sum, ou_int_new(100));
    ou_decref(big);
    ou_decref(less);
}

static void floats_are_never_shared(void **state)
{
    (void)state;
    ou_object *a = ou_float_new(2.0);
    ou_object *b = ou_float_new(2.0);
    double v = 0;
    assert_ptr_not_equal(a, b);
    assert_int_equal(ou_equal(a, b), 1);
    assert_ok(ou_float_value(a, &v));
    assert_true(v == 2.0);
    ou_object *i = ou_int_new(-3);
    assert_ok(ou_float_value(i, &v));
    assert_true(v == -3.0);
    assert_fails(ou_float_value(ou_none(), &v), OU_ETYPE);
    ou_decref(a);
    ou_decref(b);
}

static void nan_equals_only_itself(void **state)
{
    (void)state;
    ou_object *a = ou_float_new(NAN);
    ou_object *b = ou_float_new(NAN);
    assert_int_equal(ou_equal(a, a), 1);
    assert_int_equal(ou_equal(a, b), 0);
    uint64_t h = 0;
    assert_ok(ou_hash(a, &h));
    ou_decref(a);
    ou_decref(b);
}

static void check_equal(ou_object *a, ou_object *b, int want)
{
    uint64_t ha = 1;
    uint64_t hb = 2;
    assert_int_equal(ou_equal(a, b), want);
    assert_int_equal(ou_equal(b, a), want);
    assert_ok(ou_hash(a, &ha));
    assert_ok(ou_hash(b, &hb));
    if (want) {
        assert_true(ha == hb);
    }
    ou_decref(a);
    ou_decref(b);
}

static void equal_numbers_hash_alike(void **state)
{
    (void)state;
    const int64_t two53 = INT64_C(1) << 53;
    check_equal(ou_int_new(1), ou_float_new(1.0), 1);
    check_equal(ou_int_new(1), ou_true(), 1);
    check_equal(ou_float_new(0.0), ou_false(), 1);
    check_equal(ou_float_new(0.0), ou_float_new(-0.0), 1);
    check_equal(ou_int_new(-1), ou_float_new(-1.0), 1);
    check_equal(ou_int_new(1000000), ou_float_new(1e6), 1);
    check_equal(ou_int_new(two53), ou_float_new(9007199254740992.0), 1);
    check_equal(ou_int_new(INT64_MIN), ou_float_new(-9223372036854775808.0), 1);
    check_equal(ou_int_new(INT64_C(1) << 62), ou_float_new(4611686018427387904.0), 1);
}

static void unequal_numbers_are_told_apart(void **state)
{
    (void)state;
    const int64_t two53 = INT64_C(1) << 53;
    check_equal(ou_int_new(1), ou_float_new(1.5), 0);
    check_equal(ou_int_new(2), ou_true(), 0);
    check_equal(ou_int_new(0), ou_none(), 0);
    check_equal(ou_false(), ou_none(), 0);
    check_equal(ou_int_new(1), ou_str("1"), 0);
    /* A float that an int only rounds to is not equal to it, as in Python. */
    check_equal(ou_int_new(two53 + 1), ou_float_new(9007199254740992.0), 0);
    check_equal(ou_int_new(INT64_MAX), ou_float_new(9223372036854775808.0), 0);
    check_equal(ou_int_new(5), ou_float_new(INFINITY), 0);
}

static void repr_is_pythons(void **state)
{
    (void)state;
    assert_repr(ou_none(), "None");
    assert_repr(ou_true(), "True");
    assert_repr(ou_false(), "False");
    assert_repr_drop(ou_int_new(-42), "-42");
    assert_repr_drop(ou_int_new(INT64_MIN), "-9223372036854775808");
    assert_repr_drop(ou_float_new(2.0), "2.0");
    assert_repr_drop(ou_float_new(0.1), "0.1");
    assert_repr_drop(ou_float_new(-0.0), "-0.0");
    assert_repr_drop(ou_float_new(1.0 / 3.0), "0.3333333333333333");
    assert_repr_drop(ou_float_new(1e16), "1e+16");
    assert_repr_drop(ou_float_new(1e300), "1e+300");
    assert_repr_drop(ou_float_new(123456789.0), "123456789.0");
    assert_repr_drop(ou_float_new(0.0001), "0.0001");
    assert_repr_drop(ou_float_new(0.00001), "1e-05");
    assert_repr_drop(ou_float_new(INFINITY), "inf");
    assert_repr_drop(ou_float_new(-INFINITY), "-inf");
    assert_repr_drop(ou_float_new(NAN), "nan");
}

static void repr_truncates_like_snprintf(void **state)
{
    (void)state;
    ou_object *n = ou_int_new(123456789);
    char buf[5] = "xxxx";
    assert_int_equal(ou_repr(n, buf, sizeof(buf)), 9);
    assert_string_equal(buf, "1234");
    assert_int_equal(ou_repr(n, NULL, 0), 9);
    buf[0] = 'x';
    assert_int_equal(ou_repr(n, buf, 1), 9);
    assert_int_equal(buf[0], 0);
    ou_decref(n);
}

static void predicates_tell_types_apart(void **state)
{
    (void)state;
    ou_object *i = ou_int_new(1000);
    ou_object *f = ou_float_new(1000.0);
    assert_true(ou_is_int(i) && !ou_is_float(i) && !ou_is_bool(i) && !ou_is_none(i));
    assert_true(ou_is_float(f) && !ou_is_int(f));
    assert_true(ou_is_bool(ou_true()) && ou_is_bool(ou_false()) && !ou_is_float(ou_true()));
    assert_true(ou_is_none(ou_none()) && !ou_is_bool(ou_none()));
    assert_string_equal(ou_type_name(i), "int");
    assert_string_equal(ou_type_name(f), "float");
    assert_string_equal(ou_type_name(ou_true()), "bool");
    assert_ptr_equal(ou_type_of(ou_true()), ou_type_of(ou_false()));
    assert_ptr_not_equal(ou_type_of(i), ou_type_of(f));
    ou_decref(i);
    ou_decref(f);
}

static void counts_follow_references(void **state)
{
    (void)state;
    ou_object *o = ou_int_new(123456);
    for (int i = 1; i <= 1000; i++) {
        assert_int_equal(ou_refcount(o), i);
        assert_ptr_equal(ou_incref(o), o);
    }
    for (int i = 1001; i > 1; i--) {
        assert_int_equal(ou_refcount(o), i);
        ou_decref(o);
    }
    assert_null(ou_xincref(NULL));
    ou_xdecref(NULL);
    ou_xdecref(ou_xincref(o));
    ou_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(singletons_are_immortal),
        UNIT_TEST(small_ints_share_one_object),
        UNIT_TEST(other_ints_do_not_share),
        UNIT_TEST(int_value_accepts_bool_only_besides),
        UNIT_TEST(add_checks_types_and_overflow),
        UNIT_TEST(sum_in_the_small_range_is_interned),
        UNIT_TEST(floats_are_never_shared),
        UNIT_TEST(nan_equals_only_itself),
        UNIT_TEST(equal_numbers_hash_alike),
        UNIT_TEST(unequal_numbers_are_told_apart),
        UNIT_TEST(repr_is_pythons),
        UNIT_TEST(repr_truncates_like_snprintf),
        UNIT_TEST(predicates_tell_types_apart),
        UNIT_TEST(counts_follow_references),
    };
    return UNIT_MAIN(tests);
}
