// expect: ouro: panic: frame: 'f' was left while its locals died
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* The finalizer of a local leaves a frame that is not its own. */
#include "misuse/misuse.h"

static int leave(ou_object *self, void *arg)
{
    (void)self, (void)arg;
    ou_frame_pop();
    return 0;
}

int main(void)
{
    misuse_start();
    ou_frame_push("outer", 0);
    ou_frame *f = ou_frame_push("f", 1);
    const ou_type *cls = ou_class_new("Leaver", NULL, 0, true, leave, NULL);
    ou_frame_bind_steal(f, "leaver", ou_instance_new(cls));
    ou_frame_pop();
    return misuse_survived();
}
