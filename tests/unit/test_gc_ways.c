/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_gc_ways.c - the ways to collect: in one stop that threads share, without a long stop, by
 * itself, in the background. All find the same.
 */
#include "rings.h"

static void without_a_long_stop(const char *concurrent)
{
    assert_ok(ou_knob_set("gc_concurrent", concurrent));
    assert_ok(ou_knob_set("gc_slice_us", "1"));
    ou_object *live = ring(20000); /* several slices, whatever the clock */
    ou_decref(ring(20000));
    ou_decref(ring(2));
    ou_gc_report report;
    assert_int_equal(ou_gc_collect_sliced(&report), 20002);
    if (report.sliced) {
        assert_true(report.suspects >= 20002);
        assert_int_equal(report.suspects - report.false_suspects, 20002);
        assert_true(report.stops >= 3); /* merge, list, judge */
        assert_int_equal(report.beside, concurrent[0] != '0');
        assert_true(report.beside || report.stops > 9);
    }
    ou_decref(live);
    assert_int_equal(ou_gc_collect_sliced(NULL), 20000);
    assert_ok(ou_knob_set("gc_slice_us", "200"));
    assert_ok(ou_knob_set("gc_concurrent", "1"));
    assert_int_equal(ou_gc_collect(), 0);
}

static void short_stops_find_the_same(void **state)
{
    (void)state;
    without_a_long_stop("0");
}

static void hints_beside_the_program_find_the_same(void **state)
{
    (void)state;
    without_a_long_stop("2");
}

/* Nodes that refer to any other, in a list whose references are dealt out in parts. */
static ou_object *list_of_nodes(size_t n)
{
    ou_object *list = ou_list_new(0);
    uint64_t x = 11;
    for (size_t i = 0; i < n; i++) {
        ou_object *o = ou_instance_new(node());
        assert_ok(ou_list_append(list, o));
        x = x * 6364136223846793005u + 1442695040888963407u;
        assert_ok(ou_attr_set_at_steal(o, 0, ou_list_get(list, (x >> 33) % (i + 1))));
        ou_decref(o);
    }
    return list;
}

/* How many items are nodes that refer to nodes. */
static size_t nodes_of(ou_object *list, size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        ou_object *o = ou_list_get(list, i), *other = ou_attr_get_at(o, 0);
        sum += ou_type_of(o) == node() && ou_type_of(other) == node();
        ou_decref(o);
        ou_decref(other);
    }
    return sum;
}

/* Garbage: the list, which its nodes refer to; every other node refers to `shared`. */
static void drop_list(ou_object *list, size_t n, ou_object *shared)
{
    for (size_t i = 0; i < n; i++) {
        ou_object *o = ou_list_get(list, i);
        assert_ok(ou_attr_set_at(o, 1, i % 2 ? shared : list));
        ou_decref(o);
    }
    ou_decref(list);
}

/* Long arrays and a chain, dead and living, garbage that refers to what lives: any number of
 * threads must find the same. */
static void threads_share_a_stop(void **state)
{
    (void)state;
    enum { N = 70000 };
    static const char *const numbers[] = {"1", "2", "3", "4"};
    int64_t from_malloc = 0;
    ou_knob_get("heap", &from_malloc);
    assert_ok(ou_knob_set("gc_parallel_bytes", "0"));
    for (unsigned i = 0; i < 4; i++) {
        ou_gc_report report;
        assert_ok(ou_knob_set("gc_workers", numbers[i]));
        ou_object *live = list_of_nodes(N), *chain = ring(N);
        ou_object *shared = ou_list_get(live, 1);
        drop_list(list_of_nodes(N), N, shared);
        assert_int_equal(ou_gc_collect_report(&report), N + 1);
        assert_int_equal(report.workers, from_malloc ? 1 : i + 1);
        assert_int_equal(nodes_of(live, N), N);
        int64_t count = ou_refcount(shared);
        drop_list(list_of_nodes(N), N, shared);
        assert_int_equal(ou_refcount(shared), count + N / 2);
        assert_int_equal(ou_gc_collect(), N + 1);
        assert_int_equal(ou_refcount(shared), count);
        ou_decref(shared);
        ou_decref(live);
        ou_decref(chain);
        ou_gc_collect();
        assert_int_equal(ou_gc_collect(), 0);
    }
    assert_ok(ou_knob_set("gc_workers", "0"));
    assert_ok(ou_knob_set("gc_parallel_bytes", "8m"));
}

static void automatic_collection_by_growth(void **state)
{
    (void)state;
    assert_ok(ou_gc_threshold_set((size_t)1 << 16, 0));
    uint64_t automatic = ou_stat("gc_automatic");
    for (int i = 0; i < 1000; i++) {
        ou_decref(ring(10));
    }
    assert_int_equal(ou_stat("gc_automatic"), automatic); /* switched off: none */
    assert_int_equal(ou_gc_collect(), 10000);
    ou_gc_enable();
    for (int i = 0; i < 20000; i++) {
        ou_decref(ring(10));
    }
    ou_gc_disable();
    assert_true(ou_stat("gc_automatic") > automatic);
    assert_true(ou_gc_collect() < 100000); /* most are gone already */
    assert_ok(ou_gc_threshold_set((size_t)8 << 20, 50));
}

