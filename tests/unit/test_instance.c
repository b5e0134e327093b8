/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_instance.c - classes and instances: declared, open and closed layouts, attributes by
 * name and index, limits. The test that fills the type region comes last.
 */
#include "support/unit.h"

#include <stdio.h>

static const char *const point_attrs[] = {"x", "y"};

static void declared_attributes(void **state)
{
    (void)state;
    const ou_type *cls = ou_class_new("Point", point_attrs, 2, true, NULL, NULL);
    assert_non_null(cls);
    assert_int_equal(ou_class_attr(cls, "x"), 0);
    assert_int_equal(ou_class_attr(cls, "y"), 1);
    assert_fails(ou_class_attr(cls, "z"), OU_EATTR);
    ou_object *p = ou_instance_new(cls);
    assert_true(ou_is_instance(p));
    assert_ptr_equal(ou_type_of(p), cls);
    assert_string_equal(ou_type_name(p), "Point");
    assert_null_with(ou_attr_get(p, "x"), OU_EATTR); /* declared, not set */
    assert_ok(ou_attr_set(p, "x", ou_true()));
    assert_ptr_equal(ou_attr_get(p, "x"), ou_true());
    assert_ptr_equal(ou_attr_get_at(p, 0), ou_true());
    assert_fails(ou_attr_set(p, "z", ou_true()), OU_EATTR);
    assert_null_with(ou_attr_get(p, "z"), OU_EATTR);
    ou_decref(p);
}

static void names_are_copied(void **state)
{
    (void)state;
    char name[] = "Copied";
    char attr[] = "field";
    const char *attrs[] = {attr};
    const ou_type *cls = ou_class_new(name, attrs, 1, true, NULL, NULL);
    memset(name, 'x', 6);
    memset(attr, 'y', 5);
    ou_object *o = ou_instance_new(cls);
    assert_string_equal(ou_type_name(o), "Copied");
    assert_ok(ou_attr_set(o, "field", ou_none()));
    assert_fails(ou_attr_set(o, "yyyyy", ou_none()), OU_EATTR);
    ou_decref(o);
}

static void open_class_takes_new_names(void **state)
{
    (void)state;
    const ou_type *cls = ou_class_new("Open", NULL, 0, false, NULL, NULL);
    ou_object *a = ou_instance_new(cls);
    ou_object *b = ou_instance_new(cls);
    char name[16];
    for (int64_t i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "attr%d", (int)i);
        ou_object *v = ou_int_new(1000 + i);
        assert_ok(ou_attr_set(i % 2 ? a : b, name, v));
        ou_decref(v);
    }
    for (int64_t i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "attr%d", (int)i);
        ou_object *v = ou_attr_get(i % 2 ? a : b, name);
        assert_int_equal(unit_int(v), 1000 + i);
        ou_decref(v);
        assert_null_with(ou_attr_get(i % 2 ? b : a, name), OU_EATTR);
    }
    ou_decref(a);
    ou_decref(b);
}

static void index_never_changes(void **state)
{
    (void)state;
    const ou_type *cls = ou_class_new("Stable", point_attrs, 2, false, NULL, NULL);
    int first = ou_class_attr(cls, "later");
    assert_int_equal(first, 2);
    char name[16];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(ou_class_attr(cls, name), 3 + i);
    }
    assert_int_equal(ou_class_attr(cls, "later"), first);
    assert_int_equal(ou_class_attr(cls, "x"), 0);
    ou_object *o = ou_instance_new(cls);
    assert_ok(ou_attr_set_at(o, 202, ou_true()));
    assert_ptr_equal(ou_attr_get(o, "n199"), ou_true());
    assert_null_with(ou_attr_get_at(o, 201), OU_EATTR);
    ou_decref(o);
}

