/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * raw_chain.c - what the order of frees costs: `window` blocks are made one after the other,
 * linked in the order of `lifetime` (fifo: as made, lifo: backwards, random: shuffled), then
 * walked and freed link by link. Which block is freed next stands in the block itself, so every
 * free waits for a load, as in a program that takes down a tree.
 *
 * A block: the next one's address, then a block of block.h. One operation is one block.
 */
#include "engine/block.h"
#include "engine/operations.h"
#include "engine/window.h"

#define CHAIN_MIN (sizeof(void *) + 9) /* block.h marks the end of 9 bytes and more */

struct chain {
    uint32_t *order; /* of being freed; the same in each round */
    unsigned char **made;
};

static struct chain chain_of(const struct worker *w)
{
    uint32_t *order = w->scratch;
    return (struct chain){order, (unsigned char **)(order + (w->phase->window + 1) / 2 * 2)};
}

static void chain_link(unsigned char *from, const unsigned char *to)
{
    memcpy(from, &to, sizeof to);
}

static bool chain_build(struct worker *w, const struct chain *c, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t random = rng_next(&w->rng);
        uint32_t size = dist_draw(w->phase->sizes, random);
        c->made[i] = malloc(size);
        if (!c->made[i]) {
            return worker_fail(w, WORKER_NO_MEMORY, "malloc(%u) returned NULL", size);
        }
        block_write(c->made[i] + sizeof(void *), size - (uint32_t)sizeof(void *),
                    (uint32_t)(random >> 20));
        w->made_bytes += size;
        worker_live_add(w, size);
    }
    w->made += n;
    return true;
}

/* Links the first n in order; those of the order that are not there (last round) are left out.
 * Returns the first. */
static unsigned char *chain_order(const struct worker *w, const struct chain *c, uint64_t n)
{
    unsigned char *first = NULL;
    unsigned char *last = NULL;
    for (uint64_t i = 0; i < w->phase->window; i++) {
        if (c->order[i] >= n) {
            continue;
        }
        unsigned char *p = c->made[c->order[i]];
        if (last) {
            chain_link(last, p);
        } else {
            first = p;
        }
        last = p;
    }
    chain_link(last, NULL);
    return first;
}

static uint64_t chain_free(struct worker *w, unsigned char *p, uint64_t most)
{
    uint64_t n = 0;
    while (p && n < most) {
        unsigned char *next;
        uint64_t word;
        bool fine = true;
        memcpy(&next, p, sizeof next);
        memcpy(&word, p + sizeof next, sizeof word);
        uint32_t size = (uint32_t)word;
        if (size < 9 || size > w->phase->sizes->max) {
            return worker_fail(w, WORKER_CORRUPT, "a block of a chain lost its contents");
        }
        block_read(p + sizeof next, size, (uint32_t)(word >> 32), &fine);
        worker_sum(w, word);
        if (!fine) {
            return worker_fail(w, WORKER_CORRUPT, "a block of %u bytes lost its contents",
                               size);
        }
        free(p);
        w->released_bytes += size + sizeof next;
        worker_live_sub(w, size + sizeof next);
        p = next;
        n++;
    }
    w->released += n;
    return p ? most + 1 : n;
}

static uint64_t raw_chain_step(struct worker *w, uint64_t left)
{
    struct chain c = chain_of(w);
    uint64_t n = left < w->phase->window ? left : w->phase->window;
    if (!chain_build(w, &c, n)) {
        return 0;
    }
    uint64_t freed = chain_free(w, chain_order(w, &c, n), n);
    if (freed != n && w->failure == WORKER_FINE) {
        return worker_fail(w, WORKER_CORRUPT, "a chain of %llu blocks was walked in %llu",
                           (unsigned long long)n, (unsigned long long)freed);
    }
    return w->failure == WORKER_FINE ? n : 0;
}

static bool chain_sizes_fit(struct worker *w)
{
    for (unsigned i = 0; i < DIST_SLOTS; i++) {
        if (w->phase->sizes->value[i] < CHAIN_MIN) {
            return worker_fail(w, WORKER_MISCOUNT, "a chain wants sizes of at least %zu bytes",
                               CHAIN_MIN);
        }
    }
    return w->phase->lifetime != LIFE_EXPONENTIAL ||
           worker_fail(w, WORKER_MISCOUNT, "a chain has no lifetime 'exponential'");
}

static int raw_chain_begin(struct worker *w)
{
    uint64_t n = w->phase->window;
    if (!chain_sizes_fit(w) ||
        worker_scratch(w, (n + 1) * sizeof(uint32_t) + n * sizeof(void *)) != 0) {
        return -1;
    }
    struct chain c = chain_of(w);
    for (uint64_t i = 0; i < n; i++) {
        c.order[i] = (uint32_t)(w->phase->lifetime == LIFE_LIFO ? n - 1 - i : i);
    }
    for (uint64_t i = n; w->phase->lifetime == LIFE_RANDOM && i > 1; i--) {
        uint32_t j = rng_below((uint32_t)rng_next(&w->rng), i); /* Fisher, Yates */
        uint32_t swap = c.order[i - 1];
        c.order[i - 1] = c.order[j];
        c.order[j] = swap;
    }
    return 0;
}

static int raw_chain_end(struct worker *w)
{
    (void)w;
    return 0;
}

const struct op_form raw_chain = {raw_chain_begin, raw_chain_step,
                                  raw_chain_end,   OPS_END | KEY(window) | KEY(sizes),
                                  KEY(lifetime),   false};
