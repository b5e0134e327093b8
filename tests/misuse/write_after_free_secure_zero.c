// expect: ouro: panic: heap: block 0x[0-9a-f]+ was written after it was freed
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* One byte in the middle of a freed block is written (secure, filled with zeros). */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start_as("heap_mode=secure,heap_free_fill=zero");
    char *p = ou_malloc(1000);
    ou_free(p);
    p[misuse_hidden(500)] = 0x41;
    ou_heap_trim();
    return misuse_survived();
}
