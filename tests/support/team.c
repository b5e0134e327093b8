/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * team.c - starts and joins the threads of a test. The start barrier is passed before a member
 * attaches, so nobody waits on it while attached.
 */
#include "support/team.h"

#include <pthread.h>

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

void team_run_small(size_t stack_bytes, team_member fn, void *arg)
{
    team_seat seat = {.member = fn, .arg = arg};
    pthread_attr_t attr;
    REQUIRE(pthread_attr_init(&attr) == 0);
    if (stack_bytes) {
        REQUIRE(pthread_attr_setstacksize(&attr, stack_bytes) == 0);
    }
    ou_blocking_begin();
    REQUIRE(pthread_create(&seat.thread, &attr, team_main, &seat) == 0);
    REQUIRE(pthread_join(seat.thread, NULL) == 0);
    ou_blocking_end();
    pthread_attr_destroy(&attr);
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
