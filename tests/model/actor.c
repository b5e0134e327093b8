/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* actor.c - the steps of an actor: lives and deaths of its things, weakrefs, frames. */
#include <stdlib.h>

#include "things.h"

/* ---- lives ---------------------------------------------------------------------------------
 */

static void weak_expect_dead(ou_object *weak, unsigned *calls)
{
    REQUIRE(ou_weakref_get(weak) == NULL);
    REQUIRE(ou_load_relaxed(calls) == 1);
    ou_decref(weak);
    free(calls);
}

/* One reference less on the shadow's side. The last one, and no cycle, nor another thread: it
 * is dead now; otherwise after a collection. */
static void thing_let_go(actor *a, thing *t)
{
    if (t->held + t->bound) {
        return;
    }
    if (t->weak && (t->loose || thing_cycles(t))) {
        REQUIRE(a->limbo_len < ACTOR_LIMBO);
        a->limbo[a->limbo_len].weak = t->weak;
        a->limbo[a->limbo_len++].calls = t->calls;
    } else if (t->weak) {
        weak_expect_dead(t->weak, t->calls);
    }
    free(t);
}

static void slot_drop(actor *a, size_t i)
{
    thing *t = a->slot[i];
    a->slot[i] = NULL;
    ou_decref(t->o);
    t->held--;
    thing_let_go(a, t);
}

static void weak_called(ou_object *ref, void *arg)
{
    REQUIRE(ou_weakref_get(ref) == NULL);
    ou_fetch_add_relaxed((unsigned *)arg, 1u);
}

/* Makes a weakref, or drops one while what it refers to lives: nobody is called then. */
static void weak_step(thing *t)
{
    if (t->kind == THING_STR) {
        REQUIRE(ou_weakref_new(t->o, NULL, NULL) == NULL && ou_error() == OU_ETYPE);
    } else if (!t->weak) {
        t->calls = calloc(1, sizeof *t->calls);
        t->weak = ou_weakref_new(t->o, weak_called, t->calls);
        REQUIRE(t->weak && ou_weakref_count(t->o) == 1);
    } else {
        ou_decref(t->weak);
        REQUIRE(ou_weakref_count(t->o) == 0 && ou_load_relaxed(t->calls) == 0);
        free(t->calls);
        t->weak = NULL;
        t->calls = NULL;
    }
}

/* ---- frames --------------------------------------------------------------------------------
 */

static const char *const local_names[ACTOR_LOCALS] = {"p", "q", "r"};

static void local_unbound(actor *a, thing **local)
{
    thing *t = *local;
    *local = NULL;
    if (t) {
        t->bound--;
        thing_let_go(a, t);
    }
}

static void frame_pop(actor *a)
{
    ou_frame_pop();
    a->depth--;
    for (size_t i = 0; i < ACTOR_LOCALS; i++) {
        local_unbound(a, &a->frame[a->depth].local[i]);
    }
}

static void frame_step(actor *a, thing *t)
{
    unsigned how = (unsigned)prng_below(&a->r, 6);
    size_t i = prng_below(&a->r, ACTOR_LOCALS);
    if (how == 0 && a->depth < ACTOR_FRAMES) {
        REQUIRE(ou_frame_push("actor", ACTOR_LOCALS) != NULL);
        a->depth++;
    } else if (how == 1 && a->depth) {
        frame_pop(a);
    } else if (a->depth) {
        thing **local = &a->frame[a->depth - 1].local[i];
        ou_frame *f = ou_frame_current();
        if (how == 2) {
            REQUIRE(ou_frame_del(f, local_names[i]) == (*local ? OU_OK : OU_EKEY));
            local_unbound(a, local);
        } else if (t) {
            REQUIRE(ou_frame_bind(f, local_names[i], t->o) == OU_OK);
            t->bound++;
            local_unbound(a, local);
            *local = t;
        }
    }
}

static void frames_check(const actor *a)
{
    const ou_frame *f = ou_frame_current();
    REQUIRE((f != NULL) == (a->depth > 0));
    for (size_t i = 0; f && i < ACTOR_LOCALS; i++) {
        const thing *t = a->frame[a->depth - 1].local[i];
        REQUIRE(ou_frame_get_borrow(ou_frame_current(), local_names[i]) == (t ? t->o : NULL));
        if (t) {
            thing_check(t);
        }
    }
}

/* ---- steps ---------------------------------------------------------------------------------
 */

void actor_step(actor *a)
{
    size_t i = prng_below(&a->r, ACTOR_SLOTS);
    thing *t = a->slot[i];
    unsigned how = (unsigned)prng_below(&a->r, 20);
    if (how == 0 && !a->travels) {
        frame_step(a, t);
    } else if (!t) {
        a->slot[i] = thing_new(a);
    } else if (how == 1) {
        slot_drop(a, i);
    } else if (how == 2) {
        weak_step(t);
    } else {
        thing_change(a, t);
    }
    if (a->careful || a->step % 64 == 0) {
        actor_check(a);
    }
    a->step++;
}

void actor_check(actor *a)
{
    for (size_t i = 0; i < ACTOR_SLOTS; i++) {
        if (a->slot[i]) {
            thing_check(a->slot[i]);
        }
    }
    if (!a->travels) {
        frames_check(a);
    }
}

void actor_settle(actor *a)
{
    while (a->limbo_len) {
        a->limbo_len--;
        weak_expect_dead(a->limbo[a->limbo_len].weak, a->limbo[a->limbo_len].calls);
    }
}

thing *actor_give(actor *a)
{
    size_t i = prng_below(&a->r, ACTOR_SLOTS);
    thing *t = a->slot[i];
    if (!t || t->bound || t->weak) {
        return NULL;
    }
    a->slot[i] = NULL;
    return t;
}

void actor_take(actor *a, thing *t)
{
    size_t i = prng_below(&a->r, ACTOR_SLOTS);
    if (a->slot[i]) {
        slot_drop(a, i);
    }
    a->slot[i] = t;
    thing_check(t);
}

void actor_end(actor *a)
{
    while (a->depth) {
        frame_pop(a);
    }
    for (size_t i = 0; i < ACTOR_SLOTS; i++) {
        if (a->slot[i]) {
            slot_drop(a, i);
        }
    }
}
