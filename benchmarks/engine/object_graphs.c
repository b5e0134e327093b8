/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * object_graphs.c - components of cells that refer to each other, some kept, some dropped.
 *
 * One operation builds a component of `cycle` cells in a slot of the window; what stood there
 * is walked, compared with what was built, and dropped. A share of them (`cyclic`) holds itself
 * alive and needs the collector; the others die by counting. By `shape`:
 *
 *                acyclic                               cyclic
 *      chain     each cell holds the next one          ... and the last one the first
 *      tree      each holds its children               ... and each child its parent
 *      graph     chain; each also holds a later one    ring; each also holds any one
 *      hub       chain; each also holds one cell that  ring; each also holds the first one
 *                all threads share and that lives on
 *
 * In a cyclic component every cell is on a cycle with every other: the collector must find
 * all of them. Each cell has a payload, a string when there are `sizes`. With `finalizer` each
 * has a finalizer, and every one must have run in the end. `asleep` threads build their window
 * and then sleep, blocked, holding it until the others are done.
 *
 * Synchronisation: `graphs_shared`; begin of all threads happens before step of any (barrier).
 */
#include <string.h>
#include <time.h>

#include "engine/object_types.h"
#include "engine/objects.h"
#include "engine/operations.h"
#include "ouro/instance.h"
#include "ouro/number.h"

#define GRAPH_CELL_BYTES 48u /* header and four slots */
#define GRAPH_BATCH 4096u    /* cells a step, so that the world can stop */

enum { CELL_NEXT, CELL_OTHER, CELL_UP, CELL_PAYLOAD };

struct graph {
    ou_object *root;
    uint64_t seed; /* shape and contents follow from it */
};

struct graph_state {
    ou_object **cell; /* those of the component being built, for random access */
    struct graph slot[];
};

static struct {
    const ou_type *plain; /* const after the first begin of worker 0 */
    const ou_type *finalized;
    ou_object *hub;      /* owned by all of `users` together */
    uint64_t users;      /* atomic: threads in the phase; the last one drops the hub */
    uint64_t awake;      /* atomic: of these, not asleep and not yet done */
    uint64_t finalizers; /* atomic: run so far */
} graphs_shared;

uint64_t object_graphs_finalized(void)
{
    return ou_load_relaxed(&graphs_shared.finalizers); /* relaxed: read after the join */
}

static int graphs_on_finalize(ou_object *self, void *arg)
{
    (void)self;
    (void)arg;
    ou_fetch_add_relaxed(&graphs_shared.finalizers, 1); /* relaxed: a figure */
    return 0;
}

static bool graphs_cyclic(const struct worker *w, uint64_t seed)
{
    return (seed >> 32) < w->phase->cyclic;
}

/* Payload of cell i; `tag`, `bytes` of a string as object_make() and object_read() want them.
 */
static uint32_t graphs_payload_tag(uint64_t seed, uint64_t i)
{
    return ((uint32_t)rng_mix(seed + i) & ~OBJECT_TAG_MASK) | OBJECT_STR;
}

static uint32_t graphs_payload_bytes(const struct worker *w, uint64_t seed, uint64_t i)
{
    return dist_draw(w->phase->sizes, rng_mix(seed ^ (i << 1)));
}

static ou_object *graphs_payload(const struct worker *w, uint64_t seed, uint64_t i)
{
    uint32_t size;
    if (!w->phase->sizes) {
        return ou_incref(object_small(seed + i));
    }
    return object_make(OBJECT_STR, graphs_payload_tag(seed, i),
                       graphs_payload_bytes(w, seed, i), &size);
}

static ou_object *graphs_cell(const struct worker *w, uint64_t seed, uint64_t i)
{
    const ou_type *type = w->phase->finalizer ? graphs_shared.finalized : graphs_shared.plain;
    ou_object *cell = ou_instance_new(type);
    ou_object *payload = cell ? graphs_payload(w, seed, i) : NULL;
    if (cell && (!payload || ou_attr_set_at_steal(cell, CELL_PAYLOAD, payload) != 0)) {
        ou_decref(cell);
        return NULL;
    }
    if (i % 1024 == 0) {
        objects_poll(w);
    }
    return cell;
}

