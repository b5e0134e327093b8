/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * verify.c - what the collector is asked to prove in check builds, and zeal (knob gc_zeal).
 *
 *   traverse    every slot must show the references that the collector's own walk finds
 *   slices      before a collection in short stops the garbage is also found in one: all of it
 *               must be among the suspects, and gone in the end
 *   zeal        a collection at every k-th safepoint, of both kinds in turn, then an audit of
 * the heap
 */
#include "gc/verify.h"

#include "conf/conf.h"
#include "gc/children.h"
#include "gc/sliced.h"
#include "ouro/heap.h"
#include "ouro/runtime.h"

/* ---- zeal ------------------------------------------------------------------------------- */

static void arm_all(void)
{
    uint32_t slots = ou_slot_count();
    for (uint32_t id = 1; id <= slots; id++) {
        ou_slot_poll_set(&ou_slots[id], OU_POLL_GC);
    }
}

void ou_gc_zeal_start(void)
{
    if (OU_KNOB(gc_zeal)) {
        arm_all();
    }
}

void ou_gc_zeal(void)
{
    static uint32_t turns; /* atomic */
    uint32_t every = (uint32_t)OU_KNOB(gc_zeal);
    arm_all(); /* every safepoint comes here again, of threads that are new, too */
    uint32_t turn = ou_fetch_add_relaxed(&turns, 1u);
    if (turn % every) {
        return;
    }
    ou_gc_collect_automatic(turn / every % 2, false);
    ou_world_stop();
    size_t faults = ou_heap_check();
    ou_world_start();
    OU_VERIFY(!faults, "gc: %zu faults in the heap after a collection", faults);
}

#ifdef OURO_CHECK

/* ---- traverse --------------------------------------------------------------------------- */

/* World stopped. References by number and by sum: each once, in any order. */
static size_t seen;
static uint64_t sum;

static inline void edge_seen(ou_object *child)
{
    seen++;
    sum += ou_mix64((uint64_t)(uintptr_t)child);
}

static void visit_seen(ou_object *child, void *arg)
{
    (void)arg;
    edge_seen(child);
}

static void check_traverse(ou_object *o)
{
    const ou_type *type = ou_type_get(o);
    seen = 0, sum = 0;
    ou_each_child_other(o, edge_seen);
    size_t want = seen;
    uint64_t want_sum = sum;
    seen = 0, sum = 0;
    type->traverse(o, visit_seen, NULL);
    OU_VERIFY(seen == want && sum == want_sum,
              "gc: traverse of type '%s' shows %zu references of %p, which has %zu", type->name,
              seen, (void *)o, want);
}

void ou_gc_check_types(void)
{
    for (size_t r = 0; r < ou_gc.region_count; r++) {
        const ou_region *region = &ou_gc.regions[r];
        for (uint32_t i = 0; i < region->count; i++) {
            ou_object *o = ou_region_object(region, i);
            if (ou_gc_looks_at(o)) {
                check_traverse(o);
            }
        }
    }
}

/* ---- slices ----------------------------------------------------------------------------- */

static struct {
    ou_object **objects; /* NULL: nothing is expected */
    size_t count, bytes;
    bool tells; /* a callback of one group may bring back another that waits for its stop */
} expected;

/* World stopped, inboxes merged. A weakref may give garbage back to a thread until it is
 * judged: nothing is expected then. */
void ou_gc_expect(void)
{
    ou_gc_list_regions();
    size_t n = ou_gc_find_garbage();
    if (n && (!ou_gc.special || ou_slot_count() == 1)) {
        expected.bytes = ou_align_up(n * sizeof(ou_object *), 4096);
        expected.objects = ou_os_map(expected.bytes);
        expected.count = expected.objects ? n : 0;
        expected.tells = ou_gc.special;
        size_t at = 0;
        for (size_t r = 0; r < ou_gc.region_count && expected.objects; r++) {
            const ou_region *region = &ou_gc.regions[r];
            for (uint32_t i = 0; i < region->count && region->garbage; i++) {
                if (!ou_gc.counters[region->counters + i]) {
                    expected.objects[at++] = ou_region_object(region, i);
                }
            }
        }
    }
    ou_gc_release_memory();
}

/* The hint is made. Garbage does not change: its headers may be read while the world runs. */
void ou_gc_expect_suspects(void)
{
    for (size_t i = 0; i < expected.count; i++) {
        ou_object *o = expected.objects[i];
        OU_VERIFY(ou_hint_find(o) != OU_NO_SUSPECT,
                  "gc: garbage %p of type '%s' is no suspect of a collection in short stops",
                  (void *)o, ou_type_get(o)->name);
    }
}

void ou_gc_expect_end(const ou_gc_report *report, bool through)
{
    uint64_t found = report->unreachable + report->resurrected;
    found += expected.tells ? report->false_suspects : 0;
    OU_VERIFY(!through || found >= expected.count,
              "gc: short stops found %llu of %zu garbage objects", (unsigned long long)found,
              expected.count);
    if (expected.objects) {
        ou_os_unmap(expected.objects, expected.bytes);
    }
    OU_STAT(gc_compared, through);
    expected.objects = NULL;
    expected.count = 0;
}

#endif
