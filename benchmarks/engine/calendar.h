/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * calendar.h - exponential lifetimes: every birth draws its day of death.
 *
 * Time is counted in births. A wheel of days holds a chain of slots each; on every day those
 * that are due die and one is born. The mean lifetime is the window, so the number alive
 * fluctuates around the window as in a server with independent requests, which neither
 * `random` nor `fifo` do. The wheel covers 8 mean lifetimes: longer ones (1 in 3,000) are cut.
 */
#ifndef ENGINE_CALENDAR_H
#define ENGINE_CALENDAR_H

#include "engine/window.h"

#define CALENDAR_NONE UINT32_MAX
#define CALENDAR_MEANS 8u

struct calendar {
    uint64_t today;
    uint64_t days; /* power of two */
    uint64_t mean;
    uint32_t free_slot; /* chain of slots without a block */
    uint32_t *due;      /* one chain a day */
    uint32_t *next;     /* one a slot */
};

/* Gives every block that is there a remaining life and every other slot to the free chain. */
int calendar_begin(struct worker *w);

/* Packs the window: afterwards the first window_len slots are the ones alive. */
void calendar_end(struct worker *w);

/* Days until death for 64 random bits. */
uint64_t calendar_life(const struct calendar *k, uint64_t random);

WINDOW_INLINE void calendar_book(struct calendar *k, uint32_t slot, uint64_t random)
{
    uint64_t day = (k->today + calendar_life(k, random)) & (k->days - 1);
    k->next[slot] = k->due[day];
    k->due[day] = slot;
}

/* A day ends: all that are due die. */
WINDOW_INLINE void calendar_day(struct worker *w, struct calendar *k, window_release release)
{
    uint64_t day = ++k->today & (k->days - 1);
    uint32_t slot = k->due[day];
    k->due[day] = CALENDAR_NONE;
    while (slot != CALENDAR_NONE) {
        uint32_t after = k->next[slot];
        window_let_go(w, &w->window[slot], w->phase->peer, release);
        w->window[slot].p = NULL;
        k->next[slot] = k->free_slot;
        k->free_slot = slot;
        slot = after;
    }
}

WINDOW_INLINE uint64_t calendar_churn(struct worker *w, uint64_t left, window_make make,
                                      window_release release)
{
    struct calendar *k = w->scratch;
    uint64_t n = left < WINDOW_BATCH ? left : WINDOW_BATCH;
    bool timed = w->latency != NULL;
    exchange_drain(w);
    objects_poll(w);
    if (timed) {
        worker_lap_begin(w);
    }
    for (uint64_t i = 0; i < n; i++) {
        do {
            calendar_day(w, k, release);
        } while (k->free_slot == CALENDAR_NONE);
        uint32_t slot = k->free_slot;
        k->free_slot = k->next[slot];
        uint64_t random = rng_next(&w->rng);
        if (!make(w, &w->window[slot], random, false)) {
            return 0;
        }
        calendar_book(k, slot, rng_next(&w->rng));
        if (timed) {
            worker_lap(w);
        }
    }
    return n;
}

#endif
