/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * Row 4 - small integers -5..256 and some strings are interned.
 *
 *      x = 10; y = 10        one id
 *      x += 1                another id
 *      2.0, 2.0              two objects
 *      257, 257              two objects when made at run time
 *
 * Whenever an equal interned object exists no new one is made: a reference is added to it.
 */
#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/transcript.h"

static const char *const row04_expected[] = {
    "x = 10; y = 10: id(x) == id(y): True",
    "x += 1: x = 11, y = 10, id(x) == id(y): False",
    "y += 1: id(x) == id(y): True",
    "-5..256: 262 of 262 shared",
    "-6: id(x) == id(y): False",
    "257: id(x) == id(y): False, x == y: True",
    "2.0: id(x) == id(y): False, x == y: True",
    "intern('hello'): id(s) == id(t): True, count 2, table +1",
    "'hello' not interned: id(u) == id(s): False, u == s: True",
    "intern(u): id(u) == id(s): True, count 3",
    "last reference dropped: table +0",
};

static const char *row04_bool(bool value)
{
    return value ? "True" : "False";
}

static void row04_add(void)
{
    ou_object *x = ou_int_new(10);
    ou_object *y = ou_int_new(10);
    ou_object *one = ou_int_new(1);
    say("x = 10; y = 10: id(x) == id(y): %s", row04_bool(ou_id(x) == ou_id(y)));
    ou_object *sum = ou_int_add(x, one);
    ou_decref(x);
    x = sum;
    say("x += 1: x = %s, y = %s, id(x) == id(y): %s", transcript_repr(x), transcript_repr(y),
        row04_bool(ou_id(x) == ou_id(y)));
    sum = ou_int_add(y, one);
    ou_decref(y);
    y = sum;
    say("y += 1: id(x) == id(y): %s", row04_bool(ou_id(x) == ou_id(y)));
    ou_decref(x);
    ou_decref(y);
    ou_decref(one);
}

static void row04_range(void)
{
    int shared = 0;
    for (int64_t v = -5; v <= 256; v++) {
        ou_object *a = ou_int_new(v);
        ou_object *b = ou_int_new(v);
        REQUIRE(a && b);
        shared += a == b;
        ou_decref(a);
        ou_decref(b);
    }
    say("-5..256: %d of 262 shared", shared);
}

static void row04_apart(ou_object *x, ou_object *y, bool equal_too)
{
    REQUIRE(x && y);
    const char *same = row04_bool(ou_id(x) == ou_id(y));
    if (equal_too) {
        say("%s: id(x) == id(y): %s, x == y: %s", transcript_repr(x), same,
            row04_bool(ou_equal(x, y) == 1));
    } else {
        say("%s: id(x) == id(y): %s", transcript_repr(x), same);
    }
    ou_decref(x);
    ou_decref(y);
}

static void row04_strings(void)
{
    size_t before = ou_intern_count();
    ou_object *s = ou_str_intern("hello", 5);
    ou_object *t = ou_str_intern("hello", 5);
    REQUIRE(s && t);
    say("intern('hello'): id(s) == id(t): %s, count %lld, table +%zu",
        row04_bool(ou_id(s) == ou_id(t)), (long long)ou_refcount(s),
        ou_intern_count() - before);
    ou_object *u = ou_str("hello");
    REQUIRE(u != NULL);
    say("'hello' not interned: id(u) == id(s): %s, u == s: %s",
        row04_bool(ou_id(u) == ou_id(s)), row04_bool(ou_equal(u, s) == 1));
    u = ou_str_intern_steal(u);
    REQUIRE(u != NULL);
    say("intern(u): id(u) == id(s): %s, count %lld", row04_bool(ou_id(u) == ou_id(s)),
        (long long)ou_refcount(s));
    ou_decref(s);
    ou_decref(t);
    ou_decref(u);
    say("last reference dropped: table +%zu", ou_intern_count() - before);
}

int main(void)
{
    REQUIRE(ou_start(NULL) == OU_OK);
    row04_add();
    row04_range();
    row04_apart(ou_int_new(-6), ou_int_new(-6), false);
    row04_apart(ou_int_new(257), ou_int_new(257), true);
    row04_apart(ou_float_new(2.0), ou_float_new(2.0), true);
    row04_strings();
    TRANSCRIPT_CHECK(row04_expected);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