static void too_many_attributes(void **state)
{
    (void)state;
    const ou_type *cls = ou_class_new("Wide", NULL, 0, false, NULL, NULL);
    char name[16];
    for (int i = 0; i < 1024; i++) {
        snprintf(name, sizeof(name), "w%d", i);
        assert_int_equal(ou_class_attr(cls, name), i);
    }
    assert_fails(ou_class_attr(cls, "one more"), OU_ELIMIT);
    assert_int_equal(ou_class_attr(cls, "w1023"), 1023);
    ou_object *o = ou_instance_new(cls);
    assert_ok(ou_attr_set_at(o, 1023, ou_false()));
    assert_true(ou_attr_set(o, "one more", ou_false()) < 0);
    assert_ptr_equal(ou_attr_get(o, "w1023"), ou_false());
    ou_decref(o);
}

static void set_replaces_and_deletes(void **state)
{
    (void)state;
    const ou_type *cls = ou_class_new("Deleter", NULL, 0, false, NULL, NULL);
    ou_object *o = ou_instance_new(cls);
    ou_object *v = ou_int_new(31337);
    assert_ok(ou_attr_set(o, "v", v));
    assert_int_equal(ou_refcount(v), 2);
    assert_ok(ou_attr_set(o, "v", v));
    assert_int_equal(ou_refcount(v), 2);
    assert_ok(ou_attr_set(o, "v", NULL));
    assert_int_equal(ou_refcount(v), 1);
    assert_null_with(ou_attr_get(o, "v"), OU_EATTR);
    assert_ok(ou_attr_set(o, "v", v)); /* may be set again */
    ou_incref(v);
    assert_ok(ou_attr_set_at_steal(o, ou_class_attr(cls, "v"), v));
    assert_int_equal(ou_refcount(v), 2);
    ou_decref(o);
    assert_int_equal(ou_refcount(v), 1);
    ou_decref(v);
}

static void born_with_values(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        const ou_type *cls = ou_class_new("Filled", point_attrs, 2, closed, NULL, NULL);
        ou_object *v = ou_int_new(31337);
        for (size_t n = 0; n <= 2; n++) {
            ou_object *values[2] = {v, v};
            for (size_t i = 0; i < n; i++) {
                ou_incref(v);
            }
            ou_object *o = ou_instance_of_steal(cls, values, n);
            assert_non_null(o);
            assert_int_equal(ou_refcount(v), 1 + (int64_t)n);
            for (size_t i = 0; i < 2; i++) {
                ou_object *got = ou_attr_get(o, point_attrs[i]);
                assert_ptr_equal(got, i < n ? v : NULL);
                ou_xdecref(got);
            }
            assert_ok(ou_attr_set(o, "y", ou_none()));
            ou_decref(o);
            assert_int_equal(ou_refcount(v), 1);
        }
        ou_object *second[2] = {NULL, ou_incref(v)};
        ou_object *o = ou_instance_of_steal(cls, second, 2);
        assert_null_with(ou_attr_get(o, "x"), OU_EATTR);
        ou_decref(o);
        assert_int_equal(ou_refcount(v), 1);
        ou_object *three[3] = {ou_incref(v), NULL, ou_incref(v)};
        assert_null_with(ou_instance_of_steal(cls, three, 3), OU_EINDEX);
        assert_int_equal(ou_refcount(v), 1);
        ou_decref(v);
    }
}

static int count_death(ou_object *self, void *arg)
{
    (void)self;
    ++*(int *)arg;
    return 0;
}

/* The straight way of birth, though not of death. */
static void born_with_values_and_a_finalizer(void **state)
{
    (void)state;
    int dead = 0;
    const ou_type *cls = ou_class_new("Ends", point_attrs, 2, true, count_death, &dead);
    ou_object *v = ou_int_new(31337);
    ou_object *o = ou_instance_of_steal(cls, (ou_object *[]){ou_incref(v), ou_incref(v)}, 2);
    ou_decref(o);
    assert_int_equal(dead, 1);
    assert_int_equal(ou_refcount(v), 1);
    ou_decref(v);
}

