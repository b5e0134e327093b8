/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * objects.c - start and end of the object runtime around a run, and the proof that nothing was
 * left: the collector must have found every object that was dropped inside a ring, no more and
 * no fewer, and the census must count what it counted before the first phase.
 */
#include "engine/objects.h"

#include <stdio.h>

#include "engine/below.h"
#include "engine/object_types.h"
#include "engine/operations.h"
#include "measure/arena.h"
#include "ouro/census.h"
#include "ouro/gc.h"

#define OBJECTS_ROWS 8192u /* census rows: types x sizes x threads */

static struct {
    const struct run *run;
    struct objects_gc gc;       /* counts atomic: any thread may collect */
    struct objects_gc measured; /* what of it happened before the last phase ended */
    uint64_t alive_before;
    bool background; /* main thread: the collector's own thread runs */
} objects_state;

static uint64_t objects_dropped(const struct run *run)
{
    uint64_t dropped = 0;
    for (unsigned i = 0; run->worker && i < run->options.threads; i++) {
        dropped += ou_load_relaxed(&run->worker[i].cyclic); /* relaxed: a figure */
    }
    return dropped;
}

/* Garbage only grows between collections, so its maxima are where one begins or ends (it frees
 * nothing before it has found something). What the program drops while a collection runs is
 * counted as if that had freed nothing yet. */
static void objects_note_garbage(struct objects_gc *gc)
{
    uint64_t garbage = objects_dropped(objects_state.run) - ou_load_relaxed(&gc->unreachable);
    uint64_t peak = ou_load_relaxed(&gc->garbage_peak);
    while ((int64_t)garbage > (int64_t)peak &&
           !ou_cas_relaxed(&gc->garbage_peak, &peak, garbage)) {
    }
}

static void objects_on_gc(const ou_gc_report *report, void *arg)
{
    struct objects_gc *gc = arg;
    objects_note_garbage(gc);
    if (!report) {
        return; /* about to begin */
    }
    /* relaxed: figures, read when the threads have ended */
    ou_fetch_add_relaxed(&gc->count, 1);
    ou_fetch_add_relaxed(&gc->unreachable, report->unreachable);
    ou_fetch_add_relaxed(&gc->candidates, report->suspects);
    ou_fetch_add_relaxed(&gc->false_suspects, report->false_suspects);
    ou_fetch_add_relaxed(&gc->validation_ns, report->judged_ns);
}

/* Objects alive; UINT64_MAX when they cannot be counted. */
static uint64_t objects_alive(void)
{
    ou_census_row *row = arena_take(OBJECTS_ROWS * sizeof *row);
    uint64_t alive = 0;
    if (!row) {
        return UINT64_MAX;
    }
    size_t n = ou_census(row, OBJECTS_ROWS);
    for (size_t i = 0; i < n && i < OBJECTS_ROWS; i++) {
        alive += row[i].count;
    }
    arena_give(row, OBJECTS_ROWS * sizeof *row);
    return n > OBJECTS_ROWS ? UINT64_MAX : alive;
}

int objects_start(const struct run *run, char *why, size_t why_size)
{
    const char *conf = run->options.heap_malloc ? "heap=malloc" : "heap=ouro";
    if (ou_start(conf) != 0 || object_types_init() != 0 ||
        ou_gc_callback_add(objects_on_gc, &objects_state.gc) != 0) {
        snprintf(why, why_size, "the runtime does not start: %s", ou_error_message());
        return -1;
    }
    objects_state.run = run;
    objects_state.alive_before = objects_alive();
    return 0;
}

/* Objects of the largest thing that is built of many: a ring, a component, a list. */
static uint64_t objects_largest(const struct run *run)
{
    uint64_t largest = 1;
    for (unsigned i = 0; i < run->plan->n_phases; i++) {
        const struct phase *p = &run->plan->phase[i];
        bool list = p->row->form[FORM_OBJECT] == &object_list_append;
        uint64_t n = list ? run->result[i].ops : p->cycle;
        largest = n > largest ? n : largest;
    }
    return largest;
}

int objects_verify(const struct run *run, char *why, size_t why_size)
{
    objects_gc_mode(GC_MANUAL);
    uint64_t dropped = objects_dropped(run);
    uint64_t finalizable = 0;
    objects_note_garbage(&objects_state.gc);
    objects_state.measured = objects_state.gc;
    ou_pauses_get(&objects_state.measured.pauses);
    uint64_t before = objects_state.measured.unreachable;
    int64_t rest = ou_gc_collect();
    uint64_t found = objects_state.gc.unreachable;
    for (unsigned i = 0; i < run->options.threads; i++) {
        finalizable += run->worker[i].finalizable;
    }
    bool all = found == dropped && found - before == (uint64_t)rest;
    if (rest < 0 || (below_counts && !all)) {
        snprintf(why, why_size, "%llu objects were dropped in rings, the collector found %llu",
                 (unsigned long long)dropped, (unsigned long long)found);
        return -1;
    }
    if (object_graphs_finalized() != finalizable) {
        snprintf(why, why_size, "%llu objects with finalizers were made, %llu finalizers ran",
                 (unsigned long long)finalizable,
                 (unsigned long long)object_graphs_finalized());
        return -1;
    }
    uint64_t alive = objects_alive();
    uint64_t left = alive - objects_state.alive_before; /* wraps when there are fewer */
    if (left > below_slack(objects_largest(run)) || alive == UINT64_MAX) {
        snprintf(why, why_size, "%llu objects alive at the end, %llu at the start",
                 (unsigned long long)alive, (unsigned long long)objects_state.alive_before);
        return -1;
    }
    return 0;
}

const struct objects_gc *objects_gc_read(void)
{
    return &objects_state.measured;
}

void objects_gc_mode(enum gc_mode mode)
{
    if (mode == GC_MANUAL) {
        ou_gc_disable();
    } else {
        ou_gc_enable();
    }
    if (mode == GC_BACKGROUND && ou_gc_background(true) == 0) {
        objects_state.background = true;
    } else if (objects_state.background) {
        ou_gc_background(false);
        objects_state.background = false;
    }
}