/* A complete tree of cells *index.. , n of them. */
static ou_object *graphs_tree(const struct worker *w, uint64_t seed, uint64_t *index,
                              uint64_t n)
{
    ou_object *cell = graphs_cell(w, seed, (*index)++);
    uint64_t below[2] = {(n - 1) / 2, n - 1 - (n - 1) / 2};
    for (int side = CELL_NEXT; cell && side <= CELL_OTHER; side++) {
        if (below[side] == 0) {
            continue;
        }
        ou_object *child = graphs_tree(w, seed, index, below[side]);
        bool up = child && graphs_cyclic(w, seed);
        if (!child || (up && ou_attr_set_at(child, CELL_UP, cell) != 0) ||
            ou_attr_set_at_steal(cell, side, child) != 0) {
            ou_decref(cell); /* a failed run: what a cycle holds is not looked for */
            return NULL;
        }
    }
    return cell;
}

/* What cell i holds besides the next one; NULL: nothing. Borrowed. */
static ou_object *graphs_other(const struct worker *w, const struct graph_state *g,
                               uint64_t seed, uint64_t i, int *slot)
{
    uint64_t n = w->phase->cycle;
    uint64_t random = rng_mix(seed + 3 * i + 1) >> 32;
    bool cyclic = graphs_cyclic(w, seed);
    *slot = CELL_OTHER;
    if (w->phase->shape == SHAPE_GRAPH) {
        uint64_t later = i + 1 < n ? i + 1 + random % (n - i - 1) : 0;
        return cyclic ? g->cell[random % n] : later ? g->cell[later] : NULL;
    }
    if (w->phase->shape == SHAPE_HUB) {
        *slot = CELL_UP;
        return cyclic ? g->cell[0] : graphs_shared.hub;
    }
    return NULL;
}

/* Chain, graph and hub: cells first, then what they hold. */
static ou_object *graphs_chain(const struct worker *w, struct graph_state *g, uint64_t seed)
{
    uint64_t n = w->phase->cycle;
    for (uint64_t i = 0; i < n; i++) {
        g->cell[i] = graphs_cell(w, seed, i);
        if (!g->cell[i]) {
            return NULL;
        }
    }
    for (uint64_t i = 0; i < n; i++) {
        int slot;
        ou_object *other = graphs_other(w, g, seed, i, &slot);
        if (other && ou_attr_set_at(g->cell[i], slot, other) != 0) {
            return NULL;
        }
    }
    if (graphs_cyclic(w, seed) && ou_attr_set_at(g->cell[n - 1], CELL_NEXT, g->cell[0]) != 0) {
        return NULL;
    }
    for (uint64_t i = n - 1; i > 0; i--) {
        if (ou_attr_set_at_steal(g->cell[i - 1], CELL_NEXT, g->cell[i]) != 0) {
            return NULL;
        }
    }
    return g->cell[0];
}

static bool graphs_build(struct worker *w, struct graph *slot, uint64_t seed)
{
    uint64_t n = w->phase->cycle;
    uint64_t index = 0;
    slot->seed = seed;
    slot->root = w->phase->shape == SHAPE_TREE ? graphs_tree(w, seed, &index, n)
                                               : graphs_chain(w, w->scratch, seed);
    if (!slot->root) {
        return worker_fail(w, WORKER_NO_MEMORY, "a component could not be made: %s",
                           ou_error_message());
    }
    w->made += n;
    w->made_bytes += n * GRAPH_CELL_BYTES;
    w->finalizable += w->phase->finalizer ? n : 0;
    worker_live_add(w, n * GRAPH_CELL_BYTES);
    return true;
}

