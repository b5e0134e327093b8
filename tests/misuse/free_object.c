// expect: ouro: panic: heap: free of an object's block 0x[0-9a-f]+ \([0-9]+ bytes, slot
// [0-9]+\): drop references instead
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* free_object.c - an object's memory is given to free() while references are counted. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_free(ou_float_new(1.5));
    return 0;
}
