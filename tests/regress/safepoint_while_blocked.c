/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * safepoint_while_blocked.c - a safepoint inside a blocking region, met by code that does not
 * know where it is called from. It parked a thread that was parked already and so entered
 * the world by the back door, while a collection thought it outside.
 *
 * Inside a blocking region a safepoint does nothing, and births are refused.
 */
#include "regress/regress.h"

enum { SWB_THREADS = 2, SWB_ROUNDS = 40, SWB_YIELDS = 20 };

static int swb_begun, swb_ended; /* atomic: round of collections */

/* A stop is asked for while the thread is attached and does not answer; it then blocks, which
 * answers as well, and meets its safepoint late. */
static void *swb_blocked(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    for (int round = 1; round <= SWB_ROUNDS; round++) {
        regress_await_apart(&swb_begun, round);
        for (int i = 0; i < SWB_YIELDS; i++) {
            sched_yield();
        }
        ou_blocking_begin();
        do {
            ou_safepoint();
            REQUIRE(!ou_thread_attached());
            REQUIRE(ou_list_new(0) == NULL);
            REQUIRE(ou_error() == OU_ESTATE);
        } while (ou_load_acquire(&swb_ended) < round);
        ou_blocking_end();
        REQUIRE(ou_thread_attached());
    }
    ou_thread_detach();
    return NULL;
}

int main(void)
{
    pthread_t threads[SWB_THREADS];
    regress_start();
    ou_object *live = ou_list_new(0);
    for (size_t i = 0, n = scale_ops(20000); i < n; i++) {
        REQUIRE(ou_list_append_steal(live, ou_list_new(0)) == OU_OK);
    }
    for (int i = 0; i < SWB_THREADS; i++) {
        threads[i] = regress_thread(swb_blocked, NULL);
    }
    for (int round = 1; round <= SWB_ROUNDS; round++) {
        ou_store_release(&swb_begun, round);
        EXPECT_EQ(ou_gc_collect(), 0);
        EXPECT_EQ(ou_gc_collect(), 0);
        ou_store_release(&swb_ended, round);
    }
    for (int i = 0; i < SWB_THREADS; i++) {
        regress_join(threads[i]);
    }
    ou_decref(live);
    return regress_end(0);
}
