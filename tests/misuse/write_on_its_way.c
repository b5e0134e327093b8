// expect: ouro: panic: heap: block 0x[0-9a-f]+ was written after it was freed \(256 bytes
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* Another thread freed blocks, which travel back to their owner: the first word of the oldest
 * says where the others are, and is written over. */
#include "misuse/misuse.h"

#define BLOCKS 8

static void free_all(void *arg)
{
    uint64_t **blocks = arg;
    for (int i = 0; i < BLOCKS; i++) {
        ou_free(blocks[i]);
    }
}

int main(void)
{
    uint64_t *blocks[BLOCKS];
    misuse_start();
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = ou_malloc(256);
    }
    misuse_in_thread(free_all, blocks);
    blocks[0][0] = (uint64_t)(uintptr_t)blocks[1];
    misuse_reuse(256);
    return misuse_survived();
}
