/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* bits.h - maps of one bit a page. The caller holds what guards them. */
#ifndef OURO_HEAP_BITS_H
#define OURO_HEAP_BITS_H

#include "base/base.h"

OU_INLINE bool ou_bit_get(const uint64_t *map, size_t i)
{
    return map[i / 64] >> (i % 64) & 1;
}

/* Sets or clears bits [from, from + n); returns how many changed. */
OU_INLINE size_t ou_bits_put(uint64_t *map, size_t from, size_t n, bool set)
{
    size_t changed = 0;
    for (size_t i = from, end = from + n; i < end;) {
        size_t in_word = ou_min(64 - i % 64, end - i);
        uint64_t mask = (in_word == 64 ? ~(uint64_t)0 : (((uint64_t)1 << in_word) - 1))
                        << i % 64;
        uint64_t *word = &map[i / 64];
        changed += (size_t)__builtin_popcountll(set ? mask & ~*word : mask & *word);
        *word = set ? *word | mask : *word & ~mask;
        i += in_word;
    }
    return changed;
}

#endif
