/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_reentry.c - finalizers that turn the very thing over that drops their object: the list,
 * dict, instance or frame that was just changed. (Garbage: test_resurrection.c.)
 *
 * A finalizer runs after the step that dropped its object, outside of every lock. So it finds
 * the container without the object and may do anything with it; were a lock still held, these
 * tests would hang. Each is done by an owner who is alone, on a container that another thread
 * has used, and on one that is looked at without its lock.
 */
#include "support/unit.h"

#include "support/team.h"

static ou_object *stage; /* what the finalizers turn over */
static int runs;

typedef enum sharing { ALONE, SHARED, READ, SHARINGS } sharing;

static void look_once(ou_object *o)
{
    ou_xdecref(ou_is_list(o)   ? ou_list_get(o, 0)
               : ou_is_dict(o) ? ou_dict_get(o, ou_none())
                               : ou_attr_get(o, "none"));
}

static void look_often(ou_object *o)
{
    for (int i = 0; i < 1000; i++) {
        look_once(o);
    }
}

static void share(ou_object *o, sharing how)
{
    if (how != ALONE) {
        team_send(o, how == READ ? look_often : look_once);
    }
    stage = o;
    runs = 0;
}

/* What falls out of a container that is looked at without its lock dies a little later. */
static void settle(void)
{
    ou_blocking_begin();
    ou_blocking_end();
}

static ou_object *victim_of(ou_finalizer finalizer)
{
    static struct {
        ou_finalizer finalizer;
        const ou_type *cls;
    } made[16];
    int i = 0;
    while (made[i].cls && made[i].finalizer != finalizer) {
        i++;
    }
    if (!made[i].cls) {
        made[i].finalizer = finalizer;
        made[i].cls = ou_class_new("Victim", NULL, 0, false, finalizer, NULL);
    }
    ou_object *o = ou_instance_new(made[i].cls);
    assert_non_null(o);
    return o;
}

/* ---- lists ---------------------------------------------------------------------------------
 */

#define UPSET_LIST "[None, 7, 8, 9]"

static int upset_list(ou_object *self, void *arg)
{
    (void)arg;
    runs++;
    ou_object *copy = ou_list_copy(stage);
    for (int64_t i = 0; i < ou_list_len(copy); i++) {
        ou_object *item = ou_list_get(copy, (size_t)i);
        assert_ptr_not_equal(item, self);
        ou_decref(item);
    }
    ou_decref(copy);
    assert_ok(ou_list_clear(stage));
    for (int64_t i = 7; i < 10; i++) {
        assert_ok(ou_list_append(stage, ou_int_new(i)));
    }
    assert_ok(ou_list_insert(stage, 0, ou_true()));
    assert_ok(ou_list_set(stage, 0, ou_none()));
    assert_ok(ou_list_extend(stage, stage));
    for (int i = 0; i < 4; i++) {
        assert_ok(ou_list_del(stage, 4));
    }
    return 0;
}

/* n victims, then two ints. */
static ou_object *list_of_victims(size_t n, sharing how)
{
    ou_object *list = ou_list_new(0);
    for (size_t i = 0; i < n; i++) {
        assert_ok(ou_list_append_steal(list, victim_of(upset_list)));
    }
    assert_ok(ou_list_append(list, ou_int_new(1)));
    assert_ok(ou_list_append(list, ou_int_new(2)));
    share(list, how);
    return list;
}

static int set_first(ou_object *list)
{
    return ou_list_set(list, 0, ou_int_new(3));
}

static int del_first(ou_object *list)
{
    return ou_list_del(list, 0);
}

static int pop_all(ou_object *list)
{
    for (int i = 0; i < 3; i++) {
        ou_object *item = ou_list_pop(list);
        assert_non_null(item);
        ou_decref(item);
    }
    return 0;
}

static void lists(void **state)
{
    (void)state;
    static const struct {
        int (*change)(ou_object *list);
        size_t victims;
    } changes[] = {{set_first, 1}, {del_first, 1}, {pop_all, 1}, {ou_list_clear, 3}};
    for (sharing how = ALONE; how < SHARINGS; how++) {
        for (size_t i = 0; i < 4; i++) {
            ou_object *list = list_of_victims(changes[i].victims, how);
            assert_ok(changes[i].change(list));
            settle();
            assert_int_equal(runs, changes[i].victims);
            assert_repr(list, UPSET_LIST);
            ou_decref(list);
        }
    }
}

/* A list that dies cannot be had again: its items' finalizers find it gone. */
static int find_nothing(ou_object *self, void *arg)
{
    (void)self, (void)arg;
    runs++;
    assert_null(ou_weakref_get(stage));
    return 0;
}

