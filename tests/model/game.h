/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * game.h - what the threads of model_team.c have in common: a list, a dict and an instance,
 * what each of them knows about these, and the boxes through which things travel.
 */
#ifndef TESTS_MODEL_GAME_H
#define TESTS_MODEL_GAME_H

#include <pthread.h>

#include "things.h"

enum {
    THREADS = 4,
    ROUNDS = 5,
    PROGRAMS = 6,
    SHARED_KEYS = 16,
    SHARED_LIST = 4096,
    SERIALS = 1 << 20
};

typedef struct player {
    actor own, travel;
    prng choose, shared;
    int64_t dict[SHARED_KEYS]; /* what the shared dict has under its keys; 0: nothing */
    int64_t attr;
    int64_t appended, popped; /* sums over the values */
    int64_t appends, pops;
} player;

typedef struct team_game {
    uint64_t seed;
    unsigned threads;
    size_t steps; /* of each thread */
    ou_object *list, *dict, *instance;
    ou_object *key[THREADS][SHARED_KEYS];
    thing *box[THREADS][THREADS];  /* atomic: from, to */
    bool second[THREADS][SERIALS]; /* this value came in one step with the one before */
    bool given[THREADS][THREADS];  /* before the box is filled, by whoever fills it */
    player player[THREADS];
    pthread_barrier_t barrier;
} team_game;

extern team_game game;

/* Steps of thread `me` on what is shared, checked at once as far as others leave it alone. */
void dict_own(player *p, unsigned me);
void dict_other(player *p);
void dict_walk(const player *p, unsigned me);
void dict_moment(const player *p, unsigned me);
void list_both(player *p);
void instance_both(player *p, unsigned me);

/* When all stand: everything. */
void check_shared(void);

#endif
