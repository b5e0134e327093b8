/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * idmap.h - from addresses to small numbers, in memory of its own. Caller holds the lock of
 * the recorder for every call.
 */
#ifndef TRACE_IDMAP_H
#define TRACE_IDMAP_H

#include <stdbool.h>
#include <stdint.h>

#define IDMAP_NONE UINT32_MAX

/* Gives `addr` a number, the one freed last or a new one. IDMAP_NONE: out of memory or of
 * numbers. An address that is there already (its free was not seen) keeps its number, and
 * *again is set. */
uint32_t idmap_add(uintptr_t addr, bool *again);

/* Forgets `addr` and returns its number, which may be given out again when `reuse` is set;
 * IDMAP_NONE when it is not known. */
uint32_t idmap_remove(uintptr_t addr, bool reuse);

/* Enters an address under a number that idmap_remove() returned with `reuse` false. */
bool idmap_put(uintptr_t addr, uint32_t id);

#endif
