/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * types/instance.h - layout of instances, and the class record behind a type.
 *
 *   closed class   header | slot 0 | slot 1 | ...            all attributes inline
 *   open class     header | side | slot 0 | ... | slot n-1   later attributes in `side`
 *
 * The number of inline slots is `slots` of the type. A closed class has it from birth; an
 * open class is sealed by its first instance. An empty slot is NULL.
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
    ou_object *slots[]; /* lock: guard */
} ou_instance;

typedef struct ou_open_instance {
    ou_object base;
    ou_attr_side *side; /* lock: guard. NULL until an attribute needs it */
    ou_object *slots[]; /* lock: guard */
} ou_open_instance;

static_assert(sizeof(ou_instance) == 16, "a closed instance is its header and 8 an attribute");
static_assert(sizeof(ou_open_instance) == 24, "an open instance has one word more");
static_assert(sizeof(ou_attr_side) == 8, "side items follow the capacity");

struct ou_attr_table; /* class.c */

struct ou_class {
    struct ou_attr_table *attrs; /* atomic: replaced by a larger one under `lock` */
    ou_finalizer finalizer;      /* const */
    void *finalizer_arg;         /* const */
    ou_lock lock;                /* adding attributes, sealing */
    uint32_t closed;             /* const */
    uint32_t sealed;             /* atomic: `slots` and `size_bytes` of the type are final */
};

/* Inline slots of an instance of `type`: they end where the object ends, whatever is before. */
OU_INLINE ou_object **ou_instance_slots(ou_object *o, const ou_type *type)
{
    return (ou_object **)((char *)o + type->size_bytes) - type->slots;
}

/* Is there a word for a side array between header and slots? Read from the type alone, so that
 * the collector does not touch the class record. */
OU_INLINE bool ou_instance_is_open(const ou_type *type)
{
    return type->size_bytes != sizeof(ou_instance) + type->slots * sizeof(ou_object *);
}

/* Side array, or NULL when there is none. */
OU_INLINE ou_attr_side *ou_instance_side(ou_object *o, const ou_type *type)
{
    return ou_instance_is_open(type) ? ((ou_open_instance *)o)->side : NULL;
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

#endif
