// expect: ouro: panic: heap: free of a pointer not from this heap: 0x1234567890
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A number that was never an address is freed. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_free((void *)(uintptr_t)0x1234567890u);
    return misuse_survived();
}
