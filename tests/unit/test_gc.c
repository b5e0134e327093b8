/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_gc.c - the collector: exact counts for every shape, what it must not touch, freezing,
 * thresholds, callbacks, reports.
 */
#include "rings.h"

static void rings_of_many_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 100, 4097, 20000};
    for (size_t i = 0; i < 6; i++) {
        ou_decref(ring(sizes[i]));
        assert_int_equal(ou_gc_collect(), sizes[i]);
        assert_int_equal(ou_gc_collect(), 0);
    }
}

/* References that lead far away, forwards and backwards: every counter is reached, none twice.
 */
static void rings_in_random_order(void **state)
{
    (void)state;
    enum { N = 30000 };
    static ou_object *nodes[N];
    uint64_t x = 7;
    for (int i = 0; i < N; i++) {
        nodes[i] = ou_instance_new(node());
    }
    for (size_t i = N - 1; i > 0; i--) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        size_t j = (size_t)(x >> 33) % (i + 1);
        ou_object *swap = nodes[i];
        nodes[i] = nodes[j];
        nodes[j] = swap;
    }
    ou_object *held = ou_incref(nodes[N / 2]);
    ou_object *half = ou_list_new(0);
    for (int i = 0; i < N; i++) {
        assert_ok(ou_attr_set_at(nodes[i], 0, nodes[(i + 1) % N]));
        if (i % 2) {
            assert_ok(ou_list_append(half, nodes[i]));
        }
    }
    assert_ok(ou_attr_set_at_steal(nodes[1], 1, half)); /* a long list inside */
    for (int i = 0; i < N; i++) {
        ou_decref(nodes[i]);
    }
    assert_int_equal(ou_gc_collect(), 0);
    ou_object *o = ou_incref(held);
    for (int i = 0; i < N; i++) {
        ou_object *next = ou_attr_get_at(o, 0);
        ou_decref(o);
        o = next;
    }
    assert_ptr_equal(o, held);
    ou_decref(o);
    ou_decref(held);
    assert_int_equal(ou_gc_collect(), N + 1);
}

static void nothing_to_collect(void **state)
{
    (void)state;
    assert_int_equal(ou_gc_collect(), 0);
    ou_object *list = ou_list_new(0);
    assert_int_equal(ou_gc_collect(), 0);
    ou_decref(list);
    assert_int_equal(ou_gc_collect(), 0);
}

static void each_container_may_close_a_cycle(void **state)
{
    (void)state;
    ou_object *list = ou_list_new(0);
    assert_ok(ou_list_append(list, list));
    ou_decref(list);
    assert_int_equal(ou_gc_collect(), 1);

    ou_object *dict = ou_dict_new(0);
    assert_ok(ou_dict_set(dict, ou_none(), dict));
    ou_decref(dict);
    assert_int_equal(ou_gc_collect(), 1);

    ou_object *self = ou_instance_new(node());
    assert_ok(ou_attr_set_at(self, 1, self));
    ou_decref(self);
    assert_int_equal(ou_gc_collect(), 1);

    list = ou_list_new(0);
    ou_object *tuple = ou_tuple_new(&list, 1);
    assert_ok(ou_list_append_steal(list, tuple));
    ou_decref(list);
    assert_int_equal(ou_gc_collect(), 2);

    ou_object *key = ou_instance_new(node()); /* through a key of a dict */
    dict = ou_dict_new(0);
    assert_ok(ou_dict_set(dict, key, ou_none()));
    assert_ok(ou_attr_set_at_steal(key, 0, dict));
    ou_decref(key);
    assert_int_equal(ou_gc_collect(), 2);
}

static void many_references_between_the_same_two(void **state)
{
    (void)state;
    ou_object *list = ou_list_new(0);
    for (int i = 0; i < 1000; i++) {
        assert_ok(ou_list_append(list, list));
    }
    assert_int_equal(ou_refcount(list), 1001);
    assert_int_equal(ou_gc_collect(), 0);
    ou_decref(list);
    assert_int_equal(ou_gc_collect(), 1);
}

