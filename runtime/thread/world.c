/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * world.c - stop the world. Two words that others sleep on: `stopping` (threads that want in)
 * and `parked` (the stopper). The race between a stop that begins and a thread that
 * attaches is Dekker's: each side writes its own word, then reads the other's, all
 * sequentially consistent; so at least one of them sees the other.
 */
#include "thread/world.h"

#include "ouro/runtime.h"
#include "thread/epoch.h"
#include "thread/world_internal.h"

#define PATIENCE 2 /* stops that a thread waits through before the next one waits for it */

static ou_lock world_lock = OU_LOCK_INIT;
static uint32_t stopping;      /* atomic, futex: 1 while a stop is wanted or in force */
static uint32_t parked;        /* atomic, futex: grows whenever a thread leaves its slot */
static uint32_t starving;      /* atomic, futex: threads that lost patience */
static uint64_t stop_began_ns; /* lock:world_lock */
static uint64_t reach_ns;      /* lock:world_lock: how long until everybody stood */

void (*ou_safepoint_inbox)(void);
void (*ou_safepoint_gc)(void);
void (*ou_safepoint_hot)(void);
void (*ou_world_on_start)(ou_slot *slot);

bool ou_world_stopping(void)
{
    return ou_load_seq_cst(&stopping) != 0;
}

unsigned ou_world_wait_running(unsigned missed)
{
    while (ou_load_seq_cst(&stopping)) {
        if (++missed == PATIENCE) {
            ou_fetch_add_acq_rel(&starving,
                                 1u); /* before the stop ends: the next one sees it */
        }
        ou_os_wait(&stopping, 1, 10000000);
    }
    return missed;
}

void ou_world_entered(unsigned missed)
{
    if (OU_UNLIKELY(missed >= PATIENCE)) {
        ou_fetch_sub_acq_rel(&starving, 1u);
        ou_os_wake(&starving, true);
    }
}

/* Whoever was shut out by the stops before gets in first; false: not all until then. The world
 * runs, and nobody waits for the caller but for its lock. */
static bool let_in_starving(uint64_t until_ns)
{
    uint32_t n;
    while ((n = ou_load_acquire(&starving)) != 0) {
        if (ou_os_now_ns() > until_ns) {
            return false;
        }
        ou_os_wait(&starving, n, 1000000);
    }
    return true;
}

void ou_world_fork_child(void)
{
    ou_store_relaxed(&starving, 0u); /* those threads are not here */
}

void ou_world_leave(ou_slot *slot)
{
    ou_store_seq_cst(&slot->state, OU_DETACHED); /* pairs: CAS to SUSPENDED or ATTACHED */
    ou_race_point();
    if (ou_load_seq_cst(&stopping)) {
        ou_fetch_add_acq_rel(&parked, 1u);
        ou_os_wake(&parked, true);
    }
}

/* Waits until nobody is inside `slot` and keeps everyone out; false: not until the clock said
 * `until_ns`. */
static bool slot_stop(ou_slot *slot, uint64_t until_ns)
{
    for (unsigned spins = 0;; spins++) {
        uint32_t before = ou_load_acquire(&parked);
        if (ou_slot_suspend(slot)) {
            slot->suspended = true;
            return true;
        }
        if (until_ns != UINT64_MAX && ou_os_now_ns() > until_ns) {
            return false;
        }
        ou_slot_poll_set(slot, OU_POLL_STOP);
        if (spins < 64) {
            ou_os_pause();
        } else if (spins < 128) {
            ou_os_yield();
        } else {
            ou_os_wait(&parked, before, 1000000); /* a short sleep: also covers SUSPENDED */
        }
    }
}

void ou_lock_take_parked(ou_lock *lock)
{
    if (!ou_lock_try(lock)) {
        ou_slot_park_begin();
        ou_lock_take(lock);
        ou_slot_park_end();
    }
}

/* False, and the world runs: somebody did not come to a safepoint in time. */
static bool world_stop_until(uint64_t patience_ns)
{
    OU_ASSERT(ou_self.self && !ou_self.self->in_op);
    uint64_t asked = ou_os_now_ns();
    ou_lock_take_parked(&world_lock); /* then `stopping` is 0: only the holder sets it */
    uint64_t locked = ou_os_now_ns();
    uint64_t until = patience_ns == UINT64_MAX ? patience_ns : locked + patience_ns;
    if (!let_in_starving(until)) {
        ou_lock_give(&world_lock);
        return false;
    }
    asked += ou_os_now_ns() - locked; /* the world ran meanwhile */
    stop_began_ns = asked;
    ou_store_seq_cst(&stopping, 1u);
    ou_race_point();
    uint32_t count = ou_slot_count();
    bool reached = true;
    for (uint32_t id = 1; id <= count && reached; id++) {
        reached = &ou_slots[id] == ou_self.self || slot_stop(&ou_slots[id], until);
    }
    reach_ns = ou_os_now_ns() - asked;
    OU_STAT(world_stops, 1);
    if (!reached) {
        ou_world_start();
    }
    return reached;
}

void ou_world_stop(void)
{
    world_stop_until(UINT64_MAX);
}

bool ou_world_try_stop(uint64_t patience_ns)
{
    return world_stop_until(patience_ns);
}

uint64_t ou_world_start(void)
{
    uint64_t stood = ou_os_now_ns() - stop_began_ns;
    ou_pauses_note(reach_ns, stood);
    uint32_t count = ou_slot_count();
    ou_store_seq_cst(&stopping, 0u);
    for (uint32_t id = 1; id <= count; id++) {
        ou_slot *slot = &ou_slots[id];
        if (slot->suspended) {
            slot->suspended = false;
            ou_slot_resume(slot);
        }
    }
    ou_os_wake(&stopping, true);
    ou_lock_give(&world_lock);
    for (uint32_t id = 1; id <= count; id++) {
        if (ou_load_seq_cst(&ou_slots[id].inbox_len) && ou_world_on_start) {
            ou_world_on_start(&ou_slots[id]);
        }
    }
    return stood;
}

void ou_safepoint_slow(void)
{
    ou_slot *self = ou_self.self;
    uint32_t bits = ou_load_acquire(&self->poll);
    ou_fetch_and_seq_cst(&self->poll, ~bits); /* before acting: a later request stays set */
    if (bits & OU_POLL_STOP && ou_world_stopping()) {
        ou_slot_park_begin();
        ou_slot_park_end();
    }
    if (bits & OU_POLL_INBOX && ou_safepoint_inbox) {
        ou_safepoint_inbox();
    }
    if (bits & OU_POLL_EPOCH) {
        ou_epoch_tend();
    }
    if (bits & OU_POLL_HOT && ou_safepoint_hot) {
        ou_safepoint_hot();
    }
    if (bits & OU_POLL_GC && ou_safepoint_gc) {
        ou_safepoint_gc();
    }
}

void ou_safepoint(void)
{
    if (ou_self.slot != OU_SLOT_NONE) {
        ou_safepoint_poll();
    }
}

int ou_thread_attach(void)
{
    return ou_slot_attach();
}

void ou_thread_detach(void)
{
    ou_slot_detach();
}

bool ou_thread_attached(void)
{
    return ou_self.slot != OU_SLOT_NONE;
}

unsigned ou_thread_slot(void)
{
    return ou_self.slot == OU_SLOT_NONE ? 0 : ou_self.slot;
}

void ou_blocking_begin(void)
{
    if (ou_self.self) {
        ou_slot_leave_empty();
    }
}

void ou_blocking_end(void)
{
    if (ou_self.self) {
        ou_slot_park_end();
    }
}
