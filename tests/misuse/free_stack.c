// expect: ouro: panic: heap: free of a pointer not from this heap: 0x[0-9a-f]+
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A variable on the stack is freed. */
#include "misuse/misuse.h"

int main(void)
{
    _Alignas(64) char local[64] = {0};
    misuse_start();
    ou_free(local);
    return misuse_survived();
}
