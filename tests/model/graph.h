/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * graph.h - an object graph and its shadow: what the collector's oracle knows.
 *
 * Every node is an ouro object (list, dict, tuple, instance with or without a finalizer) and a
 * row of the shadow: its edges, how often the test itself holds it, and the exact count that
 * follows. The shadow is kept by naive rules of its own: counting is simulated by a work list,
 * reachability by a breadth-first walk from the held nodes. It never asks the runtime.
 *
 * A node of kind PHOENIX has a finalizer that brings it back once.
 */
#ifndef TESTS_MODEL_GRAPH_H
#define TESTS_MODEL_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ouro/ouro.h"
#include "support/prng.h"

enum { GRAPH_NODES = 1200, GRAPH_EDGES = 4 };

typedef enum graph_kind {
    GRAPH_LIST,
    GRAPH_DICT,
    GRAPH_TUPLE,
    GRAPH_PLAIN,
    GRAPH_FINAL,
    GRAPH_PHOENIX,
    GRAPH_KINDS
} graph_kind;

typedef struct graph_node {
    ou_object *o;   /* borrowed: the shadow says whether it may be touched */
    ou_object *ref; /* weakref to it, owned by the test */
    graph_kind kind;
    bool alive;
    bool finalized;        /* its finalizer has run, says the shadow */
    bool reached;          /* scratch of the walk */
    int edge[GRAPH_EDGES]; /* index of a node, -1 = None */
    int64_t count;         /* references: the test's own and edges */
    int64_t held;          /* the test's own */
    int want_runs, runs;   /* finalizer: expected and seen */
    int want_calls, calls; /* weakref callback: expected and seen */
} graph_node;

typedef struct graph {
    graph_node nodes[GRAPH_NODES];
    size_t used; /* nodes[0..used) have been given out once */
    prng r;
    bool sliced;              /* collect in short stops */
    unsigned percent_final;   /* of instances: with a finalizer */
    unsigned percent_phoenix; /* of those: resurrecting */
    size_t made, died, revived;
} graph;

/* One graph at a time: finalizers have to find it. */
void graph_init(graph *g, uint64_t seed, unsigned percent_final, unsigned percent_phoenix);

/* Makes one node with random edges to nodes that are alive; it is held once. -1 when full. */
int graph_grow(graph *g);

/* Points a random edge of a random changeable node somewhere else. */
void graph_rewire(graph *g);

/* Drops one of the test's references to node `i`. */
void graph_release(graph *g, int i);

/* Runs ou_gc_collect and compares: the number returned, and everything after. */
void graph_collect(graph *g);

/* Compares every node with the runtime: alive or not, contents by identity, exact counts,
 * finalizers run, callbacks called. */
void graph_verify(graph *g);

#endif
