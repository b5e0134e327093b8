/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_handoff.c - ou_give and ou_take: when an object changes its owner, when not, and that
 * nothing else about it changes.
 */
#include "support/team.h"
#include "support/unit.h"

#include <pthread.h>

static void take_it(ou_object *o)
{
    assert_true(ou_take(o));
    assert_int_equal(o->owner, ou_thread_slot());
    assert_int_equal(ou_refcount(o), 1);
    ou_incref(o);
    assert_int_equal(o->rc_local, 2);
    ou_decref(o);
    ou_decref(o);
}

static const ou_type *thing(int (*finalize)(ou_object *, void *))
{
    const ou_type *cls = ou_class_new("Handed", NULL, 0, false, finalize, NULL);
    assert_non_null(cls);
    return cls;
}

static void unique_changes_owner(void **state)
{
    (void)state;
    ou_object *none = ou_none();
    ou_object *all[] = {ou_float_new(1.5),
                        ou_int_new(123456),
                        ou_str("handed"),
                        ou_list_new(4),
                        ou_tuple_new(&none, 1),
                        ou_dict_new(0),
                        ou_instance_new(thing(NULL))};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_true(ou_give(all[i]));
        assert_int_equal(all[i]->owner, 0);
        assert_int_equal(ou_refcount(all[i]), 1);
        assert_true(ou_give(all[i])); /* still on offer */
        team_send(all[i], take_it);
    }
}

static void count_and_drop(ou_object *o)
{
    ou_incref(o);
    assert_int_equal(ou_refcount(o), 2);
    ou_decref(o);
    ou_decref(o);
}

static void nobody_has_to_take(void **state)
{
    (void)state;
    ou_object *o = ou_float_new(2.5);
    assert_true(ou_give(o));
    team_send(o, count_and_drop);
    o = ou_float_new(3.5);
    assert_true(ou_give(o));
    assert_true(ou_take(o)); /* the giver may take it back */
    assert_int_equal(o->owner, ou_thread_slot());
    ou_decref(o);
}

static void take_in_vain(ou_object *o)
{
    assert_false(ou_take(o));
    count_and_drop(o);
}

static void drop_two(ou_object *o)
{
    assert_false(ou_give(o));
    assert_false(ou_take(o));
    ou_decref(o);
}

static void shared_stays(void **state)
{
    (void)state;
    ou_object *o = ou_list_new(0);
    ou_incref(o);
    assert_false(ou_give(o)); /* two references of our own */
    assert_int_equal(o->owner, ou_thread_slot());
    team_send(o, drop_two);
    ou_safepoint();
    assert_int_equal(ou_refcount(o), 1);
    /* The other thread's decref has merged the counts, so it has no owner any more. */
    assert_true(ou_give(o));
    assert_true(ou_take(o));
    ou_decref(o);
}

static void take_one_of_two(ou_object *o)
{
    assert_false(ou_take(o)); /* given, but there are two by now */
    ou_decref(o);
}

static void taken_only_when_unique(void **state)
{
    (void)state;
    ou_object *o = ou_str("two references");
    assert_true(ou_give(o));
    ou_incref(o);
    team_send(o, take_one_of_two);
    assert_int_equal(ou_refcount(o), 1);
    assert_true(ou_take(o));
    ou_decref(o);
}

static void tables_keep_it(void **state)
{
    (void)state;
    ou_object *o = ou_list_new(0);
    ou_object *ref = ou_weakref_new(o, NULL, NULL);
    assert_false(ou_give(o));
    assert_false(ou_give(ref)); /* its dying target would look for it */
    ou_object *got = ou_weakref_get(ref);
    assert_ptr_equal(got, o);
    ou_decref(got);
    team_send(o, take_in_vain);
    ou_safepoint();
    assert_null(ou_weakref_get(ref));
    ou_decref(ref);

    ou_object *name = ou_str_intern("handed over", 11);
    assert_false(ou_give(name));
    ou_decref(name);

    o = ou_list_new(0); /* entered after it was given */
    assert_true(ou_give(o));
    ref = ou_weakref_new(o, NULL, NULL);
    assert_false(ou_take(o));
    ou_decref(o);
    assert_null(ou_weakref_get(ref));
    ou_decref(ref);
}

