/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * world.h - stopping and starting the world, safepoints.
 *
 * While the world is stopped every slot except the stopper's is SUSPENDED: no thread counts,
 * allocates objects or works on a container. Threads park at safepoints; a thread that
 * attaches meanwhile waits. One stop at a time (a lock, taken while parked).
 */
#ifndef OURO_THREAD_WORLD_H
#define OURO_THREAD_WORLD_H

#include "thread/slot.h"

/* Caller is attached, holds no lock and is in no operation. The stop may wait for another one
 * to end. Returns when the world stands; start returns for how long it stood (ns, from the wish
 * to stop). */
void ou_world_stop(void);
uint64_t ou_world_start(void);

/* The same, but gives up (false, world running) when not everybody stands after `patience_ns`:
 * for what can be left undone. */
bool ou_world_try_stop(uint64_t patience_ns);

/* In a forked child, world stopped: forgets who waited in the parent. */
void ou_world_fork_child(void);

/* Takes a lock whose holder may stop the world: the caller stands aside while it waits. */
void ou_lock_take_parked(ou_lock *lock);

/* Around fork, world stopped: the log of pauses is in nobody's hands. */
void ou_pauses_fork(bool done);

/* Time the world has stood since the start of the process; all about stops: ouro/pause.h. */
uint64_t ou_pauses_total_ns(void);

/* What a safepoint does besides parking: set by higher floors, called attached. */
extern void (*ou_safepoint_inbox)(void);
extern void (*ou_safepoint_gc)(void);
extern void (*ou_safepoint_hot)(void);
extern void (*ou_world_on_start)(
    ou_slot *slot); /* for each slot whose inbox is not empty; world runs */

/* The slow half of a poll: parks, drains, collects, as the poll bits say. */
void ou_safepoint_slow(void);

OU_INLINE void ou_safepoint_poll(void)
{
    if (OU_UNLIKELY(ou_load_relaxed(&ou_self.self->poll) != 0)) {
        ou_safepoint_slow();
    }
}

#endif
