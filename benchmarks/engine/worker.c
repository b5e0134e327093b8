/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * worker.c - what all operations need from their worker: room, scratch, failure.
 */
#include "engine/worker.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "measure/arena.h"

uint64_t worker_fail(struct worker *w, enum worker_failure why, const char *fmt, ...)
{
    if (w->failure == WORKER_FINE) {
        va_list args;
        w->failure = why;
        va_start(args, fmt);
        vsnprintf(w->detail, sizeof w->detail, fmt, args);
        va_end(args);
        ou_store_release(&w->run->failed, 1); /* pairs: run_phase */
    }
    return 0;
}

int worker_window_room(struct worker *w, uint64_t slots)
{
    if (slots <= w->window_cap) {
        return 0;
    }
    struct block *room = arena_take(slots * sizeof *room);
    if (!room) {
        worker_fail(w, WORKER_NO_MEMORY, "no memory for a window of %llu",
                    (unsigned long long)slots);
        return -1;
    }
    if (w->window) {
        memcpy(room, w->window, w->window_len * sizeof *room);
        arena_give(w->window, w->window_cap * sizeof *room);
    }
    w->window = room;
    w->window_cap = slots;
    return 0;
}

int worker_scratch(struct worker *w, size_t bytes)
{
    w->scratch = arena_take(bytes);
    if (!w->scratch) {
        worker_fail(w, WORKER_NO_MEMORY, "no memory for the phase's array");
        return -1;
    }
    w->scratch_bytes = bytes;
    return 0;
}
