/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * map_count.c - a process may have 65,530 mappings. 60,000 large blocks of several sizes, every
 * second one freed, the holes used again: the number of mappings stays what it was. Planted:
 * one page in each hole is protected, as guard pages would.
 */
#include "plain.h"

enum { BLOCKS = 60000, MOST_MORE = 64 };

static size_t block_size(unsigned i)
{
    return (size_t)(33 << 10) + (i * 7919u % 5) * (64u << 10); /* 33 to 289 KiB */
}

static void block_take(unsigned char **at, unsigned i)
{
    at[i] = malloc(block_size(i));
    LIMITS_REQUIRE(at[i] != NULL);
    at[i][0] = (unsigned char)i; /* one page of each: memory is not what is tested */
}

int main(int argc, char **argv)
{
    bool planted = limits_planted(argc, argv);
    unsigned char **at = calloc(BLOCKS, sizeof *at);
    LIMITS_REQUIRE(at != NULL);
    long before = limits_maps();
    for (unsigned i = 0; i < BLOCKS; i++) {
        block_take(at, i);
    }
    long full = limits_maps();
    for (unsigned i = 0; i < BLOCKS; i += 2) {
        if (planted && i < 2000) {
            uintptr_t inside = ((uintptr_t)at[i] + 8191) & ~(uintptr_t)4095;
            LIMITS_REQUIRE(mprotect((void *)inside, 4096, PROT_NONE) == 0);
            continue;
        }
        free(at[i]);
    }
    long holes = limits_maps();
    for (unsigned i = 0; i < BLOCKS && !planted; i += 2) {
        block_take(at, i);
    }
    for (unsigned i = 0; i < BLOCKS && !planted; i++) {
        LIMITS_REQUIRE(at[i][0] == (unsigned char)i);
        free(at[i]);
    }
    printf("mappings: %ld before, %ld with %d blocks, %ld with holes\n", before, full, BLOCKS,
           holes);
    return full > before + MOST_MORE || holes > before + MOST_MORE;
}
