/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * purge_thread.c - the thread of libouro-malloc.so that gives old free memory back while the
 * program makes no call. (In libouro the background collector's thread does it.)
 *
 * It is made by the free() that leaves heap_background_bytes of dirty pages, so that small
 * programs never have it, with clone(2) itself and not by pthread_create, for three reasons:
 *
 *  - The C library ends a process with its last thread, and would wait for this one for ever.
 *  - It frees while it holds locks that pthread_create takes (its cache of stacks).
 *  - To it the process stays single-threaded, which its locks and streams profit from.
 *
 * So the thread may call nothing of the C library that looks at thread-local variables, but for
 * errno, for which it has a zeroed block of its own: futexes, the clock and madvise only. All
 * signals are blocked in it. It sleeps while nothing is dirty. A fork's child has none until it
 * frees that much itself. That it cannot be made is no error.
 *
 * Credentials that the program gives up later do not reach it (the C library changes those of
 * the threads it knows), so it gives up everything itself: a filter (seccomp) leaves it no
 * other system calls than those it needs. Programs that gain privileges (AT_SECURE) never have
 * it.
 *
 *      | stack 64 KiB | thread-local variables 64 KiB | thread control block |
 *                     ^ grows down                    ^ %fs
 *
 * `state` goes NONE -> MADE by one thread; only a fork's child sets it back.
 */
#define _GNU_SOURCE /* clone */
#include "purge_thread.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/stats.h"
#include "heap/arena.h"
#include "os/os.h"

#if defined(__x86_64__) && !OU_TSAN && !OU_ASAN

#define STACK_BYTES ((size_t)64 << 10)
#define TLS_BYTES ((size_t)64 << 10)
#define TCB_BYTES ((size_t)8 << 10) /* larger than the C library's descriptor of a thread */

enum { NONE, MADE };
static uint32_t state; /* atomic */
static char *room;     /* owner: who made `state` MADE; kept for the children of forks */
static uint32_t never; /* stays 0: who waits for it waits for the time */
static pid_t ids[2];   /* written by the kernel, read by nobody */

/* The next statement is skipped unless the accumulator is `k`. */
#define ONLY_IF(k) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), 0, 1)
#define ANSWER(k) BPF_STMT(BPF_RET | BPF_K, (k))
#define LOOK_AT(field)                                                                         \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))

/* From here on the calling thread, and no other, can wait, read the clock and give memory back;
 * everything else is EPERM. Kernels without filters leave it as it is. */
static void give_up_the_rest(void)
{
    static const struct sock_filter code[] = {
        LOOK_AT(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        ANSWER(SECCOMP_RET_ERRNO | EPERM),
        LOOK_AT(nr),
        ONLY_IF(SYS_futex),
        ANSWER(SECCOMP_RET_ALLOW),
        ONLY_IF(SYS_madvise),
        ANSWER(SECCOMP_RET_ALLOW),
        ONLY_IF(SYS_clock_gettime),
        ANSWER(SECCOMP_RET_ALLOW),
        ONLY_IF(SYS_sched_yield),
        ANSWER(SECCOMP_RET_ALLOW),
        ANSWER(SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code,
                                 .filter = (struct sock_filter *)code};
    if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
    }
}

static int purge_main(void *arg)
{
    (void)arg;
    give_up_the_rest();
    while (!ou_load_relaxed(&never)) {
        ou_arena_wait_dirty();
        /* Half, so that two ticks never lie further apart than one and a half. */
        ou_os_wait(&never, 0, (uint64_t)OU_KNOB(heap_purge_ms) * 500000u + 1000000u);
        ou_arena_purge(false);
    }
    return 0;
}

static bool clone_blocked(void)
{
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    uint64_t all = ~(uint64_t)0, old = 0; /* the kernel's own form: the C library's keeps two */
    char *tcb = room + STACK_BYTES + TLS_BYTES;
    ((void **)tcb)[0] = tcb; /* where x86-64 finds its own address */
    ((void **)tcb)[2] = tcb;
    if (syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, &old, sizeof all) != 0) {
        return false;
    }
    int made = clone(purge_main, room + STACK_BYTES, flags, NULL, &ids[0], tcb, &ids[1]);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof old);
    return made > 0;
}

/* The thread-local variables that the thread reads lie as far below its control block as they
 * lie below the caller's; a program with large ones of its own pushes them down. */
static bool fits(const void *variable)
{
    const char *tcb;
    __asm__("mov %%fs:0, %0" : "=r"(tcb));
    return (size_t)(tcb - (const char *)variable) <= TLS_BYTES;
}

static void make(void)
{
    uint32_t none = NONE;
    if (ou_load_relaxed(&state) != NONE || !ou_cas_acquire(&state, &none, (uint32_t)MADE)) {
        return;
    }
    int saved = errno;
    room = room ? room : ou_os_map(STACK_BYTES + TLS_BYTES + TCB_BYTES);
    if (room && fits(&errno) && fits(&ou_stats_mine)) {
        clone_blocked(); /* refused: not asked again */
    }
    errno = saved;
}

static void in_child(void)
{
    ou_store_relaxed(&state, (uint32_t)NONE);
}

void ou_purge_thread_allow(void)
{
    if (!getauxval(AT_SECURE) && pthread_atfork(NULL, NULL, in_child) == 0) {
        ou_arena_on_dirty = make;
    }
}

#else /* other processors keep their thread-local variables elsewhere */

void ou_purge_thread_allow(void)
{
}

#endif
