// expect: ouro: panic: object: take of a dead object 0x[0-9a-f]+ \(type dict, count 0\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* What has died is taken over. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_object *o = ou_dict_new(0);
    ou_decref(o);
    ou_take(o);
    return misuse_survived();
}
