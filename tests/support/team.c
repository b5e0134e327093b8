/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * team.c - starts and joins the threads of a test. The start barrier is passed before a member
 * attaches, so nobody waits on it while attached.
 */
#include "support/team.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "ouro/ouro.h"
#include "support/expect.h"

typedef struct team_seat {
    pthread_t thread;
    pthread_barrier_t *barrier;
    team_member member;
    unsigned index;
    void *arg;
} team_seat;

static void *team_main(void *arg)
{
    team_seat *seat = arg;
    if (seat->barrier) {
        pthread_barrier_wait(seat->barrier);
    }
    REQUIRE(ou_thread_attach() == OU_OK);
    seat->member(seat->index, seat->arg);
    ou_thread_detach();
    return NULL;
}

void team_run(unsigned n, team_member member, void *arg)
{
    team_seat seats[TEAM_MAX];
    pthread_barrier_t barrier;
    REQUIRE(n > 0 && n <= TEAM_MAX);
    REQUIRE(pthread_barrier_init(&barrier, NULL, n) == 0);
    ou_blocking_begin();
    for (unsigned i = 0; i < n; i++) {
        seats[i] = (team_seat){.barrier = &barrier, .member = member, .index = i, .arg = arg};
        REQUIRE(pthread_create(&seats[i].thread, NULL, team_main, &seats[i]) == 0);
    }
    for (unsigned i = 0; i < n; i++) {
        REQUIRE(pthread_join(seats[i].thread, NULL) == 0);
    }
    ou_blocking_end();
    pthread_barrier_destroy(&barrier);
}

enum { STACK_GUARD = 65536, STACK_PAINT = 0xA5 };

/* Painted, with pages below it that nobody may touch. */
static unsigned char *stack_make(size_t bytes)
{
    unsigned char *all = mmap(NULL, STACK_GUARD + bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    REQUIRE(all != MAP_FAILED && mprotect(all, STACK_GUARD, PROT_NONE) == 0);
    memset(all + STACK_GUARD, STACK_PAINT, bytes);
    return all + STACK_GUARD;
}

static size_t stack_end(unsigned char *stack, size_t bytes)
{
    size_t untouched = 0;
    while (untouched < bytes && stack[untouched] == STACK_PAINT) {
        untouched++;
    }
    REQUIRE(munmap(stack - STACK_GUARD, STACK_GUARD + bytes) == 0);
    return bytes - untouched;
}

size_t team_run_small(size_t stack_bytes, team_member fn, void *arg)
{
    team_seat seat = {.member = fn, .arg = arg};
    unsigned char *stack = NULL;
    pthread_attr_t attr;
    REQUIRE(pthread_attr_init(&attr) == 0);
    if (stack_bytes) {
        stack = stack_make(stack_bytes);
        REQUIRE(pthread_attr_setstack(&attr, stack, stack_bytes) == 0);
    }
    ou_blocking_begin();
    REQUIRE(pthread_create(&seat.thread, &attr, team_main, &seat) == 0);
    REQUIRE(pthread_join(seat.thread, NULL) == 0);
    ou_blocking_end();
    pthread_attr_destroy(&attr);
    return stack ? stack_end(stack, stack_bytes) : 0;
}

struct team_errand {
    void (*fn)(ou_object *o);
    ou_object *o;
};

static void team_deliver(unsigned index, void *arg)
{
    const struct team_errand *errand = arg;
    (void)index;
    errand->fn(errand->o);
}

void team_send(ou_object *o, void (*fn)(ou_object *o))
{
    struct team_errand errand = {fn, o};
    team_run_small(0, team_deliver, &errand);
}
