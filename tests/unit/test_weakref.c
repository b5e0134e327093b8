/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_weakref.c - weakrefs: which types, when they read as nothing, when callbacks are called
 * and when not, by counting and by the collector.
 */
#include "rings.h"

static int calls;
static ou_object *called_with[8];

static void note_call(ou_object *ref, void *arg)
{
    (void)arg;
    assert_null(ou_weakref_get(ref));
    assert_true(calls < 8);
    called_with[calls++] = ref;
}

static const ou_type *thing(void)
{
    static const ou_type *cls;
    cls = cls ? cls : ou_class_new("Thing", NULL, 0, false, NULL, NULL);
    assert_non_null(cls);
    return cls;
}

static void containers_only(void **state)
{
    (void)state;
    ou_object *one = ou_none();
    ou_object *yes[] = {ou_list_new(0), ou_dict_new(0), ou_tuple_new(&one, 1),
                        ou_instance_new(thing())};
    for (int i = 0; i < 4; i++) {
        ou_object *ref = ou_weakref_new(yes[i], NULL, NULL);
        assert_non_null(ref);
        assert_true(ou_is_weakref(ref));
        assert_false(ou_is_weakref(yes[i]));
        assert_int_equal(ou_refcount(yes[i]), 1);
        ou_object *got = ou_weakref_get(ref);
        assert_ptr_equal(got, yes[i]);
        assert_int_equal(ou_refcount(got), 2);
        ou_decref(got);
        ou_decref(yes[i]);
        assert_null(ou_weakref_get(ref));
        ou_decref(ref);
    }
    ou_object *no[] = {ou_none(), ou_int_new(12345), ou_float_new(1), ou_str("no weakrefs")};
    for (int i = 0; i < 4; i++) {
        assert_null_with(ou_weakref_new(no[i], NULL, NULL), OU_ETYPE);
        ou_decref(no[i]);
    }
}

static void get_sets_no_error(void **state)
{
    (void)state;
    ou_object *list = ou_list_new(0);
    ou_object *ref = ou_weakref_new(list, NULL, NULL);
    assert_null_with(ou_list_pop(list), OU_EINDEX);
    ou_decref(list);
    assert_null(ou_weakref_get(ref));
    assert_int_equal(ou_error(), OU_EINDEX); /* still the last failure */
    ou_decref(ref);
}

static void count_follows(void **state)
{
    (void)state;
    ou_object *list = ou_list_new(0);
    ou_object *refs[5];
    assert_int_equal(ou_weakref_count(list), 0);
    for (size_t i = 0; i < 5; i++) {
        refs[i] = ou_weakref_new(list, note_call, NULL);
        assert_int_equal(ou_weakref_count(list), i + 1);
    }
    static const int drop_order[] = {2, 0, 4, 1, 3};
    calls = 0;
    for (size_t i = 0; i < 5; i++) {
        ou_decref(refs[drop_order[i]]);
        assert_int_equal(ou_weakref_count(list), 4 - i);
    }
    ou_decref(list);
    assert_int_equal(calls, 0); /* the weakrefs went first: nobody is told */
}

/* Weakrefs to many objects lie in few places; each is counted for its own. */
static void count_is_of_one_target(void **state)
{
    (void)state;
    enum { N = 2000 };
    ou_object *lists = ou_list_new(0), *refs = ou_list_new(0);
    for (int i = 0; i < N; i++) {
        ou_object *list = ou_list_new(0);
        for (int k = 0; k <= i % 3; k++) {
            assert_ok(ou_list_append_steal(refs, ou_weakref_new(list, NULL, NULL)));
        }
        assert_ok(ou_list_append_steal(lists, list));
    }
    for (size_t i = 0; i < N; i++) {
        ou_object *list = ou_list_get(lists, i);
        assert_int_equal(ou_weakref_count(list), 1 + i % 3);
        ou_decref(list);
    }
    ou_decref(lists);
    ou_decref(refs);
}

