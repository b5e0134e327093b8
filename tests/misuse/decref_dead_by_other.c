// expect: ouro: panic: object: decref of a dead object 0x[0-9a-f]+ \(type list, count 0\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* Another thread drops a reference of an object that its owner has ended. */
#include "misuse/misuse.h"

static void drop(void *o)
{
    ou_decref(o);
}

int main(void)
{
    misuse_start();
    ou_object *list = ou_list_new(0);
    ou_decref(list);
    misuse_in_thread(drop, list);
    return misuse_survived();
}