static void one_outside_reference_saves_all(void **state)
{
    (void)state;
    ou_object *held = ring(1000);
    for (int i = 0; i < 10; i++) {
        ou_decref(ring(10));
    }
    assert_int_equal(ou_gc_collect(), 100);
    size_t n = 0;
    ou_object *o = ou_incref(held);
    do {
        ou_object *next = ou_attr_get_at(o, 0);
        assert_non_null(next);
        ou_decref(o);
        o = next;
        n++;
    } while (o != held);
    ou_decref(o);
    assert_int_equal(n, 1000);
    ou_decref(held);
    assert_int_equal(ou_gc_collect(), 1000);
}

static void live_things_hanging_off_garbage_stay(void **state)
{
    (void)state;
    ou_object *kept = ou_list_new(0);
    ou_object *r = ring(5);
    assert_ok(ou_attr_set_at(r, 1, kept));
    assert_int_equal(ou_refcount(kept), 2);
    ou_decref(r);
    assert_int_equal(ou_gc_collect(), 5);
    assert_int_equal(ou_refcount(kept), 1);
    assert_int_equal(ou_list_len(kept), 0);
    ou_decref(kept);
}

static void leaves_of_garbage_are_freed(void **state)
{
    (void)state;
    ou_object *leaf = ou_str("a leaf of garbage");
    ou_object *r = ring(3);
    assert_ok(ou_attr_set_at(r, 1, leaf));
    ou_decref(r);
    assert_int_equal(ou_gc_collect(), 3);
    assert_int_equal(ou_refcount(leaf), 1);
    ou_decref(leaf);
}

static void containers_are_tracked(void **state)
{
    (void)state;
    ou_object *yes[] = {ou_list_new(0), ou_dict_new(0), ou_instance_new(node())};
    ou_object *no[] = {ou_none(), ou_int_new(99999), ou_float_new(1), ou_str("untracked")};
    for (int i = 0; i < 3; i++) {
        assert_true(ou_gc_is_tracked(yes[i]));
        ou_decref(yes[i]);
    }
    for (int i = 0; i < 4; i++) {
        assert_false(ou_gc_is_tracked(no[i]));
        ou_decref(no[i]);
    }
}

static void report_is_filled(void **state)
{
    (void)state;
    ou_object *live = ring(10);
    ou_decref(ring(7));
    ou_gc_report report;
    memset(&report, 0xff, sizeof(report));
    assert_int_equal(ou_gc_collect_report(&report), 7);
    assert_int_equal(report.unreachable, 7);
    assert_int_equal(report.resurrected, 0);
    assert_int_equal(report.finalized, 0);
    assert_true(report.examined >= 17);
    assert_true(report.total_ns > 0);
    assert_true(report.stop_ns <= report.total_ns);
    assert_false(report.automatic);
    ou_decref(live);
    assert_int_equal(ou_gc_collect(), 10);
}

static void counters_agree(void **state)
{
    (void)state;
    uint64_t runs = ou_stat("gc_collections");
    uint64_t found = ou_stat("gc_unreachable");
    ou_decref(ring(12));
    ou_gc_collect();
    assert_int_equal(ou_stat("gc_collections") - runs, 1);
    assert_int_equal(ou_stat("gc_unreachable") - found, 12);
}

static void frozen_objects_are_out_of_sight(void **state)
{
    (void)state;
    ou_object *r = ring(10);
    uint64_t frozen = ou_gc_freeze();
    assert_true(frozen >= 10);
    ou_decref(r);
    assert_int_equal(ou_gc_collect(), 0);
    ou_decref(ring(4)); /* made after: still collected */
    assert_int_equal(ou_gc_collect(), 4);
    assert_int_equal(ou_gc_unfreeze(), frozen);
    assert_int_equal(ou_gc_collect(), 10);
    assert_int_equal(ou_gc_unfreeze(), 0);
}

static void frozen_objects_still_die_by_count(void **state)
{
    (void)state;
    ou_object *list = ou_list_new(0);
    ou_object *ref = ou_weakref_new(list, NULL, NULL);
    ou_gc_freeze();
    ou_decref(list);
    assert_null(ou_weakref_get(ref));
    ou_decref(ref);
    ou_gc_unfreeze();
}

