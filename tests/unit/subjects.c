/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* subjects.c - makes and drops the objects of subjects.h, and looks at all of them. */
#include "subjects.h"

ou_object *integer, *real, *text, *tuple, *list, *dict, *point, *weak;
ou_object *twin, *scratch_list, *scratch_dict;
const ou_type *point_class;
ou_frame *frame;

void subjects_make(void)
{
    static const char *const attrs[] = {"x", "y"};
    if (!point_class) {
        point_class = ou_class_new("Point", attrs, 2, true, NULL, NULL);
    }
    integer = ou_int_new(4711);
    real = ou_float_new(2.5);
    text = ou_str("some text");
    tuple = ou_tuple_new(&integer, 1);
    list = ou_list_of((ou_object *[]){integer, text}, 2);
    twin = ou_list_copy(list);
    scratch_list = ou_list_copy(list);
    dict = ou_dict_new(0);
    assert_ok(ou_dict_set(dict, text, integer));
    scratch_dict = ou_dict_copy(dict);
    point = ou_instance_new(point_class);
    assert_ok(ou_attr_set(point, "x", integer));
    weak = ou_weakref_new(list, NULL, NULL);
    frame = ou_frame_push("subjects", 2);
    assert_ok(ou_frame_bind(frame, "a", integer));
}

void subjects_drop(void)
{
    ou_object *all[] = {integer, real, text,         tuple,        list, dict,
                        point,   twin, scratch_list, scratch_dict, weak};
    ou_frame_pop();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        ou_decref(all[i]);
    }
}

static ou_object *attr_or_null(const char *name)
{
    ou_object *value = ou_attr_get(point, name);
    ou_xdecref(value);
    return value;
}

state_of_all take_state(void)
{
    ou_object *all[] = {integer, real, text,         tuple,        list, dict,
                        point,   twin, scratch_list, scratch_dict, weak};
    state_of_all s;
    memset(&s, 0, sizeof s);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        s.counts[i] = ou_refcount(all[i]);
    }
    ou_repr(list, s.lists[0], sizeof s.lists[0]);
    ou_repr(twin, s.lists[1], sizeof s.lists[1]);
    ou_repr(scratch_list, s.lists[2], sizeof s.lists[2]);
    ou_repr(dict, s.dicts[0], sizeof s.dicts[0]);
    ou_repr(scratch_dict, s.dicts[1], sizeof s.dicts[1]);
    s.x = attr_or_null("x");
    s.y = attr_or_null("y");
    s.local = ou_frame_get_borrow(frame, "a");
    s.weakrefs = ou_weakref_count(list);
    s.interned = ou_intern_count();
    s.frame_bytes = ou_frame_stack_used(NULL, NULL);
    return s;
}

void assert_unchanged(const state_of_all *before)
{
    state_of_all now = take_state();
    assert_memory_equal(&now, before, sizeof now);
}
