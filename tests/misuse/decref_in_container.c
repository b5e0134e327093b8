// expect: ouro: panic: object: decref of a dead object 0x[0-9a-f]+ \(type float, count 0\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A borrowed item is dropped; the container drops it again when it dies. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_object *item = ou_float_new(1.0);
    ou_object *tuple = ou_tuple_new(&item, 1);
    ou_decref(item);
    ou_decref(ou_tuple_get_borrow(tuple, 0)); /* not ours to drop */
    ou_decref(tuple);
    return misuse_survived();
}
