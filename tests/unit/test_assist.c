/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_assist.c - collections of what was made lately (gc/assist.c), asked for directly: which
 * pages they look at, what they find there and leave elsewhere, how long they go on, when they
 * are due. That threads come to do them by themselves is torture/pacing's.
 *
 * With heap=malloc there are no pages, and nobody assists.
 */
#include "gc/gc.h"

#include "rings.h"

enum { MIB = 1 << 20 };

/* Numbers of what was told by the callbacks of collections. */
static struct {
    unsigned fresh, whole, fresh_all;
    uint64_t unreachable, examined;
} told;

static void note_gc(const ou_gc_report *report, void *arg)
{
    (void)arg;
    if (report) {
        told.fresh += report->fresh;
        told.whole += !report->fresh;
        told.fresh_all += report->fresh_all;
        told.unreachable += report->unreachable;
        told.examined += report->examined;
    }
}

static void listen(bool on)
{
    memset(&told, 0, sizeof told);
    assert_ok((on ? ou_gc_callback_add : ou_gc_callback_remove)(note_gc, NULL));
}

static int64_t collect_fresh(ou_gc_report *report)
{
    *report = (ou_gc_report){.fresh = true};
    assert_true(ou_gc_collect_fresh(report));
    return (int64_t)report->unreachable;
}

/* Nothing is fresh from here on: what is made next goes to pages that hold nothing older, as
 * far as it does not fit beside what stands in half full ones. */
static void begin(void)
{
    ou_gc_collect();
}

static void only_what_is_new_is_found(void **state)
{
    (void)state;
    enum { OLD = 50000, NEW = 3000 };
    ou_gc_report report;
    ou_object *old = ring(OLD);
    begin();
    ou_decref(old); /* garbage, but not made lately */
    ou_decref(ring(NEW));
    assert_int_equal(collect_fresh(&report), NEW);
    assert_true(report.fresh_all);
    assert_in_range(report.examined, NEW, OLD - 1);
    assert_int_equal(collect_fresh(&report), 0); /* each page once */
    assert_int_equal(report.examined, 0);
    assert_int_equal(ou_gc_collect(), OLD);
}

/* References from pages that are not looked at are references from outside. */
static void what_the_old_refer_to_stays(void **state)
{
    (void)state;
    ou_gc_report report;
    ou_object *old = ring(1000), *leaf = ou_float_new(1.5);
    begin();
    ou_object *kept = ring(500), *lost = ring(700);
    assert_ok(ou_attr_set_at_steal(old, 1, kept)); /* the only reference */
    assert_ok(ou_attr_set_at(lost, 1, leaf));
    ou_decref(lost);
    assert_int_equal(collect_fresh(&report), 700);
    assert_int_equal(ou_refcount(leaf), 1); /* dropped by what went */
    ou_decref(leaf);
    kept = ou_attr_get_at(old, 1);
    size_t n = 0;
    for (ou_object *o = ou_incref(kept); n == 0 || o != kept; n++) {
        ou_object *next = ou_attr_get_at(o, 0);
        ou_decref(o);
        o = next;
    }
    assert_int_equal(n, 500);
    ou_decref(kept); /* held by the loop */
    ou_decref(kept);
    ou_decref(old);
    assert_int_equal(ou_gc_collect(), 1500);
}

/* Finalizers and weakrefs as in any collection. */
static int finalized, called;

static void the_new_end_in_order(void **state)
{
    (void)state;
    static const char *const attrs[] = {"self"};
    ou_gc_report report;
    const ou_type *cls = ou_class_new("Ends", attrs, 1, true, unit_count_end, &finalized);
    begin();
    ou_object *o = ou_instance_new(cls);
    ou_object *ref = ou_weakref_new(o, unit_count_call, &called);
    assert_ok(ou_attr_set_at(o, 0, o));
    ou_decref(o);
    finalized = called = 0;
    assert_int_equal(collect_fresh(&report), 1);
    assert_int_equal(report.finalized, 1);
    assert_int_equal(finalized, 1);
    assert_int_equal(called, 1);
    ou_decref(ref);
}

