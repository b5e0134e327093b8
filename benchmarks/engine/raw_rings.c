/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * raw_rings.c - circular lists of raw nodes: what a C program does that owns its rings.
 *
 * A round builds `window` rings of `cycle` nodes, walks each once and frees it while walking;
 * one operation is one node. Every load of a walk depends on the one before.
 */
#include <stdlib.h>

#include "engine/objects.h"
#include "engine/operations.h"
#include "engine/rings.h"
#include "engine/worker.h"

struct raw_node {
    struct raw_node *next;
    uint64_t value;
};

static struct raw_node *raw_node_new(struct worker *w, uint32_t size, uint64_t value)
{
    struct raw_node *node = malloc(size);
    if (!node) {
        worker_fail(w, WORKER_NO_MEMORY, "malloc(%u) returned NULL", size);
        return NULL;
    }
    ((unsigned char *)node)[size - 1] = 0; /* touched to its end, then filled */
    node->value = value;
    w->made++;
    w->made_bytes += size;
    worker_live_add(w, size);
    return node;
}

/* A ring of n nodes; NULL after a failure. */
static struct raw_node *raw_ring_build(struct worker *w, uint64_t n, uint32_t size)
{
    struct raw_node *first = raw_node_new(w, size, rings_value(0));
    struct raw_node *last = first;
    for (uint64_t i = 1; last && i < n; i++) {
        last->next = raw_node_new(w, size, rings_value(i));
        last = last->next;
    }
    if (last) {
        last->next = first;
    }
    return last ? first : NULL;
}

/* Walks once around; the sum of the values, and how many nodes there were. */
static uint64_t raw_ring_walk(const struct raw_node *first, uint64_t *nodes)
{
    const struct raw_node *node = first;
    uint64_t sum = 0;
    uint64_t n = 0;
    do {
        sum += node->value;
        n++;
        node = node->next;
    } while (node != first);
    *nodes = n;
    return sum;
}

static void raw_ring_free(struct worker *w, struct raw_node *first, uint64_t n, uint32_t size)
{
    struct raw_node *node = first;
    for (uint64_t i = 0; i < n; i++) {
        struct raw_node *next = node->next;
        free(node);
        node = next;
    }
    w->released += n;
    w->released_bytes += n * size;
    worker_live_sub(w, n * size);
}

static uint64_t raw_rings_step(struct worker *w, uint64_t left)
{
    uint64_t length = w->phase->cycle;
    uint64_t rings = rings_round(w, left);
    uint32_t size = w->phase->sizes->value[0];
    struct raw_node **head = w->scratch;
    if (w->latency) {
        worker_lap_begin(w);
    }
    for (uint64_t i = 0; i < rings; i++) {
        head[i] = raw_ring_build(w, length, size);
        if (!head[i]) {
            return 0;
        }
        if (w->latency) {
            worker_lap(w);
        }
    }
    for (uint64_t i = 0; i < rings; i++) {
        uint64_t nodes = 0;
        uint64_t sum = raw_ring_walk(head[i], &nodes);
        if (nodes != length || sum != rings_sum(length)) {
            return worker_fail(w, WORKER_CORRUPT, "a ring of %llu nodes walked as %llu",
                               (unsigned long long)length, (unsigned long long)nodes);
        }
        worker_sum(w, sum + w->done + i);
        raw_ring_free(w, head[i], length, size);
    }
    return rings * length;
}

static int raw_rings_begin(struct worker *w)
{
    const struct dist *sizes = w->phase->sizes;
    if (sizes->value[0] != sizes->max || sizes->max < sizeof(struct raw_node)) {
        worker_fail(w, WORKER_MISCOUNT, "rings want one constant size of at least %zu bytes",
                    sizeof(struct raw_node));
        return -1;
    }
    return rings_begin(w);
}

static int raw_rings_end(struct worker *w)
{
    (void)w;
    return 0;
}

const struct op_form raw_rings = {raw_rings_begin,
                                  raw_rings_step,
                                  raw_rings_end,
                                  OPS_END | KEY(window) | KEY(cycle) | KEY(sizes),
                                  0,
                                  false};
