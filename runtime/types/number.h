/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * types/number.h - layout of bool, int and float: a header and 8 bytes of value.
 */
#ifndef OURO_TYPES_NUMBER_H
#define OURO_TYPES_NUMBER_H

#include <assert.h>

#include "ouro/number.h"
#include "types/value.h"

/* Also the layout of bool, so that both read as 64-bit values without a branch. */
typedef struct ou_int {
    ou_object base;
    int64_t value; /* const */
} ou_int;

typedef struct ou_float {
    ou_object base;
    double value; /* const */
} ou_float;

static_assert(sizeof(ou_int) == 24, "an int is its header and 8 bytes");
static_assert(sizeof(ou_float) == 24, "a float is its header and 8 bytes");

OU_INLINE bool ou_is_integral(const ou_object *o)
{
    return ou_is_kind(o, OU_KIND_INT) || ou_is_kind(o, OU_KIND_BOOL);
}

/* Exact comparison across the two kinds of number: no rounding on either side. */
bool ou_float_equals_int(double f, int64_t i);

#endif
