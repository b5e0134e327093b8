/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * rings.h - what raw rings and object rings share: rounds, values, sums.
 */
#ifndef ENGINE_RINGS_H
#define ENGINE_RINGS_H

#include "engine/worker.h"

/* Value of node i: small, so that objects can use shared integers. */
static inline uint64_t rings_value(uint64_t i)
{
    return i & 127;
}

/* Sum of the values of a ring of n nodes. */
static inline uint64_t rings_sum(uint64_t n)
{
    uint64_t whole = n / 128;
    uint64_t rest = n % 128;
    return whole * (127 * 128 / 2) + (rest ? rest * (rest - 1) / 2 : 0);
}

/* Rings of the next round: a window of them, or what is left to do. */
static inline uint64_t rings_round(const struct worker *w, uint64_t left)
{
    uint64_t rest = left / w->phase->cycle;
    rest = rest ? rest : 1;
    return rest < w->phase->window ? rest : w->phase->window;
}

/* Plans whole rings only and takes the array of their heads (rings.c). */
int rings_begin(struct worker *w);

#endif
