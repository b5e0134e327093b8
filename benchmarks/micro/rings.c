/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * rings.c - circular lists: nodes that refer to each other, built, dropped and collected.
 *
 *      rings/build/N     ns a node to make rings of N nodes and drop the last outside name
 *      rings/collect/N   ns a node for the collection that finds and frees them
 *
 * Small rings come in numbers that add up to 10^5 nodes, so that a collection's fixed cost does
 * not pass for a cost of nodes; 10^6 is one ring. The collector must report exactly as many
 * unreachable objects as there are nodes, in every single round of both benchmarks. One round
 * goes before the first, as in lists.c.
 */
#include "micro.h"

#include MICRO_OPS

#define SMALL_TOTAL 100000 /* nodes of all rings together when rings are small */

/* One ring of n nodes, its outside name dropped. 0, -1: out of memory. */
static int build_ring(size_t n)
{
    op_ref first = op_node();
    op_ref last = first;
    if (!first) {
        return -1;
    }
    for (size_t i = 1; i < n; i++) {
        op_ref node = op_node();
        if (!node || op_node_set_steal(last, 0, node)) {
            return -1;
        }
        last = node; /* borrowed: the node before it holds it */
    }
    return op_node_set_steal(last, 0, first);
}

static int build_rings(size_t rings, size_t n)
{
    int failed = 0;
    for (size_t i = 0; i < rings && !failed; i++) {
        failed = build_ring(n);
    }
    return failed;
}

static size_t ring_count(size_t n)
{
    return n >= SMALL_TOTAL ? 1 : SMALL_TOTAL / n;
}

/* Builds and collects; times one of the two. */
static const char *rounds(gb_state *s, size_t n, bool time_collect)
{
    const size_t rings = ring_count(n), nodes = rings * n;
    op_collect(); /* what others left behind is not ours */
    if (build_rings(rings, n) || op_collect() != (int64_t)nodes) {
        return "the warm-up round failed";
    }
    while (gb_next_batch(s, (int64_t)nodes)) {
        uint64_t begin = micro_now_ns();
        int failed = build_rings(rings, n);
        uint64_t built = micro_now_ns();
        int64_t found = op_collect();
        uint64_t end = micro_now_ns();
        gb_manual_time(s, (double)(time_collect ? end - built : built - begin) * 1e-9);
        if (failed) {
            return "out of memory";
        }
        if (found != (int64_t)nodes) {
            return "the collector's count is not the number of nodes";
        }
    }
    gb_counter(s, "nodes", (double)nodes, GB_PLAIN);
    return op_collect() == 0 ? NULL : "a second collection found something";
}

static const char *run_build(gb_state *s, const micro_row *row)
{
    return rounds(s, row->size, false);
}

static const char *run_collect(gb_state *s, const micro_row *row)
{
    return rounds(s, row->size, true);
}

void micro_rings(void)
{
    static const char *const bump = "limit/bump_pointer";
    static const char *const walk = "limit/traverse_sequential";
    static const micro_row table[] = {
        {"rings/build/2", run_build, bump, 2, 0, MICRO_MANUAL},
        {"rings/build/100", run_build, bump, 100, 0, MICRO_MANUAL | MICRO_QUICK},
        {"rings/build/1000000", run_build, bump, 1000000, 0, MICRO_MANUAL},
        {"rings/collect/2", run_collect, walk, 2, 0, MICRO_MANUAL | MICRO_QUICK},
        {"rings/collect/100", run_collect, walk, 100, 0, MICRO_MANUAL},
        {"rings/collect/1000000", run_collect, walk, 1000000, 0, MICRO_MANUAL | MICRO_QUICK},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}
