/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * nothing_born_in_frozen_pages.c - ou_gc_freeze takes whole pages out of the collector's sight.
 * The blocks of frozen objects that died were handed out again, so new objects were born where
 * the collector does not look: their cycles were kept until the thaw.
 *
 * What is born after a freeze is collected, wherever frozen objects have died: on this thread,
 * by another thread's last decref, or by a collection.
 */
#include "regress/regress.h"

enum { NBF_OBJECTS = 400 };

static ou_object *nbf_frozen[NBF_OBJECTS];

static void *nbf_drop(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    for (int i = 0; i < NBF_OBJECTS; i += 2) {
        ou_decref(nbf_frozen[i]);
    }
    ou_thread_detach();
    return NULL;
}

static void nbf_make_frozen(void)
{
    for (int i = 0; i < NBF_OBJECTS; i++) {
        nbf_frozen[i] = ou_list_new(0);
        REQUIRE(nbf_frozen[i] != NULL);
    }
    EXPECT_EQ(ou_gc_freeze(), NBF_OBJECTS);
}

static void nbf_expect_all_collected(void)
{
    for (int i = 0; i < 2 * NBF_OBJECTS; i++) {
        ou_decref(regress_ring());
    }
    EXPECT_EQ(ou_gc_collect(), 2 * NBF_OBJECTS);
    ou_gc_unfreeze();
    EXPECT_EQ(ou_gc_collect(), 0);
}

int main(void)
{
    regress_start();
    nbf_make_frozen();
    for (int i = 0; i < NBF_OBJECTS; i++) {
        ou_decref(nbf_frozen[i]);
    }
    nbf_expect_all_collected();

    nbf_make_frozen();
    regress_join(regress_thread(nbf_drop, NULL));
    ou_safepoint();
    for (int i = 1; i < NBF_OBJECTS; i += 2) {
        ou_decref(nbf_frozen[i]);
    }
    nbf_expect_all_collected();

    nbf_make_frozen(); /* garbage of the second kind: held by a cycle that is not frozen */
    ou_object *ring = regress_ring();
    for (int i = 0; i < NBF_OBJECTS; i++) {
        REQUIRE(ou_list_append_steal(ring, nbf_frozen[i]) == OU_OK);
    }
    ou_decref(ring);
    EXPECT_EQ(ou_gc_collect(), 1);
    nbf_expect_all_collected();
    return regress_end(0);
}
