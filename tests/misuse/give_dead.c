// expect: ouro: panic: object: give of a dead object 0x[0-9a-f]+ \(type float, count 0\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* What has died is handed to another thread. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_object *o = ou_float_new(1);
    ou_decref(o);
    ou_give(o);
    return misuse_survived();
}
