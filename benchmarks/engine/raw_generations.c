/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * raw_generations.c - threads that inherit: every `cycle` operations a new thread goes on with
 * the window where the last one ended.
 *
 * What a thread frees was made by its dead forebears, as in Larson's server (Larson, Krishnan,
 * ISMM 1998), and the blocks in the window outlive the threads that made them. One operation
 * replaces one block. The worker waits for its generation, so its fields still have one user at
 * a time; create and join order them.
 */
#include <pthread.h>

#include "engine/block.h"
#include "engine/operations.h"
#include "engine/window.h"

struct generation {
    struct worker *w;
    uint64_t ops;
    bool fine;
};

static void *generation_main(void *arg)
{
    struct generation *g = arg;
    struct worker *w = g->w;
    exchange_drain(w);
    if (w->latency) {
        worker_lap_begin(w);
    }
    for (uint64_t i = 0; i < g->ops; i++) {
        uint64_t random = rng_next(&w->rng);
        struct block *b = window_victim(w, LIFE_RANDOM, random);
        window_let_go(w, b, w->phase->peer, block_release);
        if (!block_make(w, b, dist_draw(w->phase->sizes, random), (uint32_t)(random >> 20))) {
            return NULL;
        }
        if (w->latency) {
            worker_lap(w);
        }
    }
    g->fine = true;
    return NULL;
}

static uint64_t raw_generations_step(struct worker *w, uint64_t left)
{
    struct generation g = {w, left < w->phase->cycle ? left : w->phase->cycle, false};
    pthread_t thread;
    if (pthread_create(&thread, NULL, generation_main, &g) != 0) {
        return worker_fail(w, WORKER_NO_MEMORY, "cannot create a thread");
    }
    pthread_join(thread, NULL);
    return g.fine ? g.ops : 0;
}

static int raw_generations_end(struct worker *w)
{
    return window_churn_end(w) == 0 ? window_end(w, block_release) : -1;
}

const struct op_form raw_generations = {window_churn_begin,  raw_generations_step,
                                        raw_generations_end, OPS_END | KEY(sizes) | KEY(cycle),
                                        KEY(free),           false};
