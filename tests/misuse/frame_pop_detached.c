// expect: ouro: panic: object: decref of 0x[0-9a-f]+ \(type list, count 1\) by a thread
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A frame is left inside a blocking region: its locals would have to be dropped. */
#include "misuse/misuse.h"

int main(void)
{
    misuse_start();
    ou_frame *f = ou_frame_push("f", 1);
    ou_frame_bind_steal(f, "list", ou_list_new(0));
    ou_blocking_begin();
    ou_frame_pop();
    return misuse_survived();
}
