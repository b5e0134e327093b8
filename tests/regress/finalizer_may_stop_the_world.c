/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * finalizer_may_stop_the_world.c - while a collection runs the finalizers of its set, another
 * thread drops the last reference of an object that the collecting thread owns. The collector
 * found that death in its inbox during the second stop and ran the object's finalizer there and
 * then, the world standing: a finalizer that stops the world itself, or blocks, hung for good.
 *
 * Finalizers run while the world runs, also those of objects that die beside a collection.
 */
#include "regress/regress.h"

static ou_object *fsw_beside;
static int fsw_go, fsw_dropped, fsw_finalized; /* atomic */

static int fsw_finalize_beside(ou_object *self, void *arg)
{
    (void)self;
    (void)arg;
    EXPECT(ou_census(NULL, 0) > 0); /* stops the world */
    ou_blocking_begin();
    sched_yield();
    ou_blocking_end();
    ou_store_release(&fsw_finalized, 1);
    return 0;
}

static int fsw_finalize_member(ou_object *self, void *arg)
{
    (void)self;
    (void)arg;
    ou_store_release(&fsw_go, 1);
    regress_await_apart(&fsw_dropped, 1);
    return 0;
}

static void *fsw_other(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    regress_await(&fsw_go, 1);
    ou_decref(fsw_beside);
    ou_store_release(&fsw_dropped, 1);
    ou_thread_detach();
    return NULL;
}

int main(void)
{
    regress_start();
    fsw_beside = ou_instance_new(regress_class("Beside", fsw_finalize_beside));
    REQUIRE(fsw_beside != NULL);
    ou_decref(regress_ring_of(regress_class("Member", fsw_finalize_member)));
    pthread_t other = regress_thread(fsw_other, NULL);
    EXPECT_EQ(ou_gc_collect(), 1);
    regress_join(other);
    ou_safepoint();
    EXPECT_EQ(ou_load_acquire(&fsw_finalized), 1);
    return regress_end(0);
}
