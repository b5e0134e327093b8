/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * model_team.c - random programs of 2 to 4 threads against a shadow model.
 *
 * Each thread makes three kinds of steps. On things of its own, which nobody else touches:
 * every result, count and death is exact (things.h). On things that travel from thread to
 * thread with their shadows: as exact, except that a death may wait for another thread's
 * safepoint. On a list, a dict and an instance that all share: each thread has keys and an
 * attribute of its own there, which are exact in spite of the others, also in copies; a copy of
 * the list has each thread's items in their order, and pairs that were added in one step are
 * whole; the rest is exact when all stand at a barrier: nothing appended is lost or doubled.
 *
 * The interleaving is free, what a thread does to its own things depends on the seed alone. So
 * when a program fails, each thread's own part is run again by itself, and the shortest row of
 * steps that fails is printed with the arguments that repeat it.
 *
 *      team [SEED [STEPS [FORGET [ACTOR STEPS]]]]     FORGET: plant a fault in that step
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/proc.h"
#include "support/scale.h"
#include "support/seed.h"
#include "support/team.h"
#include "game.h"

team_game game;

/* ---- what travels --------------------------------------------------------------------------
 */

static void send(player *p, unsigned me)
{
    unsigned to = (unsigned)prng_below(&p->shared, game.threads);
    thing *t = to != me && !ou_load_acquire(&game.box[me][to]) ? actor_give(&p->travel) : NULL;
    if (t) {
        game.given[me][to] = prng_chance(&p->shared, 60) && ou_give(t->o);
        ou_store_release(&game.box[me][to], t); /* pairs: receive */
    }
}

/* Whoever is given an object that nobody else knows can take it. */
static void receive(player *p, unsigned from, unsigned me)
{
    thing *t = ou_load_acquire(&game.box[from][me]); /* pairs: send */
    if (t) {
        bool given = game.given[from][me];
        ou_store_release(&game.box[from][me], (thing *)NULL); /* pairs: send */
        bool mine = ou_take(t->o);
        REQUIRE(mine || !given);
        t->loose |= !mine;
        actor_take(&p->travel, t);
    }
}

static void shared_step(player *p, unsigned me)
{
    switch (prng_below(&p->shared, 12)) {
    case 0:
        (prng_chance(&p->shared, 30) ? dict_moment : dict_walk)(p, me);
        break;
    case 1:
    case 2:
        dict_other(p);
        break;
    case 3:
    case 4:
        instance_both(p, me);
        break;
    case 5:
        send(p, me);
        break;
    case 6:
        receive(p, (unsigned)prng_below(&p->shared, game.threads), me);
        break;
    case 7:
    case 8:
        dict_own(p, me);
        break;
    default:
        list_both(p);
        break;
    }
}

/* ---- when all stand ------------------------------------------------------------------------
 */

static void stand(void)
{
    ou_blocking_begin();
    pthread_barrier_wait(&game.barrier);
    ou_blocking_end();
}

static void stand_together(player *p, unsigned me)
{
    stand();
    if (me == 0) {
        ou_gc_collect();
        check_shared();
    }
    stand();
    actor_settle(&p->own);
    actor_settle(&p->travel);
    actor_check(&p->travel);
    stand(); /* until here nobody else counts */
}

/* ---- programs ------------------------------------------------------------------------------
 */

static void player_start(player *p, unsigned me, size_t forget)
{
    memset(p, 0, sizeof *p);
    p->own = (actor){.r = prng_from(game.seed, me), .index = me, .forget_at = forget};
    p->travel = (actor){.r = prng_from(game.seed, 100 + me), .index = me, .travels = true};
    p->travel.forget_at = SIZE_MAX;
    p->choose = prng_from(game.seed, 200 + me);
    p->shared = prng_from(game.seed, 300 + me);
}

static void member(unsigned me, void *arg)
{
    player *p = &game.player[me];
    (void)arg;
    for (size_t i = 0; i < game.steps; i++) {
        uint64_t how = prng_below(&p->choose, 10);
        if (how < 5) {
            actor_step(&p->own);
        } else if (how < 7) {
            actor_step(&p->travel);
        } else {
            shared_step(p, me);
        }
        ou_safepoint();
        if ((i + 1) % (game.steps / ROUNDS) == 0) {
            stand_together(p, me);
        }
    }
    for (unsigned from = 0; from < game.threads; from++) {
        receive(p, from, me); /* the last `stand` was after every send */
    }
    actor_end(&p->own);
    actor_end(&p->travel);
    stand_together(p, me);
}

