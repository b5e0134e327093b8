/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_str.c - strings: bytes, limits, concatenation, repr; interning: one identity, death,
 * stealing, immortality.
 */
#include "support/unit.h"

#include <stdio.h>

static void bytes_and_length(void **state)
{
    (void)state;
    size_t len = 0;
    ou_object *s = ou_str_new("a\0b", 3);
    const char *bytes = ou_str_bytes(s, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "a\0b", 4); /* with the 0 at the end */
    assert_ptr_equal(ou_str_bytes(s, NULL), bytes);
    assert_true(ou_is_str(s));
    assert_string_equal(ou_type_name(s), "str");
    ou_decref(s);
    assert_null_with(ou_str_bytes(ou_none(), &len), OU_ETYPE);
}

static void bytes_are_copied(void **state)
{
    (void)state;
    char text[] = "before";
    ou_object *s = ou_str(text);
    memset(text, 'x', sizeof(text) - 1);
    assert_string_equal(ou_str_bytes(s, NULL), "before");
    ou_decref(s);
}

static void empty_is_one_immortal(void **state)
{
    (void)state;
    ou_object *e = ou_str("");
    assert_true(ou_is_immortal(e));
    assert_ptr_equal(e, ou_str_new("abc", 0));
    ou_object *sum = ou_str_concat(e, e);
    assert_ptr_equal(sum, e);
}

static void too_long_is_refused_before_reading(void **state)
{
    (void)state;
    assert_null_with(ou_str_new("x", (size_t)1 << 31), OU_EOVERFLOW);
    assert_null_with(ou_str_new("x", SIZE_MAX), OU_EOVERFLOW);
    assert_null_with(ou_str_new("x", SIZE_MAX - 16), OU_EOVERFLOW);
    assert_null(ou_str_intern("x", SIZE_MAX));
}

static void concat_makes_a_new_string(void **state)
{
    (void)state;
    ou_object *a = ou_str("left ");
    ou_object *b = ou_str("right");
    ou_object *n = ou_int_new(5000);
    assert_repr_drop(ou_str_concat(a, b), "'left right'");
    assert_repr_drop(ou_str_concat(a, a), "'left left '");
    assert_null_with(ou_str_concat(a, n), OU_ETYPE);
    assert_null_with(ou_str_concat(n, a), OU_ETYPE);
    assert_int_equal(ou_refcount(a), 1);
    ou_decref(a);
    ou_decref(b);
    ou_decref(n);
}

static void equality_and_hash_by_value(void **state)
{
    (void)state;
    uint64_t ha = 0;
    uint64_t hb = 1;
    ou_object *a = ou_str("same");
    ou_object *b = ou_str("same");
    ou_object *c = ou_str("samf");
    ou_object *d = ou_str_new("same\0", 5);
    assert_int_equal(ou_equal(a, b), 1);
    assert_int_equal(ou_equal(a, c), 0);
    assert_int_equal(ou_equal(a, d), 0);
    assert_ok(ou_hash(a, &ha));
    assert_ok(ou_hash(b, &hb));
    assert_true(ha == hb);
    assert_ok(ou_hash(a, &hb)); /* the cached one */
    assert_true(ha == hb);
    ou_decref(a);
    ou_decref(b);
    ou_decref(c);
    ou_decref(d);
}

static void repr_quotes_as_python(void **state)
{
    (void)state;
    assert_repr_drop(ou_str("plain"), "'plain'");
    assert_repr_drop(ou_str(""), "''");
    assert_repr_drop(ou_str("it's"), "\"it's\"");
    assert_repr_drop(ou_str("a\nb\tc\\"), "'a\\nb\\tc\\\\'");
    assert_repr_drop(ou_str("\x01"), "'\\x01'");
}

static void interned_equal_strings_are_one(void **state)
{
    (void)state;
    size_t before = ou_intern_count();
    ou_object *a = ou_str_intern("unit one", 8);
    ou_object *b = ou_str_intern("unit one", 8);
    ou_object *c = ou_str("unit one");
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_true(ou_str_is_interned(a));
    assert_false(ou_str_is_interned(c));
    assert_false(ou_str_is_interned(ou_none()));
    assert_int_equal(ou_refcount(a), 2);
    assert_int_equal(ou_intern_count(), before + 1);
    ou_decref(a);
    ou_decref(b);
    assert_int_equal(ou_intern_count(), before);
    ou_decref(c);
}

