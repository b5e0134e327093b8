/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * list.h - what raw lists and object lists share: values, sums, plans.
 */
#ifndef ENGINE_LIST_H
#define ENGINE_LIST_H

#include "engine/worker.h"

#define LIST_BATCH 4096u /* appends between two looks at the clock and the safepoint */
#define LIST_FIRST 1000u /* above the integers that every runtime shares */

static inline uint64_t list_value(uint64_t i)
{
    return LIST_FIRST + i;
}

/* Sum of the first n values: n * LIST_FIRST + n (n - 1) / 2, the even factor halved first. */
static inline uint64_t list_sum(uint64_t n)
{
    uint64_t pairs = n % 2 ? n * ((n - 1) / 2) : n / 2 * (n - 1);
    return n * LIST_FIRST + pairs;
}

/* Compares a pass's sum with the one it must have, adds it to the checksum, and returns the
 * elements passed (0 after a mismatch). */
uint64_t list_check(struct worker *w, uint64_t sum);

/* Plans `passes` over the list, or one; fails when the list is empty. */
int list_pass_begin(struct worker *w);
int list_end(struct worker *w);

#endif
