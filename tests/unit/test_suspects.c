/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_suspects.c - how suspects are judged in short stops (gc/judge.c): many groups at once,
 * one group, giants that workers share, members one by one; what lives stays, what does not is
 * freed, and told if it wants to be, however the groups lie.
 *
 * What lives is a suspect when its counter says so by mistake: 256 references from outside are
 * none, modulo 256.
 */
#include "rings.h"

/* Lives, though its counter says that nobody refers to it: 256 times, modulo 256. Refers to a
 * ring of n nodes, one of which refers to it. */
static ou_object *hub(size_t n)
{
    ou_object *o = ou_instance_new(node()), *nodes = ring(n);
    assert_ok(ou_attr_set_at(nodes, 1, o));
    assert_ok(ou_attr_set_at_steal(o, 0, nodes));
    for (int i = 0; i < 255; i++) {
        ou_incref(o);
    }
    return o;
}

static void drop_hub(ou_object *o)
{
    for (int i = 0; i < 256; i++) {
        ou_decref(o);
    }
}

/* A group of which one member lives, between others that are garbage. */
static void false_suspects_stay(void **state)
{
    (void)state;
    enum { N = 3000 };
    ou_gc_report report;
    ou_decref(ring(10));
    ou_object *small = hub(10);
    ou_decref(ring(20));
    ou_object *large = hub(N); /* more than is judged at once */
    ou_decref(ring(N));
    ou_object *live = ring(10 * N);
    assert_int_equal(ou_gc_collect_sliced(&report), N + 30);
    if (!without_slices()) {
        assert_true(report.sliced);
        assert_int_equal(report.false_suspects, N + 1 + 11);
        assert_int_equal(report.suspects, report.false_suspects + N + 30);
    }
    ou_object *held = ou_attr_get_at(large, 0);
    assert_int_equal(ring_length(held), N);
    ou_decref(held);
    drop_hub(small);
    drop_hub(large);
    ou_decref(live);
    assert_int_equal(ou_gc_collect_sliced(NULL), 11 * N + 12);
}

/* Large enough for workers to share its judgement: garbage in one look, ... */
static void giant_rings_are_found(void **state)
{
    (void)state;
    enum { N = 200000 };
    ou_gc_report report;
    static const char *const numbers[] = {"1", "2", "4"};
    assert_ok(ou_knob_set("gc_parallel_bytes", "0"));
    for (unsigned i = 0; i < 3; i++) {
        assert_ok(ou_knob_set("gc_workers", numbers[i]));
        ou_decref(ring(N));
        ou_object *dead = ring(5), *leaf = ou_float_new(1.5);
        assert_ok(ou_attr_set_at(dead, 1, leaf));
        ou_decref(dead);
        assert_int_equal(ou_gc_collect_sliced(&report), N + 5);
        assert_int_equal(report.sliced, !without_slices());
        assert_int_equal(report.false_suspects, 0);
        assert_int_equal(ou_refcount(leaf), 1);
        ou_decref(leaf);
        ou_object *held = ring(N);
        assert_int_equal(ou_gc_collect_sliced(NULL), 0);
        assert_int_equal(ring_length(held), N);
        ou_decref(held);
        assert_int_equal(ou_gc_collect_sliced(NULL), N);
    }
    assert_ok(ou_knob_set("gc_workers", "0"));
    assert_ok(ou_knob_set("gc_parallel_bytes", "8m"));
}

/* ... or, if it is not, one stop for the whole heap is shorter than a look at each member. */
static void giant_false_suspects_end_in_one_stop(void **state)
{
    (void)state;
    enum { N = 100000 };
    ou_gc_report report;
    uint64_t given_up = ou_stat("gc_given_up");
    ou_object *large = hub(N);
    ou_decref(ring(10));
    assert_int_equal(ou_gc_collect_sliced(&report), 10);
    assert_int_equal(report.unreachable, 10);
    assert_false(report.sliced);
    assert_int_equal(ou_stat("gc_given_up") - given_up, !without_slices());
    ou_object *held = ou_attr_get_at(large, 0);
    assert_int_equal(ring_length(held), N);
    ou_decref(held);
    drop_hub(large);
    assert_int_equal(ou_gc_collect_sliced(&report), N + 1);
    assert_int_equal(report.sliced, !without_slices()); /* the sums begin anew */
}

/* Garbage in one group with what lives, because it refers to it: judged one by one. */
static int ends;