/* Reads the payload of a cell that has number i. */
static bool graphs_read(struct worker *w, ou_object *cell, uint64_t seed, uint64_t i)
{
    ou_object *payload = ou_attr_get_at(cell, CELL_PAYLOAD);
    uint64_t word = 0;
    bool fine;
    if (w->phase->sizes) {
        uint32_t bytes = graphs_payload_bytes(w, seed, i);
        fine = payload && object_read(payload, graphs_payload_tag(seed, i), 32 + bytes, &word);
    } else {
        int64_t value = -1;
        fine =
            payload && ou_int_value(payload, &value) == 0 && payload == object_small(seed + i);
        word = (uint64_t)value;
    }
    ou_xdecref(payload);
    worker_sum(w, word + i);
    return fine;
}

/* Walks a tree in the order it was built in: cells found, or 0 for wrong contents. */
static uint64_t graphs_walk_tree(struct worker *w, ou_object *cell, uint64_t seed, uint64_t i)
{
    uint64_t n = graphs_read(w, cell, seed, i) ? 1 : 0;
    for (int side = CELL_NEXT; n && side <= CELL_OTHER; side++) {
        ou_object *child = ou_attr_get_at(cell, side);
        if (child) {
            uint64_t below = graphs_walk_tree(w, child, seed, i + n);
            n = below ? n + below : 0;
            ou_decref(child);
        }
    }
    return n;
}

/* Follows the chain until its end or until it is back. */
static uint64_t graphs_walk_chain(struct worker *w, ou_object *root, uint64_t seed)
{
    ou_object *cell = ou_incref(root);
    uint64_t n = 0;
    do {
        bool fine = graphs_read(w, cell, seed, n++);
        ou_object *next = ou_attr_get_at(cell, CELL_NEXT);
        ou_decref(cell);
        cell = next;
        if (!fine) {
            ou_xdecref(cell);
            return 0;
        }
    } while (cell && cell != root);
    bool back = cell == root;
    ou_xdecref(cell);
    return back == graphs_cyclic(w, seed) ? n : 0;
}

static bool graphs_drop(struct worker *w, struct graph *slot)
{
    uint64_t n = w->phase->cycle;
    uint64_t seen = w->phase->shape == SHAPE_TREE
                        ? graphs_walk_tree(w, slot->root, slot->seed, 0)
                        : graphs_walk_chain(w, slot->root, slot->seed);
    if (seen != n) {
        return worker_fail(w, WORKER_CORRUPT, "a component of %llu cells was walked as %llu",
                           (unsigned long long)n, (unsigned long long)seen);
    }
    if (graphs_cyclic(w, slot->seed)) {
        worker_cyclic_add(w, n);
    }
    ou_decref(slot->root);
    slot->root = NULL;
    w->released += n;
    w->released_bytes += n * GRAPH_CELL_BYTES;
    worker_live_sub(w, n * GRAPH_CELL_BYTES);
    return true;
}

static bool graphs_asleep(const struct worker *w)
{
    return w->index < w->phase->asleep;
}

/* Blocked until nobody is awake; the window stays as it is. False: another thread failed. */
static bool graphs_sleep(struct worker *w)
{
    const struct timespec a_little = {0, 1000000};
    bool failed = false;
    ou_blocking_begin();
    /* pairs: graphs_end() */
    while (!failed && ou_load_acquire(&graphs_shared.awake) > 0) {
        nanosleep(&a_little, NULL);
        failed = ou_load_acquire(&w->run->failed) != 0; /* pairs: worker_fail */
    }
    ou_blocking_end();
    return !failed;
}

static bool graphs_one(struct worker *w, uint64_t done)
{
    struct graph_state *g = w->scratch;
    uint64_t window = w->phase->window;
    bool fifo = w->phase->lifetime == LIFE_FIFO;
    uint64_t at = done < window || fifo ? done % window : rng_next(&w->rng) % window;
    struct graph *slot = &g->slot[at];
    return (!slot->root || graphs_drop(w, slot)) && graphs_build(w, slot, rng_next(&w->rng));
}

