/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * fork.c - a process forks while its other threads work. The world is stopped across the fork,
 * so the child finds every lock free, every count whole and no operation half done. The
 * slots of the threads that are gone stay with their objects, as after any thread's end, except
 * that their heaps are never handed out again (heap.c says why).
 */
#include "api/fork.h"

#include <pthread.h>

#include "gc/gc.h"
#include "gc/workers.h"
#include "thread/world.h"

/* What prepare had to do to the forking thread: attach it, or take it out of a blocking region.
 */
static __thread bool attached_here, unparked_here;
static bool started; /* const after ou_fork_wire; handlers do nothing before */

/* Locks that a thread may hold without being attached, for a few words. Taken with the world
 * stopped: an attached thread would wait for them in the world's way. */
static void small_locks(bool done)
{
    ou_gc_callbacks_fork(done);
    ou_pauses_fork(done);
}

static void prepare(void)
{
    attached_here = started && !ou_self.self;
    unparked_here = ou_self.self && ou_self.slot == OU_SLOT_NONE;
    if (unparked_here) {
        ou_slot_park_end();
    }
    if (started && ou_slot_attach() == 0) {
        ou_gc_fork_prepare();
        ou_world_stop();
        small_locks(false);
    }
}

static void finish(bool child)
{
    if (started && ou_self.self) {
        small_locks(true);
        if (child) {
            ou_world_fork_child();
        }
        ou_gc_fork_done(child); /* first: the start may run finalizers, which may collect */
        ou_world_start();
    } else if (child && started) {
        ou_gc_workers_forget(); /* there was no slot for this thread */
    }
    if (attached_here) {
        ou_slot_detach();
    } else if (unparked_here) {
        ou_slot_leave_empty();
    }
}

static void in_parent(void)
{
    finish(false);
}

static void in_child(void)
{
    finish(true);
}

void ou_fork_wire(void)
{
    if (!started) {
        started = pthread_atfork(prepare, in_parent, in_child) == 0;
    }
}
