/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * team.h - a group of threads that begin together, each attached to the runtime.
 *
 * team_run is called by an attached thread; it waits inside a blocking region, so collections
 * asked for by the members do not wait for it.
 */
#ifndef TESTS_TEAM_H
#define TESTS_TEAM_H

#include <stddef.h>

#include "ouro/object.h"

#define TEAM_MAX 64

typedef void (*team_member)(unsigned index, void *arg);

/* Runs `member` in `n` threads (at most TEAM_MAX) and joins them. */
void team_run(unsigned n, team_member member, void *arg);

/* Runs `fn` in one thread with a stack of `stack_bytes` (0 = default), attached, and joins.
 * Returns how many bytes of that stack were written to, the C library's own part included; 0 of
 * a default one. */
size_t team_run_small(size_t stack_bytes, team_member fn, void *arg);

/* Runs `fn` on `o` in one thread, attached, and joins. What becomes of the caller's reference
 * is between the two. */
void team_send(ou_object *o, void (*fn)(ou_object *o));

#endif
