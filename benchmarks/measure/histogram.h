/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * histogram.h - log-linear histogram of latencies.
 *
 * Values below 128 have a bucket each; above, every power of two is cut into 128 equal buckets,
 * so a value is reported with a relative error of at most 1/128 (the bucket's upper edge is
 * returned: never less than what was measured). One histogram a thread, merged afterwards.
 * Idea: G. Tene's HdrHistogram; the layout here is its simplest form.
 */
#ifndef MEASURE_HISTOGRAM_H
#define MEASURE_HISTOGRAM_H

#include <stdint.h>

#define HIST_SUB_BITS 7
#define HIST_SUB (1u << HIST_SUB_BITS)
#define HIST_BUCKETS ((64 - HIST_SUB_BITS + 1) * HIST_SUB)

struct histogram {
    uint64_t total; /* values added */
    uint64_t max;   /* largest value, exact */
    uint64_t count[HIST_BUCKETS];
};

/* Bucket of a value: for v < 128 the value itself, otherwise 128 buckets a power of two. */
static inline unsigned hist_bucket(uint64_t v)
{
    if (v < HIST_SUB) {
        return (unsigned)v;
    }
    unsigned shift = 63u - (unsigned)__builtin_clzll(v) - HIST_SUB_BITS;
    return (shift + 1) * HIST_SUB + (unsigned)((v >> shift) - HIST_SUB);
}

static inline void hist_add(struct histogram *h, uint64_t v)
{
    h->count[hist_bucket(v)]++;
    h->total++;
    if (v > h->max) {
        h->max = v;
    }
}

/* An empty histogram from mmap, NULL when out of memory; and its end. */
struct histogram *hist_new(void);
void hist_free(struct histogram *h);

/* Adds all of `from` to `into`. */
void hist_merge(struct histogram *into, const struct histogram *from);

/* Largest value that falls into bucket `b`. */
uint64_t hist_upper(unsigned b);

/* Quantile q in 0..1: smallest bucket edge that at least q of the values do not exceed, never
 * above the exact maximum. 0 when empty. */
uint64_t hist_quantile(const struct histogram *h, double q);

/* True when there are enough values to speak of quantile q: at least 100 / (1 - q). */
int hist_supports(const struct histogram *h, double q);

#endif
