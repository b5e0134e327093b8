/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * tuple.h - immutable sequences. Filled before they are published, never changed after: any
 * thread that holds a reference may read, attached or not, without a lock.
 */
#ifndef OURO_TUPLE_H
#define OURO_TUPLE_H

#include "ouro/common.h"

OU_BEGIN_DECLS

/* New reference to a tuple of `n` items, none of them NULL; takes its own reference of each
 * (borrowed in). n = 0 gives the one immortal empty tuple. NULL: OU_ENOMEM, OU_ESTATE (not
 * attached). A safepoint, unless empty. */
OU_API ou_object *ou_tuple_new(ou_object *const *items, size_t n);

/* Number of items; OU_ETYPE when `o` is no tuple. */
OU_API int64_t ou_tuple_len(const ou_object *o);

/* Item `i` (borrowed from the tuple: valid while the caller keeps the tuple). NULL: OU_EINDEX,
 * OU_ETYPE. */
OU_API ou_object *ou_tuple_get_borrow(const ou_object *o, size_t i);

OU_API bool ou_is_tuple(const ou_object *o);

OU_END_DECLS

#endif
