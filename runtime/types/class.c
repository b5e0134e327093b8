/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * class.c - classes: a name, a layout, perhaps a finalizer. Immortal once made; called by
 * programs, and by instance.c for names and layout.
 *
 * operation        | by         | synchronisation
 * -----------------+------------+--------------------------------------------------
 * find a name      | any thread | acquire the table, acquire the index slot
 * add a name       | any thread | class lock; release the index slot, or the new table
 * seal the layout  | any thread | class lock; release READY in the type's flags
 *
 * The table only grows by appending. When it is full a table twice as large takes its place;
 * the old one stays for ever, because readers may still be in it: all old tables together are
 * smaller than the newest.
 */
#include "types/instance.h"

typedef struct attr_entry {
    uint64_t hash;
    const char *name; /* copy, owned by the class */
} attr_entry;

typedef struct ou_attr_table {
    uint32_t log2;  /* const: index slots = 2^log2 */
    uint32_t room;  /* const: half of that */
    uint32_t count; /* atomic: entries filled */
    uint32_t unused;
    struct ou_attr_table *older; /* const: the one it replaced; readers may be in it */
    attr_entry entries[];        /* written once, before the index slot that names it */
} ou_attr_table; /* behind the entries: uint16_t index, entry number + 1 (atomic) */

#define ATTRS_MIN 8u

static uint16_t *index_of(ou_attr_table *t)
{
    return (uint16_t *)(t->entries + t->room);
}

static size_t table_bytes(uint32_t log2)
{
    size_t room = (size_t)1 << (log2 - 1);
    return sizeof(ou_attr_table) + room * sizeof(attr_entry) + (sizeof(uint16_t) << log2);
}

static ou_attr_table *table_new(size_t room)
{
    uint32_t log2 = 1 + (room <= ATTRS_MIN ? 3 : ou_log2(room - 1) + 1);
    ou_attr_table *t = ou_side_alloc(table_bytes(log2));
    if (t) {
        memset(t, 0, table_bytes(log2));
        t->log2 = log2;
        t->room = 1u << (log2 - 1);
    }
    return t;
}

static uint64_t name_hash(const char *name)
{
    return ou_hash_bytes(name, strlen(name), ou_hash_seed);
}

static int table_find(ou_attr_table *t, const char *name, uint64_t hash)
{
    const uint16_t *index = index_of(t);
    size_t mask = ((size_t)1 << t->log2) - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        uint16_t number = ou_load_acquire(&index[i]); /* pairs: table_add */
        if (!number) {
            return -1;
        }
        const attr_entry *e = &t->entries[number - 1];
        if (e->hash == hash && strcmp(e->name, name) == 0) {
            return number - 1;
        }
    }
}

/* Appends to a table with room; under the class lock. */
static int table_add(ou_attr_table *t, const char *name, uint64_t hash)
{
    uint16_t *index = index_of(t);
    size_t mask = ((size_t)1 << t->log2) - 1;
    size_t i = hash & mask;
    while (ou_load_relaxed(&index[i])) {
        i = (i + 1) & mask;
    }
    uint32_t n = t->count;
    t->entries[n] = (attr_entry){hash, name};
    ou_store_release(&t->count, n + 1);             /* pairs: ou_class_count */
    ou_store_release(&index[i], (uint16_t)(n + 1)); /* pairs: table_find */
    return (int)n;
}

static ou_attr_table *table_of(const struct ou_class *cls)
{
    return ou_load_acquire(&cls->attrs); /* pairs: attr_append */
}

int ou_class_find(const struct ou_class *cls, const char *name)
{
    return table_find(table_of(cls), name, name_hash(name));
}

uint32_t ou_class_count(const struct ou_class *cls)
{
    return ou_load_acquire(&table_of(cls)->count); /* pairs: table_add */
}

const char *ou_class_attr_name(const struct ou_class *cls, uint32_t index)
{
    return table_of(cls)->entries[index].name;
}