static void thresholds_and_switches(void **state)
{
    (void)state;
    assert_false(ou_gc_is_enabled());
    ou_gc_enable();
    assert_true(ou_gc_is_enabled());
    int64_t on = 0;
    assert_ok(ou_knob_get("gc_auto", &on));
    assert_int_equal(on, 1);
    ou_gc_disable();
    assert_false(ou_gc_is_enabled());
    assert_ok(ou_gc_threshold_set((size_t)1 << 20, 1000));
    assert_fails(ou_gc_threshold_set((size_t)1 << 20, 1001), OU_EINVAL);
    assert_ok(ou_gc_threshold_set((size_t)8 << 20, 50));
}

static void objects_are_listed(void **state)
{
    (void)state;
    enum { N = 64, MAX = 100000 };
    static ou_object *all[MAX];
    size_t before = ou_gc_objects(NULL, 0);
    ou_object *held = ring(N);
    ou_object *text = ou_str("not tracked");
    size_t n = ou_gc_objects(all, MAX);
    assert_int_equal(n, before + N);
    assert_true(n <= MAX);
    int found = 0;
    for (size_t i = 0; i < n; i++) {
        found += all[i] == held;
        assert_ptr_not_equal(all[i], text);
        assert_true(ou_gc_is_tracked(all[i]));
        ou_decref(all[i]);
    }
    assert_int_equal(found, 1);
    assert_int_equal(ou_gc_objects(all, 1), n); /* more than fit: one reference, all counted */
    ou_decref(all[0]);
    ou_decref(text);
    ou_decref(held);
    assert_int_equal(ou_gc_collect(), N);
    assert_int_equal(ou_gc_objects(NULL, 0), before);
}

static int before_calls;
static int after_calls;
static uint64_t last_unreachable;

static void note_gc(const ou_gc_report *report, void *arg)
{
    assert_ptr_equal(arg, &before_calls);
    if (report) {
        after_calls++;
        last_unreachable = report->unreachable;
    } else {
        before_calls++;
    }
    assert_int_equal(ou_gc_collect(), 0); /* from a callback: at once */
}

static void ignore_gc(const ou_gc_report *report, void *arg)
{
    (void)report;
    (void)arg;
}

static void callbacks_before_and_after(void **state)
{
    (void)state;
    assert_ok(ou_gc_callback_add(note_gc, &before_calls));
    ou_decref(ring(9));
    assert_int_equal(ou_gc_collect(), 9);
    assert_int_equal(before_calls, 1);
    assert_int_equal(after_calls, 1);
    assert_int_equal(last_unreachable, 9);
    for (int i = 1; i < 8; i++) {
        assert_ok(ou_gc_callback_add(ignore_gc, NULL));
    }
    assert_fails(ou_gc_callback_add(ignore_gc, NULL), OU_ELIMIT);
    ou_gc_collect();
    assert_int_equal(after_calls, 2);
    assert_ok(ou_gc_callback_remove(note_gc, &before_calls));
    assert_fails(ou_gc_callback_remove(note_gc, &before_calls), OU_EINVAL);
    assert_fails(ou_gc_callback_add(NULL, NULL), OU_EINVAL);
    ou_gc_collect();
    assert_int_equal(after_calls, 2);
    assert_ok(ou_gc_callback_add(ignore_gc, NULL)); /* into the place that is free again */
    for (int i = 0; i < 8; i++) {
        assert_ok(ou_gc_callback_remove(ignore_gc, NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(rings_of_many_sizes),
        UNIT_TEST(rings_in_random_order),
        UNIT_TEST(nothing_to_collect),
        UNIT_TEST(each_container_may_close_a_cycle),
        UNIT_TEST(many_references_between_the_same_two),
        UNIT_TEST(one_outside_reference_saves_all),
        UNIT_TEST(live_things_hanging_off_garbage_stay),
        UNIT_TEST(leaves_of_garbage_are_freed),
        UNIT_TEST(containers_are_tracked),
        UNIT_TEST(report_is_filled),
        UNIT_TEST(counters_agree),
        UNIT_TEST(frozen_objects_are_out_of_sight),
        UNIT_TEST(frozen_objects_still_die_by_count),
        UNIT_TEST(thresholds_and_switches),
        UNIT_TEST(objects_are_listed),
        UNIT_TEST(callbacks_before_and_after),
    };
    return UNIT_MAIN(tests);
}
