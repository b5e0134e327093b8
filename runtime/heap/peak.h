/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * peak.h - how large the heap has been, and whether it is larger now by a 32nd. `held` are the
 * arena's bytes in runs or dirty; what was given back inside of runs is subtracted here.
 */
#ifndef OURO_HEAP_PEAK_H
#define OURO_HEAP_PEAK_H

#include "heap/page.h"

/* Pages inside of used runs were given back; are about to be used again. Any thread. */
void ou_peak_given(size_t bytes);
void ou_peak_taken(size_t bytes);

/* Any thread; may be late. */
bool ou_peak_passed(size_t held);
/* ... by how many bytes? */
size_t ou_peak_above(size_t held);

/* Under the arena's lock: the next growth begins as much later. */
void ou_peak_lift(size_t bytes);

/* Under the arena's lock. The next growth begins above what is resident now; false: that is no
 * more than it was. */
bool ou_peak_raise(size_t held);

/* Under the arena's lock. The peak falls by 1/fades of what lies above the next growth: slowly,
 * or a program that swings would give its pages back and fault them again with each swing. */
void ou_peak_fade(size_t held, size_t fades);

#endif
