/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * pause.h - how long the world stood: every stop since the start of the process, by length.
 *
 * Lengths are kept in a log-linear histogram: 16 buckets for every power of two, so a quantile
 * is at most 1/16 above the truth, never below. (Idea: G. Tene, HdrHistogram.) Numbers only
 * grow: what happened between two moments is the difference of two readings.
 */
#ifndef OURO_PAUSE_H
#define OURO_PAUSE_H

#include "ouro/common.h"

#define OU_PAUSE_SUB 16u      /* buckets a power of two */
#define OU_PAUSE_BUCKETS 576u /* up to 2^39 ns, nine minutes; longer ones go to the last */

typedef struct ou_pauses {
    uint64_t stops;
    uint64_t stopped_ns;               /* summed; from the wish to stop until the world ran */
    uint64_t longest_ns;               /* since the start, also in a difference */
    uint64_t longest_reach_ns;         /* of these: until everybody stood; the same */
    uint64_t bucket[OU_PAUSE_BUCKETS]; /* stops by length */
} ou_pauses;

/* One stop, by the monotonic clock (CLOCK_MONOTONIC). */
typedef struct ou_pause {
    uint64_t began_ns; /* somebody wished to stop */
    uint64_t ns;       /* until the world ran again */
} ou_pause;

OU_BEGIN_DECLS

/* Fills `out`. Thread-safety: any thread, at any time; a stop that ends meanwhile may be in
 * some of the numbers and not in others. */
OU_API void ou_pauses_get(ou_pauses *out);

/* What happened after `before` was read: subtracts it from `now`, except the two longest. */
OU_API void ou_pauses_since(ou_pauses *now, const ou_pauses *before);

/* Length that at least the share `q` (0..1) of the stops did not exceed, in ns: the upper edge
 * of its bucket, at most longest_ns. 0 when there was none. */
OU_API uint64_t ou_pauses_quantile(const ou_pauses *pauses, double q);

/* From now on each stop is also written down: the k-th in log[k % n], so that the last n
 * remain. `log` stays the caller's and must live until another call: NULL ends logging, another
 * log takes the place of this one; afterwards nothing is written to this one. Thread-safety:
 * any thread, attached or not, at any time. */
OU_API void ou_pauses_log(ou_pause *log, size_t n);

/* Stops written down since the log was given; their entries are whole while nobody stops the
 * world. Any thread. */
OU_API uint64_t ou_pauses_logged(void);

OU_END_DECLS

#endif
