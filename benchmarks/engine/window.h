/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * window.h - the live window: fill, replace, drain, written once for blocks and for objects.
 *
 * Included by raw_window.c and object_window.c, which hand in how a thing is made, given back
 * and resized, and by the other raw operations; everything is inlined there, so the loop has no
 * indirect call. One
 * operation replaces one thing (or resizes it). 64 random bits serve one operation: the low 32
 * choose the slot, the high 12 the size, bits 20..51 are the tag.
 */
#ifndef ENGINE_WINDOW_H
#define ENGINE_WINDOW_H

#include "engine/objects.h"
#include "engine/worker.h"

#define WINDOW_BATCH 1024u /* operations between two looks at clock, inbox and safepoint */
#define WINDOW_BURST 64u   /* lifo: how deep a burst of frees goes */
#define WINDOW_INLINE static inline __attribute__((always_inline))

typedef bool (*window_make)(struct worker *w, struct block *b, uint64_t random, bool filling);
typedef void (*window_release)(struct worker *w, const struct block *b);
typedef bool (*window_resize)(struct worker *w, struct block *b, uint64_t random);

/* The slot that dies next. */
WINDOW_INLINE struct block *window_victim(struct worker *w, enum lifetime life, uint64_t random)
{
    uint64_t n = w->window_len;
    if (life == LIFE_FIFO) {
        uint64_t at = w->cursor;
        w->cursor = at + 1 == n ? 0 : at + 1;
        return &w->window[at];
    }
    return &w->window[rng_below((uint32_t)random, n)];
}

WINDOW_INLINE void window_let_go(struct worker *w, const struct block *b, uint64_t peer,
                                 window_release release)
{
    if (peer && w->run->options.threads > 1 && (rng_next(&w->rng) >> 32) < peer) {
        exchange_send(w, b);
    } else {
        release(w, b);
    }
}

/* random and fifo: one dies, one is born, in the same slot. */
WINDOW_INLINE uint64_t window_replace(struct worker *w, uint64_t n, bool timed,
                                      enum lifetime life, window_make make,
                                      window_release release, window_resize resize)
{
    uint64_t peer = w->phase->peer;
    uint64_t resizing = w->phase->realloc;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t random = rng_next(&w->rng);
        struct block *b = window_victim(w, life, random);
        bool fine;
        if (resizing && (rng_next(&w->rng) >> 32) < resizing) {
            fine = resize(w, b, random);
        } else {
            window_let_go(w, b, peer, release);
            fine = make(w, b, random, false);
        }
        if (!fine) {
            return 0;
        }
        if (timed) {
            worker_lap(w);
        }
    }
    return n;
}

/* lifo: a burst dies from the top of the stack, as many are born on top. */
WINDOW_INLINE uint64_t window_stack(struct worker *w, uint64_t n, bool timed, window_make make,
                                    window_release release)
{
    uint64_t done = 0;
    while (done < n) {
        uint64_t most = w->window_len < WINDOW_BURST ? w->window_len : WINDOW_BURST;
        uint64_t burst = 1 + rng_below((uint32_t)rng_next(&w->rng), most);
        burst = burst < n - done ? burst : n - done;
        struct block *top = w->window + w->window_len;
        for (uint64_t i = 1; i <= burst; i++) {
            window_let_go(w, top - i, w->phase->peer, release);
        }
        for (uint64_t i = burst; i >= 1; i--) {
            if (!make(w, top - i, rng_next(&w->rng), false)) {
                w->window_len -= i; /* what was not made again is not there */
                return 0;
            }
            if (timed) {
                worker_lap(w);
            }
        }
        done += burst;
    }
    return n;
}

WINDOW_INLINE uint64_t window_churn(struct worker *w, uint64_t left, window_make make,
                                    window_release release, window_resize resize)
{
    uint64_t n = left < WINDOW_BATCH ? left : WINDOW_BATCH;
    bool timed = w->latency != NULL;
    enum lifetime life = w->phase->lifetime;
    exchange_drain(w);
    objects_poll(w);
    if (timed) {
        worker_lap_begin(w);
    }
    if (life == LIFE_LIFO) {
        return window_stack(w, n, timed, make, release);
    }
    if (life == LIFE_FIFO) {
        return window_replace(w, n, timed, LIFE_FIFO, make, release, resize);
    }
    return timed ? window_replace(w, n, true, LIFE_RANDOM, make, release, resize)
                 : window_replace(w, n, false, LIFE_RANDOM, make, release, resize);
}

WINDOW_INLINE uint64_t window_fill(struct worker *w, uint64_t left, window_make make)
{
    uint64_t n = left < WINDOW_BATCH ? left : WINDOW_BATCH;
    bool timed = w->latency != NULL;
    if (timed) {
        worker_lap_begin(w);
    }
    for (uint64_t i = 0; i < n; i++) {
        if (!make(w, &w->window[w->window_len], rng_next(&w->rng), true)) {
            return 0;
        }
        w->window_len++;
        if (timed) {
            worker_lap(w);
        }
    }
    return n;
}

/* Takes one out of the window in the order of the phase's lifetime. */
WINDOW_INLINE struct block window_take(struct worker *w, enum lifetime life)
{
    struct block *last = &w->window[w->window_len - 1];
    struct block *from = last;
    if (life == LIFE_RANDOM) {
        from = &w->window[rng_below((uint32_t)rng_next(&w->rng), w->window_len)];
    } else if (life == LIFE_FIFO) {
        from = &w->window[w->cursor++];
    }
    struct block b = *from;
    if (life == LIFE_RANDOM) {
        *from = *last;
    }
    if (life != LIFE_FIFO) {
        w->window_len--;
    }
    return b;
}

WINDOW_INLINE uint64_t window_drain(struct worker *w, uint64_t left, window_release release)
{
    uint64_t n = left < WINDOW_BATCH ? left : WINDOW_BATCH;
    bool timed = w->latency != NULL;
    enum lifetime life = w->phase->lifetime;
    life = life == LIFE_EXPONENTIAL ? LIFE_RANDOM : life; /* memoryless: any may be next */
    exchange_drain(w);
    objects_poll(w);
    if (timed) {
        worker_lap_begin(w);
    }
    for (uint64_t i = 0; i < n; i++) {
        struct block b = window_take(w, life);
        window_let_go(w, &b, w->phase->peer, release);
        if (timed) {
            worker_lap(w);
        }
    }
    if (life == LIFE_FIFO && w->cursor == w->window_len) {
        w->window_len = 0;
    }
    return n;
}

/* What the phase leaves dies at its end when it frees for itself. */
WINDOW_INLINE int window_end(struct worker *w, window_release release)
{
    if (w->phase->freeing == FREE_NEXT) {
        return 0;
    }
    while (w->window_len > 0) {
        window_let_go(w, &w->window[--w->window_len], w->phase->peer, release);
    }
    return 0;
}

#endif
