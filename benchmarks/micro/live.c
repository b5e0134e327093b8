/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * live.c - a full collection, asked for, of nodes that all live: what looking costs when there
 * is nothing to find.
 *
 *      rings/live/list/N     N nodes without edges, in a list
 *      rings/live/local/N    every node refers to the one made before it
 *      rings/live/random/N   every node refers to any one of them
 *      .../workers:2         two threads share the collection
 *
 * ns a node. The collector must find nothing, and a walk over the nodes must still find all of
 * them. One collection goes before the first: a generational collector moves the nodes to its
 * oldest generation there.
 */
#include "micro.h"

#include MICRO_OPS

enum edges { NONE, LOCAL, RANDOM };

static int link_nodes(op_ref *all, size_t n, enum edges edges)
{
    uint64_t x = micro_seed;
    int failed = 0;
    for (size_t i = 1; i < n && !failed && edges != NONE; i++) {
        size_t to = edges == LOCAL ? i - 1 : micro_below(&x, (uint32_t)n);
        op_incref(all[to]);
        failed = op_node_set_steal(all[i], 0, all[to]);
    }
    return failed;
}

/* A list that holds n linked nodes, or NULL. */
static op_ref live_list(size_t n, enum edges edges)
{
    op_ref *all = micro_pages(n * sizeof *all), list = op_list();
    op_roots(all, n * sizeof *all, true);
    int failed = list ? 0 : -1;
    for (size_t i = 0; i < n && !failed; i++) {
        all[i] = op_node();
        failed = all[i] ? 0 : -1;
    }
    failed = failed ? failed : link_nodes(all, n, edges);
    for (size_t i = 0; i < n && !failed; i++) {
        failed = op_list_append_steal(list, all[i]);
    }
    op_roots(all, n * sizeof *all, false);
    micro_pages_free(all, n * sizeof *all);
    return failed ? NULL : list;
}

static const char *run(gb_state *s, size_t n, enum edges edges)
{
    op_automatic(false);
    op_ref list = live_list(n, edges);
    const char *wrong = list ? NULL : "out of memory";
    op_found(op_collect());
    while (!wrong && gb_next_batch(s, (int64_t)n)) {
        uint64_t begin = micro_now_ns();
        int64_t collected = op_collect();
        gb_manual_time(s, (double)(micro_now_ns() - begin) * 1e-9);
        if (op_found(collected) != 0) {
            wrong = "the collection found garbage where there is none";
        }
    }
    if (!wrong && op_list_len(list) != (int64_t)n) {
        wrong = "the list lost a node";
    }
    if (list) {
        /* A node may refer to itself or be in a cycle: what counts leave is collected. */
        op_decref(list);
    }
    op_found(op_collect());
    op_automatic(true);
    return wrong;
}

static const char *run_list(gb_state *s, const micro_row *row)
{
    return run(s, row->size, NONE);
}

static const char *run_local(gb_state *s, const micro_row *row)
{
    return run(s, row->size, LOCAL);
}

static const char *run_random(gb_state *s, const micro_row *row)
{
    return run(s, row->size, RANDOM);
}

#ifdef OP_WORKERS

static const char *run_two(gb_state *s, const micro_row *row, enum edges edges)
{
    op_workers(2);
    const char *wrong = run(s, row->size, edges);
    op_workers(1);
    return wrong;
}

static const char *run_local_two(gb_state *s, const micro_row *row)
{
    return run_two(s, row, LOCAL);
}

static const char *run_random_two(gb_state *s, const micro_row *row)
{
    return run_two(s, row, RANDOM);
}

static void add_shared(void)
{
    enum { flags = MICRO_MANUAL | MICRO_THREADS, many = 10000000 };
    static const micro_row table[] = {
        {"rings/live/local/10000000/workers:2", run_local_two, "limit/share/sweep/2", many, 0,
         flags},
        {"rings/live/random/10000000/workers:2", run_random_two, "limit/share/random/2", many,
         0, flags},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}

#else

static void add_shared(void)
{
}

#endif

void micro_live(void)
{
    static const char *const walk = "limit/traverse_sequential";
    static const char *const jump = "limit/traverse_random_prefetch";
    enum { million = 1000000, many = 10000000 };
    static const micro_row table[] = {
        {"rings/live/list/1000000", run_list, walk, million, 0, MICRO_MANUAL | MICRO_QUICK},
        {"rings/live/local/1000000", run_local, walk, million, 0, MICRO_MANUAL},
        {"rings/live/random/1000000", run_random, jump, million, 0, MICRO_MANUAL},
        {"rings/live/local/10000000", run_local, walk, many, 0, MICRO_MANUAL},
        {"rings/live/random/10000000", run_random, jump, many, 0, MICRO_MANUAL},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
    add_shared();
}
