/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* object/weakref.h - what the collector needs of weakrefs. */
#ifndef OURO_OBJECT_WEAKREF_H
#define OURO_OBJECT_WEAKREF_H

#include "object/object.h"
#include "ouro/weakref.h"

typedef struct ou_weakref {
    ou_object base;
    ou_object *target;            /* lock:stripe; NULL = dead */
    struct ou_weakref *next;      /* lock:stripe: other weakrefs of the bucket */
    ou_weakref_callback callback; /* const */
    void *arg;                    /* const */
    uint64_t hash;                /* const: of the target's address */
} ou_weakref;

void ou_weakref_define(void); /* fills the type's entry */

/* World stopped or `target` out of everyone's reach: detaches all weakrefs of `target`. Those
 * with a callback that `wanted` accepts are returned, each with a reference of its own, linked
 * through `next`. */
ou_weakref *ou_weakrefs_detach(ou_object *target, bool (*wanted)(ou_weakref *, void *),
                               void *arg);

/* Runs the callbacks of such a list and drops the references. */
void ou_weakrefs_notify(ou_weakref *list);

#endif
