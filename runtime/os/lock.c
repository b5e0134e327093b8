/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* lock.c - the slow half of lock.h: a short spin, then sleep. */
#include "os/lock.h"

#define SPINS 64 /* about a microsecond: the length of the longest critical section */

void ou_lock_take_slow(ou_lock *lock)
{
    for (int i = 0; i < SPINS; i++) {
        if (ou_load_relaxed(&lock->state) == 0 && ou_lock_try(lock)) {
            return;
        }
        ou_os_pause();
    }
    while (ou_exchange_acquire(&lock->state, 2u) != 0) {
        ou_os_wait(&lock->state, 2u, 0);
    }
}
