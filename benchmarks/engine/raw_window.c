/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * raw_window.c - fill, churn and drain of a window of raw blocks. Called through ops.c.
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

static int raw_window_end(struct worker *w)
{
    return window_end(w, block_release);
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
