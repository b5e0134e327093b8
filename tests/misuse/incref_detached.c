// expect: ouro: panic: object: incref of 0x[0-9a-f]+ \(type list, count 1\) by a thread
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A thread that is inside a blocking region counts. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_object *list = ou_list_new(0);
    ou_blocking_begin();
    ou_incref(list);
    return misuse_survived();
}
