/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * arena.h - memory for the suite's own arrays, straight from mmap.
 *
 * What measures must not allocate from what is measured. Called before the timed part for
 * windows, tables and histograms, and by the record writer for its JSON. Everything is
 * populated when it is taken, so its page faults are not counted in a timed phase.
 */
#ifndef MEASURE_ARENA_H
#define MEASURE_ARENA_H

#include <stddef.h>

/* A zeroed, populated mapping of its own; NULL when the system has no memory. 0 bytes count as
 * one page. The caller owns it. */
void *arena_take(size_t bytes);

/* Gives a mapping back; `bytes` as it was taken. NULL is fine. */
void arena_give(void *p, size_t bytes);

/* Small pieces that live until the process ends (strings, parsed files, JSON nodes): bump
 * allocation in mappings of 256 KiB. 16-byte aligned, zeroed. Not thread-safe. */
void *arena_bump(size_t bytes);

/* For interfaces that want a pair: forgets the piece. */
void arena_bump_free(void *p);

/* A copy of a string in bump memory. NULL: out of memory. */
char *arena_strdup(const char *s);

#endif
