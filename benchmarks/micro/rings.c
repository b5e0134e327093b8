/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * rings.c - circular lists: nodes that refer to each other, built, dropped and collected.
 *
 *      rings/build/N          ns a node to make rings of N nodes and drop the last outside name
 *      rings/collect/N        ns a node for the collection that finds and frees them
 *      rings/collect_random/N the same, but a node's neighbours lie anywhere among all nodes:
 *                             how rings look in a heap that has been used for a while
 *      .../workers:2          two threads share the collection
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

/* The same rings, their nodes dealt out in random order. */
static int build_scattered(size_t rings, size_t n)
{
    const size_t nodes = rings * n;
    op_ref *all = micro_pages(nodes * sizeof *all);
    uint64_t x = micro_seed;
    int failed = 0;
    op_roots(all, nodes * sizeof *all, true);
    for (size_t i = 0; i < nodes && !failed; i++) {
        all[i] = op_node();
        failed = all[i] ? 0 : -1;
    }
    for (size_t i = nodes; i-- > 1 && !failed;) {
        uint32_t j = micro_below(&x, (uint32_t)i + 1);
        op_ref o = all[i];
        all[i] = all[j];
        all[j] = o;
    }
    for (size_t i = 0; i < nodes && !failed; i++) {
        size_t next = (i + 1) % n ? i + 1 : i + 1 - n;
        failed = op_node_set_steal(all[i], 0, all[next]);
    }
    op_roots(all, nodes * sizeof *all, false);
    micro_pages_free(all, nodes * sizeof *all);
    return failed;
}

/* Did a collection find the nodes? A conservative collector may be kept from a ring by a word
 * that looks like its address, and find it the next time. */
static bool found_all(int64_t found, size_t nodes)
{
    int64_t missed = (int64_t)nodes - found;
    int64_t allowed = OP_EXACT ? 0 : (int64_t)nodes / 100;
    return missed <= allowed && -missed <= allowed;
}

enum timed { BUILD, COLLECT };

/* Builds and collects; times one of the two. */
static const char *rounds(gb_state *s, int (*build)(size_t, size_t), size_t n, enum timed timed)
{
    const size_t rings = ring_count(n), nodes = rings * n;
    op_found(op_collect()); /* what others left behind is not ours */
    if (build(rings, n) || !found_all(op_found(op_collect()), nodes)) {
        return "the warm-up round failed";
    }
    while (gb_next_batch(s, (int64_t)nodes)) {
        uint64_t begin = micro_now_ns();
        int failed = build(rings, n);
        uint64_t built = micro_now_ns();
        int64_t collected = op_collect();
        uint64_t end = micro_now_ns();
        gb_manual_time(s, (double)(timed == COLLECT ? end - built : built - begin) * 1e-9);
        if (failed) {
            return "out of memory";
        }
        if (!found_all(op_found(collected), nodes)) {
            return "the collector's count is not the number of nodes";
        }
    }
    gb_counter(s, "nodes", (double)nodes, GB_PLAIN);
    return found_all(op_found(op_collect()), 0) ? NULL : "a second collection found something";
}

static const char *run(gb_state *s, int (*build)(size_t, size_t), size_t n, enum timed timed)
{
    op_automatic(false);
    const char *wrong = rounds(s, build, n, timed);
    op_automatic(true);
    return wrong;
}

static const char *run_build(gb_state *s, const micro_row *row)
{
    return run(s, build_rings, row->size, BUILD);
}

static const char *run_collect(gb_state *s, const micro_row *row)
{
    return run(s, build_rings, row->size, COLLECT);
}

static const char *run_scattered(gb_state *s, const micro_row *row)
{
    return run(s, build_scattered, row->size, COLLECT);
}

#ifdef OP_WORKERS

static const char *run_two(gb_state *s, const micro_row *row,
                           int (*build)(size_t rings, size_t n))
{
    op_workers(2);
    const char *wrong = run(s, build, row->size, COLLECT);
    op_workers(1);
    return wrong;
}

static const char *run_collect_two(gb_state *s, const micro_row *row)
{
    return run_two(s, row, build_rings);
}

static const char *run_scattered_two(gb_state *s, const micro_row *row)
{
    return run_two(s, row, build_scattered);
}

static void add_shared(void)
{
    enum { flags = MICRO_MANUAL | MICRO_THREADS, million = 1000000 };
    static const micro_row table[] = {
        {"rings/collect/1000000/workers:2", run_collect_two, "limit/share/sweep/2", million, 0,
         flags},
        {"rings/collect_random/1000000/workers:2", run_scattered_two, "limit/share/random/2",
         million, 0, flags},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}

#else

static void add_shared(void)
{
}

#endif

void micro_rings(void)
{
    static const char *const bump = "limit/bump_pointer";
    static const char *const walk = "limit/traverse_sequential";
    static const char *const jump = "limit/traverse_random_prefetch";
    enum { quick = MICRO_MANUAL | MICRO_QUICK, million = 1000000 };
    static const micro_row table[] = {
        {"rings/build/2", run_build, bump, 2, 0, MICRO_MANUAL},
        {"rings/build/100", run_build, bump, 100, 0, quick},
        {"rings/build/1000000", run_build, bump, million, 0, MICRO_MANUAL},
        {"rings/collect/2", run_collect, walk, 2, 0, quick},
        {"rings/collect/100", run_collect, walk, 100, 0, MICRO_MANUAL},
        {"rings/collect/1000000", run_collect, walk, million, 0, quick},
        {"rings/collect_random/2", run_scattered, jump, 2, 0, MICRO_MANUAL},
        {"rings/collect_random/100", run_scattered, jump, 100, 0, MICRO_MANUAL},
        {"rings/collect_random/1000000", run_scattered, jump, million, 0, MICRO_MANUAL},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
    add_shared();
}
