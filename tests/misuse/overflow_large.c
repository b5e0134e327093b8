// expect: ouro: panic: heap: write behind the end of block 0x[0-9a-f]+ \(1000000 bytes asked
// for, byte 1000003 is 0x41, slot 1
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A large block is written to behind its end, on its last page in use. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start_as("heap_mode=secure");
    char *p = ou_malloc(1000000);
    p[misuse_hidden(1000003)] = 0x41;
    ou_free(p);
    return misuse_survived();
}
