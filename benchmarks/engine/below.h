/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * below.h - what the runtime under the object form is able to do. ouro does all of it
 * (below.c); a peer that does not brings answers of its own (benchmarks/peers). Constant;
 * any thread may ask.
 */
#ifndef ENGINE_BELOW_H
#define ENGINE_BELOW_H

#include "engine/workload.h"

/* Why the phase means nothing on this runtime; NULL: it can be run. Static text. */
const char *below_lacks(const struct phase *p);

/* Its collector finds all that was dropped, at once, and counts it. */
extern const bool below_counts;

/* Objects that may be left at the end of a run whose largest ring, component or list has so many:
 * 0 but for a collector that takes any word for a reference, which then keeps a whole one. */
uint64_t below_slack(uint64_t largest);

#endif
