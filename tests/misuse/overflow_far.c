// expect: ouro: panic: heap: write far behind the end of block 0x[0-9a-f]+
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A write jumps over the red zone and hits what the heap keeps behind the block. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start_as("heap_mode=secure");
    char *p = ou_malloc(100);
    size_t end = 128; /* 100, a red zone of 12, the seal */
    memset(p + misuse_hidden(end - 16), 0x41, 16);
    ou_free(p);
    return misuse_survived();
}
