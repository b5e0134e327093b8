// expect: ouro: panic: object: decref of 0x[0-9a-f]+ \(type float, count 1\) by a thread
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A thread that is inside a blocking region drops a reference. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_object *o = ou_float_new(1.5);
    ou_blocking_begin();
    ou_decref(o);
    return misuse_survived();
}
