/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * list.h - growable arrays of references.
 *
 * Any attached thread may use any list. Each call is atomic, but extend from another list or
 * tuple takes two steps. The thread that owns a list works on it without a lock until another
 * thread touches it; from then on (SHARED, sticky) every call locks the list's own byte
 * (docs/containers.md says how the hand-over is safe). Indexes are zero-based; there are no
 * negative ones. Calls that get a list return OU_ETYPE for anything else.
 */
#ifndef OURO_LIST_H
#define OURO_LIST_H

#include "ouro/common.h"

OU_BEGIN_DECLS

/* New reference to an empty list with room for `capacity` items. NULL, OU_ENOMEM. */
OU_API ou_object *ou_list_new(size_t capacity);

/* New reference to a list of `n` items (own references taken). */
OU_API ou_object *ou_list_of(ou_object *const *items, size_t n);

/* `[item] * n`: one list, n references to one object (row 7). */
OU_API ou_object *ou_list_repeat(ou_object *item, size_t n);

/* Number of items, or a negative error. */
OU_API int64_t ou_list_len(ou_object *list);

/* New reference to item `i`; NULL and OU_EINDEX. */
OU_API ou_object *ou_list_get(ou_object *list, size_t i);

/* Replaces item `i`; the list takes its own reference, the old item's is dropped after. */
OU_API int ou_list_set(ou_object *list, size_t i, ou_object *item);

/* Adds at the end, amortised constant time. `_steal` takes over the caller's reference, also
 * when it fails. */
OU_API int ou_list_append(ou_object *list, ou_object *item);
OU_API int ou_list_append_steal(ou_object *list, ou_object *item);

/* Adds all items of `other` (a list or a tuple; may be the list itself). */
OU_API int ou_list_extend(ou_object *list, ou_object *other);

/* Inserts before `i` (i <= len). */
OU_API int ou_list_insert(ou_object *list, size_t i, ou_object *item);

/* Removes and returns the last item (owned); NULL and OU_EINDEX when empty. */
OU_API ou_object *ou_list_pop(ou_object *list);

/* Removes item `i`. */
OU_API int ou_list_del(ou_object *list, size_t i);

/* Drops all items; they die after the list is already empty. */
OU_API int ou_list_clear(ou_object *list);

/* New list with the same items. */
OU_API ou_object *ou_list_copy(ou_object *list);

/* Sum of the int items (64-bit, wrapping), counting the items that are ints in *ints (may be
 * NULL). One locked pass over the list; the scan of the benchmarks. 0 or OU_ETYPE. */
OU_API int ou_list_sum(ou_object *list, int64_t *sum, size_t *ints);

OU_API bool ou_is_list(const ou_object *o);

OU_END_DECLS

#endif
