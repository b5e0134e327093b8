/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * object_rings.c - circular lists of instances, which counting alone never frees.
 *
 * A round builds `window` rings, walks each once, drops every outside reference and collects.
 * With one thread the collector must return exactly the nodes of the round; with several, whose
 * collections find each other's rings, the sum over the run must agree (objects.c). One
 * operation is one node: built, walked, collected.
 */
#include "engine/below.h"
#include "engine/object_types.h"
#include "engine/objects.h"
#include "engine/operations.h"
#include "engine/rings.h"
#include "ouro/gc.h"

static bool object_rings_build(struct worker *w, ou_object **head, uint64_t rings)
{
    uint64_t length = w->phase->cycle;
    if (w->latency) {
        worker_lap_begin(w);
    }
    for (uint64_t i = 0; i < rings; i++) {
        head[i] = object_ring(length);
        if (!head[i]) {
            return worker_fail(w, WORKER_NO_MEMORY, "a ring could not be made: %s",
                               ou_error_message());
        }
        worker_live_add(w, length * OBJECT_NODE_BYTES);
        if (w->latency) {
            worker_lap(w);
        }
    }
    w->made += rings * length;
    w->made_bytes += rings * length * OBJECT_NODE_BYTES;
    return true;
}

static bool object_rings_drop(struct worker *w, ou_object **head, uint64_t rings)
{
    uint64_t length = w->phase->cycle;
    for (uint64_t i = 0; i < rings; i++) {
        uint64_t nodes = 0;
        uint64_t sum = 0;
        bool whole = object_ring_walk(head[i], &nodes, &sum);
        if (!whole || nodes != length || sum != rings_sum(length)) {
            return worker_fail(w, WORKER_CORRUPT, "a ring of %llu nodes walked as %llu",
                               (unsigned long long)length, (unsigned long long)nodes);
        }
        worker_sum(w, sum + w->done + i);
        ou_decref(head[i]);
    }
    worker_cyclic_add(w, rings * length);
    return true;
}

static uint64_t object_rings_step(struct worker *w, uint64_t left)
{
    uint64_t rings = rings_round(w, left);
    uint64_t nodes = rings * w->phase->cycle;
    ou_object **head = w->scratch;
    if (!object_rings_build(w, head, rings) || !object_rings_drop(w, head, rings)) {
        return 0;
    }
    int64_t found = ou_gc_collect();
    if (below_counts && w->run->options.threads == 1 && found != (int64_t)nodes) {
        return worker_fail(w, WORKER_MISCOUNT, "the collector found %lld of %llu nodes",
                           (long long)found, (unsigned long long)nodes);
    }
    w->released += nodes;
    w->released_bytes += nodes * OBJECT_NODE_BYTES;
    worker_live_sub(w, nodes * OBJECT_NODE_BYTES);
    return nodes;
}

/* What earlier phases left unreachable must not be counted as ours. */
static int object_rings_begin(struct worker *w)
{
    if (w->index == 0 && ou_gc_collect() < 0) {
        worker_fail(w, WORKER_MISCOUNT, "the collector refuses: %s", ou_error_message());
        return -1;
    }
    return rings_begin(w);
}

static int object_rings_end(struct worker *w)
{
    (void)w;
    return 0;
}

const struct op_form object_rings = {object_rings_begin,
                                     object_rings_step,
                                     object_rings_end,
                                     OPS_END | KEY(window) | KEY(cycle),
                                     0,
                                     true};
