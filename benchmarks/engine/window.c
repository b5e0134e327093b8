/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * window.c - how the phases on a window begin, the same for blocks and objects.
 */
#include "engine/calendar.h"
#include "engine/operations.h"
#include "engine/worker.h"

int window_fill_begin(struct worker *w)
{
    uint64_t want = w->phase->window;
    if (worker_window_room(w, want > w->window_len ? want : w->window_len) != 0) {
        return -1;
    }
    w->cursor = 0;
    w->planned = want > w->window_len ? want - w->window_len : 0;
    return 0;
}

int window_churn_begin(struct worker *w)
{
    w->cursor = 0;
    if (w->window_len == 0) {
        worker_fail(w, WORKER_MISCOUNT,
                    "churn has no window: a fill with 'free: next phase' "
                    "must come before");
        return -1;
    }
    return w->phase->lifetime == LIFE_EXPONENTIAL ? calendar_begin(w) : 0;
}

int window_drain_begin(struct worker *w)
{
    w->cursor = 0;
    w->planned = w->window_len;
    return 0;
}

/* Counted twice, independently: operations by the loop, births and resizes by their makers. */
int window_churn_end(struct worker *w)
{
    uint64_t seen = w->made - w->phase_made + w->resized;
    if (seen != w->done) {
        worker_fail(w, WORKER_MISCOUNT, "%llu operations made %llu things",
                    (unsigned long long)w->done, (unsigned long long)seen);
        return -1;
    }
    return 0;
}
