// expect: ouro: panic: heap: write far behind the end of block 0x[0-9a-f]+, or before its start
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* The bytes before a block are written: they belong to the one before it. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start_as("heap_mode=debug");
    static char *blocks[100];
    for (int i = 0; i < 100; i++) {
        blocks[i] = ou_malloc(100);
    }
    for (int i = 0; i < 100; i++) {
        memset(blocks[i] - misuse_hidden(8), 0x41, 8);
    }
    for (int i = 0; i < 100; i++) {
        ou_free(blocks[i]);
    }
    return misuse_survived();
}
