/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * number.h - none, bool, int and float.
 *
 * Integers are boxed 64-bit values; OU_SMALL_MIN..OU_SMALL_MAX are interned, immortal from
 * birth and share one identity each, as row 4 of the documents says of -5..256 (ouro's range
 * is wider at the top). None, True and False are immortal singletons. All are immutable, so
 * every function here may be called by any thread on any object it holds a reference of; those
 * that make one need an attached thread, and give others NULL with OU_ESTATE. No call is a
 * safepoint.
 */
#ifndef OURO_NUMBER_H
#define OURO_NUMBER_H

#include "ouro/common.h"

#define OU_SMALL_MIN (-5)
#define OU_SMALL_MAX 256

OU_BEGIN_DECLS

/* The singletons (borrowed: counting them is allowed and does nothing). */
OU_API ou_object *ou_none(void);
OU_API ou_object *ou_true(void);
OU_API ou_object *ou_false(void);
OU_API ou_object *ou_bool(bool value);

/* New reference to the integer `value`; NULL and OU_ENOMEM. */
OU_API ou_object *ou_int_new(int64_t value);

/* Value of an int (or bool: 0/1). 0 and *value set, or OU_ETYPE. */
OU_API int ou_int_value(const ou_object *o, int64_t *value);

/* New reference to a + b; NULL with OU_ETYPE or OU_EOVERFLOW (64 bits). */
OU_API ou_object *ou_int_add(const ou_object *a, const ou_object *b);

/* New reference to the float `value`; floats are never interned. NULL and OU_ENOMEM. */
OU_API ou_object *ou_float_new(double value);

/* Value of a float (or int or bool, converted). 0 and *value set, or OU_ETYPE. */
OU_API int ou_float_value(const ou_object *o, double *value);

OU_API bool ou_is_int(const ou_object *o);
OU_API bool ou_is_float(const ou_object *o);
OU_API bool ou_is_bool(const ou_object *o);
OU_API bool ou_is_none(const ou_object *o);

OU_END_DECLS

#endif
