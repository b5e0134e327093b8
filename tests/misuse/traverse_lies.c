// expect: ouro: panic: gc: traverse of type 'list' shows 1 references of 0x[0-9a-f]+, which has
// 2
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A type's traverse slot misses a reference: check builds say which type. */
#include "misuse/misuse.h"
#include "object/type.h"

static void misses_the_second(ou_object *o, ou_visit visit, void *arg)
{
    ou_object *first = ou_list_get(o, 0); /* borrowed below: the list holds it */
    ou_decref(first);
    visit(first, arg);
}

int main(void)
{
    misuse_start();
    ou_object *items[] = {ou_none(), ou_none()};
    ou_object *list = ou_list_of(items, 2);
    ou_types[OU_KIND_LIST].traverse = misses_the_second;
    ou_gc_collect();
    ou_decref(list);
    return misuse_survived();
}
