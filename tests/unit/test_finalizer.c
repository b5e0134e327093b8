/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_finalizer.c - finalizers: once per object, by counting and by the collector;
 * resurrection of one object, of a group, of a neighbour; what a finalizer may see and do.
 */
#include "support/unit.h"

static int runs;
static ou_object *saved[4];
static int saved_n;

static int note_run(ou_object *self, void *arg)
{
    (void)arg;
    assert_true(ou_is_instance(self));
    runs++;
    return 0;
}

static int save_self(ou_object *self, void *arg)
{
    note_run(self, arg);
    assert_true(saved_n < 4);
    saved[saved_n++] = ou_incref(self);
    return 0;
}

/* A class per finalizer, made once. */
static const ou_type *class_with(ou_finalizer finalizer)
{
    static struct {
        ou_finalizer finalizer;
        const ou_type *cls;
    } made[16];
    for (int i = 0; i < 16; i++) {
        if (!made[i].cls) {
            made[i].finalizer = finalizer;
            made[i].cls = ou_class_new("Final", NULL, 0, false, finalizer, NULL);
            assert_non_null(made[i].cls);
        }
        if (made[i].finalizer == finalizer) {
            return made[i].cls;
        }
    }
    fail();
    return NULL;
}

static ou_object *make(ou_finalizer finalizer)
{
    ou_object *o = ou_instance_new(class_with(finalizer));
    assert_non_null(o);
    return o;
}

static void link_to(ou_object *from, const char *name, ou_object *to)
{
    assert_ok(ou_attr_set(from, name, to));
}

static int reset(void **state)
{
    runs = 0;
    saved_n = 0;
    return unit_before(state);
}
#define FINAL_TEST(f) cmocka_unit_test_setup_teardown(f, reset, unit_after)

static void runs_once_by_counting(void **state)
{
    (void)state;
    ou_object *o = make(note_run);
    ou_incref(o);
    ou_decref(o);
    assert_int_equal(runs, 0);
    ou_decref(o);
    assert_int_equal(runs, 1);
}

static void runs_once_for_each_of_a_cycle(void **state)
{
    (void)state;
    ou_object *o[3];
    for (int i = 0; i < 3; i++) {
        o[i] = make(note_run);
    }
    for (int i = 0; i < 3; i++) {
        link_to(o[i], "next", o[(i + 1) % 3]);
    }
    for (int i = 0; i < 3; i++) {
        ou_decref(o[i]);
    }
    assert_int_equal(runs, 0);
    ou_gc_report report = {0};
    assert_int_equal(ou_gc_collect_report(&report), 3);
    assert_int_equal(runs, 3);
    assert_int_equal(report.finalized, 3);
    assert_int_equal(report.unreachable, 3);
    assert_int_equal(report.resurrected, 0);
}

static void resurrected_by_counting_runs_once(void **state)
{
    (void)state;
    ou_object *o = make(save_self);
    link_to(o, "kept", ou_true());
    ou_decref(o);
    assert_int_equal(saved_n, 1);
    assert_ptr_equal(saved[0], o);
    assert_int_equal(ou_refcount(o), 1);
    assert_ptr_equal(ou_attr_get(o, "kept"), ou_true()); /* nothing of it was cleared */
    ou_decref(saved[0]);
    assert_int_equal(runs, 1);
}

static void resurrected_cycle_survives_whole(void **state)
{
    (void)state;
    ou_object *phoenix = make(save_self);
    ou_object *mate = make(note_run);
    ou_object *bag = ou_list_new(0);
    link_to(phoenix, "mate", mate);
    link_to(mate, "mate", phoenix);
    link_to(mate, "bag", bag);
    ou_decref(bag);
    ou_decref(mate);
    ou_decref(phoenix);
    ou_gc_report report = {0};
    assert_int_equal(ou_gc_collect_report(&report), 0);
    assert_int_equal(report.resurrected, 3);
    assert_int_equal(runs, 2);
    ou_object *found = ou_attr_get(saved[0], "mate");
    ou_object *found_bag = ou_attr_get(found, "bag");
    assert_true(ou_is_list(found_bag));
    ou_decref(found_bag);
    ou_decref(found);
    assert_int_equal(ou_gc_collect(), 0);
    ou_decref(saved[0]);
    assert_int_equal(ou_gc_collect(), 3); /* finalized already: now they just go */
    assert_int_equal(runs, 2);
}

