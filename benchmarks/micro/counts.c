/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * counts.c - what a reference costs: one more and one less on each of 1,024 objects.
 *
 *      counts/owner_pair     by the thread that made the objects
 *      counts/foreign_pair   by another thread, while the owner is attached but asleep
 *
 *      counts/hot_pair       one object, counted by all threads at once: promoted (hot_objects)
 *      counts/contended_pair the same with hot_objects off: by atomics on one line
 *
 * Two passes, one up and one down, so that neither compiler nor store buffer can merge a
 * pair. The objects are floats, which no runtime shares or makes immortal.
 */
#include "micro.h"

#include <pthread.h>

#include MICRO_OPS

#define OBJECTS 1024

static const char *make_objects(op_ref *o)
{
    for (int i = 0; i < OBJECTS; i++) {
        o[i] = op_float(i);
        if (!o[i]) {
            return "out of memory";
        }
    }
    return NULL;
}

static void drop_objects(op_ref *o)
{
    for (int i = 0; i < OBJECTS && o[i]; i++) {
        op_decref(o[i]);
    }
}

static const char *expect_counts(op_ref *o, int64_t count)
{
    for (int i = 0; i < OBJECTS; i++) {
        if (op_refcount(o[i]) != count) {
            return "a reference was not counted";
        }
    }
    return NULL;
}

/* The timed loop, then one round that is looked at from inside. */
static const char *count_pairs(gb_state *s, op_ref *o)
{
    while (gb_next_batch(s, OBJECTS)) {
        for (int i = 0; i < OBJECTS; i++) {
            op_incref(o[i]);
        }
        for (int i = 0; i < OBJECTS; i++) {
            op_decref(o[i]);
        }
    }
    const char *wrong = expect_counts(o, 1);
    for (int i = 0; i < OBJECTS; i++) {
        op_incref(o[i]);
    }
    wrong = wrong ? wrong : expect_counts(o, 2);
    for (int i = 0; i < OBJECTS; i++) {
        op_decref(o[i]);
    }
    return wrong ? wrong : expect_counts(o, 1);
}

static const char *owner_pair(gb_state *s, const micro_row *row)
{
    op_ref o[OBJECTS] = {0};
    (void)row;
    const char *wrong = make_objects(o);
    wrong = wrong ? wrong : count_pairs(s, o);
    drop_objects(o);
    return wrong;
}

#if OP_HAS_FOREIGN
/* The owner of the objects: makes them, sleeps until told, drops them. */
typedef struct owner {
    op_ref o[OBJECTS];    /* owner writes before `ready`, main reads after */
    pthread_mutex_t lock; /* of ready and done */
    pthread_cond_t changed;
    bool ready;
    bool done;
    const char *wrong;
} owner;

static void *own(void *arg)
{
    owner *w = arg;
    bool entered = micro_thread_enter();
    w->wrong = entered ? make_objects(w->o) : "the owner cannot attach";
    ou_blocking_begin();
    pthread_mutex_lock(&w->lock);
    w->ready = true;
    pthread_cond_broadcast(&w->changed);
    while (!w->done) {
        pthread_cond_wait(&w->changed, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    ou_blocking_end();
    drop_objects(w->o);
    micro_thread_leave();
    return NULL;
}

static const char *foreign_pair(gb_state *s, const micro_row *row)
{
    owner w = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    (void)row;
    if (pthread_create(&thread, NULL, own, &w)) {
        return "the owner thread could not be made";
    }
    pthread_mutex_lock(&w.lock);
    while (!w.ready) {
        pthread_cond_wait(&w.changed, &w.lock);
    }
    pthread_mutex_unlock(&w.lock);
    const char *wrong = w.wrong ? w.wrong : count_pairs(s, w.o);
    pthread_mutex_lock(&w.lock);
    w.done = true;
    pthread_cond_broadcast(&w.changed);
    pthread_mutex_unlock(&w.lock);
    ou_blocking_begin();
    pthread_join(thread, NULL);
    ou_blocking_end();
    return wrong;
}

/* From the first thread, which makes the object, to each of the others. */
static op_ref mailbox[2]; /* atomic; NULL between runs */

static op_ref receive(int index)
{
    op_ref o;
    while (!(o = ou_exchange_acq_rel(&mailbox[index], NULL))) {
        ou_safepoint();
    }
    return o;
}

static op_ref make_for_all(int threads)
{
    op_ref o = op_float(0.5);
    if (o) {
        ou_give(o); /* nobody's, so that every thread counts by atomics at first */
    }
    for (int i = 1; o && i < threads; i++) {
        op_incref(o);
        ou_store_release(&mailbox[i], o); /* pairs: receive() */
    }
    return o;
}

static const char *one_object(gb_state *s, const micro_row *row)
{
    int index = gb_thread_index(s), threads = row->threads ? row->threads : 1;
    if (index == 0) {
        ou_knob_set("hot_objects", row->size ? "1" : "0");
    }
    op_ref o = index ? receive(index) : make_for_all(threads);
    if (!o) {
        return "out of memory"; /* the others wait for ever: there is no row without a float */
    }
    while (gb_next_batch(s, OBJECTS)) {
        for (int i = 0; i < OBJECTS; i++) {
            op_incref(o);
            micro_escape(o);
            op_decref(o);
            micro_escape(o);
        }
        ou_safepoint();
    }
    if (index == 0) {
        ou_knob_set("hot_objects", "1"); /* the rows that follow want it */
    }
    double value = op_float_value(o);
    op_decref(o);
    return value == 0.5 ? NULL : "the object was not whole";
}
#endif

void micro_counts(void)
{
    static const micro_row table[] = {
        {"counts/owner_pair", owner_pair, "limit/increment", 0, 0, MICRO_QUICK},
#if OP_HAS_FOREIGN
        {"counts/foreign_pair", foreign_pair, "limit/atomic_increment", 0, 0,
         MICRO_QUICK | MICRO_THREADS},
        {"counts/hot_pair", one_object, "limit/increment", 1, 1, MICRO_QUICK | MICRO_THREADS},
        {"counts/hot_pair", one_object, "limit/increment", 1, 2, MICRO_QUICK | MICRO_THREADS},
        {"counts/contended_pair", one_object, "limit/atomic_increment", 0, 2,
         MICRO_QUICK | MICRO_THREADS},
#endif
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
}
