/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* death.h - between count.c, death.c and weakref.c; nobody else includes it. */
#ifndef OURO_OBJECT_DEATH_H
#define OURO_OBJECT_DEATH_H

#include "object/object.h"

void ou_doomed_push(ou_object *o);
ou_object *ou_doomed_pop(void);

/* Clears the weakrefs of a dying object and runs their callbacks. */
void ou_weakrefs_die(ou_object *target);

/* Puts an object of count zero in front of a list for ou_objects_bury. */
void ou_dead_push(ou_object *o, ou_object **list);

/* The end of the process: more references were dropped than there were. */
_Noreturn void ou_count_underflow(const ou_object *o);

#endif
