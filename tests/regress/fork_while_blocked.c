/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * fork_while_blocked.c - fork and waitpid between ou_blocking_begin and ou_blocking_end, as any
 * program does that starts another one, while a second thread collects all the time. The
 * handlers of fork took the thread for an attached one: it came out of fork inside the world,
 * went to sleep in waitpid there, and the next collection waited for it.
 *
 * After fork the thread is blocked as it was before, in the parent and in the child, and the
 * child can go on from there.
 */
#include "regress/regress.h"

enum { FWB_FORKS = 8 };

static int fwb_stop, fwb_begun, fwb_collections; /* atomic */

/* Before and after each collection, its lock held. */
static void fwb_note(const ou_gc_report *report, void *arg)
{
    (void)arg;
    ou_fetch_add_relaxed(report ? &fwb_collections : &fwb_begun, 1);
}

static void *fwb_collect(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    ou_object *live = ou_list_new(0);
    for (size_t i = 0, n = scale_ops(200000); i < n; i++) {
        REQUIRE(ou_list_append_steal(live, ou_list_new(0)) == OU_OK);
    }
    while (!ou_load_relaxed(&fwb_stop)) {
        EXPECT_EQ(ou_gc_collect(), 0);
        ou_blocking_begin(); /* fork waits for the end of a collection: let it have one */
        for (int i = 0; i < 20; i++) {
            sched_yield();
        }
        ou_blocking_end();
    }
    ou_decref(live);
    ou_thread_detach();
    return NULL;
}

static int fwb_child(void *arg)
{
    (void)arg;
    EXPECT(!ou_thread_attached());
    ou_blocking_end();
    EXPECT(ou_thread_attached());
    ou_decref(regress_ring());
    EXPECT_EQ(ou_gc_collect(), 1);
    EXPECT_EQ(ou_heap_check(), 0);
    return expect_result();
}

int main(void)
{
    regress_start();
    REQUIRE(ou_gc_callback_add(fwb_note, NULL) == OU_OK);
    pthread_t collector = regress_thread(fwb_collect, NULL);
    for (int i = 0; i < FWB_FORKS; i++) {
        ou_blocking_begin();
        int begun = ou_load_relaxed(&fwb_begun);
        regress_await_apart(&fwb_begun, begun + 1); /* in the middle of a collection */
        EXPECT_EQ(regress_child(fwb_child, NULL), 0);
        EXPECT(!ou_thread_attached());
        int seen = ou_load_relaxed(&fwb_collections);
        regress_await_apart(&fwb_collections, seen + 2); /* they go on without us */
        ou_blocking_end();
        EXPECT(ou_thread_attached());
    }
    ou_store_relaxed(&fwb_stop, 1);
    regress_join(collector);
    return regress_end(0);
}
