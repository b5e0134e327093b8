/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * prng.h - the random numbers of the tests: one 64-bit word of state, reproducible from a seed.
 *
 * A Weyl sequence put through a mixing function (the SplitMix64 construction of Steele, Lea
 * and Flood, OOPSLA 2014). Not for secrets. Each thread has its own state.
 */
#ifndef TESTS_PRNG_H
#define TESTS_PRNG_H

#include <stdint.h>

typedef struct prng {
    uint64_t state;
} prng;

static inline uint64_t prng_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline prng prng_from(uint64_t seed, uint64_t stream)
{
    return (prng){prng_mix(seed) + prng_mix(stream + 1) * 3};
}

static inline uint64_t prng_next(prng *r)
{
    r->state += 0x9e3779b97f4a7c15u;
    return prng_mix(r->state);
}

/* Uniform enough in 0..n-1 for a test; 0 for n = 0. */
static inline uint64_t prng_below(prng *r, uint64_t n)
{
    return n ? prng_next(r) % n : 0;
}

/* True in `percent` of 100 draws. */
static inline int prng_chance(prng *r, unsigned percent)
{
    return prng_below(r, 100) < percent;
}

#endif
