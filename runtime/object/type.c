/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* type.c - the type region. Types are never removed; the type of types describes them all. */
#include "object/object.h"

#include "heap/classes.h"
#include "os/lock.h"

ou_type ou_types[OU_TYPE_MAX];

static ou_lock types_lock = OU_LOCK_INIT;
static uint32_t type_count = OU_TYPE_FIRST_CLASS; /* lock:types_lock; read acquire */

void ou_type_size_set(ou_type *type, size_t bytes)
{
    ou_page_kind kind = type->flags & OU_TF_TRACKED ? OU_TRACKED : OU_LEAF;
    type->size_bytes = (uint32_t)bytes;
    type->bin = (uint16_t)(bytes && bytes <= OU_SMALL_BYTES
                               ? ou_class_of(bytes) + (uint32_t)kind * OU_CLASS_COUNT
                               : OU_BIN_COUNT); /* none */
}

static void type_place(uint32_t index, const ou_type *description)
{
    ou_type *type = &ou_types[index];
    *type = *description;
    ou_type_size_set(type, description->size_bytes);
    uint64_t bits = OU_GC_ALIVE | (type->flags & OU_TF_FINALIZER ? OU_GC_FINALIZER : 0) |
                    (type->flags & OU_TF_TRACKED ? OU_GC_TRACKED : 0);
    /* Without membarrier nobody may rely on being the owner: docs/sharing.md. */
    uint64_t flags = type->flags & OU_TF_TRACKED && !ou_have_membarrier ? OU_FL_SHARED : 0;
    type->birth = bits << 48 | flags << 56;
    type->die = type->die ? type->die : ou_object_die_unshared;
    type->index = index;
    ou_object_init_immortal(&type->base, &ou_types[OU_KIND_TYPE]);
    type->base.type = OU_KIND_TYPE;
}

void ou_type_define(const ou_type *description)
{
    type_place(description->kind, description);
}

ou_type *ou_type_add(const ou_type *description)
{
    ou_lock_take(&types_lock);
    uint32_t index = type_count;
    if (index < OU_TYPE_MAX) {
        type_place(index, description);
        ou_store_release(&type_count, index + 1); /* pairs: ou_type_count */
    }
    ou_lock_give(&types_lock);
    return index < OU_TYPE_MAX ? &ou_types[index] : NULL;
}

uint32_t ou_type_count(void)
{
    return ou_load_acquire(&type_count);
}
