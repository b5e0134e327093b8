/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * shared.c - one list and one dict that all threads look at.
 *
 *      shared/list_get         item by item, in order
 *      shared/dict_get         by the very keys that were inserted, in order
 *      shared/..._locked       the same with `read_unlocked` off: by the container's lock
 *
 * The container belongs to no thread, so with one thread, too, nobody has the owner's way.
 * Items are small integers, which nobody counts: what is measured is the container. Only for a
 * runtime whose threads run at once.
 */
#include "micro.h"

#include <pthread.h>
#include <stdio.h>

#include MICRO_OPS

#if OP_HAS_FOREIGN
#define ITEMS 1000
#define SMALL 200
#define ROUND_SUM ((int64_t)ITEMS * (SMALL - 1) / 2)

enum { LOCKED = 1, DICT = 2 }; /* size of a row */

typedef struct shared {
    op_ref all; /* list or dict */
    op_ref
        key[ITEMS]; /* borrowed from the dict; constant while anybody has a reference to it */
} shared;

static shared common;      /* made by the first thread of a run */
static shared *mailbox[2]; /* atomic; NULL between runs */

static bool add(unsigned i, bool dict)
{
    char text[24];
    int n = snprintf(text, sizeof text, "key_%04u", i);
    op_ref key = op_str(text, (size_t)n), value = op_int(i % SMALL);
    bool added = key && !(dict ? op_dict_set(common.all, key, value)
                               : op_list_append(common.all, value));
    common.key[i] = key;
    op_decref(key);
    op_decref(value);
    return added;
}

static void *come_and_go(void *arg)
{
    (void)arg;
    if (micro_thread_enter()) {
        micro_thread_leave();
    }
    return NULL;
}

/* Alone in its process a thread always locks (object/guard.c); the row of one thread is the one
 * that two are compared with, whatever ran before. */
static bool was_not_alone(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, come_and_go, NULL)) {
        return false;
    }
    ou_blocking_begin();
    pthread_join(thread, NULL);
    ou_blocking_end();
    return true;
}

static shared *shared_for_all(int threads, bool dict)
{
    if (!was_not_alone()) {
        return NULL;
    }
    common.all = dict ? op_dict() : op_list();
    bool made = common.all != NULL;
    for (unsigned i = 0; i < ITEMS && made; i++) {
        made = add(i, dict);
    }
    if (!made || !ou_give(common.all)) { /* nobody's, so that nobody has the owner's way */
        return NULL;
    }
    for (int i = 1; i < threads; i++) {
        op_incref(common.all);
        ou_store_release(&mailbox[i], &common); /* pairs: receive() */
    }
    return &common;
}

static shared *receive(int index)
{
    shared *m;
    while (!(m = ou_exchange_acq_rel(&mailbox[index], NULL))) {
        ou_safepoint();
    }
    return m;
}

OP_INLINE op_ref look(const shared *m, unsigned i, bool dict)
{
    return dict ? ou_dict_get(m->all, m->key[i]) : ou_list_get(m->all, i);
}

OP_INLINE const char *look_all(gb_state *s, const shared *m, bool dict)
{
    int64_t sum = 0, rounds = 0;
    while (gb_next_batch(s, ITEMS)) {
        for (unsigned i = 0; i < ITEMS; i++) {
            op_ref v = look(m, i, dict);
            sum += op_int_value(v);
            op_decref(v);
        }
        rounds++;
        ou_safepoint();
    }
    return sum == rounds * ROUND_SUM ? NULL : "an item was not found or has another value";
}

static const char *run(gb_state *s, const micro_row *row)
{
    int index = gb_thread_index(s), threads = row->threads ? row->threads : 1;
    bool dict = row->size & DICT;
    if (index == 0) {
        ou_knob_set("read_unlocked", row->size & LOCKED ? "0" : "1");
    }
    shared *m = index ? receive(index) : shared_for_all(threads, dict);
    if (!m) {
        return "out of memory"; /* the others wait for ever: there is no row without items */
    }
    const char *wrong = dict ? look_all(s, m, true) : look_all(s, m, false);
    op_decref(m->all);
    return wrong;
}
#endif

void micro_shared(void)
{
#if OP_HAS_FOREIGN
    static const micro_row table[] = {
        {"shared/list_get", run, "limit/list_scan", 0, 1, MICRO_QUICK | MICRO_THREADS},
        {"shared/list_get", run, "limit/list_scan", 0, 2, MICRO_QUICK | MICRO_THREADS},
        {"shared/list_get_locked", run, "limit/list_scan", LOCKED, 1, MICRO_THREADS},
        {"shared/list_get_locked", run, "limit/list_scan", LOCKED, 2, MICRO_THREADS},
        {"shared/dict_get", run, "limit/hash_get", DICT, 1, MICRO_QUICK | MICRO_THREADS},
        {"shared/dict_get", run, "limit/hash_get", DICT, 2, MICRO_QUICK | MICRO_THREADS},
        {"shared/dict_get_locked", run, "limit/hash_get", DICT | LOCKED, 1, MICRO_THREADS},
        {"shared/dict_get_locked", run, "limit/hash_get", DICT | LOCKED, 2, MICRO_THREADS},
    };
    micro_add_all(table, sizeof table / sizeof table[0]);
#endif
}
