/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * list_room.h - room for items: how lists grow and shrink. Shared by the two files of list.
 * Calls that take a list here need its guard, or a list nobody else can reach.
 */
#ifndef OURO_TYPES_LIST_ROOM_H
#define OURO_TYPES_LIST_ROOM_H

#include "types/list.h"

/* Block of a list with room for `n` items in itself. */
OU_INLINE size_t ou_list_bytes(size_t n)
{
    return sizeof(ou_list) + n * sizeof(ou_object *);
}

/* Bin of that block, which is at most 128 bytes. */
OU_INLINE uint32_t ou_list_bin(size_t n)
{
    return ou_class_of_words(sizeof(ou_list) / sizeof(ou_object *) + n) + OU_BIN_FIRST_TRACKED;
}

static_assert(sizeof(ou_list) + OU_LIST_ROOM * sizeof(ou_object *) <= OU_CLASS_STEP_MAX,
              "blocks of these sizes have no slack: the room is what was asked for");

/* Fields of a new list, its room being behind it. */
OU_INLINE void ou_list_init(ou_list *l, size_t capacity)
{
    l->items = capacity ? l->room : NULL;
    l->len = 0;
    l->capacity = capacity;
}

/* New tracked, empty list with room for exactly `capacity` items. NULL, OU_ENOMEM. */
ou_list *ou_list_make(size_t capacity);

/* Makes room for `need` items (more than the capacity), with some to spare. False: OU_ENOMEM
 * is set and the list is as it was. */
bool ou_list_reserve(ou_list *l, size_t need);

/* Gives memory back when three quarters of it are empty; cannot fail. */
void ou_list_shrink_slow(ou_list *l);

/* Below this capacity an array is not worth shrinking. */
#define OU_LIST_SHRINK_FROM 64u

OU_INLINE void ou_list_shrink(ou_list *l)
{
    if (OU_UNLIKELY(l->len < l->capacity / 4 && l->capacity > OU_LIST_SHRINK_FROM)) {
        ou_list_shrink_slow(l);
    }
}

/* Error of a call that got something else than a list, or no item. */
OU_COLD int ou_fail_list(const char *function, const ou_object *list);

#endif
