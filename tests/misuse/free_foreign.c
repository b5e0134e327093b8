// expect: ouro: panic: heap: free of a pointer not from this heap: 0x[0-9a-f]+
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A block of the C library is freed. */
#include <stdlib.h>

#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_free(malloc(64));
    return misuse_survived();
}
