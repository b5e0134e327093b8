/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * count.c - the slow ends of biased counting. The states and their transitions are in
 * docs/counting.md; the model is tests/spin/counting.pml. In short:
 *
 *   owner drops its last     shared (INIT,0): dead; (MAYBE_WEAKREF,0) and in no table: dead.
 *                            Otherwise owner = none, then MERGED.
 *   other drops, shared 0    QUEUED: the reference goes to the owner's inbox, which merges:
 *   (INIT or MAYBE_WEAKREF)  total = local + shared - 1.
 *   other drops otherwise    shared - 1; (MERGED,0) is dead; below zero is a bug of the caller.
 *
 * The order `owner = none` before `MERGED` lets a thread that sees an object merged also see
 * that nobody counts locally.
 */
#include "conf/stats.h"
#include "object/death.h"
#include "object/hot.h"
#include "object/object.h"
#include "object/quick.h"
#include "object/watch.h"
#include "os/lock.h"

static OU_COLD _Noreturn void dead_object(const char *what, const ou_object *o)
{
    uint32_t type = o->rc_local < OU_TYPE_MAX ? o->rc_local : 0;
    const char *name = ou_types[type].name;
    ou_panic("object: %s of a dead object %p (type %s, count 0)", what, (const void *)o,
             name ? name : "unknown");
}

void ou_check_alive(const char *what, const ou_object *o)
{
    if (ou_load_relaxed(&o->gcbits) & OU_GC_DEAD) {
        dead_object(what, o);
    }
}

void ou_check_usable(const char *what, const ou_object *o)
{
    ou_check_alive(what, o);
    if (ou_self.slot == OU_SLOT_NONE) {
        ou_panic("object: %s of %p (type %s, count %lld) by a thread that is not attached",
                 what, (const void *)o, ou_type_name(o), (long long)ou_refcount(o));
    }
}

OU_INLINE bool usable(const ou_object *o)
{
    return OU_LIKELY(!(ou_load_relaxed(&o->gcbits) & OU_GC_DEAD) &&
                     ou_self.slot != OU_SLOT_NONE);
}

static __attribute__((noinline)) void tell_incref(ou_object *o)
{
    ou_watch(OU_EV_INCREF, o, ou_refcount(o));
}

void ou_incref_slow(ou_object *o)
{
    if (!usable(o)) {
        ou_check_usable("incref", o);
    }
    OU_ASSERT(!ou_is_hot(o));
    if (OU_UNLIKELY(ou_rc_count(ou_load_relaxed(&o->rc_shared)) > OU_COUNT_HIGH)) {
        return; /* saturated: immortal */
    }
    ou_race_point();
    ou_fetch_add_relaxed(&o->rc_shared, (uint32_t)OU_RC_ONE);
    if (OU_UNLIKELY(ou_load_relaxed(&o->flags) & OU_FL_WATCHED)) {
        tell_incref(o);
    }
    ou_hot_sample(o);
}

OU_COLD _Noreturn void ou_count_underflow(const ou_object *o)
{
    ou_panic("object: reference count underflow of %p (type %s, count 0)", (const void *)o,
             ou_type_name(o));
}

/* The owner has dropped its last one, but others count, or may: from here on there is one
 * count. */
static __attribute__((noinline)) void merge_local_zero(ou_object *o, uint32_t shared)
{
    uint32_t local = ou_load_relaxed(&o->rc_local);
    if (local & OU_IMMORTAL) {
        return;
    }
    if (OU_UNLIKELY(local == 0)) {
        ou_count_underflow(o);
    }
    ou_store_relaxed(&o->rc_local, 0u);
    ou_store_release(&o->owner, OU_OWNER_NONE); /* pairs: guard.c, reads of merged containers */
    ou_race_point();
    uint32_t merged;
    do {
        merged = (shared & ~(uint32_t)OU_RC_STATE) | OU_RC_MERGED;
    } while (!ou_cas_acq_rel(&o->rc_shared, &shared, merged));
    OU_STAT(objects_merged, 1);
    if (merged == OU_RC_MERGED) {
        ou_object_die(o);
    }
}

