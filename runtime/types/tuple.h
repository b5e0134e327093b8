/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * types/tuple.h - layout of tuple: header, length, items inline. Immutable once tracked.
 */
#ifndef OURO_TYPES_TUPLE_H
#define OURO_TYPES_TUPLE_H

#include <assert.h>

#include "ouro/tuple.h"
#include "types/value.h"

typedef struct ou_tuple {
    ou_object base;
    size_t len;         /* const */
    ou_object *items[]; /* const, never NULL */
} ou_tuple;

static_assert(sizeof(ou_tuple) == 24, "a tuple is 24 bytes and 8 an item");

/* ou_hash of a tuple whose items are at level `depth`. */
int ou_tuple_hash_at(ou_tuple *t, uint64_t *hash, int depth);

#endif
