/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * repeated_stops_let_others_in.c - two threads stop the world as often as they can; a third one
 * that leaves and enters its slot must get through. It could be passed by one stop after the
 * other: whoever was woken found the next one begun.
 */
#include "regress/regress.h"

enum { RSL_STOPS_FIRST = 100, RSL_ENTRIES = 2000 };

static uint64_t rsl_stops; /* atomic */
static bool rsl_done;      /* atomic */

static void *rsl_stopper(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    while (!ou_load_acquire(&rsl_done)) {
        ou_gc_collect();
        ou_fetch_add_relaxed(&rsl_stops, 1u);
    }
    ou_thread_detach();
    return NULL;
}

int main(void)
{
    regress_start();
    pthread_t first = regress_thread(rsl_stopper, NULL);
    pthread_t second = regress_thread(rsl_stopper, NULL);
    while (ou_load_relaxed(&rsl_stops) < RSL_STOPS_FIRST) {
        ou_safepoint();
    }
    ou_object *o = ou_list_new(0);
    for (int i = 0; i < RSL_ENTRIES; i++) {
        ou_blocking_begin();
        ou_blocking_end();
        EXPECT_EQ(ou_refcount(o), 1); /* in: objects may be used */
    }
    ou_decref(o);
    ou_store_release(&rsl_done, true);
    regress_join(first);
    regress_join(second);
    return regress_end(0);
}