static void the_rest_of_the_garbage_goes(void **state)
{
    (void)state;
    /* Two separate cycles: one saves itself, the other one must not be kept by that. */
    ou_object *phoenix = make(save_self);
    link_to(phoenix, "self", phoenix);
    ou_decref(phoenix);
    ou_object *plain = make(note_run);
    link_to(plain, "self", plain);
    ou_decref(plain);
    ou_gc_report report = {0};
    assert_int_equal(ou_gc_collect_report(&report), 1);
    assert_int_equal(report.resurrected, 1);
    assert_int_equal(runs, 2);
    ou_decref(saved[0]);
    assert_int_equal(ou_gc_collect(), 1);
    assert_int_equal(runs, 2);
}

static int save_mate(ou_object *self, void *arg)
{
    note_run(self, arg);
    saved[saved_n++] = ou_attr_get(self, "mate");
    return 0;
}

static void neighbour_saved_keeps_what_it_refers_to(void **state)
{
    (void)state;
    ou_object *a = make(save_mate);
    ou_object *b = ou_list_new(0);
    link_to(a, "mate", b);
    assert_ok(ou_list_append(b, a));
    ou_decref(a);
    ou_decref(b);
    assert_int_equal(ou_gc_collect(), 0);
    assert_ptr_equal(saved[0], b);
    ou_object *back = ou_list_get(b, 0);
    assert_ptr_equal(back, a);
    ou_decref(back);
    ou_decref(saved[0]);
    assert_int_equal(ou_gc_collect(), 2);
    assert_int_equal(runs, 1);
}

static int whole_mates;

static int check_mate_is_whole(ou_object *self, void *arg)
{
    note_run(self, arg);
    ou_object *mate = ou_attr_get(self, "mate");
    assert_non_null(mate);
    ou_object *name = ou_attr_get(mate, "name");
    ou_object *back = ou_attr_get(mate, "mate");
    whole_mates += name != NULL && back == self;
    ou_xdecref(name);
    ou_xdecref(back);
    ou_decref(mate);
    return 0;
}

static void all_run_before_any_is_cleared(void **state)
{
    (void)state;
    whole_mates = 0;
    ou_object *a = make(check_mate_is_whole);
    ou_object *b = make(check_mate_is_whole);
    ou_object *name = ou_str("a name");
    link_to(a, "name", name);
    link_to(b, "name", name);
    link_to(a, "mate", b);
    link_to(b, "mate", a);
    ou_decref(name);
    ou_decref(a);
    ou_decref(b);
    assert_int_equal(ou_gc_collect(), 2);
    assert_int_equal(whole_mates, 2);
}

static int break_cycle(ou_object *self, void *arg)
{
    note_run(self, arg);
    return ou_attr_set(self, "next", NULL);
}

static void finalizer_may_break_the_cycle(void **state)
{
    (void)state;
    ou_object *a = make(break_cycle);
    ou_object *b = make(break_cycle);
    link_to(a, "next", b);
    link_to(b, "next", a);
    ou_object *ref = ou_weakref_new(a, NULL, NULL);
    ou_decref(a);
    ou_decref(b);
    ou_gc_collect();
    assert_int_equal(runs, 2);
    assert_null(ou_weakref_get(ref));
    ou_decref(ref);
    assert_int_equal(ou_gc_collect(), 0);
}

static int64_t collected_inside;

static int collect_inside(ou_object *self, void *arg)
{
    note_run(self, arg);
    ou_object *list = ou_list_new(1);
    ou_list_append(list, list);
    ou_decref(list);
    collected_inside = ou_gc_collect();
    return 0;
}

static void collecting_is_not_reentrant(void **state)
{
    (void)state;
    ou_object *a = make(collect_inside);
    link_to(a, "self", a);
    ou_decref(a);
    collected_inside = -1;
    assert_int_equal(ou_gc_collect(), 1);
    assert_int_equal(collected_inside, 0);
    assert_int_equal(ou_gc_collect(), 1); /* the list that the finalizer left */
}

/* Each member of a dying chain collects from its finalizer while others wait for their death:
 * nothing that is half dead may be found by the collector. */
