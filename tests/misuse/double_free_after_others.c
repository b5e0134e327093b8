// expect: ouro: panic: heap: (double free of|free of a block that is not in use:) 0x[0-9a-f]+
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A block is freed, then thousands of its size, so that it left the magazine; then again. */
#include "misuse/misuse.h"

int main(void)
{
    static void *others[5000];
    misuse_start();
    void *p = ou_malloc(64);
    for (int i = 0; i < 5000; i++) {
        others[i] = ou_malloc(64);
    }
    ou_free(p);
    for (int i = 0; i < 5000; i++) {
        ou_free(others[i]);
    }
    ou_free(p);
    return misuse_survived();
}
