/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * histogram.c - merging and reading of latency histograms; adding is inline in the header.
 * What must stay true: hist_upper(hist_bucket(v)) >= v, and by less than v/128.
 */
#include "histogram.h"

#include <math.h>
#include <stddef.h>

#include "arena.h"

struct histogram *hist_new(void)
{
    return arena_take(sizeof(struct histogram));
}

void hist_free(struct histogram *h)
{
    arena_give(h, sizeof(struct histogram));
}

void hist_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned b = 0; b < HIST_BUCKETS; b++) {
        into->count[b] += from->count[b];
    }
    into->total += from->total;
    if (from->max > into->max) {
        into->max = from->max;
    }
}

uint64_t hist_upper(unsigned b)
{
    if (b < HIST_SUB) {
        return b;
    }
    unsigned shift = b / HIST_SUB - 1;
    uint64_t low = (uint64_t)(b % HIST_SUB + HIST_SUB) << shift;
    return low + (((uint64_t)1 << shift) - 1);
}

uint64_t hist_quantile(const struct histogram *h, double q)
{
    if (h->total == 0) {
        return 0;
    }
    double rank = ceil(q * (double)h->total);
    uint64_t need = rank < 1.0 ? 1 : (uint64_t)rank;
    uint64_t seen = 0;
    for (unsigned b = 0; b < HIST_BUCKETS; b++) {
        seen += h->count[b];
        if (seen >= need) {
            uint64_t edge = hist_upper(b);
            return edge < h->max ? edge : h->max;
        }
    }
    return h->max;
}

int hist_supports(const struct histogram *h, double q)
{
    /* A hair less, because 100 / (1 - 0.9) is 1000.0000000000002 in binary. */
    return (double)h->total >= 100.0 / (1.0 - q) * (1.0 - 1e-9);
}
