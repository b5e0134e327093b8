/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* world_internal.h - what slot.c, world.c and pauses.c need of each other: nobody else includes
 * it. */
#ifndef OURO_THREAD_WORLD_INTERNAL_H
#define OURO_THREAD_WORLD_INTERNAL_H

#include "thread/slot.h"

bool ou_world_stopping(void);

/* Waits while the world is stopped; `missed` counts the waits of one entry, 0 at first. After
 * PATIENCE of them no stop begins before the caller is in, which it must say at the end. */
unsigned ou_world_wait_running(unsigned missed);
void ou_world_entered(unsigned missed);

/* ATTACHED -> DETACHED, and tells a stopper that waits. */
void ou_world_leave(ou_slot *slot);

/* Holder of the world lock: a stop has ended, which took so long to reach everybody, and in all
 * (pauses.c). */
void ou_pauses_note(uint64_t reach_ns, uint64_t ns);

#endif
