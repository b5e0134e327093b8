/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * objects.h - the engine's door to the object runtime: start, threads, safepoints, the end.
 */
#ifndef ENGINE_OBJECTS_H
#define ENGINE_OBJECTS_H

#include "engine/worker.h"
#include "ouro/common.h"
#include "ouro/pause.h"
#include "ouro/runtime.h"

/* What the collector did during the phases. */
struct objects_gc {
    uint64_t count;
    uint64_t unreachable;
    uint64_t garbage_peak; /* most objects dropped in cycles and not yet collected: an upper
                            * bound, looked at where collections begin and end */
    uint64_t candidates;   /* objects that the hint named, and which turned out to live */
    uint64_t false_suspects;
    uint64_t validation_ns; /* of the stops: spent to judge them */
    ou_pauses pauses;       /* every stop of the world until the last phase ended */
};

/* Starts the runtime on the chosen heap and attaches the main thread. 0 or -1 with a line. */
int objects_start(const struct run *run, char *why, size_t why_size);

/* Collects the rest and compares with what the workers dropped: rings found, objects alive
 * before and after. 0 or -1 with a line. Main thread, others ended. */
int objects_verify(const struct run *run, char *why, size_t why_size);

/* Without the collection of objects_verify(), which must come before. */
const struct objects_gc *objects_gc_read(void);

/* Automatic collections as the phase wants them. Main thread, between phases. */
void objects_gc_mode(enum gc_mode mode);

static inline bool objects_used(const struct worker *w)
{
    return w->run->options.form == FORM_OBJECT;
}

/* Lets a stopped world begin; called at least once every few thousand operations. */
static inline void objects_poll(const struct worker *w)
{
    if (objects_used(w)) {
        ou_safepoint();
    }
}

#endif