static void every_callback_is_called_once(void **state)
{
    (void)state;
    ou_object *o = ou_instance_new(thing());
    ou_object *refs[3];
    for (int i = 0; i < 3; i++) {
        refs[i] = ou_weakref_new(o, note_call, NULL);
    }
    calls = 0;
    ou_decref(o);
    assert_int_equal(calls, 3);
    for (int i = 0; i < 3; i++) {
        int times = 0;
        for (int k = 0; k < 3; k++) {
            times += called_with[k] == refs[i];
        }
        assert_int_equal(times, 1);
        ou_decref(refs[i]);
    }
    assert_int_equal(calls, 3);
}

/* As in CPython, the weakref made last is called first. */
static void callbacks_newest_first(void **state)
{
    (void)state;
    ou_object *o = ou_list_new(0);
    ou_object *first = ou_weakref_new(o, note_call, NULL);
    ou_object *second = ou_weakref_new(o, note_call, NULL);
    calls = 0;
    ou_decref(o);
    assert_int_equal(calls, 2);
    assert_ptr_equal(called_with[0], second);
    assert_ptr_equal(called_with[1], first);
    ou_decref(first);
    ou_decref(second);
}

static ou_object *other_ref;

static void look_at_other(ou_object *ref, void *arg)
{
    (void)ref;
    (void)arg;
    calls++;
    assert_null(ou_weakref_get(other_ref));
}

static void all_are_cleared_before_any_callback(void **state)
{
    (void)state;
    ou_object *o = ou_list_new(0);
    ou_object *a = ou_weakref_new(o, look_at_other, NULL);
    other_ref = ou_weakref_new(o, NULL, NULL);
    ou_object *c = ou_weakref_new(o, look_at_other, NULL);
    calls = 0;
    ou_decref(o);
    assert_int_equal(calls, 2);
    ou_decref(a);
    ou_decref(other_ref);
    ou_decref(c);
}

static void make_garbage(ou_object *ref, void *arg)
{
    (void)ref;
    ou_object **slot = arg;
    calls++;
    ou_object *list = ou_list_new(4);
    assert_ok(ou_list_append(list, list));
    ou_xdecref(*slot);
    *slot = list;
    assert_true(ou_gc_collect() >= 0);
}

static void callback_may_use_the_runtime(void **state)
{
    (void)state;
    ou_object *made = NULL;
    ou_object *o = ou_list_new(0);
    ou_object *ref = ou_weakref_new(o, make_garbage, &made);
    calls = 0;
    ou_decref(o);
    assert_int_equal(calls, 1);
    assert_non_null(made);
    assert_int_equal(ou_list_len(made), 1);
    ou_decref(made);
    ou_decref(ref);
    assert_int_equal(ou_gc_collect(), 1);
}

static void collect_now(ou_object *ref, void *arg)
{
    (void)ref;
    (void)arg;
    calls++;
    assert_true(ou_gc_collect() >= 0);
}

/* The same along a chain: the callbacks of each link run while the rest waits to die. */
static void callbacks_may_collect_along_a_chain(void **state)
{
    (void)state;
    enum { N = 50 };
    ou_object *refs = ou_list_new(N);
    ou_object *o = ou_list_new(0);
    for (int i = 0; i < N; i++) {
        ou_object *pair[2] = {o, o};
        ou_object *outer = ou_list_of(pair, 2);
        ou_decref(o);
        o = outer;
        assert_ok(ou_list_append_steal(refs, ou_weakref_new(o, collect_now, NULL)));
    }
    calls = 0;
    ou_decref(o);
    assert_int_equal(calls, N);
    assert_int_equal(ou_heap_check(), 0);
    ou_decref(refs);
}

