/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * rings.c - circular lists: nodes that refer to each other, built, dropped and collected.
 *
 *      rings/build/N            ns a node to make rings of N nodes and drop the last outside
 * name rings/collect/N          ns a node for the collection that finds and frees them
 *      rings/collect_random/N   the same for one ring through N nodes in random order
 *      rings/live/local/N       ns a node for a collection that finds nothing: N nodes in a
 * list, each of which refers to the one before it rings/live/random/N      ... to any of them
 *
 * Small rings come in numbers that add up to 10^5 nodes, so that a collection's fixed cost does
 * not pass for a cost of nodes; 10^6 is one ring. The collector must report exactly as many
 * unreachable objects as there are nodes, in every single round of both benchmarks. One round
 * goes before the first, as in lists.c.
 */
#include <string.h>

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

/* One ring through n nodes in random order, its outside name dropped. 0, -1: out of memory. */
static int build_random_ring(op_ref *nodes, size_t n, uint64_t *x)
{
    for (size_t i = 0; i < n; i++) {
        nodes[i] = op_node();
        if (!nodes[i]) {
            return -1;
        }
    }
    for (size_t i = n - 1; i > 0; i--) { /* Fisher and Yates */
        size_t other = micro_below(x, (uint32_t)i + 1);
        op_ref node = nodes[i];
        nodes[i] = nodes[other];
        nodes[other] = node;
    }
    int failed = 0;
    for (size_t i = 0; i < n && !failed; i++) {
        failed = op_node_set_steal(nodes[i], 0, nodes[(i + 1) % n]);
    }
    return failed;
}

static const char *run_collect_random(gb_state *s, const micro_row *row)
{
    const size_t n = row->size;
    op_ref *nodes = micro_pages(n * sizeof *nodes);
    uint64_t x = micro_seed;
    const char *wrong = NULL;
    op_collect();
    while (!wrong && gb_next_batch(s, (int64_t)n)) {
        int failed = build_random_ring(nodes, n, &x);
        uint64_t begin = micro_now_ns();
        int64_t found = op_collect();
        gb_manual_time(s, (double)(micro_now_ns() - begin) * 1e-9);
        wrong = failed                ? "out of memory"
                : found != (int64_t)n ? "the collector's count is not the number of nodes"
                                      : NULL;
    }
    micro_pages_free(nodes, n * sizeof *nodes);
    return wrong;
}

/* A list of n nodes; each refers to the one before it, or to any. NULL: out of memory. */
static op_ref build_live(op_ref *nodes, size_t n, bool random)
{
    uint64_t x = micro_seed;
    op_ref list = op_list();
    int failed = !list;
    for (size_t i = 0; i < n && !failed; i++) {
        nodes[i] = op_node();
        failed = !nodes[i] || op_list_append_steal(list, nodes[i]);
    }
    for (size_t i = 0; i < n && !failed; i++) {
        op_ref other = nodes[random ? micro_below(&x, (uint32_t)n) : i ? i - 1 : 0];
        op_incref(other);
        failed = op_node_set_steal(nodes[i], 0, other);
    }
    return failed ? NULL : list;
}

static const char *run_live(gb_state *s, const micro_row *row)
{
    const size_t n = row->size;
    const bool random = strstr(row->name, "random") != NULL;
    op_ref *nodes = micro_pages(n * sizeof *nodes);
    op_ref list = build_live(nodes, n, random);
    const char *wrong = list ? NULL : "out of memory";
    op_collect();
    while (!wrong && gb_next_batch(s, (int64_t)n)) {
        uint64_t begin = micro_now_ns();
        int64_t found = op_collect();
        gb_manual_time(s, (double)(micro_now_ns() - begin) * 1e-9);
        wrong = found ? "the collector found live objects" : NULL;
    }
    for (size_t i = 0; list && i < n; i++) { /* cut, so that counting frees them */
        op_node_set_steal(nodes[i], 0, op_int(0));
    }
    if (list) {
        op_decref(list);
    }
    micro_pages_free(nodes, n * sizeof *nodes);
    return wrong;
}

void micro_rings(void)
{
    static const char *const bump = "limit/bump_pointer";
    static const char *const walk = "limit/traverse_sequential";
    static const char *const jump = "limit/traverse_random_prefetch";
    static const micro_row table[] = {
        {"rings/build/2", run_build, bump, 2, 0, MICRO_MANUAL},
        {"rings/build/100", run_build, bump, 100, 0, MICRO_MANUAL | MICRO_QUICK},
        {"rings/build/1000000", run_build, bump, 1000000, 0, MICRO_MANUAL},
        {"rings/collect/2", run_collect, walk, 2, 0, MICRO_MANUAL | MICRO_QUICK},
        {"rings/collect/100", run_collect, walk, 100, 0, MICRO_MANUAL},
        {"rings/collect/1000000", run_collect, walk, 1000000, 0, MICRO_MANUAL | MICRO_QUICK},
        {"rings/collect_random/1000000", run_collect_random, jump, 1000000, 0, MICRO_MANUAL},
        {"rings/live/local/1000000", run_live, walk, 1000000, 0, MICRO_MANUAL},
        {"rings/live/random/1000000", run_live, walk, 1000000, 0, MICRO_MANUAL},
        {"rings/live/local/10000000", run_live, walk, 10000000, 0, MICRO_MANUAL},
        {"rings/live/random/10000000", run_live, walk, 10000000, 0, MICRO_MANUAL},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}
