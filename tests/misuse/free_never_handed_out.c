// expect: ouro: panic: heap: free of a pointer that was never handed out: 0x[0-9a-f]+ \([0-9]+
// bytes, slot [0-9]+\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* free_never_handed_out.c - the address of a block that its page has not given to anyone yet.
 */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    char *p = ou_malloc(64);
    ou_free(p + 64 * 500); /* of the 1,024 blocks of the page the first ones are in use */
    return 0;
}