/* The owner drops the only reference of an object that never was in a table: taken (handoff.c),
 * and its block is another heap's. */
static __attribute__((noinline)) void die_abroad(ou_object *o)
{
    if (OU_LIKELY(ou_is_plain(o) && !ou_load_relaxed(&ou_special))) {
        ou_header_bury(o);
        ou_heap_free_abroad(ou_heap_current(), o);
        return;
    }
    ou_store_relaxed(&o->rc_local, 0u);
    ou_object_die(o);
}

void ou_decref_last(ou_object *o)
{
    uint32_t shared = ou_load_acquire(&o->rc_shared);
    uint32_t local = ou_load_relaxed(&o->rc_local);
    if (OU_UNLIKELY((shared ^ OU_RC_INIT) | (local ^ 1))) {
        if (OU_LIKELY(shared == OU_RC_MAYBE_WEAKREF && local == 1 && !ou_is_listed(o))) {
            die_abroad(o);
        } else {
            merge_local_zero(o, shared);
        }
        return;
    }
    /* Nobody else has ever counted, or all put back. A slot owns what its heap gave: no need to
     * ask the page. */
    if (OU_LIKELY(ou_is_plain(o) && !ou_load_relaxed(&ou_special) && !OU_ASAN)) {
        ou_quick_free(o, OU_PLAIN_BIN);
        return;
    }
    const ou_type *type = ou_type_get(o);
    type->die(o, type);
}

/* Subtracts one from an object whose count is merged, or about to be by its owner. True when
 * that was the last one. */
static bool drop_shared(ou_object *o)
{
    uint32_t shared = ou_load_relaxed(&o->rc_shared), after;
    do {
        if (OU_UNLIKELY((shared & OU_RC_STATE) == OU_RC_MERGED && ou_rc_count(shared) <= 0)) {
            ou_count_underflow(o);
        }
        if (OU_UNLIKELY(ou_rc_count(shared) > OU_COUNT_HIGH)) {
            return false;
        }
        after = shared - OU_RC_ONE;
    } while (!ou_cas_acq_rel(&o->rc_shared, &shared, after));
    return after == OU_RC_MERGED;
}

/* Local and shared counts become one, less the reference the inbox held. The caller may write
 * rc_local: it is in the owner's slot or acts for it. True when nothing is left. */
static bool merge(ou_object *o)
{
    if (OU_UNLIKELY(ou_is_hot(o))) { /* its owner dropped its last one, then it was promoted */
        ou_decref(o);
        return false;
    }
    uint32_t local = ou_load_relaxed(&o->rc_local);
    if (local & OU_IMMORTAL) {
        return false;
    }
    ou_store_release(&o->owner, OU_OWNER_NONE);
    ou_store_relaxed(&o->rc_local, 0u);
    ou_race_point();
    uint32_t shared = ou_load_relaxed(&o->rc_shared), after;
    do {
        int64_t total = (int64_t)local + ou_rc_count(shared) - 1;
        total = total > OU_COUNT_HIGH ? OU_COUNT_HIGH + 1 : total;
        if (OU_UNLIKELY(total < 0)) {
            ou_count_underflow(o);
        }
        after = (uint32_t)total << 2 | OU_RC_MERGED;
    } while (!ou_cas_acq_rel(&o->rc_shared, &shared, after));
    OU_STAT(objects_merged, 1);
    return after == OU_RC_MERGED;
}

static bool inbox_push(ou_slot *slot, ou_object *o);

/* A reference of an object owned elsewhere goes to its owner. */
static __attribute__((noinline)) void post(ou_object *o)
{
    OU_STAT(objects_queued, 1);
    ou_race_point();
    uint16_t owner = ou_load_acquire(&o->owner);
    if (owner == OU_OWNER_NONE) { /* merged meanwhile: the reference is ours again */
        if (drop_shared(o)) {
            ou_object_die(o);
        }
        return;
    }
    ou_slot *slot = &ou_slots[owner];
    if (!inbox_push(slot, o)) {
        /* No memory for the inbox. While the world stands, anyone may merge. */
        ou_world_stop();
        bool dead = merge(o);
        ou_world_start();
        if (dead) {
            ou_object_die(o);
        }
        return;
    }
    ou_race_point();
    ou_slot_poll_set(slot, OU_POLL_INBOX);
    ou_inbox_tend(slot);
}

