/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * list_room.h - room for items: how lists grow and shrink. Shared by the two files of list.
 * Calls that take a list here need its guard, or a list nobody else can reach.
 */
#ifndef OURO_TYPES_LIST_ROOM_H
#define OURO_TYPES_LIST_ROOM_H

#include "types/list.h"

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
