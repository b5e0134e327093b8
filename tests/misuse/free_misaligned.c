// expect: ouro: panic: heap: free of an interior pointer 0x[0-9a-f]+
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A pointer one byte into a block is freed. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    char *p = ou_malloc(64);
    ou_free(p + 1);
    return misuse_survived();
}
