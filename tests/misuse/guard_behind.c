// expect: signal 11
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* The page behind a large block is touched. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start_as("heap_mode=secure");
    char *p = ou_malloc(1000000);
    p[misuse_hidden(1000000 + 4096)] = 0x41;
    return misuse_survived();
}
