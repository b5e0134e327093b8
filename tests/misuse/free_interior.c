// expect: ouro: panic: heap: free of an interior pointer 0x[0-9a-f]+
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A pointer into the middle of a block is freed. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    char *p = ou_malloc(64);
    ou_free(p + 16);
    return misuse_survived();
}
