/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * raw_window.c - fill, churn, thin and drain of a window of raw blocks. Called through ops.c.
 *
 * `thin` frees all but every `cycle`-th block: neighbours of one age leave one behind, so that
 * the holes between are as long as that allows and no page becomes empty.
 */
#include "engine/block.h"
#include "engine/calendar.h"
#include "engine/operations.h"
#include "engine/window.h"

static inline bool raw_window_make(struct worker *w, struct block *b, uint64_t random,
                                   bool filling)
{
    const struct dist *sizes = filling ? w->phase->live_sizes : w->phase->sizes;
    return block_make(w, b, dist_draw(sizes, random), (uint32_t)(random >> 20));
}

static inline bool raw_window_resize(struct worker *w, struct block *b, uint64_t random)
{
    return block_resize(w, b, dist_draw(w->phase->sizes, random), (uint32_t)(random >> 20));
}

void raw_release(struct worker *w, const struct block *b)
{
    block_release(w, b);
}

static uint64_t raw_fill_step(struct worker *w, uint64_t left)
{
    return window_fill(w, left, raw_window_make);
}

static uint64_t raw_churn_step(struct worker *w, uint64_t left)
{
    if (w->phase->lifetime == LIFE_EXPONENTIAL) {
        return calendar_churn(w, left, raw_window_make, block_release);
    }
    return window_churn(w, left, raw_window_make, block_release, raw_window_resize);
}

static uint64_t raw_drain_step(struct worker *w, uint64_t left)
{
    return window_drain(w, left, block_release);
}

/* Blocks that stay of the first n. */
static uint64_t raw_thin_kept(const struct worker *w, uint64_t n)
{
    return (n + w->phase->cycle - 1) / w->phase->cycle;
}

static int raw_thin_begin(struct worker *w)
{
    w->cursor = 0;
    w->planned = w->window_len - raw_thin_kept(w, w->window_len);
    return 0;
}

static uint64_t raw_thin_step(struct worker *w, uint64_t left)
{
    uint64_t n = left < WINDOW_BATCH ? left : WINDOW_BATCH;
    uint64_t done = 0;
    exchange_drain(w);
    if (w->latency) {
        worker_lap_begin(w);
    }
    for (; done < n; w->cursor++) {
        if (w->cursor % w->phase->cycle == 0) {
            w->window[raw_thin_kept(w, w->cursor)] = w->window[w->cursor];
            continue;
        }
        window_let_go(w, &w->window[w->cursor], w->phase->peer, block_release);
        done++;
        if (w->latency) {
            worker_lap(w);
        }
    }
    return n;
}

static int raw_window_end(struct worker *w)
{
    return window_end(w, block_release);
}

static int raw_thin_end(struct worker *w)
{
    uint64_t kept = raw_thin_kept(w, w->window_len);
    if (kept > 1 && w->cursor <= (kept - 1) * w->phase->cycle) { /* the last one was not met */
        w->window[kept - 1] = w->window[(kept - 1) * w->phase->cycle];
    }
    w->window_len = kept;
    return raw_window_end(w);
}

static int raw_churn_end(struct worker *w)
{
    if (w->phase->lifetime == LIFE_EXPONENTIAL) {
        calendar_end(w);
    }
    return window_churn_end(w) == 0 ? window_end(w, block_release) : -1;
}

const struct op_form raw_fill = {window_fill_begin,        raw_fill_step, raw_window_end,
                                 KEY(window) | KEY(sizes), KEY(free),     false};
const struct op_form raw_churn = {window_churn_begin,
                                  raw_churn_step,
                                  raw_churn_end,
                                  OPS_END | KEY(sizes),
                                  KEY(lifetime) | KEY(free) | KEY(realloc),
                                  false};
const struct op_form raw_drain = {window_drain_begin,        raw_drain_step, raw_window_end, 0,
                                  KEY(lifetime) | KEY(free), false};
const struct op_form raw_thin = {raw_thin_begin, raw_thin_step, raw_thin_end,
                                 KEY(cycle),     KEY(free),     false};
