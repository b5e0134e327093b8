/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * calls.c - a library of its own with two functions that do nothing: what malloc and free would
 * cost through the procedure linkage table if they had no work. Used by limit/call_pair.
 */
#include "calls.h"

#define BLOCK_BYTES 4096 /* what limit/call_pair may ask for */

static _Alignas(64) char block[BLOCK_BYTES];

void *micro_call_take(size_t size)
{
    return block + (size & (BLOCK_BYTES - 64)); /* as an allocator must: looks at the size */
}

void micro_call_give(void *p)
{
    __asm__ __volatile__("" : : "r"(p));
}