static __attribute__((noinline)) void tell_decref(ou_object *o)
{
    ou_watch(OU_EV_DECREF, o, ou_refcount(o) - 1);
}

/* Nothing on the usual way needs a stack frame: what it saves would be stored before the locked
 * instruction, which waits for that. */
void ou_decref_slow(ou_object *o)
{
    if (!usable(o)) {
        ou_check_usable("decref", o);
    }
    OU_ASSERT(!ou_is_hot(o));
    if (OU_UNLIKELY(ou_load_relaxed(&o->flags) & OU_FL_WATCHED)) {
        tell_decref(o);
    }
    uint32_t shared = ou_load_relaxed(&o->rc_shared), after;
    bool queue;
    do {
        queue = shared == OU_RC_INIT || shared == OU_RC_MAYBE_WEAKREF;
        after = queue ? OU_RC_QUEUED : shared - OU_RC_ONE;
        if (OU_UNLIKELY((shared & OU_RC_STATE) == OU_RC_MERGED && ou_rc_count(shared) <= 0)) {
            ou_count_underflow(o);
        }
        if (OU_UNLIKELY(ou_rc_count(shared) > OU_COUNT_HIGH)) {
            return; /* saturated: immortal from here on */
        }
    } while (!ou_cas_acq_rel(&o->rc_shared, &shared, after));
    if (OU_UNLIKELY(queue)) {
        post(o);
    } else if (OU_UNLIKELY(after == OU_RC_MERGED)) {
        ou_object_die(o);
    }
}

bool ou_try_incref(ou_object *o)
{
    uint32_t shared = ou_load_acquire(&o->rc_shared);
    if (shared == OU_RC_MERGED) {
        return false; /* dead, and its other words may be a list link already */
    }
    if (ou_is_hot(o) && OU_LIKELY(ou_self.hot != NULL)) {
        ou_incref(o); /* where it will be dropped; a hot object dies in no running world */
        return true;
    }
    if (ou_is_immortal(o)) {
        return true;
    }
    if (ou_load_relaxed(&o->owner) == ou_self.slot) {
        uint32_t local = ou_load_relaxed(&o->rc_local);
        if (local) {
            ou_store_relaxed(&o->rc_local, local + 1);
        }
        return local != 0;
    }
    do {
        /* Whoever enters an object into a table leaves INIT first, so the owner's last decref
         * cannot miss us; here only a merged object can be dead. */
        if (shared == OU_RC_MERGED || (shared & OU_RC_STATE) == OU_RC_INIT) {
            return false;
        }
        ou_race_point();
    } while (!ou_cas_acq_rel(&o->rc_shared, &shared, shared + OU_RC_ONE));
    return true;
}

void ou_allow_try_incref(ou_object *o)
{
    uint32_t shared = ou_load_relaxed(&o->rc_shared);
    while ((shared & OU_RC_STATE) == OU_RC_INIT &&
           !ou_cas_acq_rel(&o->rc_shared, &shared, shared | OU_RC_MAYBE_WEAKREF)) {
    }
}

/* ---- inboxes ---------------------------------------------------------------------------- */

static bool inbox_push(ou_slot *slot, ou_object *o)
{
    ou_lock_take(&slot->inbox_lock);
    if (slot->inbox_len == slot->inbox_cap) {
        size_t bytes = ou_max(slot->inbox_cap * sizeof o, 2048) * 2;
        ou_object **grown = ou_os_map(bytes);
        if (!grown) {
            ou_lock_give(&slot->inbox_lock);
            return false;
        }
        if (slot->inbox) {
            memcpy(grown, slot->inbox, slot->inbox_len * sizeof o);
            ou_os_unmap(slot->inbox, slot->inbox_cap * sizeof o);
        }
        slot->inbox = grown;
        slot->inbox_cap = bytes / sizeof o;
    }
    slot->inbox[slot->inbox_len] = o;
    ou_store_seq_cst(&slot->inbox_len, slot->inbox_len + 1);
    ou_lock_give(&slot->inbox_lock);
    return true;
}

