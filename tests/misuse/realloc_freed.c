// expect: ouro: panic: heap: (double free of|realloc of|.*freed).*0x[0-9a-f]+
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A freed block is resized. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    void *p = ou_malloc(64);
    ou_free(p);
    p = ou_realloc(p, 4000);
    return misuse_survived();
}
