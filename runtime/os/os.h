/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * os.h - pages, clocks, waiting, processors: the only floor that knows the platform.
 * Nothing here calls malloc. All functions may be called by any thread.
 */
#ifndef OURO_OS_OS_H
#define OURO_OS_OS_H

#include "base/base.h"

/* Reserves address space, readable and writable, backed by nothing until touched, aligned to
 * `align` (power of two). NULL when the system refuses. */
void *ou_os_reserve(size_t bytes, size_t align);

/* Zeroed memory of the system, in whole pages. NULL when there is none. */
void *ou_os_map(size_t bytes);
void ou_os_unmap(void *p, size_t bytes);

/* Gives the contents back: reads as zero afterwards, resident memory falls at once
 * (MADV_DONTNEED; MADV_FREE would leave it counted). False when the system refuses some of it
 * (locked memory): any of the pages may read as zero then. */
bool ou_os_purge(void *p, size_t bytes);

/* Asks for huge pages where they are not touched yet; only a wish. */
void ou_os_huge(void *p, size_t bytes);
/* Touches pages that are the caller's, as a store to each would; only a wish as well. */
void ou_os_populate(void *p, size_t bytes);
/* Asks for huge pages no more. */
void ou_os_no_huge(void *p, size_t bytes);

/* Makes pages unreadable: guard pages round metadata and blocks. When the process has too many
 * mappings for that they stay as they are. */
void ou_os_protect(void *p, size_t bytes);

/* Undoes it. False: too many mappings. */
bool ou_os_unprotect(void *p, size_t bytes);

/* Makes all stores of all running threads of the process visible, as if each had executed a
 * full barrier (membarrier(2), private expedited). False when the system has none: then the
 * other side of the protocol must use sequentially consistent accesses. */
bool ou_os_membarrier_init(void);
void ou_os_membarrier(void);

uint64_t ou_os_now_ns(void); /* monotonic */
unsigned ou_os_cores(void);
void ou_os_yield(void);
void ou_os_sleep_ns(uint64_t ns);

/* Sleeps while *word == seen, until woken or `timeout_ns` (0 = for ever). Spurious returns. */
void ou_os_wait(uint32_t *word, uint32_t seen, uint64_t timeout_ns);
void ou_os_wake(uint32_t *word, bool all);

/* Bytes that nobody can guess; falls back to clock and addresses when there is no source. */
uint64_t ou_os_random(void);

/* Stands between two steps of a lock-free protocol. In builds for torture (presets check, asan,
 * tsan) it lets other threads in there now and then, since a window of some nanoseconds is met
 * too seldom; elsewhere it is nothing. */
#ifdef OURO_RACES
void ou_race_point(void);
#else
#define ou_race_point() ((void)0)
#endif

OU_INLINE void ou_os_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
