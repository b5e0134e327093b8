// expect: ouro: panic: object: incref of a dead object 0x[0-9a-f]+ \(type list, count 0\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A reference is taken to what has died. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_object *list = ou_list_new(0);
    ou_decref(list);
    ou_incref(list);
    return misuse_survived();
}
