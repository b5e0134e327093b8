/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * fork_with_queued_finalizer.c - an object of another thread has died by a decref here: it
 * waits in that thread's inbox when this one forks. In the child nobody but the handler of fork
 * can work the inbox off, so the finalizer runs there; it asked for a collection, whose lock
 * the handler still held, and the child never came out of fork.
 *
 * Finalizers that fork brings forth may collect. The owner is kept from its inbox until fork
 * has begun; whether the object dies in the child is up to the scheduler, that nothing hangs is
 * not.
 */
#include "regress/regress.h"

enum { FQF_ROUNDS = 10, FQF_YIELDS = 2000 };

static ou_object *fqf_object;
static int fqf_ready, fqf_forking, fqf_done; /* atomic: round that got so far */
static int fqf_round;
static int fqf_finalized; /* atomic: in this process */

static int fqf_finalize(ou_object *self, void *arg)
{
    (void)self;
    (void)arg;
    EXPECT(ou_gc_collect() >= 0);
    ou_fetch_add_relaxed(&fqf_finalized, 1);
    return 0;
}

/* Registered after the runtime's handler, so called before it. */
static void fqf_prepare(void)
{
    ou_store_release(&fqf_forking, fqf_round);
}

static void *fqf_owner(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    const ou_type *type = regress_class("Queued", fqf_finalize);
    for (int round = 1; round <= FQF_ROUNDS; round++) {
        fqf_object = ou_instance_new(type);
        REQUIRE(fqf_object != NULL);
        ou_store_release(&fqf_ready, round);
        regress_await_apart(&fqf_forking, round);
        for (int i = 0; i < FQF_YIELDS; i++) { /* fork's stop of the world comes in first */
            sched_yield();
        }
        regress_await(&fqf_done, round);
    }
    ou_thread_detach();
    return NULL;
}

static int fqf_child(void *before)
{
    ou_safepoint();
    EXPECT_EQ(ou_gc_collect(), 0);
    int here = ou_load_relaxed(&fqf_finalized) > *(int *)before;
    return expect_result() ? 1 : here ? 10 : 0;
}

int main(void)
{
    regress_start();
    int in_child = 0;
    pthread_t owner = regress_thread(fqf_owner, NULL);
    regress_await(&fqf_ready, 1);
    REQUIRE(pthread_atfork(fqf_prepare, NULL, NULL) == 0);
    for (fqf_round = 1; fqf_round <= FQF_ROUNDS; fqf_round++) {
        regress_await(&fqf_ready, fqf_round);
        ou_decref(fqf_object);
        int before = ou_load_relaxed(&fqf_finalized);
        int status = regress_child(fqf_child, &before);
        if (EXPECT(WIFEXITED(status)) && EXPECT(WEXITSTATUS(status) % 10 == 0)) {
            in_child += WEXITSTATUS(status) == 10;
        }
        ou_store_release(&fqf_done, fqf_round);
        regress_await(&fqf_finalized, fqf_round); /* in this process exactly once */
    }
    regress_join(owner);
    EXPECT_EQ(fqf_finalized, FQF_ROUNDS);
    printf("%d of %d finalizers also ran in the child\n", in_child, FQF_ROUNDS);
    return regress_end(0);
}
