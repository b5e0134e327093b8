/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* rings.c - see rings.h. */
#include "rings.h"

const ou_type *node(void)
{
    static const ou_type *cls;
    static const char *const attrs[] = {"next", "other"};
    cls = cls ? cls : ou_class_new("Node", attrs, 2, true, NULL, NULL);
    assert_non_null(cls);
    return cls;
}

ou_object *ring(size_t n)
{
    ou_object *first = ou_instance_new(node());
    ou_object *last = ou_incref(first);
    for (size_t i = 1; i < n; i++) {
        ou_object *o = ou_instance_new(node());
        assert_ok(ou_attr_set_at(last, 0, o));
        ou_decref(last);
        last = o;
    }
    assert_ok(ou_attr_set_at(last, 0, first));
    ou_decref(last);
    return first;
}

size_t ring_length(ou_object *first)
{
    size_t n = 0;
    ou_object *o = ou_incref(first);
    do {
        ou_object *next = ou_attr_get_at(o, 0);
        ou_decref(o);
        o = next;
        n++;
    } while (o != first);
    ou_decref(o);
    return n;
}

bool without_slices(void)
{
    int64_t from_malloc = 0;
    ou_knob_get("heap", &from_malloc);
    return from_malloc;
}