static void dying_containers_are_out_of_reach(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        ou_object *victim = victim_of(find_nothing), *o = NULL;
        if (kind == 0) {
            o = ou_list_of(&victim, 1);
        } else if (kind == 1) {
            o = ou_tuple_new(&victim, 1);
        } else {
            o = ou_dict_new(0);
            assert_ok(ou_dict_set(o, ou_none(), victim));
        }
        ou_decref(victim);
        stage = ou_weakref_new(o, NULL, NULL);
        runs = 0;
        ou_decref(o);
        assert_int_equal(runs, 1);
        ou_decref(stage);
    }
}

/* ---- dicts ---------------------------------------------------------------------------------
 */

#define UPSET_DICT "{8: 8, 7: 70}"

static void put(ou_object *dict, int64_t key, int64_t value)
{
    assert_ok(ou_dict_set(dict, ou_int_new(key), ou_int_new(value)));
}

static int upset_dict(ou_object *self, void *arg)
{
    (void)arg;
    runs++;
    uint64_t pos = 0;
    ou_object *key = NULL, *value = NULL;
    while (ou_dict_next(stage, &pos, &key, &value) == 1) {
        assert_ptr_not_equal(key, self);
        assert_ptr_not_equal(value, self);
        ou_decref(key);
        ou_decref(value);
    }
    assert_ok(ou_dict_clear(stage));
    for (int64_t i = 0; i < 100; i++) { /* grows, and has to move */
        put(stage, i, i);
    }
    for (int64_t i = 0; i < 100; i++) {
        if (i != 8) {
            assert_ok(ou_dict_del(stage, ou_int_new(i)));
        }
    }
    put(stage, 7, 70);
    return 0;
}

/* A value that is a victim under 1, and a key that is one. */
static ou_object *dict_of_victims(sharing how)
{
    ou_object *dict = ou_dict_new(0), *value = victim_of(upset_dict);
    assert_ok(ou_dict_set(dict, ou_int_new(1), value));
    put(dict, 2, 2);
    ou_decref(value);
    share(dict, how);
    return dict;
}

static int replace_value(ou_object *dict)
{
    return ou_dict_set(dict, ou_int_new(1), ou_true());
}

static int delete_key(ou_object *dict)
{
    return ou_dict_del(dict, ou_int_new(1));
}

static int clear_with_key(ou_object *dict)
{
    ou_object *key = victim_of(upset_dict);
    assert_ok(ou_dict_set(dict, key, ou_none()));
    ou_decref(key);
    return ou_dict_clear(dict);
}

static void dicts(void **state)
{
    (void)state;
    static int (*const changes[])(ou_object * dict) = {replace_value, delete_key,
                                                       clear_with_key};
    for (sharing how = ALONE; how < SHARINGS; how++) {
        for (int i = 0; i < 3; i++) {
            ou_object *dict = dict_of_victims(how);
            assert_ok(changes[i](dict));
            settle();
            assert_int_equal(runs, i == 2 ? 2 : 1);
            assert_repr(dict, UPSET_DICT);
            ou_decref(dict);
        }
    }
}

/* ---- instances -----------------------------------------------------------------------------
 */

static int upset_instance(ou_object *self, void *arg)
{
    (void)self, (void)arg;
    runs++;
    assert_ok(ou_attr_set(stage, "x", ou_int_new(7)));
    assert_ok(ou_attr_set(stage, "y", NULL));
    char name[] = "later a";
    for (int i = 0; i < 20; i++) { /* the side array comes, and grows */
        name[6] = (char)('a' + i);
        assert_ok(ou_attr_set(stage, name, ou_int_new(i)));
    }
    return 0;
}

static int set_by_name(ou_object *o)
{
    return ou_attr_set(o, "x", ou_int_new(3));
}

static int delete_by_name(ou_object *o)
{
    return ou_attr_set(o, "x", NULL);
}

static int set_by_index(ou_object *o)
{
    return ou_attr_set_at(o, 0, ou_int_new(3));
}

static int steal_by_index(ou_object *o)
{
    return ou_attr_set_at_steal(o, 0, ou_int_new(3));
}

static void instances(void **state)
{
    (void)state;
    static const char *const attrs[] = {"x", "y"};
    static int (*const changes[])(ou_object * o) = {set_by_name, delete_by_name, set_by_index,
                                                    steal_by_index};
    for (sharing how = ALONE; how < SHARINGS; how++) {
        for (int i = 0; i < 4; i++) {
            /* a class each: what is inline is settled by its first instance */
            const ou_type *cls = ou_class_new("Stage", attrs, 2, false, NULL, NULL);
            ou_object *values[2] = {victim_of(upset_instance), ou_int_new(2)};
            ou_object *o = ou_instance_of_steal(cls, values, 2);
            share(o, how);
            assert_ok(changes[i](o));
            settle();
            assert_int_equal(runs, 1);
            assert_ptr_equal(ou_attr_get(o, "x"), ou_int_new(7));
            assert_null_with(ou_attr_get(o, "y"), OU_EATTR);
            assert_ptr_equal(ou_attr_get(o, "later t"), ou_int_new(19));
            ou_decref(o);
        }
    }
}

