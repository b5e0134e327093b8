/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_reading.c - containers that another thread has looked at again and again: what falls out
 * of them is dropped a little later, and when that is; what keeps the readers out.
 */
#include "support/team.h"
#include "support/unit.h"

enum { LOOKS = 64, SAFEPOINTS = 64, DROPS = 255 };

static uint64_t dropped(void)
{
    return ou_stat("epoch_dropped");
}

static uint64_t revoked(void)
{
    return ou_stat("reads_revoked");
}

static void look(ou_object *o)
{
    for (int i = 0; i < LOOKS; i++) {
        ou_object *item = ou_is_list(o) ? ou_list_get(o, 0) : ou_dict_get(o, ou_none());
        assert_non_null(item);
        ou_decref(item);
    }
}

/* A list of one item, or a dict with one value, that another thread has looked at. */
static ou_object *list_that_is_read(ou_object *item)
{
    ou_object *list = ou_list_of(&item, 1);
    assert_ok(ou_list_append(list, ou_none())); /* the first array apart */
    team_send(list, look);
    return list;
}

static ou_object *dict_that_is_read(ou_object *value)
{
    ou_object *dict = ou_dict_new(0);
    assert_ok(ou_dict_set(dict, ou_none(), value));
    team_send(dict, look);
    return dict;
}

static bool is_dead(ou_object *weakref)
{
    ou_object *o = ou_weakref_get(weakref);
    ou_xdecref(o);
    return o == NULL || o == ou_none();
}

static void pass_safepoints(int n)
{
    for (int i = 0; i < n; i++) {
        ou_safepoint();
    }
}

static void replaced_items_die_at_a_safepoint(void **state)
{
    (void)state;
    ou_object *item = ou_list_new(0), *ref = ou_weakref_new(item, NULL, NULL);
    ou_object *list = list_that_is_read(item);
    uint64_t before = dropped();
    ou_decref(item);
    assert_ok(ou_list_set(list, 0, ou_none()));
    assert_int_equal(dropped() - before, 1);
    assert_false(is_dead(ref));
    pass_safepoints(SAFEPOINTS);
    assert_true(is_dead(ref));
    ou_decref(ref);
    ou_decref(list);
}

static void replaced_values_die_when_there_are_many(void **state)
{
    (void)state;
    ou_object *value = ou_list_new(0), *ref = ou_weakref_new(value, NULL, NULL);
    ou_object *dict = dict_that_is_read(value);
    ou_decref(value);
    assert_ok(ou_dict_set(dict, ou_none(), ou_none()));
    for (int i = 2; i < DROPS; i++) {
        assert_ok(ou_dict_set(dict, ou_none(), ou_none()));
    }
    assert_false(is_dead(ref));
    assert_ok(ou_dict_set(dict, ou_none(), ou_none()));
    assert_true(is_dead(ref));
    ou_decref(ref);
    ou_decref(dict);
}

static void blocking_drops_them(void **state)
{
    (void)state;
    ou_object *value = ou_list_new(0), *ref = ou_weakref_new(value, NULL, NULL);
    ou_object *dict = dict_that_is_read(value);
    ou_decref(value);
    assert_ok(ou_dict_del(dict, ou_none()));
    assert_false(is_dead(ref));
    ou_blocking_begin();
    ou_blocking_end();
    assert_true(is_dead(ref));
    ou_decref(ref);
    ou_decref(dict);
}

static void a_popped_item_is_the_callers(void **state)
{
    (void)state;
    ou_object *list = list_that_is_read(ou_none());
    ou_object *item = ou_list_new(0);
    assert_ok(ou_list_append_steal(list, item));
    assert_ptr_equal(ou_list_pop(list), item);
    assert_int_equal(ou_refcount(item), 2);
    assert_int_equal(ou_gc_collect(), 0); /* drops what waits first */
    assert_int_equal(ou_refcount(item), 1);
    ou_decref(item);
    ou_decref(list);
}

/* Moving items, emptying and growing keeps the readers out; then everything dies at once. */
static void other_changes_are_made_alone(void **state)
{
    (void)state;
    ou_object *item = ou_list_new(0), *ref = ou_weakref_new(item, NULL, NULL);
    ou_object *list = list_that_is_read(item);
    uint64_t before = revoked(), drops = dropped();
    ou_decref(item);
    assert_ok(ou_list_del(list, 0));
    assert_true(is_dead(ref));
    assert_int_equal(revoked() - before, 1);
    assert_ok(ou_list_insert(list, 0, ou_none())); /* READ was taken back already */
    assert_int_equal(revoked() - before, 1);
    team_send(list, look);
    assert_ok(ou_list_clear(list));
    assert_int_equal(revoked() - before, 2);
    assert_int_equal(dropped(), drops);
    ou_decref(ref);
    ou_decref(list);
}

/* Who has the only reference of a container has no readers. */
static void taking_it_ends_it(void **state)
{
    (void)state;
    ou_object *item = ou_list_new(0), *ref = ou_weakref_new(item, NULL, NULL);
    ou_object *list = list_that_is_read(item);
    ou_decref(item);
    assert_true(ou_give(list));
    assert_true(ou_take(list));
    assert_ok(ou_list_set(list, 0, ou_none()));
    assert_true(is_dead(ref));
    ou_decref(ref);
    ou_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(replaced_items_die_at_a_safepoint),
        UNIT_TEST(replaced_values_die_when_there_are_many),
        UNIT_TEST(blocking_drops_them),
        UNIT_TEST(a_popped_item_is_the_callers),
        UNIT_TEST(other_changes_are_made_alone),
        UNIT_TEST(taking_it_ends_it),
    };
    return UNIT_MAIN(tests);
}
