/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * types/instance.h - layout of instances, and the class record behind a type.
 *
 *   closed class   header | slot 0 | slot 1 | ...            all attributes inline
 *   open class     header | slot 0 | ... | slot n-1 | side   later attributes in `side`
 *
 * The number of inline slots is `slots` of the type. A closed class has it from birth; an
 * open class is sealed by its first instance. An empty slot is NULL. All types of instances
 * that a program may make are READY, so the fast paths need not look at the class record.
 */
#ifndef OURO_TYPES_INSTANCE_H
#define OURO_TYPES_INSTANCE_H

#include <assert.h>

#include "os/lock.h"
#include "ouro/instance.h"
#include "types/value.h"

#define OU_CLASS_ATTR_MAX 1024u
#define OU_CLASS_OPEN_SLOTS 4u /* inline slots of an open class, at least */

typedef struct ou_attr_side {
    size_t capacity;
    ou_object *items[];
} ou_attr_side;

typedef struct ou_instance {
    ou_object base;
    ou_object *slots[]; /* lock: guard. Open: behind them the side array, or NULL as long as no
                         * attribute needs one */
} ou_instance;

static_assert(sizeof(ou_instance) == 16, "an instance is its header and 8 an attribute");
static_assert(sizeof(ou_attr_side) == 8, "side items follow the capacity");

struct ou_attr_table; /* class.c */

struct ou_class {
    struct ou_attr_table *attrs; /* atomic: replaced by a larger one under `lock` */
    ou_finalizer finalizer;      /* const */
    void *finalizer_arg;         /* const */
    ou_lock lock;                /* adding attributes, sealing */
    uint32_t closed;             /* const */
    bool sealed;                 /* lock: `slots` and `size_bytes` of the type are final */
};

OU_INLINE ou_object **ou_instance_slots(ou_object *o)
{
    return ((ou_instance *)o)->slots;
}

/* Read from the type alone, so that the collector does not touch the class record. */
OU_INLINE bool ou_instance_is_open(const ou_type *type)
{
    return ou_load_relaxed(&type->flags) & OU_TF_OPEN;
}

/* Where an instance of an open class keeps its side array. */
OU_INLINE ou_attr_side **ou_instance_side_place(ou_object *o, const ou_type *type)
{
    return (ou_attr_side **)&ou_instance_slots(o)[type->slots];
}

/* Side array, or NULL when there is none. */
OU_INLINE ou_attr_side *ou_instance_side(ou_object *o, const ou_type *type)
{
    return ou_instance_is_open(type) ? ou_load_acquire(ou_instance_side_place(o, type)) : NULL;
}

/* Makes the layout final; afterwards `slots` and `size_bytes` of the type do not change. */
void ou_class_seal(const ou_type *type);

/* Index of an attribute that the class has, or -1. Lock-free. */
int ou_class_find(const struct ou_class *cls, const char *name);

/* Number of attributes, name of one of them (index below the number). Lock-free. */
uint32_t ou_class_count(const struct ou_class *cls);
const char *ou_class_attr_name(const struct ou_class *cls, uint32_t index);

/* The slots every class shares: instance.c. */
extern const ou_type ou_instance_template;

/* Closed classes, their `slots` being set: the `die` for that number. */
void ou_instance_set_die(ou_type *type);

#endif