static void bad_index_and_steal(void **state)
{
    (void)state;
    const ou_type *cls = ou_class_new("Indexed", point_attrs, 2, true, NULL, NULL);
    ou_object *o = ou_instance_new(cls);
    ou_object *v = ou_int_new(31337);
    int bad[] = {-1, 2, 1024, 1 << 30, INT32_MIN};
    for (int i = 0; i < 5; i++) {
        assert_null(ou_attr_get_at(o, bad[i]));
        assert_true(ou_error() != OU_OK);
        assert_true(ou_attr_set_at(o, bad[i], v) < 0);
        ou_incref(v);
        assert_true(ou_attr_set_at_steal(o, bad[i], v) < 0);
        assert_int_equal(ou_refcount(v), 1);
    }
    ou_decref(o);
    ou_decref(v);
}

static void no_instance_is_a_type_error(void **state)
{
    (void)state;
    ou_object *list = ou_list_new(0);
    ou_object *no[] = {ou_none(), list};
    for (int i = 0; i < 2; i++) {
        assert_null_with(ou_attr_get(no[i], "x"), OU_ETYPE);
        assert_fails(ou_attr_set(no[i], "x", ou_none()), OU_ETYPE);
        assert_null_with(ou_attr_get_at(no[i], 0), OU_ETYPE);
        assert_fails(ou_attr_set_at(no[i], 0, ou_none()), OU_ETYPE);
        assert_false(ou_is_instance(no[i]));
    }
    assert_null_with(ou_instance_new(ou_type_of(list)), OU_ETYPE);
    assert_null_with(ou_instance_new(NULL), OU_ETYPE);
    ou_decref(list);
}

static void instances_compare_by_identity(void **state)
{
    (void)state;
    const ou_type *cls = ou_class_new("Identity", NULL, 0, false, NULL, NULL);
    ou_object *a = ou_instance_new(cls);
    ou_object *b = ou_instance_new(cls);
    uint64_t h = 0;
    uint64_t again = 1;
    assert_int_equal(ou_equal(a, a), 1);
    assert_int_equal(ou_equal(a, b), 0);
    assert_ok(ou_hash(a, &h));
    assert_ok(ou_hash(a, &again));
    assert_true(h == again);
    assert_non_null(strstr(unit_repr(a), "Identity"));
    ou_decref(a);
    ou_decref(b);
}

static void closed_instance_is_header_and_slots(void **state)
{
    (void)state;
    const ou_type *cls = ou_class_new("Slim", point_attrs, 2, true, NULL, NULL);
    ou_census_row rows[64];
    ou_object *o = ou_instance_new(cls);
    size_t n = ou_census(rows, 64);
    size_t size = 0;
    for (size_t i = 0; i < n && i < 64; i++) {
        size = strcmp(rows[i].type, "Slim") == 0 ? rows[i].size_bytes : size;
    }
    int64_t on_malloc = 0; /* where a word stands in front of each object (blocks.c) */
    assert_ok(ou_knob_get("heap", &on_malloc));
    assert_int_equal(size, 16 + 2 * 8 + (on_malloc ? 8 : 0));
    ou_decref(o);
}

/* Fills the type region; nothing that needs a class may come after. */
static void type_region_fills_up(void **state)
{
    (void)state;
    size_t made = 0;
    while (made <= 16384 && ou_class_new("Filler", NULL, 0, true, NULL, NULL)) {
        made++;
    }
    assert_int_equal(ou_error(), OU_ELIMIT);
    assert_in_range(made, 16000, 16384);
    ou_object *list = ou_list_new(0); /* everything else goes on */
    assert_non_null(list);
    ou_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(declared_attributes),
        UNIT_TEST(names_are_copied),
        UNIT_TEST(open_class_takes_new_names),
        UNIT_TEST(index_never_changes),
        UNIT_TEST(too_many_attributes),
        UNIT_TEST(set_replaces_and_deletes),
        UNIT_TEST(born_with_values),
        UNIT_TEST(born_with_values_and_a_finalizer),
        UNIT_TEST(bad_index_and_steal),
        UNIT_TEST(no_instance_is_a_type_error),
        UNIT_TEST(instances_compare_by_identity),
        UNIT_TEST(closed_instance_is_header_and_slots),
        UNIT_TEST(type_region_fills_up),
    };
    return UNIT_MAIN(tests);
}