static void weakref_after_take(ou_object *o)
{
    assert_true(ou_take(o));
    ou_object *ref = ou_weakref_new(o, NULL, NULL);
    ou_object *got = ou_weakref_get(ref);
    assert_ptr_equal(got, o);
    ou_decref(got);
    ou_decref(o);
    assert_null(ou_weakref_get(ref));
    ou_decref(ref);
}

static void weakrefs_after_take(void **state)
{
    (void)state;
    ou_object *o = ou_dict_new(0);
    assert_true(ou_give(o));
    team_send(o, weakref_after_take);
}

static void immortal_stays(void **state)
{
    (void)state;
    assert_false(ou_give(ou_none()));
    assert_false(ou_take(ou_none()));
    assert_true(ou_is_immortal(ou_none()));
}

static void append_then_drop(ou_object *o)
{
    assert_int_equal(ou_list_append(o, ou_none()), OU_OK); /* SHARED, with a handshake */
    ou_decref(o);
}

static void append_as_owner(ou_object *o)
{
    uint64_t before = ou_stat("handshakes");
    assert_true(ou_take(o));
    assert_int_equal(ou_list_append(o, ou_none()), OU_OK);
    assert_int_equal(ou_list_len(o), 3);
    assert_int_equal(ou_stat("handshakes"), before);
    ou_decref(o);
}

static void container_is_private_again(void **state)
{
    (void)state;
    ou_object *list = ou_list_new(0);
    assert_int_equal(ou_list_append(list, ou_none()), OU_OK);
    ou_incref(list);
    uint8_t before = list->flags;
    team_send(list, append_then_drop);
    ou_safepoint();
    assert_int_not_equal(list->flags, before);
    assert_true(ou_give(list));
    assert_true(ou_take(list));
    assert_int_equal(list->flags, before);
    assert_true(ou_give(list));
    team_send(list, append_as_owner);
}

static int finalized;
static pthread_t finalized_in;

static int note_finalized(ou_object *self, void *arg)
{
    (void)self, (void)arg;
    finalized++;
    finalized_in = pthread_self();
    return 0;
}

static void take_and_drop(ou_object *o)
{
    assert_true(ou_take(o));
    ou_decref(o);
    assert_true(pthread_equal(finalized_in, pthread_self()));
}

static void finalizer_runs_where_it_is_dropped(void **state)
{
    (void)state;
    ou_object *o = ou_instance_new(thing(note_finalized));
    assert_true(ou_give(o));
    finalized = 0;
    team_send(o, take_and_drop);
    assert_int_equal(finalized, 1);
}

static void take_and_give_on(ou_object *o)
{
    assert_true(ou_take(o));
    assert_true(ou_give(o));
}

static void goes_on_and_comes_back(void **state)
{
    (void)state;
    ou_object *o = ou_float_new(4.5);
    double value = 0;
    assert_true(ou_give(o));
    team_send(o, take_and_give_on);
    assert_true(ou_take(o));
    assert_int_equal(ou_float_value(o, &value), OU_OK);
    assert_true(value == 4.5);
    ou_decref(o);
}

static ou_object *kept;

static void take_and_keep(ou_object *o)
{
    assert_true(ou_take(o));
    kept = ou_incref(o); /* the slot is left with a reference in it */
}

static void taken_is_sent_to_its_new_owner(void **state)
{
    (void)state;
    ou_object *o = ou_float_new(5.5);
    assert_true(ou_give(o));
    team_send(o, take_and_keep);
    uint64_t before = ou_stat("objects_queued");
    ou_decref(kept); /* posted to the slot of the thread that has ended */
    assert_int_equal(ou_stat("objects_queued"), before + 1);
    assert_int_equal(o->owner, 0);
    assert_int_equal(ou_refcount(o), 1);
    ou_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(unique_changes_owner),
        UNIT_TEST(nobody_has_to_take),
        UNIT_TEST(shared_stays),
        UNIT_TEST(taken_only_when_unique),
        UNIT_TEST(tables_keep_it),
        UNIT_TEST(weakrefs_after_take),
        UNIT_TEST(immortal_stays),
        UNIT_TEST(container_is_private_again),
        UNIT_TEST(finalizer_runs_where_it_is_dropped),
        UNIT_TEST(goes_on_and_comes_back),
        UNIT_TEST(taken_is_sent_to_its_new_owner),
    };
    return UNIT_MAIN(tests);
}
