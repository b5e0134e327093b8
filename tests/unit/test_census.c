/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_census.c - what is alive, who refers to whom, what leaked.
 */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/proc.h"

enum { ROWS = 128 };

static uint64_t alive(const char *type)
{
    ou_census_row rows[ROWS];
    size_t n = ou_census(rows, ROWS);
    uint64_t count = 0;
    assert_true(n <= ROWS);
    for (size_t i = 0; i < n; i++) {
        count += strcmp(rows[i].type, type) == 0 ? rows[i].count : 0;
    }
    return count;
}

static void counts_by_type(void **state)
{
    (void)state;
    static const ou_type *cls;
    cls = cls ? cls : ou_class_new("Counted", NULL, 0, false, NULL, NULL);
    enum { N = 1000 };
    static ou_object *kept[N];
    uint64_t lists = alive("list");
    uint64_t floats = alive("float");
    assert_int_equal(alive("Counted"), 0);
    for (int i = 0; i < N; i++) {
        kept[i] = i % 2 ? ou_instance_new(cls) : ou_list_of(&(ou_object *){ou_none()}, 1);
    }
    ou_object *f = ou_float_new(1.0);
    assert_int_equal(alive("Counted"), N / 2);
    assert_int_equal(alive("list") - lists, N / 2);
    assert_int_equal(alive("float") - floats, 1);
    ou_decref(f);
    for (int i = 0; i < N; i++) {
        ou_decref(kept[i]);
    }
    assert_int_equal(alive("Counted"), 0);
    assert_int_equal(alive("list"), lists);
}

static void rows_may_be_few_or_none(void **state)
{
    (void)state;
    ou_census_row rows[ROWS];
    ou_object *list = ou_list_new(0);
    ou_object *dict = ou_dict_new(0);
    size_t n = ou_census(NULL, 0);
    assert_true(n >= 2);
    memset(rows, 0x5a, sizeof(rows));
    assert_int_equal(ou_census(rows, 1), n);
    unsigned char untouched[sizeof(rows[0])];
    memset(untouched, 0x5a, sizeof(untouched));
    assert_memory_equal(&rows[1], untouched, sizeof(untouched));
    assert_int_equal(ou_census(rows, ROWS), n);
    for (size_t i = 1; i < n; i++) {
        assert_true(rows[i - 1].count * rows[i - 1].size_bytes >=
                    rows[i].count * rows[i].size_bytes);
    }
    ou_decref(list);
    ou_decref(dict);
}

static void referrers_are_found(void **state)
{
    (void)state;
    ou_object *target = ou_int_new(565656);
    ou_object *list = ou_list_of(&target, 1);
    ou_object *dict = ou_dict_new(0);
    assert_ok(ou_dict_set(dict, target, ou_none()));
    ou_object *tuple = ou_tuple_new(&target, 1);
    ou_object *unrelated = ou_list_new(0);
    ou_object *found[8] = {0};
    assert_int_equal(ou_referrers(target, found, 8), 3);
    int seen = 0;
    for (int i = 0; i < 3; i++) {
        seen |= found[i] == list ? 1 : found[i] == dict ? 2 : found[i] == tuple ? 4 : 8;
        ou_decref(found[i]);
    }
    assert_int_equal(seen, 7);
    found[1] = NULL;
    assert_int_equal(ou_referrers(target, found, 1), 3);
    assert_null(found[1]);
    ou_decref(found[0]);
    assert_int_equal(ou_referrers(target, NULL, 0), 3);
    ou_decref(list);
    ou_decref(dict);
    ou_decref(tuple);
    assert_int_equal(ou_referrers(target, found, 8), 0);
    ou_decref(unrelated);
    assert_int_equal(ou_refcount(target), 1);
    ou_decref(target);
}

static void referents_are_found(void **state)
{
    (void)state;
    ou_object *items[] = {ou_int_new(777777), ou_str("seven")};
    ou_object *list = ou_list_of(items, 2);
    ou_object *found[8] = {0};
    assert_int_equal(ou_referents(list, found, 8), 2);
    assert_ptr_equal(found[0], items[0]);
    assert_ptr_equal(found[1], items[1]);
    ou_decref(found[0]);
    ou_decref(found[1]);
    ou_object *dict = ou_dict_new(0);
    assert_ok(ou_dict_set(dict, items[0], items[1]));
    assert_int_equal(ou_referents(dict, NULL, 0), 2);
    assert_int_equal(ou_referents(items[0], NULL, 0), 0);
    ou_decref(list);
    ou_decref(dict);
    ou_decref(items[0]);
    ou_decref(items[1]);
}

static void leak_report_has_a_line_a_type(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    uint64_t before = ou_leak_report(proc_null());
    ou_object *kept[] = {ou_list_new(0), ou_list_new(0), ou_dict_new(0)};
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(ou_leak_report(out) - before, 3);
    fclose(out);
    assert_int_equal(proc_lines_with(text, "list"), 1);
    assert_int_equal(proc_lines_with(text, "dict"), 1);
    free(text);
    for (int i = 0; i < 3; i++) {
        ou_decref(kept[i]);
    }
    assert_int_equal(ou_leak_report(proc_null()), before);
}

static void census_prints_every_row(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    ou_object *dict = ou_dict_new(0);
    FILE *out = open_memstream(&text, &size);
    ou_census_print(out);
    fclose(out);
    assert_true(proc_lines_with(text, "dict") >= 1);
    assert_true(proc_lines_with(text, "") >= ou_census(NULL, 0));
    free(text);
    ou_decref(dict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(counts_by_type),
        UNIT_TEST(rows_may_be_few_or_none),
        UNIT_TEST(referrers_are_found),
        UNIT_TEST(referents_are_found),
        UNIT_TEST(leak_report_has_a_line_a_type),
        UNIT_TEST(census_prints_every_row),
    };
    return UNIT_MAIN(tests);
}
