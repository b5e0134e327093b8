// expect: ouro: panic: heap: (double free of|free of a block that is not in use:) 0x[0-9a-f]+
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* Another thread frees a block, then its owner does. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    void *p = ou_malloc(64);
    misuse_in_thread(ou_free, p);
    ou_free(p);
    misuse_reuse(64);
    return misuse_survived();
}
