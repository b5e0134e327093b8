/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * list.h - growable arrays of references.
 *
 * Any attached thread may use any list. Each call is atomic, but extend from another list or
 * tuple takes two steps. The thread that owns a list works on it without a lock until another
 * thread touches it; from then on (SHARED, sticky) every call locks the list's own byte
 * (docs/containers.md says how the hand-over is safe). Indexes are zero-based; there are no
 * negative ones.
 *
 * Errors of all calls, beside those named: OU_ETYPE, what is given as `list` is none;
 * OU_EINVAL, an item is NULL (that of an array must not be); OU_ESTATE, the thread is not
 * attached. An int result is 0 or the error; nothing has changed then.
 *
 * Walking a list that others change: go by index until OU_EINDEX. Each ou_list_get gives an
 * item that stood there at a moment of the call, and keeps it alive. Items that are appended,
 * set or popped meanwhile are seen or not; after an insertion or deletion in the middle one may
 * be met twice or missed. For the contents of one moment walk over ou_list_copy.
 */
#ifndef OURO_LIST_H
#define OURO_LIST_H

#include "ouro/common.h"

OU_BEGIN_DECLS

/* New reference to an empty list with room for `capacity` items. NULL, OU_ENOMEM. A safepoint,
 * as all calls that make a list are. */
OU_API ou_object *ou_list_new(size_t capacity);

/* New reference to a list of `n` items; takes its own reference of each (borrowed in). NULL,
 * OU_ENOMEM. */
OU_API ou_object *ou_list_of(ou_object *const *items, size_t n);

/* `[item] * n`: new reference to one list with n references to one object (row 7). NULL,
 * OU_ENOMEM. */
OU_API ou_object *ou_list_repeat(ou_object *item, size_t n);

/* Number of items, or a negative error. One load: a number it had at about that time. Any
 * thread, attached or not. */
OU_API int64_t ou_list_len(ou_object *list);

/* New reference to item `i`; NULL and OU_EINDEX. */
OU_API ou_object *ou_list_get(ou_object *list, size_t i);

/* Replaces item `i`; the list takes its own reference (borrowed in), the old item's is dropped
 * after. 0, OU_EINDEX. */
OU_API int ou_list_set(ou_object *list, size_t i, ou_object *item);

/* Adds at the end, amortised constant time; long arrays grow in place, without a copy. 0,
 * OU_ENOMEM. Takes its own reference; `_steal` takes over the caller's, also when it fails, but
 * on a thread that is not attached. May be a safepoint when it grows, or the list is shared. */
OU_API int ou_list_append(ou_object *list, ou_object *item);
OU_API int ou_list_append_steal(ou_object *list, ou_object *item);

/* Adds all items of `other` (a list or a tuple; may be the list itself), or none. 0, OU_ETYPE,
 * OU_ENOMEM. */
OU_API int ou_list_extend(ou_object *list, ou_object *other);

/* Inserts before `i` (i <= len); takes its own reference. 0, OU_EINDEX, OU_ENOMEM. */
OU_API int ou_list_insert(ou_object *list, size_t i, ou_object *item);

/* Removes and returns the last item (owned); NULL and OU_EINDEX when empty. */
OU_API ou_object *ou_list_pop(ou_object *list);

/* Removes item `i`, whose reference is dropped after. 0, OU_EINDEX. */
OU_API int ou_list_del(ou_object *list, size_t i);

/* Drops all items; they die after the list is already empty. 0. */
OU_API int ou_list_clear(ou_object *list);

/* New reference to a list with the same items, of one moment. NULL, OU_ENOMEM. */
OU_API ou_object *ou_list_copy(ou_object *list);

/* Sum of the int items (64-bit, wrapping), counting the items that are ints in *ints (may be
 * NULL). One pass over the items of one moment; the scan of the benchmarks. 0 or OU_ETYPE. */
OU_API int ou_list_sum(ou_object *list, int64_t *sum, size_t *ints);

/* Any thread. */
OU_API bool ou_is_list(const ou_object *o);

OU_END_DECLS

#endif