static void intern_steal_keeps_or_swaps(void **state)
{
    (void)state;
    ou_object *first = ou_str("unit steal");
    assert_ptr_equal(ou_str_intern_steal(first), first);
    assert_int_equal(ou_refcount(first), 1);
    ou_object *second = ou_str_intern_steal(ou_str("unit steal"));
    assert_ptr_equal(second, first);
    assert_int_equal(ou_refcount(first), 2);
    assert_ptr_equal(ou_str_intern_steal(second), first);
    assert_int_equal(ou_refcount(first), 2);
    ou_decref(first);
    ou_decref(first);
}

static void intern_steal_of_no_string_leaves_it(void **state)
{
    (void)state;
    ou_object *n = ou_int_new(70000);
    assert_null_with(ou_str_intern_steal(n), OU_ETYPE);
    assert_int_equal(ou_refcount(n), 1);
    ou_decref(n);
}

static void interned_string_is_mortal(void **state)
{
    (void)state;
    size_t before = ou_intern_count();
    for (int i = 0; i < 5000; i++) {
        char text[32];
        int len = snprintf(text, sizeof(text), "mortal %d", i);
        ou_decref(ou_str_intern(text, (size_t)len));
    }
    assert_int_equal(ou_intern_count(), before);
}

static void table_grows_and_finds_all(void **state)
{
    (void)state;
    enum { N = 20000 };
    static ou_object *kept[N];
    size_t before = ou_intern_count();
    char text[32];
    for (int i = 0; i < N; i++) {
        int len = snprintf(text, sizeof(text), "grown %d", i);
        kept[i] = ou_str_intern(text, (size_t)len);
        assert_non_null(kept[i]);
    }
    assert_int_equal(ou_intern_count(), before + N);
    for (int i = 0; i < N; i++) {
        int len = snprintf(text, sizeof(text), "grown %d", i);
        ou_object *again = ou_str_intern(text, (size_t)len);
        assert_ptr_equal(again, kept[i]);
        ou_decref(again);
    }
    for (int i = 0; i < N; i++) {
        ou_decref(kept[i]);
    }
    assert_int_equal(ou_intern_count(), before);
}

static void immortal_intern_stays(void **state)
{
    (void)state;
    ou_object *mortal = ou_str_intern("unit immortal", 13);
    ou_object *forever = ou_str_intern_immortal("unit immortal", 13);
    assert_ptr_equal(mortal, forever);
    assert_true(ou_is_immortal(forever));
    size_t count = ou_intern_count();
    for (int i = 0; i < 10; i++) {
        ou_decref(forever);
    }
    assert_int_equal(ou_intern_count(), count);
    assert_ptr_equal(ou_str_intern("unit immortal", 13), forever);
    assert_string_equal(ou_str_bytes(forever, NULL), "unit immortal");
}

static void immortalize_any_object(void **state)
{
    (void)state;
    ou_object *s = ou_str("made immortal");
    ou_immortalize(s);
    assert_true(ou_is_immortal(s));
    assert_true(ou_refcount(s) == INT64_MAX);
    for (int i = 0; i < 10; i++) {
        ou_decref(s);
    }
    assert_string_equal(ou_str_bytes(s, NULL), "made immortal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(bytes_and_length),
        UNIT_TEST(bytes_are_copied),
        UNIT_TEST(empty_is_one_immortal),
        UNIT_TEST(too_long_is_refused_before_reading),
        UNIT_TEST(concat_makes_a_new_string),
        UNIT_TEST(equality_and_hash_by_value),
        UNIT_TEST(repr_quotes_as_python),
        UNIT_TEST(interned_equal_strings_are_one),
        UNIT_TEST(intern_steal_keeps_or_swaps),
        UNIT_TEST(intern_steal_of_no_string_leaves_it),
        UNIT_TEST(interned_string_is_mortal),
        UNIT_TEST(table_grows_and_finds_all),
        UNIT_TEST(immortal_intern_stays),
        UNIT_TEST(immortalize_any_object),
    };
    return UNIT_MAIN(tests);
}
