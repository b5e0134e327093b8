// expect: ouro: panic: heap: (double free of|free of a .*) 0x[0-9a-f]+
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A block larger than every size class is freed twice. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    void *p = ou_malloc(1000000);
    ou_free(p);
    ou_free(p);
    return misuse_survived();
}
