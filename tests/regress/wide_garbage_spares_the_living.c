/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * wide_garbage_spares_the_living.c - a ring of tuples whose blocks lie in spans of several
 * pages. The collector gave back one such span and then asked its page, which was nobody's by
 * then, where the counters of its blocks were: references to the freed tuples were taken for
 * references to the living, and dropped.
 */
#include "regress/regress.h"

enum { TUPLES = 200, ITEMS = 1100, LIVING = 20000 };

int main(void)
{
    static ou_object *living[LIVING], *items[ITEMS];
    regress_start();
    ou_object *list = ou_list_new(0);
    ou_object *before = list;
    REQUIRE(list != NULL);
    for (int i = 0; i < ITEMS; i++) {
        items[i] = ou_none();
    }
    for (int i = 0; i < TUPLES; i++) {
        items[0] = before;
        ou_object *tuple = ou_tuple_new(items, ITEMS);
        REQUIRE(tuple != NULL);
        if (before != list) {
            ou_decref(before);
        }
        before = tuple;
    }
    REQUIRE(ou_list_append_steal(list, before) == OU_OK);
    for (int i = 0; i < LIVING; i++) {
        living[i] = ou_list_new(0);
        REQUIRE(living[i] != NULL);
    }
    ou_decref(list);
    EXPECT_EQ(ou_gc_collect(), TUPLES + 1);
    for (int i = 0; i < LIVING; i++) {
        EXPECT_EQ(ou_refcount(living[i]), 1);
        ou_decref(living[i]);
    }
    return regress_end(0);
}