static void garbage_that_refers_to_false_suspects(void **state)
{
    (void)state;
    static const char *const attrs[] = {"next", "other"};
    const ou_type *cls = ou_class_new("Ends", attrs, 2, true, unit_count_end, &ends);
    for (int tells = 0; tells < 3; tells++) {
        ou_gc_report report;
        ou_object *live = hub(10), *dead = ring(7);
        assert_ok(ou_attr_set_at(dead, 1, live));
        int called = 0;
        ou_object *ref = tells == 1 ? ou_weakref_new(dead, unit_count_call, &called) : NULL;
        if (tells == 2) {
            ou_object *next = ou_attr_get_at(dead, 0);
            assert_ok(ou_attr_set_at_steal(next, 1, ou_instance_of_steal(cls, NULL, 0)));
            ou_decref(next);
        }
        ends = 0;
        ou_decref(dead);
        assert_int_equal(ou_gc_collect_sliced(&report), tells == 2 ? 8 : 7);
        assert_int_equal(report.false_suspects, without_slices() ? 0 : 11);
        assert_int_equal(called, tells == 1);
        assert_int_equal(ends, tells == 2);
        assert_int_equal(ou_refcount(live), 257);
        ou_xdecref(ref);
        drop_hub(live);
        assert_int_equal(ou_gc_collect_sliced(NULL), 11);
    }
}

/* Sums over dicts are kept aside: those of one group are not the next one's. Were they, a hub
 * after as many references from dicts as it has from outside would seem explained. */
static void sums_begin_anew_for_each_group(void **state)
{
    (void)state;
    static const int edges[] = {64, 128, 256};
    for (int i = 0; i < 3; i++) {
        ou_object *before = hub(10), *dict = ou_dict_new(0), *list = ou_list_new(0);
        for (int64_t k = 0; k < edges[i]; k++) {
            ou_object *key = ou_int_new(1000 + k);
            assert_ok(ou_dict_set(dict, key, list));
            ou_decref(key);
        }
        assert_ok(ou_list_append_steal(list, dict));
        ou_decref(list);
        ou_object *after = hub(10);
        assert_int_equal(ou_gc_collect_sliced(NULL), 2);
        assert_int_equal(ou_refcount(before), 257);
        assert_int_equal(ou_refcount(after), 257);
        drop_hub(before);
        drop_hub(after);
        assert_int_equal(ou_gc_collect_sliced(NULL), 22);
    }
}

/* Giants whose members differ: references that are missing from one part of the sums are
 * missing from all. Dicts, whose references are summed apart; nodes of which every other one
 * refers to the next one twice. */
static ou_object *ring_of_dicts(size_t n)
{
    ou_object *first = ou_dict_new(1), *last = ou_incref(first);
    for (size_t i = 1; i < n; i++) {
        ou_object *o = ou_dict_new(1);
        assert_ok(ou_dict_set(last, ou_none(), o));
        ou_decref(last);
        last = o;
    }
    assert_ok(ou_dict_set(last, ou_none(), first));
    ou_decref(last);
    return first;
}

static ou_object *uneven_ring(size_t n)
{
    ou_object *first = ring(n), *o = ou_incref(first);
    for (size_t i = 0; i < n; i++) {
        ou_object *next = ou_attr_get_at(o, 0);
        if (i % 2) {
            assert_ok(ou_attr_set_at(o, 1, next));
        }
        ou_decref(o);
        o = next;
    }
    ou_decref(o);
    return first;
}

static void giants_of_other_shapes(void **state)
{
    (void)state;
    enum { N = 100000 };
    ou_gc_report report;
    for (int i = 0; i < 2; i++) {
        ou_decref(i ? ring_of_dicts(N) : uneven_ring(N));
        assert_int_equal(ou_gc_collect_sliced(&report), N);
        assert_int_equal(report.sliced, !without_slices());
        assert_int_equal(report.false_suspects, 0);
    }
}

/* A giant whose members want to be told. */
static void giants_are_told(void **state)
{
    (void)state;
    enum { N = 100000 };
    static const char *const attrs[] = {"next", "other"};
    const ou_type *cls = ou_class_new("Ends", attrs, 2, true, unit_count_end, &ends);
    ou_gc_report report;
    ou_object *first = ring(N), *last = ou_instance_new(cls);
    int called = 0;
    ou_object *ref = ou_weakref_new(first, unit_count_call, &called);
    assert_ok(ou_attr_set_at(last, 0, first));
    assert_ok(ou_attr_set_at_steal(first, 1, last));
    ends = 0;
    ou_decref(first);
    assert_int_equal(ou_gc_collect_sliced(&report), N + 1);
    assert_int_equal(report.sliced, !without_slices());
    assert_int_equal(ends, 1);
    assert_int_equal(called, 1);
    ou_decref(ref);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(false_suspects_stay),
        UNIT_TEST(giant_rings_are_found),
        UNIT_TEST(giant_false_suspects_end_in_one_stop),
        UNIT_TEST(garbage_that_refers_to_false_suspects),
        UNIT_TEST(sums_begin_anew_for_each_group),
        UNIT_TEST(giants_of_other_shapes),
        UNIT_TEST(giants_are_told),
    };
    return UNIT_MAIN(tests);
}
