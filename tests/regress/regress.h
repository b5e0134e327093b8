/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * regress.h - what the programs of this folder share: starting the runtime, threads, children,
 * and the reason why a build cannot run a test.
 *
 * Each program is one bug that was there once. Its first paragraph says what went wrong and
 * what must hold; it exits with 0, 1, or 77 when the build or the machine rules the case out.
 * Loops are bounded by counts, waiting is for an event; a hang is ended by ctest.
 */
#ifndef TESTS_REGRESS_H
#define TESTS_REGRESS_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/proc.h"
#include "support/scale.h"

enum { REGRESS_SKIPPED = 77 };

static inline int regress_skip(const char *why)
{
    fprintf(stderr, "skipped: %s\n", why);
    return REGRESS_SKIPPED;
}

/* Starts with the collector's automatic runs off, so that only the test collects. */
static inline void regress_start(void)
{
    REQUIRE(ou_start("gc_auto=off") == OU_OK);
}

/* Ends the runtime: nothing but what lived before may live, and the heap must be sound. */
static inline int regress_end(uint64_t alive)
{
    ou_gc_collect();
    EXPECT_EQ(ou_leak_report(proc_null()), alive);
    EXPECT_EQ(ou_heap_check(), 0);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}

static inline pthread_t regress_thread(void *(*fn)(void *), void *arg)
{
    pthread_t t;
    REQUIRE(pthread_create(&t, NULL, fn, arg) == 0);
    return t;
}

/* Joins without standing in a collection's way. */
static inline void regress_join(pthread_t t)
{
    bool attached = ou_thread_attached();
    if (attached) {
        ou_blocking_begin();
    }
    REQUIRE(pthread_join(t, NULL) == 0);
    if (attached) {
        ou_blocking_end();
    }
}

/* Waits until another thread has set *flag to at least `value`, letting stops happen. */
static inline void regress_await(const int *flag, int value)
{
    while (ou_load_acquire(flag) < value) {
        ou_safepoint();
        sched_yield();
    }
}

/* As regress_await, without a safepoint: also for threads in a blocking region. */
static inline void regress_await_apart(const int *flag, int value)
{
    while (ou_load_acquire(flag) < value) {
        sched_yield();
    }
}

/* Runs `body` in a child that dies with this process and leaves no core; its exit status is
 * what `body` returns. Returns the wait status. */
static inline int regress_child(int (*body)(void *), void *arg)
{
    int status = -1;
    fflush(NULL);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        struct rlimit none = {0, 0};
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setrlimit(RLIMIT_CORE, &none);
        int result = body(arg);
        fflush(NULL);
        _exit(result);
    }
    while (waitpid(pid, &status, 0) != pid) {
        REQUIRE(errno == EINTR);
    }
    return status;
}

/* Takes address space and keeps it, so that what the system places next lies that much lower.
 */
static inline void regress_shift(size_t bytes)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    REQUIRE(!bytes || mmap(NULL, bytes, PROT_NONE, flags, -1, 0) != MAP_FAILED);
}

/* A list that refers to itself: garbage once the reference returned is dropped. */
static inline ou_object *regress_ring(void)
{
    ou_object *list = ou_list_new(1);
    REQUIRE(list != NULL);
    REQUIRE(ou_list_append(list, list) == OU_OK);
    return list;
}

/* A closed class with the one attribute "a". */
static inline const ou_type *regress_class(const char *name, ou_finalizer finalizer)
{
    static const char *const attrs[] = {"a"};
    const ou_type *type = ou_class_new(name, attrs, 1, true, finalizer, NULL);
    REQUIRE(type != NULL);
    return type;
}

/* An instance of `type` that refers to itself. */
static inline ou_object *regress_ring_of(const ou_type *type)
{
    ou_object *o = ou_instance_new(type);
    REQUIRE(o != NULL);
    REQUIRE(ou_attr_set(o, "a", o) == OU_OK);
    return o;
}

#endif
