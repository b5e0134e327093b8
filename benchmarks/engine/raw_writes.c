/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * raw_writes.c - small blocks written again and again by threads beside each other: do two
 * threads get blocks of one cache line?
 *
 * One operation makes a block, writes each byte of it `passes` times, checks and frees it. In
 * `thrash` every thread begins with nothing: an allocator that cuts a line for two threads
 * shares it actively. In `scratch` the first thread makes one block for each and hands them
 * over; each frees the one it got first: an allocator that gives it out again shares the line
 * passively. After cache-thrash and cache-scratch (Berger et al., Hoard, ASPLOS 2000).
 */
#include "engine/block.h"
#include "engine/operations.h"
#include "engine/window.h"

#define WRITES_BATCH 256u

/* Writes the block as often as ordered; false when some byte is not what it must be then. */
static bool writes_block(volatile unsigned char *p, uint32_t size, uint64_t passes,
                         unsigned char tag)
{
    unsigned char want = (unsigned char)(tag * passes);
    bool fine = true;
    for (uint32_t at = 0; at < size; at++) {
        p[at] = 0;
    }
    for (uint64_t pass = 0; pass < passes; pass++) {
        for (uint32_t at = 0; at < size; at++) {
            p[at] = (unsigned char)(p[at] + tag);
        }
    }
    for (uint32_t at = 0; at < size; at++) {
        fine &= p[at] == want;
    }
    return fine;
}

static bool writes_one(struct worker *w, uint64_t random)
{
    uint32_t size = dist_draw(w->phase->sizes, random);
    unsigned char tag = (unsigned char)((random & 0xff) | 1);
    unsigned char *p = malloc(size);
    if (!p) {
        return worker_fail(w, WORKER_NO_MEMORY, "malloc(%u) returned NULL", size);
    }
    w->made++;
    w->made_bytes += size;
    worker_live_add(w, size);
    if (!writes_block(p, size, w->phase->passes, tag)) {
        worker_fail(w, WORKER_CORRUPT, "a block of %u bytes was written by another", size);
    }
    worker_sum(w, (uint64_t)size << 32 | p[size - 1]);
    free(p);
    w->released++;
    w->released_bytes += size;
    worker_live_sub(w, size);
    return w->failure == WORKER_FINE;
}

static uint64_t raw_thrash_step(struct worker *w, uint64_t left)
{
    uint64_t n = left < WRITES_BATCH ? left : WRITES_BATCH;
    if (w->latency) {
        worker_lap_begin(w);
    }
    for (uint64_t i = 0; i < n; i++) {
        if (!writes_one(w, rng_next(&w->rng))) {
            return 0;
        }
        if (w->latency) {
            worker_lap(w);
        }
    }
    return n;
}

/* The first thread's array; the barrier after `begin` orders it before every step. */
static uint64_t raw_scratch_step(struct worker *w, uint64_t left)
{
    if (w->done == 0) {
        const struct block *handed = w->run->worker[0].scratch;
        block_release(w, &handed[w->index]);
    }
    return raw_thrash_step(w, left);
}

static int raw_scratch_begin(struct worker *w)
{
    unsigned n = w->run->options.threads;
    if (w->index != 0) {
        return 0;
    }
    if (worker_scratch(w, n * sizeof(struct block)) != 0) {
        return -1;
    }
    struct block *handed = w->scratch;
    for (unsigned i = 0; i < n; i++) {
        if (!block_make(w, &handed[i], w->phase->sizes->value[0], i)) {
            return -1;
        }
    }
    return 0;
}

static int raw_writes_none(struct worker *w)
{
    (void)w;
    return 0;
}

const struct op_form raw_thrash = {raw_writes_none,      raw_thrash_step, raw_writes_none,
                                   OPS_END | KEY(sizes), KEY(passes),     false};
const struct op_form raw_scratch = {raw_scratch_begin,    raw_scratch_step, raw_writes_none,
                                    OPS_END | KEY(sizes), KEY(passes),      false};
