/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* slot.c - entering and leaving slots; see slot.h for the story. */
#include "thread/slot.h"

#include "heap/heap.h"
#include "thread/epoch.h"
#include "thread/world.h"
#include "thread/world_internal.h"

static_assert(OU_SLOT_MAX == OU_HEAP_MAX, "a slot has the id of its heap");

ou_slot ou_slots[OU_SLOT_MAX] __attribute__((aligned(128))); /* lines are fetched in pairs */
ou_hot_counter ou_hot_counters[OU_SLOT_MAX][OU_HOT_MAX] __attribute__((aligned(64)));
bool ou_have_membarrier;
void (*ou_slot_on_detach)(ou_slot *slot);

static uint32_t slot_count; /* atomic: highest id that was ever entered */

uint32_t ou_slot_count(void)
{
    return ou_load_seq_cst(&slot_count);
}

uint32_t ou_slots_inside(void)
{
    uint32_t n = 0;
    for (uint32_t id = 1, count = ou_slot_count(); id <= count; id++) {
        n += ou_load_seq_cst(&ou_slots[id].state) == OU_ATTACHED;
    }
    return n;
}

static void slot_count_raise(uint32_t id)
{
    uint32_t seen = ou_load_relaxed(&slot_count);
    while (seen < id && !ou_cas_seq_cst(&slot_count, &seen, id)) {
    }
}

/* Enters `slot`, waiting while somebody acts in it or the world stands. */
static void slot_enter(ou_slot *slot)
{
    for (unsigned missed = 0;;) {
        missed = ou_world_wait_running(missed);
        uint32_t seen = OU_DETACHED;
        if (ou_cas_seq_cst(&slot->state, &seen, OU_ATTACHED)) {
            ou_race_point();
            if (OU_LIKELY(!ou_world_stopping())) {
                ou_world_entered(missed);
                return;
            }
            ou_world_leave(slot); /* a stop began meanwhile: it may count on us standing */
        } else if (seen == OU_SUSPENDED) {
            ou_os_wait(&slot->state, OU_SUSPENDED, 1000000); /* bounded: a wake may be early */
        }
    }
}

/* What the inlined paths know of the slot they are in. */
static void self_is_in(uint32_t slot)
{
    ou_self.slot = slot;
    ou_self.birth = slot == OU_SLOT_NONE ? 0 : 1 | (uint64_t)slot << 32;
    ou_self.hot = slot == OU_SLOT_NONE ? NULL : ou_hot_counters[slot];
}

int ou_slot_attach(void)
{
    if (ou_self.self) {
        return 0;
    }
    ou_heap *heap = ou_heap_mine();
    if (!heap && ou_heap_at(OU_HEAP_MAX - 1)) {
        return ou_fail(OU_ELIMIT, "no slot left for another thread (%u)", OU_SLOT_MAX - 1);
    }
    if (!heap) {
        return ou_fail(OU_ENOMEM, "no memory for the heap of another thread");
    }
    ou_slot *slot = &ou_slots[heap->id];
    slot->id = heap->id;
    slot_count_raise(heap->id);
    slot_enter(slot);
    ou_self.self = slot;
    self_is_in(slot->id);
    return 0;
}

void ou_slot_detach(void)
{
    ou_slot *slot = ou_self.self;
    if (!slot) {
        return;
    }
    if (ou_self.slot == OU_SLOT_NONE) {
        ou_slot_park_end(); /* the thread ends inside a blocking region */
    }
    if (ou_slot_on_detach) {
        ou_slot_on_detach(slot);
    }
    ou_slot_leave_empty();
    ou_self.self = NULL;
}

/* Leaves the slot with nothing in its inbox: who posts to a slot that is occupied relies on the
 * thread inside to look. */
void ou_slot_leave_empty(void)
{
    if (ou_load_relaxed(&ou_self.self->poll) & OU_POLL_HOT && ou_safepoint_hot) {
        ou_fetch_and_seq_cst(&ou_self.self->poll, (uint32_t)~OU_POLL_HOT);
        ou_safepoint_hot(); /* what it has nominated must not wait until it comes back */
    }
    for (;;) {
        ou_epoch_flush();
        ou_remote_flush(
            ou_heap_current()); /* links go into headers that a stopped world reads */
        ou_slot_park_begin();
        if (!ou_load_seq_cst(&ou_self.self->inbox_len) || !ou_safepoint_inbox) {
            return;
        }
        ou_slot_park_end();
        ou_safepoint_inbox();
    }
}

void ou_slot_park_begin(void)
{
    OU_ASSERT(ou_self.self && !ou_self.self->in_op);
    self_is_in(OU_SLOT_NONE);
    ou_world_leave(ou_self.self);
}

void ou_slot_park_end(void)
{
    slot_enter(ou_self.self);
    self_is_in(ou_self.self->id);
}

bool ou_slot_suspend(ou_slot *slot)
{
    uint32_t seen = OU_DETACHED;
    return ou_cas_acquire(&slot->state, &seen, OU_SUSPENDED);
}

void ou_slot_resume(ou_slot *slot)
{
    ou_store_seq_cst(&slot->state, OU_DETACHED); /* the caller looks at the inbox next */
    ou_race_point();
    ou_os_wake(&slot->state, true);
}

void ou_slot_poll_set(ou_slot *slot, uint32_t bits)
{
    if ((ou_load_relaxed(&slot->poll) & bits) != bits) {
        ou_fetch_or_acq_rel(&slot->poll, bits);
    }
}

void ou_slot_op_barrier(void)
{
    if (!OU_TSAN && ou_have_membarrier) {
        ou_os_membarrier();
    }
}

void ou_slot_op_outlast(ou_slot *owner)
{
    for (unsigned spins = 0; ou_load_seq_cst(&owner->in_op); spins++) {
        if (spins < 256) {
            ou_os_pause();
        } else {
            ou_os_yield(); /* the owner was preempted inside its operation */
        }
    }
}

void ou_slot_op_await(ou_slot *owner)
{
    ou_slot_op_barrier();
    ou_slot_op_outlast(owner);
}
