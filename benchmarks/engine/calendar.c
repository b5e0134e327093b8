/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * calendar.c - begin and end of a phase with exponential lifetimes; see calendar.h.
 */
#include "engine/calendar.h"

#include <math.h>

uint64_t calendar_life(const struct calendar *k, uint64_t random)
{
    double u = ((double)(random >> 11) + 0.5) * 0x1p-53;
    double life = ceil(-log(u) * (double)k->mean);
    uint64_t most = k->days - 1;
    return life < (double)most ? (uint64_t)life : most;
}

int calendar_begin(struct worker *w)
{
    uint64_t mean = w->window_len;
    /* The number alive is Poisson: twice the mean and 64 is never reached in practice; if it
     * is, the day's birth waits for a death. */
    uint64_t slots = 2 * mean + 64;
    uint64_t days = 64;
    while (days < CALENDAR_MEANS * mean) {
        days *= 2;
    }
    size_t bytes = sizeof(struct calendar) + (days + slots) * sizeof(uint32_t);
    if (worker_window_room(w, slots) != 0 || worker_scratch(w, bytes) != 0) {
        return -1;
    }
    struct calendar *k = w->scratch;
    *k = (struct calendar){.days = days, .mean = mean, .free_slot = CALENDAR_NONE};
    k->due = (uint32_t *)(k + 1);
    k->next = k->due + days;
    for (uint64_t day = 0; day < days; day++) {
        k->due[day] = CALENDAR_NONE;
    }
    for (uint32_t slot = (uint32_t)slots; slot-- > mean;) {
        w->window[slot].p = NULL;
        k->next[slot] = k->free_slot;
        k->free_slot = slot;
    }
    for (uint32_t slot = 0; slot < mean; slot++) {
        calendar_book(k, slot, rng_next(&w->rng));
    }
    return 0;
}

void calendar_end(struct worker *w)
{
    uint64_t to = 0;
    for (uint64_t from = 0; from < w->window_cap; from++) {
        if (w->window[from].p) {
            w->window[to++] = w->window[from];
        }
    }
    w->window_len = to;
}
