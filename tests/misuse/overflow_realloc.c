// expect: ouro: panic: heap: write behind the end of block 0x[0-9a-f]+ \(100 bytes asked for,
// byte 100 is 0x41, slot 1, from overflow_realloc
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* The same; realloc finds it. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start_as("heap_mode=debug");
    char *p = ou_malloc(100);
    p[misuse_hidden(100)] = 0x41;
    ou_free(ou_realloc(p, 5000));
    return misuse_survived();
}
