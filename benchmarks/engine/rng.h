/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * rng.h - the engine's random numbers: 64 bits from a counter and a mixing function.
 *
 * Called in timed loops, so it is inline and short (about 1 ns). The same seed gives the same
 * sequence on every machine; each thread and phase has a stream of its own.
 */
#ifndef ENGINE_RNG_H
#define ENGINE_RNG_H

#include <stdint.h>

/* Spreads every input bit over all output bits (two multiply-xorshift rounds). */
static inline uint64_t rng_mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
}

static inline uint64_t rng_next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio: visits all 2^64 values */
    return rng_mix(*state);
}

/* A number below `n` out of 32 random bits, without a division. n < 2^32. */
static inline uint32_t rng_below(uint32_t bits, uint64_t n)
{
    return (uint32_t)((bits * n) >> 32);
}

/* Start of the stream of one thread in one phase. */
static inline uint64_t rng_stream(uint64_t seed, uint64_t thread, uint64_t phase)
{
    return rng_mix(rng_mix(rng_mix(seed) ^ thread) ^ (phase << 32));
}

#endif
