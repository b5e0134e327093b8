/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * weights.h - values with weights, from `VALUE:WEIGHT,...` or from a CSV of a real program.
 */
#ifndef ENGINE_WEIGHTS_H
#define ENGINE_WEIGHTS_H

#include <stdint.h>

#include "engine/dist.h"

#define WEIGHTS_MAX 4096u

struct weights {
    unsigned n;
    double sum;
    uint32_t value[WEIGHTS_MAX];
    double weight[WEIGHTS_MAX];
};

void weights_init(struct weights *w);

/* Adds a pair; more than WEIGHTS_MAX are dropped (callers check). */
void weights_add(struct weights *w, uint32_t value, double weight);

/* `VALUE:WEIGHT,...`: values are sizes, or with `names` one of n names (its index is taken). */
int weights_parse(struct weights *w, const char *text, const char *const *names, unsigned n,
                  const struct dist_place *at, struct complaint *c);

/* A file with the header `size,rate,live` and one line a size. The name is relative to the
 * workload file. */
int weights_csv(const char *name, const struct dist_place *at, struct complaint *c,
                struct weights *rate, struct weights *live);

/* Fills the table so that each value has its share of it, rounded so that shares add up. */
void weights_spread(const struct weights *w, uint32_t *table, unsigned slots);

#endif
