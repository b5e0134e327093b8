/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * graph.c - builds object graphs and predicts, without asking the runtime, what counting and
 * the collector must do with them. Called by model_graph.c. Single-threaded.
 */
#include "model/graph.h"

#include <stdio.h>
#include <string.h>

#include "support/expect.h"

static graph *graph_now;
static const ou_type *graph_class[GRAPH_KINDS];
static const char *const graph_attrs[] = {"index", "e0", "e1", "e2", "e3"};

static int graph_finalize(ou_object *self, void *arg)
{
    (void)arg;
    ou_object *index = ou_attr_get_at(self, 0);
    int64_t i = -1;
    REQUIRE(index && ou_int_value(index, &i) == OU_OK);
    ou_decref(index);
    graph_node *n = &graph_now->nodes[i];
    REQUIRE(n->o == self);
    n->runs++;
    if (n->kind == GRAPH_PHOENIX) {
        ou_incref(self); /* the reference that the shadow calls held */
    }
    return 0;
}

static void graph_called(ou_object *ref, void *arg)
{
    graph_node *n = arg;
    REQUIRE(n->ref == ref);
    REQUIRE(ou_weakref_get(ref) == NULL);
    n->calls++;
}

static void graph_watch(graph_node *n)
{
    n->ref = ou_weakref_new(n->o, graph_called, n);
    REQUIRE(n->ref != NULL);
}

void graph_init(graph *g, uint64_t seed, unsigned percent_final, unsigned percent_phoenix)
{
    memset(g, 0, sizeof(*g));
    g->r = prng_from(seed, 0);
    g->percent_final = percent_final;
    g->percent_phoenix = percent_phoenix;
    graph_now = g;
    for (int k = GRAPH_PLAIN; k < GRAPH_KINDS && !graph_class[k]; k++) {
        graph_class[k] = ou_class_new("GraphNode", graph_attrs, 5, true,
                                      k == GRAPH_PLAIN ? NULL : graph_finalize, NULL);
        REQUIRE(graph_class[k] != NULL);
    }
}

/* ---- the shadow's own counting ------------------------------------------------------- */

/* The runtime is about to see node `i` at count 0. Says whether it dies. */
static bool shadow_dies(graph_node *n)
{
    if (n->kind >= GRAPH_FINAL && !n->finalized) {
        n->finalized = true;
        n->want_runs++;
        if (n->kind == GRAPH_PHOENIX) {
            n->held++;
            n->count++;
            n->want_calls++; /* weakrefs are cleared before the finalizer runs */
            return false;
        }
    }
    return true;
}

static void shadow_bury(graph *g, graph_node *n)
{
    n->alive = false;
    n->held = 0;
    n->count = 0;
    if (n->want_calls == 0) {
        n->want_calls++;
    }
    g->died++;
}

/* One reference to node `first` goes; everything that follows from counting alone. */
static void shadow_drop(graph *g, int first)
{
    static int work[GRAPH_NODES * (GRAPH_EDGES + 1)];
    size_t n_work = 0;
    work[n_work++] = first;
    while (n_work) {
        graph_node *n = &g->nodes[work[--n_work]];
        REQUIRE(n->alive && n->count > 0);
        if (--n->count > 0) {
            continue;
        }
        if (!shadow_dies(n)) {
            g->revived++;
            continue;
        }
        for (int e = 0; e < GRAPH_EDGES; e++) {
            if (n->edge[e] >= 0) {
                work[n_work++] = n->edge[e];
            }
        }
        shadow_bury(g, n);
    }
}

/* Marks what can be reached from held nodes; returns how many alive nodes cannot. */
static size_t shadow_walk(graph *g)
{
    static int queue[GRAPH_NODES];
    size_t head = 0;
    size_t tail = 0;
    size_t alive = 0;
    for (size_t i = 0; i < g->used; i++) {
        graph_node *n = &g->nodes[i];
        n->reached = n->alive && n->held > 0;
        alive += n->alive;
        if (n->reached) {
            queue[tail++] = (int)i;
        }
    }
    while (head < tail) {
        graph_node *n = &g->nodes[queue[head++]];
        for (int e = 0; e < GRAPH_EDGES; e++) {
            graph_node *to = n->edge[e] >= 0 ? &g->nodes[n->edge[e]] : NULL;
            if (to && !to->reached) {
                to->reached = true;
                queue[tail++] = n->edge[e];
            }
        }
    }
    return alive - tail;
}

