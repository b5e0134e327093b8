/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* guard.c - the slow half of guard.h: the lock byte, and the first foreign touch. */
#include "object/guard.h"

#include "conf/stats.h"
#include "object/hot.h"

#define SPINS                                                                                  \
    128 /* a critical section is shorter than this, unless its holder was preempted            \
         */

/* Taking READ back costs some microseconds; so many looks by lock cost about as much. There is
 * no counter in each container: every 64th look of a thread makes what it looks at READ, most
 * likely what is looked at most. */
#define LOOKS 64

static bool try_lock(ou_object *o, uint8_t *flags)
{
    *flags = ou_load_relaxed(&o->flags);
    return !(*flags & OU_FL_LOCKED) &&
           ou_cas_acquire(&o->flags, flags, (uint8_t)(*flags | OU_FL_LOCKED)); /* guard_end */
}

static uint8_t guard_lock(ou_object *o)
{
    uint8_t flags;
    for (unsigned spins = 0; !try_lock(o, &flags); spins++) {
        if (spins < SPINS) {
            ou_os_pause();
            continue;
        }
        /* The holder does not run: let it, and let a stop of the world go on without us. */
        ou_slot_park_begin();
        if (spins < 2 * SPINS) {
            ou_os_yield();
        } else {
            ou_os_sleep_ns(50000);
        }
        ou_slot_park_end();
    }
    return flags;
}

ou_guard ou_guard_slow(ou_object *o)
{
    if (OU_UNLIKELY(ou_is_detached())) {
        ou_fail_detached(ou_type_name(o));
        return OU_GUARD_REFUSED;
    }
    ou_check_alive("use", o);
    uint8_t flags = guard_lock(o);
    if (OU_UNLIKELY(!(flags & OU_FL_SHARED))) {
        /* We hold the lock, so nobody else gets past the flag before the owner is out. */
        ou_fetch_or_seq_cst(&o->flags, (uint8_t)OU_FL_SHARED); /* pairs: ou_guard_begin */
        ou_race_point();
        uint16_t owner = ou_load_acquire(&o->owner); /* pairs: owner = none */
        if (owner != OU_OWNER_NONE && owner != OU_OWNER_HOT && owner != ou_self.slot) {
            ou_slot_op_await(&ou_slots[owner]);
            OU_STAT(handshakes, 1);
        }
    }
    return OU_UNLIKELY(flags & OU_FL_READ) ? OU_GUARD_READ : OU_GUARD_LOCKED;
}

ou_guard ou_guard_look_slow(ou_object *o)
{
    static __thread uint32_t looks; /* of this thread, at any container */
    ou_guard guard = ou_guard_begin(o);
    /* With one thread there is nobody to make room for, and all deaths stay prompt: what came
     * back from a finalizer has no owner and is locked by it, too. */
    if (guard == OU_GUARD_LOCKED && ++looks % LOOKS == 0 && ou_have_membarrier &&
        ou_slot_count() > 1 && OU_KNOB(read_unlocked)) {
        ou_fetch_or_acq_rel(&o->flags, (uint8_t)OU_FL_READ); /* pairs: ou_guard_look */
    }
    return guard;
}

void ou_guard_alone_slow(ou_object *o)
{
    ou_fetch_and_seq_cst(&o->flags, (uint8_t)~OU_FL_READ); /* pairs: ou_guard_look */
    ou_race_point();
    ou_epoch_wait();
    OU_STAT(reads_revoked, 1);
}
