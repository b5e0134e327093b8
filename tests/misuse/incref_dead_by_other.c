// expect: ouro: panic: object: incref of a dead object 0x[0-9a-f]+ \(type tuple, count 0\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* Another thread takes a reference of an object that its owner has ended. */
#include "misuse/misuse.h"

static void take_reference(void *o)
{
    ou_incref(o);
}

int main(void)
{
    misuse_start();
    ou_object *tuple = ou_tuple_new((ou_object *[]){ou_none()}, 1);
    ou_decref(tuple);
    misuse_in_thread(take_reference, tuple);
    return misuse_survived();
}
