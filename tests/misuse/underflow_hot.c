// expect: ouro: panic: object: reference count underflow of 0x[0-9a-f]+ \(type float, count 0\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* More references are dropped of a hot object than there are: told when its counts are summed.
 */
#include "misuse/misuse.h"

static void heat(void *o)
{
    for (int i = 0; i < 4096; i++) {
        ou_incref(o);
        ou_decref(o);
    }
    ou_safepoint();
}

int main(void)
{
    misuse_start();
    ou_object *o = ou_float_new(1);
    misuse_in_thread(heat, o);
    ou_decref(o);
    ou_decref(o);
    ou_gc_collect();
    return misuse_survived();
}