/* ---- frames --------------------------------------------------------------------------------
 */

static int use_frames(ou_object *self, void *arg)
{
    (void)arg;
    ou_frame *f = ou_frame_current();
    runs++;
    assert_non_null(f);
    static const char *const names[] = {"kept", "victim", "left", "a", "b", "c"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_ptr_not_equal(ou_frame_get_borrow(f, names[i]), self); /* or not bound */
    }
    ou_frame *above = ou_frame_push("finalizer", 1);
    assert_ok(ou_frame_bind_steal(above, "victim", victim_of(NULL)));
    ou_frame_pop();
    assert_ptr_equal(ou_frame_current(), f);
    assert_ok(ou_frame_bind_steal(f, "left", ou_float_new(2.5))); /* into the frame itself */
    return 0;
}

static void frames(void **state)
{
    (void)state;
    size_t base = ou_frame_stack_used(NULL, NULL);
    ou_frame *f = ou_frame_push("f", 3);
    assert_ok(ou_frame_bind_steal(f, "kept", victim_of(NULL)));
    assert_ok(ou_frame_bind_steal(f, "victim", victim_of(use_frames)));
    runs = 0;
    assert_ok(ou_frame_bind(f, "victim", ou_none())); /* bound again */
    assert_int_equal(runs, 1);
    assert_ptr_equal(ou_frame_get_borrow(f, "victim"), ou_none());
    assert_true(ou_is_float(ou_frame_get_borrow(f, "left")));
    assert_ok(ou_frame_bind_steal(f, "victim", victim_of(use_frames)));
    assert_ok(ou_frame_del(f, "victim"));
    assert_int_equal(runs, 2);
    assert_null(ou_frame_get_borrow(f, "victim"));
    ou_frame_pop();
    assert_int_equal(ou_frame_stack_used(NULL, NULL), base);
}

/* The frame that is left is still the innermost one while its locals die: what their finalizers
 * bind in it goes with the rest. */
static void frame_that_is_left(void **state)
{
    (void)state;
    size_t base = ou_frame_stack_used(NULL, NULL), depth = 0;
    ou_frame *f = ou_frame_push("f", 4);
    static const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        assert_ok(ou_frame_bind_steal(f, names[i], victim_of(use_frames)));
    }
    runs = 0;
    ou_frame_pop();
    assert_int_equal(runs, 3);
    assert_int_equal(ou_frame_stack_used(NULL, &depth), base);
    assert_int_equal(depth, 0);
}

/* ---- the last reference --------------------------------------------------------------------
 */

static int drop_stage(ou_object *self, void *arg)
{
    (void)self, (void)arg;
    runs++;
    ou_decref(stage);
    stage = NULL;
    return 0;
}

/* One of each, that holds a victim and is held by `stage` alone. */
static ou_object *holder_of_victim(int kind)
{
    static const ou_type *cls;
    static const char *const attrs[] = {"x"};
    ou_object *victim = victim_of(drop_stage), *o = NULL;
    if (kind == 0) {
        o = ou_list_of((ou_object *[]){victim, ou_none()}, 2); /* in the list's own block */
    } else if (kind == 1) {
        o = ou_dict_new(0);
        assert_ok(ou_dict_set(o, ou_int_new(1), victim));
    } else {
        cls = cls ? cls : ou_class_new("Holder", attrs, 1, true, NULL, NULL);
        o = ou_instance_new(cls);
        assert_ok(ou_attr_set_at(o, 0, victim));
    }
    ou_decref(victim);
    return o;
}

/* A call is through with its container when it drops what fell out: that may take the container
 * with it, if the reference the caller relied on was that one's to drop. */
static void container_goes_with_its_item(void **state)
{
    (void)state;
    static const struct {
        int kind;
        int (*change)(ou_object *o);
    } changes[] = {{0, set_first},     {0, del_first},      {0, ou_list_clear},
                   {1, replace_value}, {1, delete_key},     {1, ou_dict_clear},
                   {2, set_by_index},  {2, delete_by_name}, {2, steal_by_index}};
    for (sharing how = ALONE; how < SHARINGS; how++) {
        for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
            ou_object *o = holder_of_victim(changes[i].kind);
            ou_object *ref = ou_weakref_new(o, NULL, NULL);
            share(o, how);
            assert_ok(changes[i].change(o));
            settle();
            assert_int_equal(runs, 1);
            assert_null(ou_weakref_get(ref));
            ou_decref(ref);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(lists),
        UNIT_TEST(dying_containers_are_out_of_reach),
        UNIT_TEST(dicts),
        UNIT_TEST(instances),
        UNIT_TEST(frames),
        UNIT_TEST(frame_that_is_left),
        UNIT_TEST(container_goes_with_its_item),
    };
    return UNIT_MAIN(tests);
}
