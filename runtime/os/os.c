/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* os.c - Linux behind os.h. */
#include "os/os.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void *ou_os_reserve(size_t bytes, size_t align)
{
    align = ou_max(align, 4096);
    bytes = ou_align_up(bytes, 4096);
    size_t padded = bytes + align;
    char *p = mmap(NULL, padded, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    char *start = (char *)ou_align_up((size_t)p, align);
    if (start > p) {
        munmap(p, (size_t)(start - p));
    }
    size_t tail = (size_t)(p + padded - (start + bytes));
    if (tail) {
        munmap(start + bytes, tail);
    }
    return start;
}

void *ou_os_map(size_t bytes)
{
    void *p = mmap(NULL, ou_align_up(bytes, 4096), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void ou_os_unmap(void *p, size_t bytes)
{
    munmap(p, ou_align_up(bytes, 4096));
}

bool ou_os_purge(void *p, size_t bytes)
{
    int saved = errno;
    bool done = madvise(p, bytes, MADV_DONTNEED) == 0;
    errno = saved;
    return done;
}

static void advise(void *p, size_t bytes, int advice)
{
    int saved = errno;
    if (bytes) {
        madvise(p, bytes, advice);
    }
    errno = saved;
}

void ou_os_huge(void *p, size_t bytes)
{
    advise(p, bytes, MADV_HUGEPAGE);
}

void ou_os_populate(void *p, size_t bytes)
{
    advise(p, bytes, MADV_POPULATE_WRITE);
}

void ou_os_no_huge(void *p, size_t bytes)
{
    advise(p, bytes, MADV_NOHUGEPAGE);
}

void ou_os_protect(void *p, size_t bytes)
{
    int saved = errno;
    mprotect(p, bytes, PROT_NONE);
    errno = saved;
}

bool ou_os_unprotect(void *p, size_t bytes)
{
    int saved = errno;
    bool done = mprotect(p, bytes, PROT_READ | PROT_WRITE) == 0;
    errno = saved;
    return done;
}

bool ou_os_membarrier_init(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void ou_os_membarrier(void)
{
    /* It worked at start. If a sandbox forbids it since, going on would lose writes. */
    OU_VERIFY(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0,
              "os: membarrier was allowed at start and is not any more");
}

uint64_t ou_os_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

unsigned ou_os_cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

void ou_os_yield(void)
{
    sched_yield();
}

void ou_os_sleep_ns(uint64_t ns)
{
    struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    nanosleep(&t, NULL);
}

#ifdef OURO_RACES
/* One in 16 yields, one in 1,024 sleeps for longer than most operations take. Each thread draws
 * its own row, which depends on nothing but the order in which threads first came here. */
void ou_race_point(void)
{
    static uint64_t threads; /* atomic */
    static __thread uint64_t state;
    if (!state) {
        state = ou_mix64(ou_fetch_add_relaxed(&threads, (uint64_t)1)) | 1;
    }
    state = state * 6364136223846793005u + 1442695040888963407u;
    uint64_t drawn = state >> 48;
    if (drawn % 1024 == 0) {
        ou_os_sleep_ns(20000);
    } else if (drawn % 16 == 0) {
        ou_os_yield();
    }
}
#endif

void ou_os_wait(uint32_t *word, uint32_t seen, uint64_t timeout_ns)
{
    struct timespec t = {(time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, timeout_ns ? &t : NULL, NULL, 0);
    errno = saved;
}

void ou_os_wake(uint32_t *word, bool all)
{
    int saved = errno;
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, all ? INT32_MAX : 1, NULL, NULL, 0);
    errno = saved;
}

uint64_t ou_os_random(void)
{
    uint64_t r;
    if (getrandom(&r, sizeof r, GRND_NONBLOCK) == (ssize_t)sizeof r) {
        return r;
    }
    return ou_mix64(ou_os_now_ns() ^ (uint64_t)(uintptr_t)&r ^ ((uint64_t)getpid() << 32));
}
