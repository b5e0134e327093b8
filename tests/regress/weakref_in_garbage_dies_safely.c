/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * weakref_in_garbage_dies_safely.c - a weakref with a callback is part of a garbage set, and
 * its target, which is alive, dies on another thread while the set is taken apart. Sets without
 * finalizers are taken apart without a look at counts; the death of the target still found the
 * weakref and gave it to its callback, while the collector freed it: the callback's
 * argument was a dead block.
 *
 * A weakref that a callback is given lives until the callback returns. The callback here waits
 * until the collection is over, then looks. By a collection in one stop, and by those in short
 * ones: there the target dies behind the first, second, ... stop of a collection.
 */
#include "regress/regress.h"

enum { WIR_ROUNDS = 30, WIR_STOPS = 8 };

static ou_object *wir_target;
static int wir_ready, wir_found, wir_collected; /* atomic: round that got so far */
static int wir_round;
static int wir_callbacks;

static void wir_callback(ou_object *ref, void *arg)
{
    (void)arg;
    ou_fetch_add_relaxed(&wir_callbacks, 1);
    ou_store_release(&wir_found, ou_load_relaxed(&wir_round));
    ou_blocking_begin();
    regress_await_apart(&wir_collected, ou_load_relaxed(&wir_round));
    ou_blocking_end();
    for (int i = 0; i < 100; i++) { /* whoever got the block by now has written to it */
        ou_object *other = ou_list_new(0);
        REQUIRE(other != NULL);
        ou_decref(other);
    }
    REQUIRE(ou_is_weakref(ref));
    REQUIRE(ou_refcount(ref) >= 1);
    ou_object *gone = ou_weakref_get(ref);
    EXPECT(gone == NULL);
}

static void *wir_other(void *arg)
{
    (void)arg;
    REQUIRE(ou_thread_attach() == OU_OK);
    for (int round = 1; round <= WIR_ROUNDS; round++) {
        wir_target = ou_list_new(0);
        REQUIRE(wir_target != NULL);
        uint64_t stops = ou_stat("world_stops");
        ou_store_release(&wir_ready, round);
        uint64_t behind = round % 2 ? 1 : 1 + (uint64_t)round / 2 % WIR_STOPS;
        while (ou_stat("world_stops") < stops + behind &&
               ou_load_acquire(&wir_collected) < round) {
            ou_safepoint();
        }
        ou_safepoint(); /* stands here until the set is known */
        ou_decref(wir_target);
        regress_await(&wir_collected, round);
    }
    ou_thread_detach();
    return NULL;
}

int main(void)
{
    regress_start();
    const size_t members = scale_ops(50000);
    pthread_t other = regress_thread(wir_other, NULL);
    for (int round = 1; round <= WIR_ROUNDS; round++) {
        regress_await(&wir_ready, round);
        ou_store_relaxed(&wir_round, round);
        ou_object *ring = regress_ring();
        for (size_t i = 0; i < members; i++) {
            REQUIRE(ou_list_append_steal(ring, ou_list_new(0)) == OU_OK);
        }
        ou_object *ref = ou_weakref_new(wir_target, wir_callback, NULL);
        REQUIRE(ou_list_append_steal(ring, ref) == OU_OK);
        ou_decref(ring);
        /* The weakref may be held by its callback now. */
        int64_t found = round % 2 ? ou_gc_collect() : ou_gc_collect_sliced(NULL);
        EXPECT(found >= (int64_t)members + 1 && found <= (int64_t)members + 2);
        ou_store_release(&wir_collected, round);
    }
    regress_join(other);
    printf("%d callbacks in %d rounds\n", wir_callbacks, WIR_ROUNDS);
    return regress_end(0);
}
