/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * raw_pipe.c - producers and consumers: every even thread makes blocks, the odd one after it
 * frees them. A last thread without a partner does both.
 *
 * Blocks travel in batches (exchange_send_many), so that what is measured is the allocator and
 * not the cache line of the engine's own queue. One operation is one block made or one freed;
 * both sides do `ops` of them. After xmalloc (Lever, Boreham, USENIX 2000).
 */
#include "engine/block.h"
#include "engine/operations.h"
#include "engine/window.h"

#define PIPE_BATCH 64u

static bool pipe_consumes(const struct worker *w)
{
    return w->index % 2 == 1;
}

static bool pipe_alone(const struct worker *w)
{
    return !pipe_consumes(w) && w->index + 1 == w->run->options.threads;
}

static uint64_t pipe_take(struct worker *w)
{
    uint64_t before = w->released;
    do {
        if (!exchange_wait(w)) {
            return 0;
        }
    } while (w->released == before);
    return w->released - before;
}

static uint64_t raw_pipe_step(struct worker *w, uint64_t left)
{
    struct block batch[PIPE_BATCH];
    uint32_t n = (uint32_t)(left < PIPE_BATCH ? left : PIPE_BATCH);
    if (pipe_consumes(w)) {
        return pipe_take(w);
    }
    if (w->latency) {
        worker_lap_begin(w);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint64_t random = rng_next(&w->rng);
        uint32_t size = dist_draw(w->phase->sizes, random);
        if (!block_make(w, &batch[i], size, (uint32_t)(random >> 20))) {
            return 0;
        }
        if (w->latency) {
            worker_lap(w);
        }
    }
    if (!pipe_alone(w)) {
        exchange_send_many(w, batch, n);
        return n;
    }
    for (uint32_t i = 0; i < n; i++) {
        block_release(w, &batch[i]);
    }
    return n;
}

static int raw_pipe_begin(struct worker *w)
{
    (void)w;
    return 0;
}

const struct op_form raw_pipe = {
    raw_pipe_begin, raw_pipe_step, raw_pipe_begin, KEY(ops) | KEY(sizes), 0, false};
