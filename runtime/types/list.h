/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * types/list.h - layout of list: header, item array, length, capacity. Written under the guard
 * only; `len` by one relaxed store, so that it can be read alone.
 *
 * A list that is born with few items has them behind its own fields, in one block. When it
 * outgrows that room, or is cleared, the items live in side storage, and the room is not used
 * again: who emptied the list may still be dropping what was in it.
 */
#ifndef OURO_TYPES_LIST_H
#define OURO_TYPES_LIST_H

#include <assert.h>

#include "ouro/list.h"
#include "types/value.h"

typedef struct ou_list {
    ou_object base;
    ou_object **items; /* lock: guard. `room`, or side storage; NULL when `capacity` is 0 */
    size_t len;        /* lock: guard; atomic: ou_list_len reads it without */
    size_t capacity;   /* lock: guard */
    ou_object *room[]; /* as many as the list was made for, if at most OU_LIST_ROOM */
} ou_list;

#define OU_LIST_ROOM 8u

static_assert(sizeof(ou_list) == 40, "a list is 40 bytes and its array");

/* New reference to item `i`, or NULL without an error when there is none (any more). */
ou_object *ou_list_peek(ou_list *list, size_t i);

#endif