static void collector_clears_and_calls(void **state)
{
    (void)state;
    ou_object *x = ring(2);
    ou_object *ref = ou_weakref_new(x, note_call, NULL);
    ou_decref(x);
    calls = 0;
    ou_object *got = ou_weakref_get(ref);
    assert_ptr_equal(got, x);
    ou_decref(got);
    assert_int_equal(ou_gc_collect(), 2);
    assert_null(ou_weakref_get(ref));
    assert_int_equal(calls, 1);
    assert_ptr_equal(called_with[0], ref);
    assert_int_equal(ou_gc_collect(), 0);
    assert_int_equal(calls, 1);
    ou_decref(ref);
}

static void weakref_in_the_same_garbage_is_not_called(void **state)
{
    (void)state;
    ou_object *x = ring(2);
    ou_object *ref = ou_weakref_new(x, note_call, NULL);
    assert_ok(ou_attr_set_at(x, 1, ref)); /* the ring owns the weakref to itself */
    ou_decref(ref);
    ou_decref(x);
    calls = 0;
    assert_true(ou_gc_collect() >= 2);
    assert_int_equal(calls, 0);
}

static void weakref_reached_from_a_live_object_is_called(void **state)
{
    (void)state;
    ou_object *x = ring(2);
    ou_object *holder = ou_list_new(1);
    ou_object *ref = ou_weakref_new(x, note_call, NULL);
    assert_ok(ou_list_append_steal(holder, ref));
    ou_decref(x);
    calls = 0;
    assert_int_equal(ou_gc_collect(), 2);
    assert_int_equal(calls, 1);
    ou_decref(holder);
}

static ou_object *watched_ref;
static int watched_dead;

static int look_through_weakref(ou_object *self, void *arg)
{
    (void)self;
    (void)arg;
    ou_object *o = ou_weakref_get(watched_ref);
    watched_dead += o == NULL;
    ou_xdecref(o);
    return 0;
}

static void finalizers_see_dead_weakrefs(void **state)
{
    (void)state;
    const ou_type *cls = ou_class_new("Watcher", NULL, 0, false, look_through_weakref, NULL);
    ou_object *o = ou_instance_new(cls);
    watched_ref = ou_weakref_new(o, NULL, NULL);
    watched_dead = 0;
    ou_decref(o);
    assert_int_equal(watched_dead, 1);
    ou_decref(watched_ref);

    o = ou_instance_new(cls);
    assert_ok(ou_attr_set(o, "self", o));
    watched_ref = ou_weakref_new(o, NULL, NULL);
    ou_decref(o);
    assert_int_equal(ou_gc_collect(), 1);
    assert_int_equal(watched_dead, 2);
    ou_decref(watched_ref);
}

static void drop_all(ou_object *ref, void *arg)
{
    assert_true(ou_is_weakref(ref));
    calls++;
    assert_ok(ou_list_clear(arg));
    assert_true(ou_is_weakref(ref)); /* borrowed, so alive until the callback returns */
}

static void weakrefs_may_be_dropped_by_a_callback(void **state)
{
    (void)state;
    ou_object *o = ou_list_new(0);
    ou_object *holder = ou_list_new(4);
    for (int i = 0; i < 4; i++) {
        assert_ok(ou_list_append_steal(holder, ou_weakref_new(o, drop_all, holder)));
    }
    calls = 0;
    ou_decref(o);
    assert_in_range(calls, 1, 4);
    assert_int_equal(ou_list_len(holder), 0);
    ou_decref(holder);
}

/* A dict of weak values, as a cache is: the callback of a value that dies takes its key out,
 * also while somebody walks over the dict. (What CPython's WeakValueDictionary defers until the
 * iteration ends may happen at once here: deleting does not disturb a walk.) */
#define WEAK_KEYS 40

typedef struct weak_entry {
    ou_object *dict;
    int64_t key;
} weak_entry;

static void forget_key(ou_object *ref, void *arg)
{
    const weak_entry *e = arg;
    (void)ref;
    ou_object *key = ou_int_new(e->key);
    assert_ok(ou_dict_del(e->dict, key));
    ou_decref(key);
}

