/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * census.h - what is alive: by type, size and thread; who refers to whom; what leaked.
 * Source: row 12 of the documents. All calls stop the world for as long as they look;
 * on a thread that is not attached they return 0 with OU_ESTATE.
 */
#ifndef OURO_CENSUS_H
#define OURO_CENSUS_H

#include <stdio.h>

#include "ouro/common.h"

typedef struct ou_census_row {
    const char *type;  /* type name */
    unsigned slot;     /* thread slot whose heap holds it */
    size_t size_bytes; /* block size */
    uint64_t count;    /* live objects */
} ou_census_row;

OU_BEGIN_DECLS

/* Counts every live heap object, one row per (type, slot, size), largest total first. Writes at
 * most `max` rows; returns how many there are. `rows` may be NULL with max 0. */
OU_API size_t ou_census(ou_census_row *rows, size_t max);

/* Prints the census, a line a row. */
OU_API void ou_census_print(FILE *out);

/* Tracked objects that refer to `target`: new references, at most `max`, to `out` (NULL with
 * max 0); returns how many there are in all. What a finalizer or callback takes of the garbage
 * of a collection in progress lives on. */
OU_API size_t ou_referrers(ou_object *target, ou_object **out, size_t max);

/* Objects that `o` refers to: new references, at most `max`, to `out` (NULL with max 0);
 * returns how many there are. */
OU_API size_t ou_referents(ou_object *o, ou_object **out, size_t max);

/* Live objects that are not immortal, one line a type;
 * returns their number. Printed by ou_stop when the knob `leak_report` is on. */
OU_API uint64_t ou_leak_report(FILE *out);

OU_END_DECLS

#endif
