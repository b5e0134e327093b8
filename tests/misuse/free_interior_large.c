// expect: ouro: panic: heap: free of (an interior|a block) .*0x[0-9a-f]+
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A pointer to the second page of a large block is freed. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    char *p = ou_malloc(1000000);
    ou_free(p + 65536);
    return misuse_survived();
}
