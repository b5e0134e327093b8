/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * model_graph.c - the collector's oracle: random graphs grow, are rewired, lose their roots and
 * are collected, in many stops or in one that up to four threads share; after each collection
 * the number returned and every surviving object are compared with the shadow of graph.h. Three
 * variants: no finalizers, finalizers, finalizers that resurrect; 700 graphs each.
 *
 *      model_graph [SEED [ROUNDS]]
 */
#include <stdio.h>

#include "model/graph.h"
#include "support/expect.h"
#include "support/proc.h"
#include "support/scale.h"
#include "support/seed.h"

static graph model;

static void model_build(graph *g)
{
    size_t n = 20 + prng_below(&g->r, 300);
    for (size_t i = 0; i < n && graph_grow(g) >= 0; i++) {
        while (prng_chance(&g->r, 40)) {
            graph_rewire(g);
        }
    }
}

/* Lets go of most held nodes, sometimes of all. */
static void model_let_go(graph *g, unsigned percent)
{
    for (size_t i = 0; i < g->used; i++) {
        while (g->nodes[i].alive && g->nodes[i].held > 0 && prng_chance(&g->r, percent)) {
            graph_release(g, (int)i);
        }
    }
}

/* However many threads share a stop, the result is the same. */
static void model_collect(graph *g)
{
    static const char *const workers[] = {"1", "2", "3", "4"};
    REQUIRE(ou_knob_set("gc_workers", workers[prng_below(&g->r, 4)]) == OU_OK);
    g->sliced = prng_chance(&g->r, 50);
    graph_collect(g);
}

/* Until nothing is left: phoenixes take a second collection. */
static void model_end(graph *g)
{
    for (int i = 0; i < 4; i++) {
        model_let_go(g, 100);
        graph_collect(g);
    }
    for (size_t i = 0; i < g->used; i++) {
        EXPECT(!g->nodes[i].alive);
        ou_decref(g->nodes[i].ref);
    }
}

static void model_run(uint64_t seed, size_t rounds, unsigned final, unsigned phoenix)
{
    graph *g = &model;
    graph_init(g, seed, final, phoenix);
    uint64_t before = ou_leak_report(proc_null());
    for (size_t i = 0; i < rounds; i++) {
        model_build(g);
        model_let_go(g, prng_chance(&g->r, 10) ? 100 : 50 + (unsigned)prng_below(&g->r, 50));
        model_collect(g);
        if (i % 16 == 0) {
            REQUIRE(ou_heap_check() == 0);
        }
    }
    model_end(g);
    EXPECT_EQ(g->made, g->died);
    EXPECT_EQ(ou_leak_report(proc_null()), before);
    printf("finalizers %u %%, resurrecting %u %%: %zu graphs, %zu objects made, %zu died, %zu "
           "came "
           "back; 0 live freed, 0 garbage kept\n",
           final, phoenix, rounds, g->made, g->died, g->revived);
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "model_graph", scale_ops(700));
    REQUIRE(ou_start("gc_auto=0,gc_slice_us=1,gc_parallel_bytes=0") == OU_OK);
    model_run(args.seed, args.ops, 0, 0);
    model_run(args.seed + 1, args.ops, 70, 0);
    model_run(args.seed + 2, args.ops, 70, 40);
    EXPECT_EQ(ou_heap_check(), 0);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
