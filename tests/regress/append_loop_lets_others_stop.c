/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * append_loop_lets_others_stop.c - a thread does nothing but append numbers to a list. There
 * was no safepoint in that, so a collection that another thread began waited until the loop was
 * over.
 *
 * The loop here is over only after the collection: a runtime without that safepoint hangs.
 */
#include "regress/regress.h"

enum { ALO_APPENDS = 100000, ALO_COLLECTIONS = 20 };

static int alo_looping, alo_collected; /* atomic */

static void *alo_append(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    ou_object *list = ou_list_new(0);
    REQUIRE(list != NULL);
    while (!ou_load_relaxed(&alo_collected)) {
        for (int i = 0; i < ALO_APPENDS; i++) {
            REQUIRE(ou_list_append_steal(list, ou_int_new(i)) == OU_OK);
        }
        ou_store_release(&alo_looping, 1);
        REQUIRE(ou_list_clear(list) == OU_OK); /* its storage goes, so it grows again */
    }
    ou_decref(list);
    ou_thread_detach();
    return NULL;
}

int main(void)
{
    regress_start();
    pthread_t t = regress_thread(alo_append, NULL);
    ou_blocking_begin();
    regress_await_apart(&alo_looping, 1);
    ou_blocking_end();
    for (int i = 0; i < ALO_COLLECTIONS; i++) {
        EXPECT_EQ(ou_gc_collect(), 0);
    }
    ou_store_relaxed(&alo_collected, 1);
    regress_join(t);
    return regress_end(0);
}
