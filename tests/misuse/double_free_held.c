// expect: ouro: panic: heap: double free of 0x[0-9a-f]+ \(1000 bytes, slot 1\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A block is freed twice; the quarantine has it. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start_as("heap_mode=secure");
    char *p = ou_malloc(1000);
    ou_free(p);
    ou_free(p);
    return misuse_survived();
}
