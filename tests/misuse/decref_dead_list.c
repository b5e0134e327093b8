// expect: ouro: panic: object: decref of a dead object 0x[0-9a-f]+ \(type list, count 0\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* One reference too many is dropped: the list is dead already. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_object *list = ou_list_new(0);
    ou_decref(list);
    ou_decref(list);
    return misuse_survived();
}
