/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * counters_cleared_under_mlock.c - the collector's counters must be zero when a collection
 * begins; it keeps the first 4 MiB and gives the rest back, to read as zero afterwards. In
 * a process that locked its memory the system refuses that, the old counters stayed, and a
 * later collection freed an object that was alive.
 *
 * Needs more than 4 Mi objects, one byte of counter each: of the smallest kind, 16 bytes.
 */
#include "regress/regress.h"

#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

enum { CCM_OBJECTS = 4500000, CCM_COLLECTIONS = 6 };

int main(void)
{
    if (SCALE_ASAN || SCALE_TSAN) {
        return regress_skip("the object count cannot be scaled down to a sanitizer's pace");
    }
    regress_start();
    const ou_type *type = ou_class_new("Tiny", NULL, 0, true, NULL, NULL);
    ou_object *many = ou_list_new(CCM_OBJECTS);
    REQUIRE(type != NULL && many != NULL);
    for (size_t i = 0; i < CCM_OBJECTS; i++) {
        REQUIRE(ou_list_append_steal(many, ou_instance_new(type)) == OU_OK);
    }
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
        return regress_skip("this process may not lock its memory");
    }
    EXPECT_EQ(ou_gc_collect(), 0);
    EXPECT_EQ(ou_gc_collect(), 0);
    ou_object *young = ou_instance_new(type); /* its counter lies behind the first 4 MiB */
    REQUIRE(young != NULL);
    for (int i = 0; i < CCM_COLLECTIONS; i++) {
        REQUIRE(ou_gc_collect() == 0); /* everything is alive */
    }
    EXPECT_EQ(ou_refcount(young), 1);
    ou_decref(young);
    ou_decref(many);
    return regress_end(0);
}
