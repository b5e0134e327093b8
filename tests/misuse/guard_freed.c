// expect: signal 11
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A large block is read after it was freed. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start_as("heap_mode=secure");
    volatile char *p = ou_malloc(100000);
    p[5000] = 1;
    ou_free((void *)p);
    (void)p[misuse_hidden(5000)];
    return misuse_survived();
}
