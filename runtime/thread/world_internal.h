/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* world_internal.h - what slot.c needs of world.c: nobody else includes it. */
#ifndef OURO_THREAD_WORLD_INTERNAL_H
#define OURO_THREAD_WORLD_INTERNAL_H

#include "thread/slot.h"

bool ou_world_stopping(void);
void ou_world_wait_running(void);

/* ATTACHED -> DETACHED, and tells a stopper that waits. */
void ou_world_leave(ou_slot *slot);

#endif