static uint64_t freed_in_all; /* one collection at a time */

static void note_freed(const ou_gc_report *report, void *arg)
{
    (void)arg;
    freed_in_all += report ? report->unreachable : 0;
}

/* A thread that makes more than the background thread frees has to wait; then it collects what
 * it has made (unit/assist), as a rule soon. All is freed, once; what is held stays. With
 * heap=malloc nobody does. */
static void makers_collect_what_they_made(void **state)
{
    (void)state;
    enum { N = 100, ENOUGH = 100 };
    const uint64_t most = without_slices() ? 300000 : 20000000; /* by whomever they are freed */
    ou_object *old = ring(5000), *shared = ou_list_new(0);
    uint64_t assists = ou_stat("gc_assists"), made = 0;
    freed_in_all = 0;
    ou_gc_collect();
    assert_ok(ou_gc_callback_add(note_freed, NULL));
    assert_ok(ou_gc_threshold_set((size_t)256 << 10, 0)); /* as growth is announced */
    ou_gc_enable();
    assert_ok(ou_gc_background(true));
    ou_object *young = ring(N);
    while (made < most && ou_stat("gc_assists") < assists + ENOUGH) {
        ou_object *o = ring(N);
        assert_ok(ou_attr_set_at(o, 1, made % 3 ? shared : old));
        ou_decref(o);
        made += N;
        if (made % (1000 * N) == 0) {
            ou_decref(young);
            young = ring(N);
            made += N;
        }
    }
    assert_ok(ou_gc_background(false));
    ou_gc_disable();
    ou_gc_collect();
    assert_true(!without_slices() || ou_stat("gc_assists") == assists);
    assert_int_equal(freed_in_all, made);
    assert_int_equal(ring_length(young), N);
    assert_int_equal(ring_length(old), 5000);
    assert_int_equal(ou_refcount(shared), 1);
    assert_ok(ou_gc_callback_remove(note_freed, NULL));
    assert_ok(ou_gc_threshold_set((size_t)8 << 20, 50));
    ou_decref(young);
    ou_decref(old);
    ou_decref(shared);
    assert_int_equal(ou_gc_collect(), 5000 + N);
}

static void background_on_and_off(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_ok(ou_gc_background(true));
        assert_ok(ou_gc_background(true));
        ou_decref(ring(100));
        assert_ok(ou_gc_background(false));
        assert_ok(ou_gc_background(false));
    }
    ou_gc_collect();
}

static int refusals;

static int switch_background(ou_object *self, void *arg)
{
    (void)self, (void)arg;
    refusals += ou_gc_background(false) == OU_ESTATE && ou_error() == OU_ESTATE;
    refusals += ou_gc_background(true) == OU_ESTATE;
    return 0;
}

/* It would wait for a thread that waits for the collection to end. */
static void background_is_not_switched_by_a_collection(void **state)
{
    (void)state;
    static const char *const attrs[] = {"self"};
    const ou_type *cls = ou_class_new("Switcher", attrs, 1, true, switch_background, NULL);
    assert_ok(ou_gc_background(true));
    ou_object *o = ou_instance_new(cls);
    assert_ok(ou_attr_set_at(o, 0, o));
    ou_decref(o);
    refusals = 0;
    assert_int_equal(ou_gc_collect(), 1);
    assert_int_equal(refusals, 2);
    assert_ok(ou_gc_background(false));
}

static void policies_switch_while_running(void **state)
{
    (void)state;
    int64_t slice = -1, percent = -1;
    assert_ok(ou_gc_background(true));
    for (int i = 0; i < 4; i++) {
        ou_gc_policy policy = i % 2 ? OU_GC_PAUSE_FIRST : OU_GC_MEMORY_FIRST;
        assert_ok(ou_gc_policy_set(policy));
        assert_ok(ou_knob_get("gc_slice_us", &slice));
        assert_ok(ou_knob_get("gc_percent", &percent));
        assert_int_equal(slice, policy == OU_GC_PAUSE_FIRST ? 200 : 0);
        assert_int_equal(percent, policy == OU_GC_PAUSE_FIRST ? 33 : 25);
        ou_decref(ring(33000));
        ou_safepoint();
    }
    assert_ok(ou_gc_background(false));
    assert_fails(ou_gc_policy_set((ou_gc_policy)7), OU_EINVAL);
    assert_ok(ou_knob_get("gc_slice_us", &slice));
    assert_int_equal(slice, 200);
    ou_gc_collect();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(short_stops_find_the_same),
        UNIT_TEST(hints_beside_the_program_find_the_same),
        UNIT_TEST(threads_share_a_stop),
        UNIT_TEST(automatic_collection_by_growth),
        UNIT_TEST(makers_collect_what_they_made),
        UNIT_TEST(background_on_and_off),
        UNIT_TEST(background_is_not_switched_by_a_collection),
        UNIT_TEST(policies_switch_while_running),
    };
    return UNIT_MAIN(tests);
}
