// expect: ouro: panic: heap: block 0x[0-9a-f]+ was written after it was freed
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A freed block is written over; the heap notices when it comes to it again. */
#include <string.h>

#include "misuse/misuse.h"

int main(void)
{
    static char *blocks[2000];
    misuse_start();
    for (int i = 0; i < 2000; i++) {
        blocks[i] = ou_malloc(64);
    }
    for (int i = 0; i < 2000; i++) {
        ou_free(blocks[i]);
    }
    for (int i = 0; i < 2000; i++) {
        memset(blocks[i], 0x41, 64);
    }
    misuse_reuse(64);
    return misuse_survived();
}
