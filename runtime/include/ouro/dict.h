/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dict.h - insertion-ordered hash tables.
 *
 * Keys are none, bool, int, float, str, tuples of these, and instances (by identity); lists
 * and dicts are OU_EHASH. Threads: as list.h. Equality of keys never runs user code, so a
 * lookup is one atomic step.
 */
#ifndef OURO_DICT_H
#define OURO_DICT_H

#include "ouro/common.h"

OU_BEGIN_DECLS

/* New reference to an empty dict; `capacity` is a hint in keys. NULL, OU_ENOMEM. */
OU_API ou_object *ou_dict_new(size_t capacity);

/* Number of keys, or a negative error. */
OU_API int64_t ou_dict_len(ou_object *dict);

/* Sets dict[key] = value; the dict takes its own references. 0, OU_EHASH, OU_ENOMEM. */
OU_API int ou_dict_set(ou_object *dict, ou_object *key, ou_object *value);

/* New reference to the value, or NULL and OU_EKEY. */
OU_API ou_object *ou_dict_get(ou_object *dict, ou_object *key);

/* 1, 0, or a negative error. */
OU_API int ou_dict_contains(ou_object *dict, ou_object *key);

/* Removes a key. 0 or OU_EKEY. */
OU_API int ou_dict_del(ou_object *dict, ou_object *key);

/* Drops everything. */
OU_API int ou_dict_clear(ou_object *dict);

/* New dict with the same keys and values, same order. */
OU_API ou_object *ou_dict_copy(ou_object *dict);

/* Iteration in insertion order: start with *pos = 0; returns 1 and new references in *key and
 * *value (each may be NULL if not wanted), 0 at the end. A reader sees each key that was there
 * for the whole iteration exactly once unless the dict was rebuilt meanwhile, which is
 * reported as OU_ECHANGED (a key was added or the dict cleared since the start). */
OU_API int ou_dict_next(ou_object *dict, uint64_t *pos, ou_object **key, ou_object **value);

OU_API bool ou_is_dict(const ou_object *o);

OU_END_DECLS

#endif
