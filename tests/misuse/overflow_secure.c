// expect: ouro: panic: heap: write behind the end of block 0x[0-9a-f]+ \(100 bytes asked for,
// byte 100 is 0x41, slot 1, from overflow_secure\(.*\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* One byte behind the end of a small block is written; free finds it (mode secure). */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start_as("heap_mode=secure");
    char *p = ou_malloc(100);
    p[misuse_hidden(100)] = 0x41;
    ou_free(p);
    return misuse_survived();
}
