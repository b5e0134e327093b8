// expect: ouro: panic: object: .*(underflow|dead object).* \(type [a-z]+, count 0\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* Another thread drops more references than there are; the owner drops its own. (A dead block
 * on its way home may have a link where the type was.) */
#include "misuse/misuse.h"

static void drop_three(void *o)
{
    ou_decref(o);
    ou_decref(o);
    ou_decref(o);
}

int main(void)
{
    misuse_start();
    ou_object *list = ou_list_new(0);
    misuse_in_thread(drop_three, list);
    ou_safepoint();
    ou_gc_collect();
    ou_decref(list);
    return misuse_survived();
}
