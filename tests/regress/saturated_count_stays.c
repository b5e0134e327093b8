/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * saturated_count_stays.c - a shared count that reached its ceiling makes its object immortal.
 * Decrements stopped there, increments did not: after some hundred millions more the signed
 * count wrapped round to below zero, and a program that had done nothing wrong was ended.
 *
 * Reaching the ceiling by counting takes seconds, so the header's shared word, whose layout
 * ouro/object.h documents, is written directly; from there on everything is counted as usual.
 */
#include "regress/regress.h"

enum { SCS_STATE_BITS = 2, SCS_MORE = 64 };

static ou_object *scs_object;

static void *scs_make(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    scs_object = ou_list_new(0);
    REQUIRE(scs_object != NULL);
    ou_thread_detach();
    return NULL;
}

int main(void)
{
    regress_start();
    regress_join(regress_thread(scs_make, NULL));
    ou_object *o = scs_object;
    ou_incref(o); /* owned by a thread that is gone: counted in the shared word */
    const uint32_t near = ((uint32_t)1 << 28) - SCS_MORE / 2;
    uint32_t state = ou_load_relaxed(&o->rc_shared) & ((1u << SCS_STATE_BITS) - 1);
    ou_store_relaxed(&o->rc_shared, near << SCS_STATE_BITS | state);
    REQUIRE(!ou_is_immortal(o) && ou_refcount(o) >= (int64_t)near);
    for (int i = 0; i < SCS_MORE; i++) {
        ou_incref(o);
    }
    REQUIRE(ou_is_immortal(o));
    EXPECT_EQ(ou_refcount(o), INT64_MAX);
    uint32_t ceiling = ou_load_relaxed(&o->rc_shared);
    for (int i = 0; i < SCS_MORE; i++) {
        ou_incref(o);
    }
    EXPECT_EQ(ou_load_relaxed(&o->rc_shared), ceiling);
    for (int i = 0; i < 3 * SCS_MORE; i++) {
        ou_decref(o);
    }
    EXPECT_EQ(ou_load_relaxed(&o->rc_shared), ceiling);
    EXPECT(ou_is_immortal(o));
    EXPECT_EQ(ou_gc_collect(), 0);
    EXPECT_EQ(ou_list_len(o), 0);
    return regress_end(0);
}
