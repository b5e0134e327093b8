/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * object_visitors.c - threads that come and go: each makes a window of objects, frees half of
 * them and ends; the thread that started it frees the rest, whose owner is gone.
 *
 * One operation is one object. While a visitor runs, its host waits for it and has lent it the
 * whole worker, so nothing is shared.
 */
#include "engine/object_types.h"
#include "engine/objects.h"
#include "engine/operations.h"

/* The visitor's thread. */
static void *visitors_visit(void *arg)
{
    struct worker *w = arg;
    struct block *block = w->scratch;
    uint64_t n = w->phase->window;
    if (ou_thread_attach() != 0) {
        worker_fail(w, WORKER_NO_MEMORY, "a visitor cannot attach: %s", ou_error_message());
        return NULL;
    }
    for (uint64_t i = 0; i < n && object_window_new(w, &block[i]); i++) {
        objects_poll(w);
    }
    for (uint64_t i = 0; i < n / 2 && w->failure == WORKER_FINE; i++) {
        object_release(w, &block[i]);
    }
    ou_thread_detach();
    return NULL;
}

static uint64_t visitors_step(struct worker *w, uint64_t left)
{
    const struct block *block = w->scratch;
    uint64_t n = w->phase->window;
    pthread_t thread;
    (void)left; /* begin planned whole windows */
    if (pthread_create(&thread, NULL, visitors_visit, w) != 0) {
        return worker_fail(w, WORKER_NO_MEMORY, "a visitor cannot be started");
    }
    ou_blocking_begin();
    pthread_join(thread, NULL);
    ou_blocking_end();
    if (w->failure != WORKER_FINE) {
        return 0;
    }
    for (uint64_t i = n / 2; i < n; i++) {
        object_release(w, &block[i]);
    }
    return n;
}

static int visitors_begin(struct worker *w)
{
    uint64_t n = w->phase->window;
    if (object_window_check(w) != 0) {
        return -1;
    }
    if (w->planned != UINT64_MAX) {
        w->planned = (w->planned + n - 1) / n * n;
    }
    return worker_scratch(w, n * sizeof(struct block));
}

static int visitors_end(struct worker *w)
{
    (void)w;
    return 0;
}

const struct op_form object_visitors = {visitors_begin,
                                        visitors_step,
                                        visitors_end,
                                        OPS_END | KEY(window) | KEY(types),
                                        KEY(sizes) | KEY(cyclic) | KEY(cycle) | KEY(gc),
                                        false};
