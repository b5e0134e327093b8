// expect: ouro: panic: heap: free of a pointer not from this heap: 0x[0-9a-f]+
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A static variable is freed. */
#include "misuse/misuse.h"

static _Alignas(64) char variable[64];

int main(void)
{
    misuse_start();
    ou_free(variable);
    return misuse_survived();
}