static uint64_t graphs_step(struct worker *w, uint64_t left)
{
    uint64_t most = 1 + GRAPH_BATCH / w->phase->cycle;
    uint64_t n = left < most ? left : most;
    objects_poll(w);
    if (w->latency) {
        worker_lap_begin(w);
    }
    for (uint64_t i = 0; i < n; i++) {
        if (!graphs_one(w, w->done + i)) {
            return 0;
        }
        if (w->latency) {
            worker_lap(w);
        }
    }
    bool last = n == left && graphs_asleep(w);
    return !last || graphs_sleep(w) ? n : 0;
}

static int graphs_end(struct worker *w)
{
    struct graph_state *g = w->scratch;
    bool fine = true;
    for (uint64_t i = 0; fine && i < w->phase->window; i++) {
        fine = !g->slot[i].root || graphs_drop(w, &g->slot[i]);
    }
    if (!graphs_asleep(w)) {
        ou_fetch_sub_acq_rel(&graphs_shared.awake, 1u); /* pairs: graphs_sleep() */
    }
    if (ou_fetch_sub_acq_rel(&graphs_shared.users, 1u) == 1) { /* the last one out */
        ou_decref(graphs_shared.hub);
        graphs_shared.hub = NULL;
    }
    return fine ? 0 : -1;
}

/* Classes once, a hub for each phase. Worker 0. */
static bool graphs_prepare(void)
{
    static const char *const attrs[] = {"next", "other", "up", "payload"};
    if (!graphs_shared.plain) {
        graphs_shared.plain = ou_class_new("Cell", attrs, 4, true, NULL, NULL);
        graphs_shared.finalized =
            ou_class_new("FinalizedCell", attrs, 4, true, graphs_on_finalize, NULL);
    }
    graphs_shared.hub = graphs_shared.plain ? ou_instance_new(graphs_shared.plain) : NULL;
    return graphs_shared.hub && graphs_shared.finalized;
}

static int graphs_begin(struct worker *w)
{
    const struct phase *p = w->phase;
    size_t head = sizeof(struct graph_state) + p->window * sizeof(struct graph);
    if (p->asleep >= w->run->options.threads) {
        worker_fail(w, WORKER_MISCOUNT, "asleep: %llu of %u threads: nobody would work",
                    (unsigned long long)p->asleep, w->run->options.threads);
        return -1;
    }
    if (p->sizes && p->sizes->max > OBJECT_STR_MAX) {
        worker_fail(w, WORKER_MISCOUNT, "sizes: strings of more than %u bytes", OBJECT_STR_MAX);
        return -1;
    }
    if (w->index == 0 && !graphs_prepare()) {
        worker_fail(w, WORKER_NO_MEMORY, "no class or hub: %s", ou_error_message());
        return -1;
    }
    ou_fetch_add_relaxed(&graphs_shared.users, 1); /* relaxed: the barrier orders it */
    ou_fetch_add_relaxed(&graphs_shared.awake, graphs_asleep(w) ? 0u : 1u);
    if (graphs_asleep(w)) {
        w->planned = w->planned < p->window ? w->planned : p->window;
    }
    if (worker_scratch(w, head + p->cycle * sizeof(ou_object *)) != 0) {
        return -1;
    }
    ((struct graph_state *)w->scratch)->cell = (void *)((char *)w->scratch + head);
    return 0;
}

const struct op_form object_graphs = {graphs_begin,
                                      graphs_step,
                                      graphs_end,
                                      OPS_END | KEY(window) | KEY(cycle) | KEY(shape),
                                      KEY(sizes) | KEY(cyclic) | KEY(lifetime) | KEY(gc) |
                                          KEY(finalizer) | KEY(asleep),
                                      false};
