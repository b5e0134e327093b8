/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * raw_malloc_while_blocked.c - a thread in a blocking region may call ou_malloc, and no stop of
 * the world waits for it. Its heap once took back the objects that others had freed, found
 * whole pages empty and gave them out as raw memory, while a collector walked these pages and
 * took what the thread wrote there for objects.
 *
 * Pages of objects change only while their thread is attached. Each round another thread makes
 * objects and blocks, this one drops them and collects, and the other fills raw memory
 * all the while.
 */
#include "regress/regress.h"

enum { RMB_OBJECTS = 30000, RMB_RAW = 1500, RMB_ROUNDS = 12 };

static ou_object *rmb_made[RMB_OBJECTS];
static int rmb_ready, rmb_dropped, rmb_collected; /* atomic: round that got so far */
static size_t rmb_objects;

static void rmb_raw(void)
{
    static void *raw[RMB_RAW];
    for (size_t i = 0; i < RMB_RAW; i++) {
        size_t bytes = 4096 + i % 8 * 1000;
        raw[i] = ou_malloc(bytes);
        REQUIRE(raw[i] != NULL);
        memset(raw[i], 0x01, bytes);
    }
    for (size_t i = 0; i < RMB_RAW; i++) {
        ou_free(raw[i]);
    }
}

static void *rmb_blocked(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    for (int round = 1; round <= RMB_ROUNDS; round++) {
        for (size_t i = 0; i < rmb_objects; i++) {
            rmb_made[i] = ou_list_new(0);
            REQUIRE(rmb_made[i] != NULL);
        }
        ou_blocking_begin();
        ou_store_release(&rmb_ready, round);
        regress_await_apart(&rmb_dropped, round);
        do {
            rmb_raw();
        } while (ou_load_acquire(&rmb_collected) < round);
        ou_blocking_end();
    }
    ou_thread_detach();
    return NULL;
}

int main(void)
{
    regress_start();
    rmb_objects = scale_ops(RMB_OBJECTS);
    ou_object *live = ou_list_new(0); /* makes the collector's walk long */
    for (size_t i = 0, n = scale_ops(300000); i < n; i++) {
        REQUIRE(ou_list_append_steal(live, ou_list_new(0)) == OU_OK);
    }
    pthread_t blocked = regress_thread(rmb_blocked, NULL);
    for (int round = 1; round <= RMB_ROUNDS; round++) {
        regress_await(&rmb_ready, round);
        for (size_t i = 0; i < rmb_objects; i++) {
            ou_decref(rmb_made[i]);
        }
        ou_decref(ou_list_new(0));
        ou_heap_trim(); /* what was freed goes to its heap now */
        ou_store_release(&rmb_dropped, round);
        for (int i = 0; i < 4; i++) {
            EXPECT_EQ(ou_gc_collect(), 0);
        }
        ou_store_release(&rmb_collected, round);
    }
    regress_join(blocked);
    ou_decref(live);
    return regress_end(0);
}
