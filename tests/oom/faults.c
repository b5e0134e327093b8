/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* faults.c - the calls that fail; see faults.h. Any thread calls these, so atomics. */
#include "oom/faults.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/types.h>

enum { MMAP, MUNMAP, MPROTECT, MADVISE, PTHREAD_CREATE, CLONE };

const char *const faults_names[FAULT_CALLS] = {"mmap",    "munmap",         "mprotect",
                                               "madvise", "pthread_create", "clone"};

static unsigned fail_at; /* 0: disarmed */
static unsigned calls;   /* since armed */
static unsigned made[FAULT_CALLS];
static bool go_on, not_told;

void faults_arm(unsigned nth, bool sticky, bool ignored)
{
    go_on = sticky;
    not_told = ignored;
    __atomic_store_n(&calls, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&fail_at, nth, __ATOMIC_RELEASE);
}

void faults_disarm(void)
{
    __atomic_store_n(&fail_at, 0, __ATOMIC_RELEASE);
}

unsigned faults_made_of(unsigned kind)
{
    return __atomic_load_n(&made[kind], __ATOMIC_RELAXED);
}

unsigned faults_made(void)
{
    unsigned sum = 0;
    for (unsigned kind = 0; kind < FAULT_CALLS; kind++) {
        sum += faults_made_of(kind);
    }
    return sum;
}

static bool refused(unsigned kind)
{
    unsigned at = __atomic_load_n(&fail_at, __ATOMIC_ACQUIRE);
    if (!at) {
        return false;
    }
    unsigned n = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    if (n != at && !(go_on && n > at)) {
        return false;
    }
    __atomic_fetch_add(&made[kind], 1, __ATOMIC_RELAXED);
    return true;
}

void *__real_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *p, size_t bytes);
int __real_mprotect(void *p, size_t bytes, int prot);
int __real_madvise(void *p, size_t bytes, int advice);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg);
int __real_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);

void *__wrap_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *p, size_t bytes);
int __wrap_mprotect(void *p, size_t bytes, int prot);
int __wrap_madvise(void *p, size_t bytes, int advice);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg);
int __wrap_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);

static int no_memory(void)
{
    errno = ENOMEM;
    return -1;
}

void *__wrap_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
    if (!refused(MMAP)) {
        return __real_mmap(at, bytes, prot, flags, fd, offset);
    }
    if (not_told) {
        return __real_mmap(at, bytes, PROT_NONE, flags, fd, offset);
    }
    errno = ENOMEM;
    return MAP_FAILED;
}

int __wrap_munmap(void *p, size_t bytes)
{
    return refused(MUNMAP) ? no_memory() : __real_munmap(p, bytes);
}

int __wrap_mprotect(void *p, size_t bytes, int prot)
{
    return refused(MPROTECT) ? no_memory() : __real_mprotect(p, bytes, prot);
}

int __wrap_madvise(void *p, size_t bytes, int advice)
{
    return refused(MADVISE) ? no_memory() : __real_madvise(p, bytes, advice);
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg)
{
    return refused(PTHREAD_CREATE) ? EAGAIN : __real_pthread_create(t, attr, fn, arg);
}

int __wrap_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
    va_list rest;
    va_start(rest, arg);
    pid_t *parent = va_arg(rest, pid_t *);
    void *tls = va_arg(rest, void *);
    pid_t *child = va_arg(rest, pid_t *);
    va_end(rest);
    if (refused(CLONE)) {
        errno = EAGAIN;
        return -1;
    }
    return __real_clone(fn, stack, flags, arg, parent, tls, child);
}

int faults_thread(pthread_t *t, void *(*fn)(void *), void *arg)
{
    return __real_pthread_create(t, NULL, fn, arg);
}
