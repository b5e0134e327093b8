/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * object_cache.c - a cache that does not keep alive what it holds: weakrefs by key.
 *
 * The program itself holds `window` values, four times as many keys are asked for at random.
 * One operation is one question: a value that is still alive is read and compared, another
 * is made and its weakref put into the cache; then the program holds it instead of a random
 * other one, which may die of that. Every death must call its weakref's callback exactly once:
 * it is the callback that counts values as released.
 */
#include "engine/object_types.h"
#include "engine/objects.h"
#include "engine/operations.h"
#include "ouro/weakref.h"

#define CACHE_KEYS_PER_VALUE 4u
#define CACHE_BATCH 1024u

struct cache {
    ou_object **ref; /* by key; NULL: never asked for. Dead ones are replaced when asked for */
    ou_object *held[];
};

static uint64_t cache_keys(const struct worker *w)
{
    return w->phase->window * CACHE_KEYS_PER_VALUE;
}

static uint32_t cache_tag(const struct worker *w, uint64_t key)
{
    return ((uint32_t)rng_mix(key + w->run->options.seed) & ~OBJECT_TAG_MASK) | OBJECT_INSTANCE;
}

/* By the thread whose reference was the last one: a worker drops its own values only. */
static void cache_on_death(ou_object *ref, void *arg)
{
    struct worker *w = arg;
    (void)ref;
    w->released++;
    w->released_bytes += OBJECT_NODE_BYTES;
    worker_live_sub(w, OBJECT_NODE_BYTES);
}

/* A new value, its weakref in the cache. */
static ou_object *cache_miss(struct worker *w, struct cache *c, uint64_t key)
{
    uint32_t size;
    ou_object *value = object_make(OBJECT_INSTANCE, cache_tag(w, key), 0, &size);
    ou_object *ref = value ? ou_weakref_new(value, cache_on_death, w) : NULL;
    if (!ref) {
        worker_fail(w, WORKER_NO_MEMORY, "a cached object could not be made: %s",
                    ou_error_message());
        ou_xdecref(value);
        return NULL;
    }
    ou_xdecref(c->ref[key]);
    c->ref[key] = ref;
    w->made++;
    w->made_bytes += OBJECT_NODE_BYTES;
    worker_live_add(w, OBJECT_NODE_BYTES);
    return value;
}

static bool cache_ask(struct worker *w, struct cache *c)
{
    uint64_t random = rng_next(&w->rng);
    uint64_t key = (random >> 32) % cache_keys(w);
    uint64_t at = (uint32_t)random % w->phase->window;
    uint64_t word = 0;
    ou_object *value = c->ref[key] ? ou_weakref_get(c->ref[key]) : NULL;
    bool hit = value != NULL;
    if (!hit && !(value = cache_miss(w, c, key))) {
        return false;
    }
    if (!object_read(value, cache_tag(w, key), OBJECT_NODE_BYTES, &word)) {
        ou_decref(value);
        return worker_fail(w, WORKER_CORRUPT, "a cached object lost its contents");
    }
    worker_sum(w, word * 2 + hit);
    ou_xdecref(c->held[at]);
    c->held[at] = value;
    return true;
}

static uint64_t cache_step(struct worker *w, uint64_t left)
{
    uint64_t n = left < CACHE_BATCH ? left : CACHE_BATCH;
    objects_poll(w);
    if (w->latency) {
        worker_lap_begin(w);
    }
    for (uint64_t i = 0; i < n; i++) {
        if (!cache_ask(w, w->scratch)) {
            return 0;
        }
        if (w->latency) {
            worker_lap(w);
        }
    }
    return n;
}

static int cache_begin(struct worker *w)
{
    size_t head = sizeof(struct cache) + w->phase->window * sizeof(ou_object *);
    if (worker_scratch(w, head + cache_keys(w) * sizeof(ou_object *)) != 0) {
        return -1;
    }
    ((struct cache *)w->scratch)->ref = (void *)((char *)w->scratch + head);
    return 0;
}

/* With the last reference gone, every weakref must read as nothing. */
static int cache_end(struct worker *w)
{
    struct cache *c = w->scratch;
    uint64_t alive = 0;
    for (uint64_t i = 0; i < w->phase->window; i++) {
        ou_xdecref(c->held[i]);
    }
    for (uint64_t key = 0; key < cache_keys(w); key++) {
        ou_object *value = c->ref[key] ? ou_weakref_get(c->ref[key]) : NULL;
        alive += value != NULL;
        ou_xdecref(value);
        ou_xdecref(c->ref[key]);
    }
    if (alive) {
        worker_fail(w, WORKER_MISCOUNT, "%llu weakrefs still read as an object",
                    (unsigned long long)alive);
        return -1;
    }
    return 0;
}

const struct op_form object_weak_cache = {cache_begin,           cache_step, cache_end,
                                          OPS_END | KEY(window), KEY(gc),    false};
