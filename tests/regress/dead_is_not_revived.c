/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dead_is_not_revived.c - objects that died together wait for their turn on a list whose links
 * are in their own headers. A finalizer of the first one looked for the others, by weakref or
 * in the table of interned strings; with an unlucky address the link read as a live count, and
 * it was given a reference to an object that was about to be freed.
 *
 * Who has reached count zero is gone: a weakref gives nothing, interning gives a new string.
 */
#include "regress/regress.h"

enum { DNR_OBJECTS = 60 }; /* an inbox is worked off in batches of 64 */

static ou_object *dnr_refs[DNR_OBJECTS], *dnr_lists[DNR_OBJECTS], *dnr_strings[DNR_OBJECTS];
static ou_object *dnr_again[DNR_OBJECTS];
static ou_object *dnr_first;
static int dnr_made, dnr_dropped; /* atomic */
static int dnr_finalized, dnr_alive;

static ou_object *dnr_intern(int i)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "not revived %d", i);
    ou_object *s = ou_str_intern(text, (size_t)n);
    REQUIRE(s != NULL);
    return s;
}

static int dnr_finalize(ou_object *self, void *arg)
{
    (void)self;
    (void)arg;
    dnr_finalized++;
    for (int i = 0; i < DNR_OBJECTS; i++) {
        ou_object *o = dnr_refs[i] ? ou_weakref_get(dnr_refs[i]) : NULL;
        dnr_alive += o != NULL; /* its reference is kept: dropping it would free it twice */
        if (dnr_strings[i]) {
            dnr_again[i] = dnr_intern(i);
        }
    }
    return 0;
}

/* All die in one container, so that they wait behind each other. */
static void dnr_in_container(void)
{
    const ou_type *plain = regress_class("Plain", NULL);
    ou_object *list = ou_list_new(0);
    ou_object *first = ou_instance_new(regress_class("First", dnr_finalize));
    REQUIRE(list && first);
    for (int i = 0; i < DNR_OBJECTS; i++) {
        ou_object *o = ou_instance_new(plain);
        REQUIRE(o != NULL);
        dnr_refs[i] = ou_weakref_new(o, NULL, NULL);
        REQUIRE(dnr_refs[i] && ou_list_append_steal(list, o) == OU_OK);
        if (i == DNR_OBJECTS / 2) {
            REQUIRE(ou_list_append_steal(list, first) == OU_OK);
        }
    }
    ou_decref(list);
    EXPECT_EQ(dnr_finalized, 1);
    for (int i = 0; i < DNR_OBJECTS; i++) {
        ou_decref(dnr_refs[i]);
    }
}

static void *dnr_owner(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    dnr_first = ou_instance_new(regress_class("Queued", dnr_finalize));
    for (int i = 0; i < DNR_OBJECTS; i++) {
        dnr_lists[i] = i % 2 ? ou_list_new(0) : NULL;
        dnr_refs[i] = i % 2 ? ou_weakref_new(dnr_lists[i], NULL, NULL) : NULL;
        dnr_strings[i] = i % 2 ? NULL : dnr_intern(i);
        REQUIRE(dnr_first && (dnr_strings[i] || (dnr_lists[i] && dnr_refs[i])));
    }
    ou_store_release(&dnr_made, 1);
    regress_await_apart(&dnr_dropped, 1);
    ou_safepoint(); /* works the inbox off: all of them die here */
    EXPECT_EQ(dnr_finalized, 2);
    for (int i = 0; i < DNR_OBJECTS; i++) {
        ou_xdecref(dnr_refs[i]);
    }
    ou_thread_detach();
    return NULL;
}

/* All die by another thread's decrefs, the one with the finalizer first. */
static void dnr_in_inbox(void)
{
    pthread_t owner = regress_thread(dnr_owner, NULL);
    regress_await(&dnr_made, 1);
    ou_decref(dnr_first);
    for (int i = 0; i < DNR_OBJECTS; i++) {
        ou_decref(i % 2 ? dnr_lists[i] : dnr_strings[i]);
    }
    ou_store_release(&dnr_dropped, 1);
    regress_join(owner);
    for (int i = 0; i < DNR_OBJECTS; i += 2) {
        char want[48];
        REQUIRE(dnr_again[i] != NULL);
        EXPECT_EQ(ou_refcount(dnr_again[i]), 1);
        snprintf(want, sizeof(want), "'not revived %d'", i);
        char got[48] = {0};
        ou_repr(dnr_again[i], got, sizeof(got));
        EXPECT(strcmp(got, want) == 0);
        ou_object *same = dnr_intern(i);
        EXPECT(same == dnr_again[i]);
        ou_decref(same);
        ou_decref(dnr_again[i]);
    }
}

static int dnr_all(void *arg)
{
    regress_shift(*(size_t *)arg << 30);
    regress_start();
    dnr_in_container();
    dnr_in_inbox();
    EXPECT_EQ(dnr_alive, 0);
    return regress_end(0);
}

/* Every value of the address bits 30 to 32, in a child each. */
int main(void)
{
    for (size_t shift = 0; shift < 8; shift++) {
        if (!EXPECT_EQ(regress_child(dnr_all, &shift), 0)) {
            fprintf(stderr, "%zu GiB lower\n", shift);
        }
    }
    return expect_result();
}