/* What a collection does: finalizers of all garbage, resurrection, burial. Returns its count.
 */
static size_t shadow_collect(graph *g)
{
    shadow_walk(g);
    for (size_t i = 0; i < g->used; i++) {
        graph_node *n = &g->nodes[i];
        if (!n->alive || n->reached) {
            continue;
        }
        n->want_calls += n->want_calls == 0; /* cleared, also when it survives */
        if (n->kind >= GRAPH_FINAL && !n->finalized) {
            n->finalized = true;
            n->want_runs++;
            if (n->kind == GRAPH_PHOENIX) {
                n->held++;
                n->count++;
                g->revived++;
            }
        }
    }
    size_t unreachable = shadow_walk(g);
    for (size_t i = 0; i < g->used; i++) {
        graph_node *n = &g->nodes[i];
        if (n->alive && !n->reached) {
            for (int e = 0; e < GRAPH_EDGES; e++) {
                if (n->edge[e] >= 0) {
                    g->nodes[n->edge[e]].count--;
                }
            }
        }
    }
    for (size_t i = 0; i < g->used; i++) {
        graph_node *n = &g->nodes[i];
        if (n->alive && !n->reached) {
            shadow_bury(g, n);
        }
    }
    return unreachable;
}

/* ---- the same on the runtime --------------------------------------------------------- */

static ou_object *graph_target(graph *g, int i)
{
    return i < 0 ? ou_none() : g->nodes[i].o;
}

static int graph_random_alive(graph *g)
{
    for (int tries = 0; g->used && tries < 20; tries++) {
        int i = (int)prng_below(&g->r, g->used);
        if (g->nodes[i].alive) {
            return i;
        }
    }
    return -1;
}

static ou_object *graph_build(graph *g, int i)
{
    graph_node *n = &g->nodes[i];
    ou_object *to[GRAPH_EDGES];
    for (int e = 0; e < GRAPH_EDGES; e++) {
        to[e] = graph_target(g, n->edge[e]);
    }
    if (n->kind == GRAPH_TUPLE) {
        return ou_tuple_new(to, GRAPH_EDGES);
    }
    if (n->kind == GRAPH_LIST) {
        return ou_list_of(to, GRAPH_EDGES);
    }
    ou_object *o =
        n->kind == GRAPH_DICT ? ou_dict_new(0) : ou_instance_new(graph_class[n->kind]);
    REQUIRE(o != NULL);
    if (n->kind != GRAPH_DICT) {
        REQUIRE(ou_attr_set_at_steal(o, 0, ou_int_new(i)) == OU_OK);
    }
    for (int e = 0; e < GRAPH_EDGES; e++) {
        int done = n->kind == GRAPH_DICT ? ou_dict_set(o, ou_int_new(e), to[e])
                                         : ou_attr_set_at(o, 1 + e, to[e]);
        REQUIRE(done == OU_OK);
    }
    return o;
}

static int graph_place(graph *g)
{
    for (int tries = 0; tries < 8; tries++) {
        size_t i = prng_below(&g->r, GRAPH_NODES);
        if (i >= g->used) {
            break;
        }
        if (!g->nodes[i].alive) {
            return (int)i;
        }
    }
    return g->used < GRAPH_NODES ? (int)g->used++ : -1;
}

