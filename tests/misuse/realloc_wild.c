// expect: ouro: panic: heap: .*not from this heap.*0x[0-9a-f]+
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A static variable is resized. */
#include "misuse/misuse.h"

static _Alignas(64) char variable[64];

int main(void)
{
    misuse_start();
    void *p = ou_realloc(variable, 4000);
    return misuse_survived() + (p == NULL);
}
