/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dict.h - insertion-ordered hash tables.
 *
 * Keys are none, bool, int, float, str, tuples of these, and instances and weakrefs (by
 * identity); lists and dicts are OU_EHASH. Threads: as list.h. Equality of keys never runs user
 * code, so a lookup is one atomic step. Source: the compact dict of R. Hettinger (2012); probes
 * that choose without a branch, K. A. Ross, ICDE 2007 (docs/containers.md).
 *
 * Errors of all calls, beside those named: OU_ETYPE, what is given as `dict` is none;
 * OU_EINVAL, a key or value is NULL; OU_ESTATE, the thread is not attached. An int result is 0
 * or the error; nothing has changed then.
 */
#ifndef OURO_DICT_H
#define OURO_DICT_H

#include "ouro/common.h"

OU_BEGIN_DECLS

/* New reference to an empty dict; `capacity` is a hint in keys. NULL, OU_ENOMEM. A safepoint.
 */
OU_API ou_object *ou_dict_new(size_t capacity);

/* Number of keys, or a negative error. One load, any thread, attached or not. */
OU_API int64_t ou_dict_len(ou_object *dict);

/* Sets dict[key] = value; the dict takes its own references (borrowed in). An equal key that is
 * there already stays, and its place; the old value's reference is dropped after. 0, OU_EHASH,
 * OU_ENOMEM. */
OU_API int ou_dict_set(ou_object *dict, ou_object *key, ou_object *value);

/* New reference to the value, or NULL and OU_EKEY, OU_EHASH. */
OU_API ou_object *ou_dict_get(ou_object *dict, ou_object *key);

/* 1, 0, or a negative error (OU_EHASH). */
OU_API int ou_dict_contains(ou_object *dict, ou_object *key);

/* Removes a key; its reference and the value's are dropped after. 0, OU_EKEY, OU_EHASH. */
OU_API int ou_dict_del(ou_object *dict, ou_object *key);

/* Drops everything; it dies after the dict is already empty. 0. */
OU_API int ou_dict_clear(ou_object *dict);

/* New reference to a dict with the same keys and values, of one moment, in the same order.
 * NULL, OU_ENOMEM. A safepoint. */
OU_API ou_object *ou_dict_copy(ou_object *dict);

/* Iteration in insertion order: start with *pos = 0; returns 1 and new references in *key and
 * *value (each may be NULL if not wanted), 0 at the end. What a reader may see while others
 * change the dict: each key that is there for the whole iteration exactly once, with a value it
 * had at a moment of the call; a key that is deleted meanwhile once or not at all. Keys may be
 * deleted and values replaced. A key that is added, or a clear, ends the iteration: OU_ECHANGED
 * from then on, nothing stored; begin again with *pos = 0, or walk over ou_dict_copy. */
OU_API int ou_dict_next(ou_object *dict, uint64_t *pos, ou_object **key, ou_object **value);

/* Any thread. */
OU_API bool ou_is_dict(const ou_object *o);

OU_END_DECLS

#endif
