/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * things.h - an actor's own objects, each beside a shadow that says exactly what it must hold.
 *
 * An actor is one thread's program: a row of steps drawn from a seed, so that the same seed
 * makes the same steps whatever the other threads do. What an actor holds is touched by nobody
 * else; a thing may travel to another actor together with its shadow, and is that one's then.
 */
#ifndef TESTS_MODEL_THINGS_H
#define TESTS_MODEL_THINGS_H

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/prng.h"

enum {
    THING_ROOM = 24, /* items, keys, attributes, at most */
    THING_TEXT = 80, /* bytes of a str, at most */
    ACTOR_SLOTS = 16,
    ACTOR_FRAMES = 6,
    ACTOR_LOCALS = 3,
    ACTOR_LIMBO = 4096
};

typedef enum thing_kind {
    THING_LIST,
    THING_DICT,
    THING_INSTANCE,
    THING_TUPLE,
    THING_STR
} thing_kind;

#define THING_SELF (-1) /* a value that is the thing itself: a cycle */

typedef struct thing {
    ou_object *o;
    thing_kind kind;
    bool loose; /* another thread counts on it: death may wait for a safepoint there, and so may
                 * the merge of its counts */
    int64_t held, bound;       /* references of a slot, of frames */
    size_t len;                /* values; bytes of a str */
    int key[THING_ROOM];       /* dict: in order of insertion. Instance: attribute */
    int64_t value[THING_ROOM]; /* an int's value, or THING_SELF */
    char text[THING_TEXT];
    ou_object *weak; /* NULL: none */
    unsigned *calls; /* atomic: of its callback */
} thing;

typedef struct actor {
    prng r;
    unsigned index;
    int64_t serial;   /* of the values it makes: none comes twice */
    size_t step;      /* steps done */
    size_t forget_at; /* planted fault: the first append from this step on is not noted */
    bool careful;     /* everything is looked at after each step */
    bool travels;     /* its things come and go: frames are another actor's */
    thing *slot[ACTOR_SLOTS];
    struct {
        thing *local[ACTOR_LOCALS];
    } frame[ACTOR_FRAMES];
    size_t depth;
    struct {
        ou_object *weak;
        unsigned *calls;
    } limbo[ACTOR_LIMBO]; /* weakrefs of what is dead, or will be when all have collected */
    size_t limbo_len;
} actor;

/* Once, before any actor. */
void things_start(void);

/* A random thing, held once; a random change of it, checked at once. */
thing *thing_new(actor *a);
void thing_change(actor *a, thing *t);

/* Ends the program unless contents, count and weakref are what the shadow says. */
void thing_check(const thing *t);

/* References that it has to itself. */
int64_t thing_cycles(const thing *t);

/* One step on the actor's own things. */
void actor_step(actor *a);

/* Contents and counts of all of them. */
void actor_check(actor *a);

/* All have collected, nobody counts: what is in limbo is dead and was announced once. */
void actor_settle(actor *a);

/* A thing that may travel (no frame and no weakref has it), out of the actor's hands; NULL when
 * the slot drawn has none. And into them. */
thing *actor_give(actor *a);
void actor_take(actor *a, thing *t);

/* Gives up everything. */
void actor_end(actor *a);

/* A new int with a value that no other has; *value tells which. */
ou_object *actor_value(actor *a, int64_t *value);

#endif