static void collecting_inside_a_dying_chain(void **state)
{
    (void)state;
    enum { N = 50 };
    ou_object *head = make(collect_inside);
    for (int i = 1; i < N; i++) {
        ou_object *wrap = ou_list_of(&head, 1);
        ou_object *o = make(collect_inside);
        link_to(o, "wrapped", wrap);
        link_to(o, "next", head);
        ou_decref(wrap);
        ou_decref(head);
        head = o;
    }
    ou_decref(head);
    assert_int_equal(runs, N);
    ou_gc_collect();
    assert_int_equal(ou_heap_check(), 0);
}

static int make_another(ou_object *self, void *arg)
{
    note_run(self, arg);
    if (runs < 100) {
        ou_decref(ou_instance_new(ou_type_of(self)));
    }
    return 0;
}

static void finalizer_may_make_more_of_its_kind(void **state)
{
    (void)state;
    ou_decref(make(make_another));
    assert_int_equal(runs, 100);
}

static int report_failure(ou_object *self, void *arg)
{
    note_run(self, arg);
    return -7;
}

static void failure_is_counted_and_ignored(void **state)
{
    (void)state;
    uint64_t failed = ou_stat("finalizers_failed");
    uint64_t ran = ou_stat("finalizers_run");
    ou_object *a = make(report_failure);
    link_to(a, "self", a);
    ou_decref(a);
    ou_gc_report report;
    assert_int_equal(ou_gc_collect_report(&report), 1);
    assert_int_equal(report.failed, 1);
    ou_decref(make(report_failure));
    assert_int_equal(runs, 2);
    assert_int_equal(ou_stat("finalizers_failed") - failed, 2);
    assert_int_equal(ou_stat("finalizers_run") - ran, 2);
}

static int count_in_argument(ou_object *self, void *arg)
{
    (void)self;
    ++*(int *)arg;
    return 0;
}

static void argument_is_passed(void **state)
{
    (void)state;
    static int counted;
    const ou_type *cls = ou_class_new("Arg", NULL, 0, false, count_in_argument, &counted);
    ou_decref(ou_instance_new(cls));
    assert_int_equal(counted, 1);
}

/* A chain of finalizable objects dies by one decref, front to back, without recursion. */
static void chain_runs_all(void **state)
{
    (void)state;
    enum { N = 100000 };
    ou_object *head = make(note_run);
    const ou_type *cls = ou_type_of(head);
    int next_at = ou_class_attr(cls, "next");
    for (int i = 1; i < N; i++) {
        ou_object *o = ou_instance_new(cls);
        assert_int_equal(ou_attr_set_at_steal(o, next_at, head), OU_OK);
        head = o;
    }
    ou_decref(head);
    assert_int_equal(runs, N);
}

static void garbage_hanging_off_a_cycle_is_finalized(void **state)
{
    (void)state;
    ou_object *ring = ou_list_new(0);
    ou_object *leaf = make(note_run);
    assert_ok(ou_list_append(ring, ring));
    assert_ok(ou_list_append_steal(ring, leaf));
    ou_decref(ring);
    assert_int_equal(ou_gc_collect(), 2);
    assert_int_equal(runs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FINAL_TEST(runs_once_by_counting),
        FINAL_TEST(runs_once_for_each_of_a_cycle),
        FINAL_TEST(resurrected_by_counting_runs_once),
        FINAL_TEST(resurrected_cycle_survives_whole),
        FINAL_TEST(the_rest_of_the_garbage_goes),
        FINAL_TEST(neighbour_saved_keeps_what_it_refers_to),
        FINAL_TEST(all_run_before_any_is_cleared),
        FINAL_TEST(finalizer_may_break_the_cycle),
        FINAL_TEST(collecting_is_not_reentrant),
        FINAL_TEST(collecting_inside_a_dying_chain),
        FINAL_TEST(finalizer_may_make_more_of_its_kind),
        FINAL_TEST(failure_is_counted_and_ignored),
        FINAL_TEST(argument_is_passed),
        FINAL_TEST(chain_runs_all),
        FINAL_TEST(garbage_hanging_off_a_cycle_is_finalized),
    };
    return UNIT_MAIN(tests);
}
