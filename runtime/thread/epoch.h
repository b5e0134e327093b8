/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * epoch.h - storage that somebody may still be reading without a lock is freed later.
 *
 * - A reader: ou_epoch_enter; loads the pointer; reads; ou_epoch_leave. Nothing else in
 * between: it is an operation as in guard.h, with the same word in_op.
 * - Who takes something out makes it unreachable, then ou_epoch_retire.
 * - Who frees: membarrier; waits until each slot was seen outside once; frees.
 *
 * A reader pays two plain stores. Who frees pays a system call, once for everything it has
 * retired so far: user-space RCU with membarrier (Desnoyers, McKenney et al., IEEE TPDS 2012).
 * No epoch is counted and no safepoint waited for, so what is retired is bounded by bytes and
 * not by what other threads do. Story: docs/memory-model.md, *Reading without a lock*; model:
 * tests/spin/epoch.pml.
 */
#ifndef OURO_THREAD_EPOCH_H
#define OURO_THREAD_EPOCH_H

#include "thread/slot.h"

/* Slot of the collector while it reads the storage of others' containers beside them; 0 = no.
 * Written while the world stands, so it does not change inside an operation or under a lock. */
extern OU_HIDDEN uint32_t ou_epoch_collector; /* atomic */

/* Seams: give retired storage back, a dead object's block, drop a reference; called by the
 * thread that retired it. */
extern void (*ou_epoch_free)(void *p, size_t bytes);
extern void (*ou_epoch_bury)(ou_object *o);
extern void (*ou_epoch_decref)(ou_object *o);

/* The calling thread, attached and in no operation, reads without a lock. A leaf, and short:
 * somebody may be waiting for its end. */
OU_INLINE void ou_epoch_enter(void)
{
    ou_slot_op_enter(ou_self.self); /* pairs: ou_epoch_wait */
}

OU_INLINE void ou_epoch_leave(void)
{
    ou_slot_op_leave(ou_self.self); /* pairs: ou_epoch_wait */
}

/* Is all storage to be retired when it is let go? */
OU_INLINE bool ou_epoch_is_read(void)
{
    return OU_UNLIKELY(ou_load_acquire(&ou_epoch_collector) != 0); /* pairs: read_end */
}

/* The calling thread, a collector, is going to read the storage of containers that others work
 * on: from here on none of it is freed before it has left the section in which it may have
 * found it. World stopped; false: the kernel has no membarrier, so it cannot be done. */
bool ou_epoch_read_begin(void);

/* It does not any more; outside of a section. */
void ou_epoch_read_end(void);

/* Frees storage of `bytes` when nobody can be reading it any more. The caller has made it
 * unreachable; it may be in an operation or hold a container's byte. Kept back at most: knob
 * epoch_bytes a thread; blocks above 256 KiB are waited for. */
void ou_epoch_retire(void *p, size_t bytes);

/* The same for the block of a dead object that a look-up may have found. In no operation, no
 * lock held. */
void ou_epoch_retire_object(ou_object *o, size_t bytes);

/* Drops a reference that was taken from where a reader may have found it, when no reader can be
 * about to count on it: when the calling thread has 255 of them, at its 64th safepoint from
 * now, when it blocks, collects or ends, whichever comes first. In no operation, no lock held:
 * some may be dropped right here. */
void ou_epoch_drop(ou_object *o);

/* Safepoint of a thread that has references to drop (OU_POLL_EPOCH). */
void ou_epoch_tend(void);

/* Waits until a collector that reads has left the section it may be in. Any thread, any state:
 * that section waits for nobody. */
void ou_epoch_await_collector(void);

/* Frees and drops all that the calling thread has retired. In no operation, no lock held; a
 * no-op when there is nothing. */
void ou_epoch_flush(void);

/* Waits until everybody else has been outside of a section that began before. In no operation.
 */
void ou_epoch_wait(void);

#endif
