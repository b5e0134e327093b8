/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * fault.c - fails on purpose: a harness that was never seen reporting a crash reports none.
 * Only workload files that say `op: fault` get here.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/object_types.h"
#include "engine/objects.h"
#include "engine/operations.h"
#include "engine/worker.h"

static int fault_begin(struct worker *w)
{
    w->planned = 1;
    return 0;
}

/* Does what the final verification must notice: something stays alive, or something is given
 * back (dropped in a ring) that nobody counted. */
static uint64_t fault_books(struct worker *w)
{
    bool leak = w->phase->fault == FAULT_LEAK;
    if (!objects_used(w)) {
        w->made += leak;
        w->released += !leak;
        return malloc(16) != NULL;
    }
    ou_object *ring = object_ring(3);
    if (ring && !leak) {
        ou_decref(ring);
    }
    return ring != NULL;
}

static uint64_t fault_step(struct worker *w, uint64_t left)
{
    (void)left;
    switch (w->phase->fault) {
    case FAULT_SEGV:
        signal(SIGSEGV, SIG_DFL); /* sanitizers catch it otherwise and exit instead */
        raise(SIGSEGV);
        break;
    case FAULT_ABORT:
        abort();
    case FAULT_HANG:
        for (;;) {
            pause();
        }
    case FAULT_SILENT:
        _exit(0); /* success without a record */
    case FAULT_DRIFT:
        worker_sum(w, ++w->drift);
        break;
    case FAULT_LEAK:
    case FAULT_STRAY:
        return fault_books(w);
    case FAULT_UNFINALIZED: /* one more than there are */
        w->made++;
        w->released++;
        w->finalizable++;
        return 1;
    case FAULT_WRONG:
        return worker_fail(w, WORKER_CORRUPT, "fault: wrong was ordered");
    }
    return 1;
}

static int fault_end(struct worker *w)
{
    (void)w;
    return 0;
}

const struct op_form any_fault = {fault_begin, fault_step, fault_end, KEY(fault), 0, false};
