// expect: ouro: panic: object: .*(underflow|dead object).* \(type [a-z]+, count 0\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* The count of an object without an owner goes below zero: two threads drop the one reference.
 */
#include "misuse/misuse.h"

static void drop(void *o)
{
    ou_decref(o);
}

int main(void)
{
    misuse_start();
    ou_object *list = ou_list_new(0);
    ou_give(list);
    misuse_in_thread(drop, list);
    misuse_in_thread(drop, list);
    return misuse_survived();
}
