/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * finalizer_finds_no_garbage.c - a garbage set without finalizers holds the last reference to a
 * frozen object that has one. It died in the middle of the set's taking apart, and its
 * finalizer asked for the referrers of an object that a member refers to: it was given
 * references to members that the collector freed right after.
 *
 * No finalizer runs before the last member of such a set is gone.
 */
#include "regress/regress.h"

enum { FNG_MEMBERS = 50 };

static ou_object *fng_target;
static int fng_finalized;

static int fng_finalize(ou_object *self, void *arg)
{
    ou_object *found[2 * FNG_MEMBERS];
    (void)self;
    (void)arg;
    fng_finalized++;
    EXPECT_EQ(ou_referrers(fng_target, found, 2 * FNG_MEMBERS), 0);
    return 0;
}

int main(void)
{
    regress_start();
    ou_object *frozen = ou_instance_new(regress_class("Frozen", fng_finalize));
    fng_target = ou_list_new(0);
    REQUIRE(frozen != NULL && fng_target != NULL);
    EXPECT_EQ(ou_gc_freeze(), 2);
    ou_object *first = ou_list_new(0), *last = ou_incref(first);
    for (int i = 0; i < FNG_MEMBERS; i++) { /* first <- ... <- last -> frozen */
        ou_object *next = i ? ou_list_new(0) : ou_incref(first);
        REQUIRE(next && ou_list_append(next, fng_target) == OU_OK);
        REQUIRE(ou_list_append_steal(next, last) == OU_OK);
        last = next;
    }
    REQUIRE(ou_list_append_steal(last, frozen) == OU_OK);
    REQUIRE(ou_list_append_steal(first, last) == OU_OK);
    ou_decref(first);
    EXPECT_EQ(ou_gc_collect(), FNG_MEMBERS);
    EXPECT_EQ(fng_finalized, 1);
    EXPECT_EQ(ou_refcount(fng_target), 1);
    ou_gc_unfreeze();
    ou_decref(fng_target);
    return regress_end(0);
}
