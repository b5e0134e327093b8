/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * collect_after_freeze.c - lists that are alive refer to objects that are frozen. The
 * collector, which has no counters for frozen pages, wrote past its own for such an edge and
 * took live lists apart.
 */
#include "regress/regress.h"

enum { CAF_OBJECTS = 2000 };

int main(void)
{
    static ou_object *frozen[CAF_OBJECTS], *live[CAF_OBJECTS];
    regress_start();
    for (int i = 0; i < CAF_OBJECTS; i++) {
        frozen[i] = ou_list_new(0);
        REQUIRE(frozen[i] != NULL);
    }
    EXPECT_EQ(ou_gc_freeze(), CAF_OBJECTS);
    for (int i = 0; i < CAF_OBJECTS; i++) {
        live[i] = ou_list_new(0);
        REQUIRE(live[i] && ou_list_append(live[i], frozen[i]) == OU_OK);
        ou_object *ring = regress_ring(); /* garbage that refers to frozen ones as well */
        REQUIRE(ou_list_append(ring, frozen[i]) == OU_OK);
        ou_decref(ring);
    }
    EXPECT_EQ(ou_gc_collect(), CAF_OBJECTS);
    EXPECT_EQ(ou_gc_collect(), 0);
    for (int i = 0; i < CAF_OBJECTS; i++) {
        REQUIRE(ou_refcount(live[i]) == 1 && ou_list_len(live[i]) == 1);
        REQUIRE(ou_refcount(frozen[i]) == 2);
        ou_decref(live[i]);
    }
    EXPECT_EQ(ou_gc_unfreeze(), CAF_OBJECTS);
    for (int i = 0; i < CAF_OBJECTS; i++) {
        REQUIRE(ou_refcount(frozen[i]) == 1);
        ou_decref(frozen[i]);
    }
    return regress_end(0);
}
