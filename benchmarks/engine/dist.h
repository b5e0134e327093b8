/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dist.h - distributions of sizes and of object types, as tables of 4,096 values.
 *
 * A text is turned into a table once; the timed loop draws with 12 random bits and one load, so
 * that a lognormal costs no more than a constant. The table holds the distribution's quantiles
 * (i + 1/2) / 4096: the tail beyond 1/8192 is cut, which docs/workloads.md says.
 */
#ifndef ENGINE_DIST_H
#define ENGINE_DIST_H

#include <stdint.h>

#include "engine/complaint.h"

#define DIST_BITS 12
#define DIST_SLOTS (1u << DIST_BITS)
#define DIST_MAX_SIZE (1u << 30) /* a block of more than 1 GiB is a typing error */

struct dist {
    uint32_t max; /* largest value */
    double mean;  /* of the table */
    uint32_t value[DIST_SLOTS];
};

/* Draws with the upper 12 of 64 random bits. */
static inline uint32_t dist_draw(const struct dist *d, uint64_t random)
{
    return d->value[random >> (64 - DIST_BITS)];
}

/* Where a text stands, for complaints; `dir` is where a CSV name is relative to. */
struct dist_place {
    const char *file;
    int line;
    const char *key;
};

/* Parses a `sizes:` text. `live` receives the distribution of what is alive, which only a CSV
 * has apart; otherwise it is the same. Both are in bump memory. 0 or -1 with a complaint. */
int dist_sizes(const char *text, const struct dist_place *at, struct complaint *c,
               const struct dist **rate, const struct dist **live);

/* Parses `NAME:WEIGHT,...`; a value of the table is the index into `names`. */
int dist_names(const char *text, const char *const *names, unsigned n,
               const struct dist_place *at, struct complaint *c, const struct dist **out);

#endif
