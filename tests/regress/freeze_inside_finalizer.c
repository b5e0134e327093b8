/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * freeze_inside_finalizer.c - a finalizer that a collection runs freezes and thaws. Both used
 * the collector's arrays and left them empty, under the running collection's feet: the rest of
 * the set was forgotten, and an object that had come back kept the mark of garbage, so that
 * later collections miscounted the references to it.
 *
 * Inside a collection both do nothing and return 0, as ou_gc_collect does.
 */
#include "regress/regress.h"

static ou_object *fif_saved;
static int fif_finalized, fif_save;

static int fif_finalize(ou_object *self, void *arg)
{
    (void)arg;
    if (fif_finalized++ == 0) {
        EXPECT_EQ(ou_gc_freeze(), 0);
        EXPECT_EQ(ou_gc_unfreeze(), 0);
        EXPECT_EQ(ou_gc_collect(), 0);
    }
    if (fif_save) {
        fif_saved = ou_incref(self);
    }
    return 0;
}

/* Garbage that refers to the object that came back, by both ways of the collector. */
static void fif_drop_references_to_saved(const ou_type *type)
{
    for (int with_finalizer = 0; with_finalizer < 2; with_finalizer++) {
        ou_object *ring = regress_ring();
        REQUIRE(ou_list_append(ring, fif_saved) == OU_OK);
        if (with_finalizer) {
            ou_object *member = ou_instance_new(type);
            REQUIRE(member && ou_attr_set(member, "a", ring) == OU_OK);
            REQUIRE(ou_list_append_steal(ring, member) == OU_OK);
        }
        EXPECT_EQ(ou_refcount(fif_saved), 3);
        ou_decref(ring);
        EXPECT_EQ(ou_gc_collect(), 1 + with_finalizer);
        EXPECT_EQ(ou_refcount(fif_saved), 2);
    }
}

int main(void)
{
    enum { RINGS = 10 };
    regress_start();
    const ou_type *type = regress_class("Freezer", fif_finalize);
    for (int i = 0; i < RINGS; i++) {
        ou_decref(regress_ring_of(type));
    }
    EXPECT_EQ(ou_gc_collect(), RINGS);
    EXPECT_EQ(fif_finalized, RINGS);
    EXPECT_EQ(ou_gc_collect(), 0);

    fif_finalized = 0;
    fif_save = 1;
    ou_decref(regress_ring_of(type));
    EXPECT_EQ(ou_gc_collect(), 0);
    fif_save = 0;
    REQUIRE(fif_saved != NULL && ou_refcount(fif_saved) == 2);
    fif_drop_references_to_saved(type);
    ou_decref(fif_saved);
    EXPECT_EQ(ou_gc_collect(), 1); /* its finalizer has run */
    return regress_end(0);
}