static char *text_copy(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = ou_side_alloc(bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

static void text_free(const char *text)
{
    if (text) {
        ou_side_free((void *)(uintptr_t)text, strlen(text) + 1);
    }
}

/* A name that is not there yet; under the class lock. Index, OU_ELIMIT or OU_ENOMEM. */
static int attr_append(struct ou_class *cls, const char *name, uint64_t hash)
{
    ou_attr_table *t = cls->attrs;
    if (t->count == OU_CLASS_ATTR_MAX) {
        return ou_fail(OU_ELIMIT, "ou_class_attr: more than %u attributes", OU_CLASS_ATTR_MAX);
    }
    char *copy = text_copy(name);
    if (!copy) {
        return OU_ENOMEM;
    }
    if (t->count < t->room) {
        return table_add(t, copy, hash);
    }
    ou_attr_table *larger = table_new((size_t)t->room * 2);
    if (!larger) {
        text_free(copy);
        return OU_ENOMEM;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        table_add(larger, t->entries[i].name, t->entries[i].hash);
    }
    int index = table_add(larger, copy, hash);
    larger->older = t;
    ou_store_release(&cls->attrs, larger); /* pairs: table_of */
    return index;
}

int ou_class_attr(const ou_type *type, const char *name)
{
    if (OU_UNLIKELY(!type || type->kind != OU_KIND_INSTANCE)) {
        return ou_fail(OU_ETYPE, "ou_class_attr: '%s' is not a class",
                       type ? type->name : "NULL");
    }
    struct ou_class *cls = type->cls;
    uint64_t hash = name_hash(name);
    int index = table_find(table_of(cls), name, hash);
    if (OU_LIKELY(index >= 0)) {
        return index;
    }
    if (cls->closed) {
        return ou_fail(OU_EATTR, "'%s' object has no attribute '%s'", type->name, name);
    }
    ou_lock_take(&cls->lock);
    index = table_find(cls->attrs, name, hash);
    if (index < 0) {
        index = attr_append(cls, name, hash);
    }
    ou_lock_give(&cls->lock);
    return index;
}

static uint32_t bytes_with(const struct ou_class *cls, uint32_t slots)
{
    return (uint32_t)(sizeof(ou_instance) + (slots + !cls->closed) * sizeof(ou_object *));
}

void ou_class_seal(const ou_type *type)
{
    struct ou_class *cls = type->cls;
    ou_type *entry = &ou_types[type->index];
    ou_lock_take(&cls->lock);
    if (!cls->sealed) {
        uint32_t slots = (uint32_t)ou_max(cls->attrs->count, OU_CLASS_OPEN_SLOTS);
        entry->slots = (uint16_t)slots;
        ou_type_size_set(entry, bytes_with(cls, slots));
        cls->sealed = true;
        ou_store_release(&entry->flags,
                         (uint8_t)(entry->flags | OU_TF_READY)); /* pairs: ou_instance_new */
    }
    ou_lock_give(&cls->lock);
}

static void class_free(struct ou_class *cls)
{
    ou_attr_table *t = cls->attrs;
    for (uint32_t i = 0; t && i < t->count; i++) {
        text_free(t->entries[i].name);
    }
    if (t) {
        ou_side_free(t, table_bytes(t->log2));
    }
    ou_side_free(cls, sizeof *cls);
}

/* A class record with its declared attributes; NULL with the error set. */
static struct ou_class *class_make(const char *const *attrs, size_t n)
{
    struct ou_class *cls = ou_side_alloc(sizeof *cls);
    if (!cls) {
        return NULL;
    }
    memset(cls, 0, sizeof *cls);
    ou_lock_init(&cls->lock);
    cls->attrs = table_new(n);
    if (!cls->attrs) {
        goto fail;
    }
    for (size_t i = 0; i < n; i++) {
        if (!attrs[i] || !*attrs[i] || ou_class_find(cls, attrs[i]) >= 0) {
            ou_fail(OU_EINVAL, "ou_class_new: attribute %zu is empty or named twice", i);
            goto fail;
        }
        if (attr_append(cls, attrs[i], name_hash(attrs[i])) < 0) {
            goto fail;
        }
    }
    return cls;

fail:
    class_free(cls);
    return NULL;
}

static int class_finalize(ou_object *o, const ou_type *type)
{
    return type->cls->finalizer(o, type->cls->finalizer_arg);
}

/* The type of a class: instances' slots, its own name, size and finalizer. */
static ou_type describe(const char *name, struct ou_class *cls)
{
    ou_type type = ou_instance_template;
    type.name = name;
    type.cls = cls;
    if (cls->closed) {
        type.slots = (uint16_t)cls->attrs->count;
        ou_instance_set_die(&type);
    }
    type.size_bytes = bytes_with(cls, type.slots);
    type.direct = type.slots; /* an open class's inline slots may have no names yet */
    type.flags |= cls->closed ? OU_TF_READY : OU_TF_OPEN;
    if (cls->finalizer) {
        type.flags |= OU_TF_FINALIZER;
        type.finalize = class_finalize;
        type.die = NULL; /* never quiet */
    }
    return type;
}

const ou_type *ou_class_new(const char *name, const char *const *attrs, size_t n, bool closed,
                            ou_finalizer finalizer, void *arg)
{
    if (!name || !*name || (n && !attrs)) {
        return ou_fail_null(OU_EINVAL, "ou_class_new: a class needs a name");
    }
    if (n > OU_CLASS_ATTR_MAX) {
        return ou_fail_null(OU_ELIMIT, "ou_class_new: %zu attributes, the limit is %u", n,
                            OU_CLASS_ATTR_MAX);
    }
    struct ou_class *cls = class_make(attrs, n);
    if (!cls) {
        return NULL;
    }
    cls->closed = closed;
    cls->sealed = closed; /* an open class is sealed by its first instance */
    cls->finalizer = finalizer;
    cls->finalizer_arg = arg;
    const char *copy = text_copy(name);
    if (!copy) {
        class_free(cls);
        return NULL;
    }
    ou_type description = describe(copy, cls);
    const ou_type *type = ou_type_add(&description);
    if (!type) {
        text_free(copy);
        class_free(cls);
        return ou_fail_null(OU_ELIMIT, "ou_class_new: no room for another class ('%s')", name);
    }
    return type;
}