/* More pages than one stop takes: as many rounds as it takes, while most is garbage. */
static void rounds_go_on_while_they_pay(void **state)
{
    (void)state;
    enum { N = 6 * MIB / 32 }; /* 96 pages, 32 a round (and 128 that a thread remembers) */
    begin();
    ou_decref(ring(N)); /* one ring over all pages: each round sees a part of it, which lives */
    listen(true);
    ou_gc_assist_try();
    assert_true(ou_gc_assist_pays());
    ou_gc_assist();
    assert_int_equal(told.fresh, 1); /* it did not pay: no second round */
    assert_int_equal(told.unreachable, 0);
    assert_false(ou_gc_assist_pays());
    listen(false);
    assert_int_equal(ou_gc_collect(), N);

    begin();
    for (int i = 0; i < N / 32; i++) {
        ou_decref(ring(32)); /* in one page each, but for a few */
    }
    listen(true);
    ou_gc_assist_try();
    ou_gc_assist();
    assert_true(told.fresh >= 3);
    assert_int_equal(told.whole, 0);
    assert_int_equal(told.fresh_all, 1); /* the last one, and it is over */
    assert_in_range(told.unreachable, N / 10 * 9, N);
    assert_in_range(told.examined, told.unreachable, N + 1000);
    assert_true(ou_gc_assist_pays());
    listen(false);
    ou_gc_collect();
}

/* All is said to be seen exactly when nothing is left to see. */
static void all_is_all(void **state)
{
    (void)state;
    for (size_t pages = 28; pages < 38; pages++) {
        ou_gc_report first, second;
        begin();
        ou_object *live = ring(pages * 65536 / 32);
        collect_fresh(&first);
        collect_fresh(&second);
        assert_int_equal(first.fresh_all, second.examined == 0);
        ou_decref(live);
        ou_gc_collect();
    }
}

/* When half of what was looked at lives it does not pay. */
static void living_objects_do_not_pay(void **state)
{
    (void)state;
    enum { N = 20000 };
    for (int more = 0; more < 2; more++) {
        begin();
        ou_object *live = ring(N);
        size_t dead =
            N - N / 4 + (size_t)more * N / 2; /* three quarters of it, five quarters */
        for (size_t i = 0; i < dead / 20; i++) {
            ou_decref(ring(20));
        }
        listen(true);
        ou_gc_assist_try();
        ou_gc_assist();
        assert_true(told.fresh >= 1);
        assert_int_equal(ou_gc_assist_pays(), more);
        listen(false);
        ou_decref(live);
        ou_gc_collect();
    }
}

/* Due: it pays, and growth since the last one is a MiB, or an eighth of a small step. */
static void due_by_growth(void **state)
{
    (void)state;
    ou_gc_assist_try();
    ou_gc_assist_from(5 * MIB);
    assert_false(ou_gc_assist_due(6 * MIB - 1, 80 * MIB));
    assert_true(ou_gc_assist_due(6 * MIB, 80 * MIB));
    assert_false(ou_gc_assist_due(5 * MIB + MIB / 8 - 1, MIB));
    assert_true(ou_gc_assist_due(5 * MIB + MIB / 8, MIB));
    ou_gc_assist(); /* nothing to find: it does not pay */
    assert_false(ou_gc_assist_pays());
    assert_false(ou_gc_assist_due(INT64_MAX / 2, MIB));
    ou_gc_assist_try();
    assert_false(ou_gc_assist_due((int64_t)ou_gc_pacing_growth() + MIB / 8 - 1, MIB));
    assert_true(ou_gc_assist_due((int64_t)ou_gc_pacing_growth() + MIB / 8, MIB));
}

/* A whole collection has seen everything: nothing is fresh after it. */
static void whole_collections_leave_nothing_fresh(void **state)
{
    (void)state;
    ou_gc_report report;
    ou_object *live = ring(30000);
    ou_gc_collect();
    collect_fresh(&report);
    assert_true(report.examined < 30000);
    ou_decref(live);
    assert_int_equal(ou_gc_collect(), 30000);
}

static void inside_of_one_nobody_assists(const ou_gc_report *report, void *arg)
{
    ou_gc_report mine = {.fresh = true};
    (void)report, (void)arg;
    assert_false(ou_gc_collect_fresh(&mine));
}

static void not_inside_another(void **state)
{
    (void)state;
    assert_ok(ou_gc_callback_add(inside_of_one_nobody_assists, NULL));
    ou_gc_collect();
    assert_ok(ou_gc_callback_remove(inside_of_one_nobody_assists, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(only_what_is_new_is_found),
        UNIT_TEST(what_the_old_refer_to_stays),
        UNIT_TEST(the_new_end_in_order),
        UNIT_TEST(rounds_go_on_while_they_pay),
        UNIT_TEST(all_is_all),
        UNIT_TEST(living_objects_do_not_pay),
        UNIT_TEST(due_by_growth),
        UNIT_TEST(whole_collections_leave_nothing_fresh),
        UNIT_TEST(not_inside_another),
    };
    return UNIT_MAIN(tests);
}
