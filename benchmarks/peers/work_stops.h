/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * work_stops.h - stops of the world of a runtime that tells when one begins and ends; they are
 * asked for by ouro's own functions (ouro/pause.h).
 */
#ifndef OURO_WORK_STOPS_H
#define OURO_WORK_STOPS_H

#include <stdint.h>

/* CLOCK_MONOTONIC, ns. */
uint64_t work_now_ns(void);

/* One stop: somebody wished for it at `began_ns`, everybody stood `reach_ns` later, the world
 * ran again `ns` after the wish. By one thread at a time: who collects has the runtime's lock.
 */
void work_stop_add(uint64_t began_ns, uint64_t reach_ns, uint64_t ns);

#endif
