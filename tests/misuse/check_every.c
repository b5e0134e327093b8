// expect: ouro: panic: heap: 1 faults at call [0-9]+ of malloc and free \(heap_check_every\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* The damaged block is never freed; a look at the whole heap finds it. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start_as("heap_mode=debug,heap_check_every=10");
    char *p = ou_malloc(100);
    p[misuse_hidden(100)] = 0x41;
    for (int i = 0; i < 20; i++) {
        ou_free(ou_malloc(50));
    }
    return misuse_survived();
}
