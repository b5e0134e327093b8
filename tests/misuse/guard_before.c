// expect: signal 11
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* The byte before a large block is read. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start_as("heap_mode=secure");
    volatile char *p = ou_malloc(1000000);
    (void)*(p - misuse_hidden(1));
    return misuse_survived();
}
