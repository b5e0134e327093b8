// expect: ouro: panic: object: immortalize of a dead object 0x[0-9a-f]+ \(type str, count 0\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* What has died is to live for ever. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_object *o = ou_str("not for ever");
    ou_decref(o);
    ou_immortalize(o);
    return misuse_survived();
}