/* A dead object's first six bytes link it to the next one: address / 8 in 31 + 13 bits, so that
 * it looks neither immortal (bit 31) nor owned (0x8000 is no slot) to a weakref or the intern
 * table, which may still try (mutant DEAD_LOOKS_IMMORTAL of tests/spin/weakref.pml). */
static void dead_link(ou_object *o, const ou_object *next)
{
    uint64_t word = (uint64_t)(uintptr_t)next >> 3;
    ou_store_relaxed(&o->rc_local, (uint32_t)(word & 0x7FFFFFFF));
    ou_store_relaxed(&o->owner, (uint16_t)(word >> 31 | 0x8000));
    ou_store_relaxed(&o->gcbits, (uint8_t)(o->gcbits | OU_GC_DOOMED));
}

static ou_object *dead_next(const ou_object *o)
{
    uint64_t word = (uint64_t)(o->owner & 0x7FFFu) << 31 | o->rc_local;
    return (ou_object *)(uintptr_t)(word << 3);
}

void ou_dead_push(ou_object *o, ou_object **list)
{
    dead_link(o, *list);
    *list = o;
}

/* Merges what the inbox holds; batches, so that the lock is short and not held over a merge. */
void ou_inbox_drain_suspended(ou_slot *slot, ou_object **dead)
{
    ou_object *batch[64];
    for (;;) {
        ou_lock_take(&slot->inbox_lock);
        size_t n = ou_min(slot->inbox_len, 64);
        for (size_t i = 0; i < n; i++) {
            batch[i] = slot->inbox[slot->inbox_len - 1 - i];
        }
        ou_store_seq_cst(&slot->inbox_len, slot->inbox_len - n);
        ou_lock_give(&slot->inbox_lock);
        if (!n) {
            return;
        }
        for (size_t i = 0; i < n; i++) {
            if (merge(batch[i])) {
                ou_dead_push(batch[i], dead);
            }
        }
    }
}

/* Whoever pushes to an inbox, or leaves a slot to itself, looks again afterwards: the push and
 * the change of state cross each other like Dekker's flags, so one of the two sees both. */
void ou_inbox_tend(ou_slot *slot)
{
    while (ou_load_seq_cst(&slot->inbox_len) && ou_load_seq_cst(&slot->state) == OU_DETACHED &&
           ou_slot_suspend(slot)) {
        ou_object *dead = NULL;
        ou_race_point();
        ou_inbox_drain_suspended(slot, &dead);
        ou_slot_resume(slot);
        ou_objects_bury(dead);
    }
}

void ou_inbox_drain_mine(void)
{
    if (ou_load_seq_cst(&ou_self.self->inbox_len)) {
        ou_object *dead = NULL;
        ou_inbox_drain_suspended(ou_self.self, &dead);
        ou_objects_bury(dead);
    }
}

ou_object *ou_inbox_drain_all(void)
{
    ou_object *dead = NULL;
    uint32_t count = ou_slot_count();
    ou_hot_cool_all(&dead);
    for (uint32_t id = 1; id <= count; id++) {
        ou_inbox_drain_suspended(&ou_slots[id], &dead);
    }
    return dead;
}

void ou_objects_bury(ou_object *dead)
{
    while (dead) {
        ou_object *next = dead_next(dead);
        ou_object_die(dead);
        dead = next;
    }
}

/* ---- the list of the doomed: deaths that wait for the one in progress ---------------------
 */

void ou_doomed_push(ou_object *o)
{
    ou_dead_push(o, &ou_self.doomed);
}

ou_object *ou_doomed_pop(void)
{
    ou_object *o = ou_self.doomed;
    if (o) {
        ou_self.doomed = dead_next(o);
    }
    return o;
}