/* One thread's own steps by themselves, with the same collections in between. */
static void alone(unsigned me, size_t steps)
{
    player *p = &game.player[me];
    p->own.careful = true;
    for (size_t i = 0; i < steps; i++) {
        if (prng_below(&p->choose, 10) < 5) {
            actor_step(&p->own);
        }
        if ((i + 1) % (game.steps / ROUNDS) == 0) {
            ou_gc_collect();
            actor_settle(&p->own);
        }
    }
    actor_end(&p->own);
    ou_gc_collect();
    actor_settle(&p->own);
}

static void shared_make(void)
{
    static const char *const attrs[] = {"own0", "own1", "own2", "own3", "any"};
    game.list = ou_list_new(0);
    game.dict = ou_dict_new(0);
    game.instance =
        ou_instance_new(ou_class_new("Shared", attrs, THREADS + 1, true, NULL, NULL));
    REQUIRE(game.list && game.dict && game.instance);
    for (unsigned i = 0; i < THREADS; i++) {
        for (size_t k = 0; k < SHARED_KEYS; k++) {
            game.key[i][k] = ou_int_new((int64_t)(10000 + i * SHARED_KEYS + k));
        }
    }
}

static void shared_drop(void)
{
    ou_decref(game.list);
    ou_decref(game.dict);
    ou_decref(game.instance);
    for (unsigned i = 0; i < THREADS; i++) {
        for (size_t k = 0; k < SHARED_KEYS; k++) {
            ou_decref(game.key[i][k]);
        }
    }
}

/* A whole program in this process: `only` < threads: that one's own steps alone. */
static int play(size_t forget, unsigned only, size_t steps)
{
    REQUIRE(ou_start("gc_auto=0") == OU_OK);
    uint64_t before = ou_leak_report(proc_null());
    things_start();
    shared_make();
    for (unsigned i = 0; i < game.threads; i++) {
        player_start(&game.player[i], i, i == 0 ? forget : SIZE_MAX);
    }
    if (only < game.threads) {
        alone(only, steps);
    } else {
        REQUIRE(pthread_barrier_init(&game.barrier, NULL, game.threads) == 0);
        team_run(game.threads, member, NULL);
        pthread_barrier_destroy(&game.barrier);
    }
    shared_drop();
    ou_gc_collect();
    EXPECT_EQ(ou_leak_report(proc_null()), before);
    EXPECT_EQ(ou_heap_check(), 0);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}

/* The same in a child: true when all was well. */
static bool plays(size_t forget, unsigned only, size_t steps, bool loud)
{
    fflush(NULL);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        if (!loud) {
            REQUIRE(freopen("/dev/null", "w", stderr) != NULL);
        }
        exit(play(forget, only, steps));
    }
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    return status == 0;
}

/* The shortest row of steps of one thread that fails by itself. */
static void shrink(size_t forget)
{
    for (unsigned i = 0; i < game.threads; i++) {
        size_t good = 0, bad = game.steps;
        if (plays(forget, i, bad, false)) {
            continue;
        }
        while (bad - good > 1) {
            size_t half = good + (bad - good) / 2;
            *(plays(forget, i, half, false) ? &good : &bad) = half;
        }
        printf("actor %u alone fails in step %zu: team %llu %zu %zu %u %zu\n", i, bad,
               (unsigned long long)game.seed, game.steps, forget, i, bad);
        return;
    }
    printf("no actor fails alone: team %llu %zu\n", (unsigned long long)game.seed, game.steps);
}

static size_t argument(int argc, char **argv, int i, size_t otherwise)
{
    return argc > i ? (size_t)strtoull(argv[i], NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "model_team", scale_ops(60000));
    size_t forget = argument(argc, argv, 3, SIZE_MAX);
    game.steps = (args.ops + ROUNDS - 1) / ROUNDS * ROUNDS; /* all stand after the last one */
    game.steps = game.steps ? game.steps : ROUNDS;
    for (unsigned i = 0; i < PROGRAMS; i++) {
        game.seed = args.seed + i;
        game.threads = 2 + (unsigned)(game.seed % 3);
        if (argc > 5) { /* a row of steps found by `shrink` */
            return play(forget, (unsigned)argument(argc, argv, 4, 0),
                        argument(argc, argv, 5, 0));
        }
        if (!plays(forget, THREADS, 0, true)) {
            printf("seed %llu, %u threads: failed\n", (unsigned long long)game.seed,
                   game.threads);
            shrink(forget);
            return 1;
        }
    }
    return 0;
}
