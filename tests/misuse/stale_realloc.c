// expect: ouro: panic: heap: block 0x[0-9a-f]+ was written after it was freed
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* In debug mode a block always moves: who goes on with its old address is found. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start_as("heap_mode=debug");
    char *p = ou_malloc(1000);
    char *q = ou_realloc(p, 1010);
    p[misuse_hidden(500)] = 0x41;
    ou_free(q);
    ou_heap_trim();
    return misuse_survived();
}
