// expect: ouro: panic: heap: realloc of a block that is not in use: 0x[0-9a-f]+
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A block in quarantine is resized. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start_as("heap_mode=secure");
    char *p = ou_malloc(1000);
    ou_free(p);
    ou_free(ou_realloc(p, 2000));
    return misuse_survived();
}
