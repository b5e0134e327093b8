// expect: ouro: panic: object: decref of a dead object 0x[0-9a-f]+ \(type int, count 0\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* The same with an int that is not interned. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_object *n = ou_int_new(123456);
    ou_decref(n);
    ou_decref(n);
    return misuse_survived();
}