int graph_grow(graph *g)
{
    int i = graph_place(g);
    if (i < 0) {
        return -1;
    }
    graph_node *n = &g->nodes[i];
    if (n->ref) {
        REQUIRE(n->runs == n->want_runs && n->calls == n->want_calls);
        ou_decref(n->ref);
    }
    *n = (graph_node){.kind = (graph_kind)prng_below(&g->r, GRAPH_FINAL)};
    if (n->kind == GRAPH_PLAIN && prng_chance(&g->r, g->percent_final)) {
        n->kind = prng_chance(&g->r, g->percent_phoenix) ? GRAPH_PHOENIX : GRAPH_FINAL;
    }
    for (int e = 0; e < GRAPH_EDGES; e++) {
        n->edge[e] = prng_chance(&g->r, 45) ? graph_random_alive(g) : -1;
        if (n->edge[e] >= 0) {
            g->nodes[n->edge[e]].count++;
        }
    }
    n->o = graph_build(g, i);
    REQUIRE(n->o != NULL);
    n->alive = true;
    n->held = 1;
    n->count = 1;
    graph_watch(n);
    g->made++;
    return i;
}

void graph_rewire(graph *g)
{
    int i = graph_random_alive(g);
    if (i < 0 || g->nodes[i].kind == GRAPH_TUPLE) {
        return;
    }
    graph_node *n = &g->nodes[i];
    int e = (int)prng_below(&g->r, GRAPH_EDGES);
    int to = prng_chance(&g->r, 70) ? graph_random_alive(g) : -1;
    int old = n->edge[e];
    ou_object *target = graph_target(g, to);
    int done = OU_OK;
    if (to >= 0) {
        g->nodes[to].count++;
    }
    n->edge[e] = to;
    if (n->kind == GRAPH_LIST) {
        done = ou_list_set(n->o, (size_t)e, target);
    } else if (n->kind == GRAPH_DICT) {
        done = ou_dict_set(n->o, ou_int_new(e), target);
    } else {
        done = ou_attr_set_at(n->o, 1 + e, target);
    }
    REQUIRE(done == OU_OK);
    if (old >= 0) {
        shadow_drop(g, old);
    }
}

void graph_release(graph *g, int i)
{
    graph_node *n = &g->nodes[i];
    REQUIRE(n->alive && n->held > 0);
    n->held--;
    ou_decref(n->o);
    shadow_drop(g, i);
}

void graph_collect(graph *g)
{
    size_t want = shadow_collect(g);
    ou_gc_report report = {0};
    int64_t got = g->sliced ? ou_gc_collect_sliced(&report) : ou_gc_collect_report(&report);
    EXPECT_EQ(got, want);
    EXPECT_EQ(report.unreachable, want);
    graph_verify(g);
    if (expect_failures()) {
        expect_abandon(__FILE__, __LINE__, "the collector agrees with the oracle");
    }
}

/* ---- comparing ----------------------------------------------------------------------- */

static ou_object *graph_edge_of(graph_node *n, int e)
{
    switch (n->kind) {
    case GRAPH_TUPLE:
        return ou_xincref(ou_tuple_get_borrow(n->o, (size_t)e));
    case GRAPH_LIST:
        return ou_list_get(n->o, (size_t)e);
    case GRAPH_DICT:
        return ou_dict_get(n->o, ou_int_new(e));
    default:
        return ou_attr_get_at(n->o, 1 + e);
    }
}

static void graph_verify_node(graph *g, graph_node *n)
{
    REQUIRE(n->runs == n->want_runs);
    REQUIRE(n->calls == n->want_calls);
    ou_object *seen = ou_weakref_get(n->ref);
    REQUIRE((seen != NULL) == (n->alive && n->want_calls == 0));
    if (seen) {
        REQUIRE(seen == n->o);
        ou_decref(seen);
    }
    if (!n->alive) {
        return;
    }
    REQUIRE(ou_refcount(n->o) == n->count);
    for (int e = 0; e < GRAPH_EDGES; e++) {
        ou_object *to = graph_edge_of(n, e);
        REQUIRE(to == graph_target(g, n->edge[e]));
        ou_decref(to);
    }
}

void graph_verify(graph *g)
{
    for (size_t i = 0; i < g->used; i++) {
        graph_verify_node(g, &g->nodes[i]);
    }
}
