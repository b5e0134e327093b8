/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_weak_garbage.c - weakrefs while the collector is at work: who is called and who is not,
 * what a callback can reach and do, weakrefs that finalizers and callbacks make. Each by a
 * collection in one stop and by one in short stops.
 *
 * What CPython's test_weakref and test_gc pin down for cyclic trash, as far as it has a meaning
 * for callbacks that are C functions.
 */
#include "rings.h"

static int calls;

/* Both ways to collect; a test runs once by each. */
static int64_t in_one_stop(void)
{
    return ou_gc_collect();
}

static int64_t in_short_stops(void)
{
    return ou_gc_collect_sliced(NULL);
}

typedef int64_t (*way)(void);
static const way ways[] = {in_one_stop, in_short_stops};
#define EACH_WAY(collect)                                                                      \
    for (const way *collect##_at = ways; collect##_at < ways + 2; collect##_at++)              \
        for (way collect = *collect##_at; collect; collect = NULL)

static void note_call(ou_object *ref, void *arg)
{
    (void)arg;
    assert_null(ou_weakref_get(ref));
    calls++;
}

static void never_call(ou_object *ref, void *arg)
{
    (void)ref, (void)arg;
    fail_msg("the callback of a weakref that is garbage itself was called");
}

/* ---- who is called -------------------------------------------------------------------------
 */

enum { MANY = 20 };
static ou_object *all_refs[MANY];

static void look_at_all(ou_object *ref, void *arg)
{
    note_call(ref, arg);
    for (int i = 0; i < MANY; i++) {
        assert_null(ou_weakref_get(all_refs[i]));
    }
}

/* Groups that know nothing of each other: all of their weakrefs are dead when the first
 * callback runs, so that none can bring a member of another group back. */
static void all_groups_are_out_of_reach_first(void **state)
{
    (void)state;
    EACH_WAY(collect)
    {
        for (int i = 0; i < MANY; i++) {
            ou_object *o = ring(2);
            all_refs[i] = ou_weakref_new(o, i % 3 ? look_at_all : NULL, NULL);
            ou_decref(o);
        }
        calls = 0;
        assert_int_equal(collect(), 2 * MANY);
        assert_int_equal(calls, MANY - (MANY + 2) / 3);
        for (int i = 0; i < MANY; i++) {
            ou_decref(all_refs[i]);
        }
    }
}

/* The weakref is garbage, though nothing leads to it from what it refers to, nor back. */
static void garbage_elsewhere_is_not_called(void **state)
{
    (void)state;
    EACH_WAY(collect)
    {
        ou_object *target = ring(2), *holder = ring(2);
        ou_object *ref = ou_weakref_new(target, never_call, NULL);
        assert_ok(ou_attr_set_at_steal(holder, 1, ref));
        ou_decref(target);
        ou_decref(holder);
        assert_int_equal(collect(), 5);
    }
}

static ou_object *kept_holder;

static void keep_holder(ou_object *ref, void *arg)
{
    note_call(ref, NULL);
    kept_holder = ou_incref(arg);
}

/* In short stops large groups are judged in turn: the weakref may be called while its own group
 * waits to be judged. It is whole then, and what its callback takes lives on. */
static void garbage_that_waits_for_its_stop_is_whole(void **state)
{
    (void)state;
    enum { N = 3000 };
    assert_ok(ou_knob_set("gc_slice_us", "1"));
    for (int holder_first = 0; holder_first < 2; holder_first++) {
        ou_object *one = ring(N), *two = ring(N);
        ou_object *target = holder_first ? two : one, *holder = holder_first ? one : two;
        assert_ok(ou_attr_set_at_steal(holder, 1, ou_weakref_new(target, keep_holder, holder)));
        ou_decref(target);
        ou_decref(holder);
        calls = 0;
        int64_t found = in_short_stops();
        assert_in_range(calls, 0, 1);
        assert_int_equal(found, calls ? N : 2 * N + 1);
        if (calls) {
            assert_ptr_equal(kept_holder, holder);
            assert_int_equal(ring_length(kept_holder), N);
            ou_decref(kept_holder);
            assert_int_equal(in_short_stops(), N + 1);
            assert_int_equal(calls, 1);
        }
    }
    assert_ok(ou_knob_set("gc_slice_us", "200"));
}

/* The garbage holds the last reference to an object that the collector does not look at, which
 * dies while members are taken apart. Its weakref is a member: whoever made it, for instance
 * with the holder as argument, is not to be called with what is half gone (or freed: tuples end
 * last). */
static void falls_out(way collect, ou_object *(*wrap)(ou_object *const *items, size_t n))
{
    ou_object *frozen = ou_list_new(0);
    assert_true(ou_gc_freeze() >= 1);
    ou_object *holder = ring(1);
    ou_object *parts[2] = {frozen, ou_weakref_new(frozen, never_call, holder)};
    ou_object *outside = ou_weakref_new(frozen, note_call, NULL);
    assert_ok(ou_attr_set_at_steal(holder, 1, wrap(parts, 2)));
    ou_decref(parts[0]);
    ou_decref(parts[1]);
    ou_decref(holder);
    calls = 0;
    assert_int_equal(collect(), 3);
    assert_int_equal(calls, 1); /* a weakref that lives is told */
    assert_null(ou_weakref_get(outside));
    ou_decref(outside);
    ou_gc_unfreeze();
}

static void member_is_not_called_for_what_falls_out(void **state)
{
    (void)state;
    EACH_WAY(collect)
    {
        falls_out(collect, ou_list_of);
        falls_out(collect, ou_tuple_new);
    }
}

/* ---- what comes back -----------------------------------------------------------------------
 */

static ou_object *saved;
static int saves;

static int save_self(ou_object *self, void *arg)
{
    (void)arg;
    saves++;
    saved = ou_incref(self);
    return 0;
}

static const ou_type *saver(void)
{
    static const ou_type *cls;
    static const char *const attrs[] = {"next", "weak"};
    cls = cls ? cls : ou_class_new("Saver", attrs, 2, true, save_self, NULL);
    assert_non_null(cls);
    return cls;
}

/* A weakref that has read as nothing never reads as something again. One made afterwards is as
 * good as any. */
static void weakrefs_of_what_came_back_stay_dead(void **state)
{
    (void)state;
    EACH_WAY(collect)
    {
        ou_object *o = ou_instance_new(saver());
        assert_ok(ou_attr_set_at(o, 0, o));
        ou_object *old = ou_weakref_new(o, note_call, NULL);
        ou_decref(o);
        calls = saves = 0;
        assert_int_equal(collect(), 0);
        assert_int_equal(calls, 1);
        assert_ptr_equal(saved, o);
        assert_null(ou_weakref_get(old));
        assert_int_equal(ou_weakref_count(o), 0);

        ou_object *new = ou_weakref_new(o, note_call, NULL);
        ou_object *got = ou_weakref_get(new);
        assert_ptr_equal(got, o);
        ou_decref(got);
        ou_decref(saved);
        assert_int_equal(collect(), 1);
        assert_int_equal(calls, 2); /* the new one only */
        assert_int_equal(saves, 1);
        assert_null(ou_weakref_get(new));
        ou_decref(old);
        ou_decref(new);
    }
}

/* A member that is a weakref comes back with the rest: what it refers to, outside of the
 * garbage, was alive all the time. */
static void weakref_that_came_back_still_refers(void **state)
{
    (void)state;
    EACH_WAY(collect)
    {
        ou_object *outside = ou_list_new(0), *o = ou_instance_new(saver());
        assert_ok(ou_attr_set_at(o, 0, o));
        assert_ok(ou_attr_set_at_steal(o, 1, ou_weakref_new(outside, note_call, NULL)));
        ou_decref(o);
        assert_int_equal(collect(), 0);
        ou_object *ref = ou_attr_get_at(saved, 1), *got = ou_weakref_get(ref);
        assert_ptr_equal(got, outside);
        ou_decref(got);
        calls = 0;
        ou_decref(outside);
        assert_int_equal(calls, 1);
        ou_decref(ref);
        ou_decref(saved);
        assert_int_equal(collect(), 2);
    }
}

/* ---- made meanwhile ------------------------------------------------------------------------
 */

static ou_object *made_ref;

static int refer_to_self(ou_object *self, void *arg)
{
    (void)arg;
    made_ref = ou_weakref_new(self, note_call, NULL);
    ou_object *got = ou_weakref_get(made_ref);
    assert_ptr_equal(got, self); /* alive as long as its finalizer runs */
    ou_decref(got);
    return 0;
}

/* What a finalizer makes does not outlive what it refers to (CPython issue 1377858). */
static void made_by_a_finalizer(void **state)
{
    (void)state;
    static const char *const attrs[] = {"next"};
    const ou_type *cls = ou_class_new("Referrer", attrs, 1, true, refer_to_self, NULL);
    calls = 0;
    ou_decref(ou_instance_new(cls)); /* by counting */
    assert_int_equal(calls, 1);
    assert_null(ou_weakref_get(made_ref));
    ou_decref(made_ref);
    EACH_WAY(collect)
    {
        ou_object *o = ou_instance_new(cls);
        assert_ok(ou_attr_set_at(o, 0, o));
        ou_decref(o);
        calls = 0;
        assert_int_equal(collect(), 1);
        assert_int_equal(calls, 1);
        assert_null(ou_weakref_get(made_ref));
        ou_decref(made_ref);
    }
}

static int look_at_made(ou_object *self, void *arg)
{
    (void)self, (void)arg;
    assert_null(ou_weakref_get(made_ref));
    calls++;
    return 0;
}

/* Nor can it be had while the garbage is taken apart: what falls out then, because the
 * collector does not look at it, has a finalizer that tries. */
static void made_by_a_finalizer_is_dead_before_members_are_cleared(void **state)
{
    (void)state;
    static const char *const attrs[] = {"next", "frozen"};
    const ou_type *cls = ou_class_new("Referrer", attrs, 2, true, refer_to_self, NULL);
    const ou_type *looker = ou_class_new("Looker", NULL, 0, true, look_at_made, NULL);
    EACH_WAY(collect)
    {
        ou_object *frozen = ou_instance_new(looker);
        assert_true(ou_gc_freeze() >= 1);
        ou_object *values[2] = {NULL, frozen}, *o = ou_instance_of_steal(cls, values, 2);
        assert_ok(ou_attr_set_at(o, 0, o));
        ou_decref(o);
        calls = 0;
        assert_int_equal(collect(), 1);
        assert_int_equal(calls, 2); /* the weakref's callback, the finalizer of what fell out */
        ou_decref(made_ref);
        ou_gc_unfreeze();
    }
}

typedef struct renewal {
    ou_object *other; /* alive */
    ou_object *ref;   /* to it, made by the callback */
    ou_object *gone;  /* a weakref that the callback drops */
} renewal;

static void renew(ou_object *ref, void *arg)
{
    renewal *r = arg;
    note_call(ref, NULL);
    ou_decref(r->gone);
    r->gone = NULL;
    r->ref = ou_weakref_new(r->other, NULL, NULL);
    ou_object *lost = ring(3);
    ou_decref(ou_weakref_new(lost, never_call, NULL));
    ou_decref(lost);
    assert_int_equal(ou_gc_collect(), 0); /* inside of one: at once */
}

static void callbacks_make_and_drop_weakrefs(void **state)
{
    (void)state;
    EACH_WAY(collect)
    {
        ou_object *o = ring(2), *bystander = ring(2);
        renewal r = {.other = ou_list_new(0),
                     .gone = ou_weakref_new(bystander, note_call, NULL)};
        ou_object *ref = ou_weakref_new(o, renew, &r);
        ou_decref(o);
        calls = 0;
        assert_int_equal(collect(), 2);
        assert_int_equal(calls, 1);
        ou_object *got = ou_weakref_get(r.ref);
        assert_ptr_equal(got, r.other);
        ou_decref(got);
        ou_decref(ref);
        ou_decref(r.ref);
        ou_decref(r.other);
        assert_int_equal(ou_weakref_count(bystander), 0);
        assert_int_equal(collect(), 3); /* what the callback left */
        ou_decref(bystander);
        assert_int_equal(collect(), 2);
    }
}

/* ---- whoever asks for everything -----------------------------------------------------------
 */

#define TAKEN_MAX 4096u
static ou_object *taken[TAKEN_MAX];
static size_t taken_n;

static void take_all(ou_object *ref, void *arg)
{
    note_call(ref, arg);
    taken_n = ou_gc_objects(taken, TAKEN_MAX);
    assert_true(taken_n <= TAKEN_MAX);
}

/* Garbage that is got hold of nevertheless is either not given away or comes back whole. */
static void what_a_callback_takes_is_whole(void **state)
{
    (void)state;
    EACH_WAY(collect)
    {
        ou_object *o = ring(50);
        ou_object *ref = ou_weakref_new(o, take_all, NULL);
        ou_decref(o);
        calls = 0;
        int64_t freed = collect(), kept = 0;
        assert_int_equal(calls, 1);
        for (size_t i = 0; i < taken_n; i++) {
            if (ou_type_of(taken[i]) == node()) {
                ou_object *next = ou_attr_get_at(taken[i], 0);
                assert_non_null(next);
                ou_decref(next);
                kept++;
            }
        }
        assert_int_equal(freed + kept, 50);
        for (size_t i = 0; i < taken_n; i++) {
            ou_decref(taken[i]);
        }
        assert_int_equal(collect(), kept);
        assert_int_equal(calls, 1);
        ou_decref(ref);
    }
}

/* ---- a dict of weak values -----------------------------------------------------------------
 */

enum { KEYS = 60 };
static ou_object *cache;

static void forget(ou_object *ref, void *arg)
{
    (void)ref;
    ou_object *key = ou_int_new((int64_t)(intptr_t)arg);
    assert_ok(ou_dict_del(cache, key));
    ou_decref(key);
    calls++;
}

/* Values are members of rings and die by collections, in the middle of a walk over their dict:
 * those that are still ahead are not met any more. */
static void collections_under_a_walk(void **state)
{
    (void)state;
    EACH_WAY(collect)
    {
        ou_object *held[KEYS];
        cache = ou_dict_new(0);
        for (intptr_t i = 0; i < KEYS; i++) {
            held[i] = ring(2);
            ou_object *key = ou_int_new(1000 + i);
            ou_object *ref = ou_weakref_new(held[i], forget, (void *)(1000 + i));
            assert_ok(ou_dict_set(cache, key, ref));
            ou_decref(key);
            ou_decref(ref);
        }
        uint64_t pos = 0;
        ou_object *key = NULL, *ref = NULL;
        int met = 0;
        calls = 0;
        while (ou_dict_next(cache, &pos, &key, &ref) == 1) {
            intptr_t i = unit_int(key) - 1000;
            ou_object *value = ou_weakref_get(ref);
            assert_ptr_equal(value, held[i]); /* never a dead one */
            ou_decref(value);
            ou_decref(key);
            ou_decref(ref);
            met++;
            ou_decref(held[i]); /* the one that was met dies, and the one after the next */
            held[i] = NULL;
            if (i + 2 < KEYS) {
                ou_decref(held[i + 2]);
                held[i + 2] = NULL;
            }
            assert_int_equal(collect(), i + 2 < KEYS ? 4 : 2);
        }
        assert_int_equal(met, KEYS / 2);
        assert_int_equal(calls, KEYS);
        assert_int_equal(ou_dict_len(cache), 0);
        ou_decref(cache);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(all_groups_are_out_of_reach_first),
        UNIT_TEST(garbage_elsewhere_is_not_called),
        UNIT_TEST(garbage_that_waits_for_its_stop_is_whole),
        UNIT_TEST(member_is_not_called_for_what_falls_out),
        UNIT_TEST(weakrefs_of_what_came_back_stay_dead),
        UNIT_TEST(weakref_that_came_back_still_refers),
        UNIT_TEST(made_by_a_finalizer),
        UNIT_TEST(made_by_a_finalizer_is_dead_before_members_are_cleared),
        UNIT_TEST(callbacks_make_and_drop_weakrefs),
        UNIT_TEST(what_a_callback_takes_is_whole),
        UNIT_TEST(collections_under_a_walk),
    };
    return UNIT_MAIN(tests);
}
