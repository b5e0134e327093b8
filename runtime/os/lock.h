/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * lock.h - a small mutual-exclusion lock on a futex: 4 bytes, zero is unlocked.
 *
 * 0 free, 1 taken, 2 taken and somebody may sleep (Drepper, "Futexes are tricky", 2011, the
 * second mutex). Not recursive; holders must not reach a safepoint.
 */
#ifndef OURO_OS_LOCK_H
#define OURO_OS_LOCK_H

#include "os/os.h"

typedef struct ou_lock {
    uint32_t state; /* atomic */
} ou_lock;

#define OU_LOCK_INIT                                                                           \
    {                                                                                          \
        0                                                                                      \
    }

void ou_lock_take_slow(ou_lock *lock);

OU_INLINE void ou_lock_init(ou_lock *lock)
{
    ou_store_relaxed(&lock->state, 0u);
}

OU_INLINE bool ou_lock_try(ou_lock *lock)
{
    uint32_t free = 0;
    return ou_cas_acquire(&lock->state, &free, 1u);
}

OU_INLINE void ou_lock_take(ou_lock *lock)
{
    if (OU_UNLIKELY(!ou_lock_try(lock))) {
        ou_lock_take_slow(lock);
    }
}

OU_INLINE void ou_lock_give(ou_lock *lock)
{
    if (OU_UNLIKELY(ou_exchange_acq_rel(&lock->state, 0u) == 2u)) {
        ou_os_wake(&lock->state, false);
    }
}

#endif