static void weak_values_die_under_a_walk(void **state)
{
    (void)state;
    ou_object *dict = ou_dict_new(0), *strong = ou_list_new(0);
    weak_entry entries[WEAK_KEYS];
    for (int64_t i = 0; i < WEAK_KEYS; i++) {
        entries[i] = (weak_entry){dict, 1000 + i};
        ou_object *value = ou_instance_new(thing()), *key = ou_int_new(1000 + i);
        ou_object *ref = ou_weakref_new(value, forget_key, &entries[i]);
        assert_ok(ou_dict_set(dict, key, ref));
        assert_ok(ou_list_append_steal(strong, value));
        ou_decref(key);
        ou_decref(ref);
    }
    uint64_t pos = 0;
    ou_object *key = NULL, *ref = NULL;
    int64_t last = 0;
    int seen = 0;
    while (ou_dict_next(dict, &pos, &key, &ref) == 1) {
        int64_t k = unit_int(key);
        ou_object *value = ou_weakref_get(ref);
        assert_non_null(value); /* a dead one is not in the dict any more */
        assert_true(k > last);
        last = k;
        seen++;
        ou_decref(value);
        ou_decref(key);
        ou_decref(ref);
        /* The one just seen dies, and the one after the next, which must not be seen. */
        assert_ok(ou_list_set(strong, (size_t)(k - 1000), ou_none()));
        if (k + 2 < 1000 + WEAK_KEYS) {
            assert_ok(ou_list_set(strong, (size_t)(k - 1000 + 2), ou_none()));
        }
    }
    assert_int_equal(seen, WEAK_KEYS / 2);
    assert_int_equal(ou_dict_len(dict), 0);
    ou_decref(dict);
    ou_decref(strong);
}

enum { CHAIN = 200 };
static ou_object *links[CHAIN]; /* weakrefs, from the outermost on */

/* Counting ends a long nesting one by one, and the rest waits: neither dead to its weakref, nor
 * anything that somebody may get hold of (CPython issue 16602). */
static void look_inside(ou_object *ref, void *arg)
{
    assert_null(ou_weakref_get(ref));
    calls++;
    for (intptr_t i = 0; i < CHAIN; i++) {
        ou_object *o = ou_weakref_get(links[i]);
        assert_true(!o || i > (intptr_t)arg);
        if (o) { /* still whole: what is around it has not dropped it yet */
            assert_int_equal(ou_list_len(o), 1);
            ou_decref(o);
        }
    }
}

static void waiting_to_die_reads_as_nothing(void **state)
{
    (void)state;
    ou_object *inner = ou_instance_new(node());
    for (intptr_t i = CHAIN - 1; i >= 0; i--) {
        ou_object *outer = ou_list_of(&inner, 1);
        links[i] = ou_weakref_new(outer, look_inside, (void *)i);
        ou_decref(inner);
        inner = outer;
    }
    calls = 0;
    ou_decref(inner);
    assert_int_equal(calls, CHAIN);
    for (int i = 0; i < CHAIN; i++) {
        ou_decref(links[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(containers_only),
        UNIT_TEST(get_sets_no_error),
        UNIT_TEST(count_follows),
        UNIT_TEST(count_is_of_one_target),
        UNIT_TEST(every_callback_is_called_once),
        UNIT_TEST(callbacks_newest_first),
        UNIT_TEST(all_are_cleared_before_any_callback),
        UNIT_TEST(callback_may_use_the_runtime),
        UNIT_TEST(callbacks_may_collect_along_a_chain),
        UNIT_TEST(waiting_to_die_reads_as_nothing),
        UNIT_TEST(collector_clears_and_calls),
        UNIT_TEST(weakref_in_the_same_garbage_is_not_called),
        UNIT_TEST(weakref_reached_from_a_live_object_is_called),
        UNIT_TEST(finalizers_see_dead_weakrefs),
        UNIT_TEST(weakrefs_may_be_dropped_by_a_callback),
        UNIT_TEST(weak_values_die_under_a_walk),
    };
    return UNIT_MAIN(tests);
}
