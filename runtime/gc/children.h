/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * children.h - the references of an object, without an indirect call an edge: the kinds the
 * runtime knows are walked inline, anything else through its traverse slot.
 *
 * `visit` is a `static inline void visit(ou_object *child)`, known where it is used.
 */
#ifndef OURO_GC_CHILDREN_H
#define OURO_GC_CHILDREN_H

#include "types/dict.h"
#include "types/instance.h"
#include "types/list.h"
#include "types/tuple.h"

typedef void (*ou_child_fn)(ou_object *child);

static inline void ou_child_visit(ou_object *child, void *fn)
{
    ((ou_child_fn)fn)(child);
}

OU_INLINE void ou_each_item(ou_object *const *items, size_t n, ou_child_fn visit)
{
    for (size_t i = 0; i < n; i++) {
        if (items[i]) {
            visit(items[i]);
        }
    }
}

OU_INLINE void ou_each_entry(const ou_dict *dict, ou_child_fn visit)
{
    for (uint32_t i = 0; i < dict->used; i++) {
        if (dict->entries[i].key) {
            visit(dict->entries[i].key);
            visit(dict->entries[i].value);
        }
    }
}

/* What the passes need to know of a type, kept while object follows object of the same one. */
typedef struct ou_shape {
    uint32_t type;  /* index; OU_KIND_FREE: nothing known yet */
    uint32_t kind;  /* ou_kind; OU_KIND_COUNT: all references are inline, `n` of them */
    uint32_t first; /* byte offset of these references */
    uint32_t n;
    bool releases; /* has side storage */
} ou_shape;

OU_INLINE void ou_shape_follow(ou_shape *shape, const ou_object *o)
{
    if (OU_LIKELY(o->type == shape->type)) {
        return;
    }
    const ou_type *type = ou_type_get(o);
    *shape = (ou_shape){.type = o->type, .kind = type->kind, .releases = type->release};
    if (type->kind == OU_KIND_INSTANCE && !ou_instance_is_open(type)) {
        *shape = (ou_shape){.type = o->type,
                            .kind = OU_KIND_COUNT,
                            .first = sizeof(ou_instance),
                            .n = type->slots};
    }
}

/* The references of an object as one array, whose entries may be NULL: instances of closed
 * classes, lists, tuples. False: see ou_each_child_other. */
OU_INLINE bool ou_shape_items(const ou_shape *shape, ou_object *o, ou_object *const **items,
                              size_t *n)
{
    if (OU_LIKELY(shape->kind == OU_KIND_COUNT)) {
        *items = (ou_object **)((char *)o + shape->first);
        *n = shape->n;
    } else if (shape->kind == OU_KIND_LIST) {
        *items = ((ou_list *)o)->items;
        *n = ((ou_list *)o)->len;
    } else if (shape->kind == OU_KIND_TUPLE) {
        *items = ((ou_tuple *)o)->items;
        *n = ((ou_tuple *)o)->len;
    } else {
        return false;
    }
    return true;
}

/* Always inlined with a constant `visit`, so that the calls through it vanish. */
OU_INLINE void ou_each_child_other(ou_object *o, ou_child_fn visit)
{
    const ou_type *type = ou_type_get(o);
    switch (type->kind) {
    case OU_KIND_LIST:
        ou_each_item(((ou_list *)o)->items, ((ou_list *)o)->len, visit);
        break;
    case OU_KIND_TUPLE:
        ou_each_item(((ou_tuple *)o)->items, ((ou_tuple *)o)->len, visit);
        break;
    case OU_KIND_DICT:
        ou_each_entry((ou_dict *)o, visit);
        break;
    case OU_KIND_INSTANCE: {
        ou_attr_side *side = ou_instance_side(o, type);
        ou_each_item(ou_instance_slots(o), type->slots, visit);
        if (side) {
            ou_each_item(side->items, side->capacity, visit);
        }
        break;
    }
    case OU_KIND_WEAKREF:
        break;
    default:
        type->traverse(o, ou_child_visit, (void *)visit);
    }
}

OU_INLINE void ou_each_child(ou_object *o, ou_shape *shape, ou_child_fn visit)
{
    ou_shape_follow(shape, o);
    if (OU_LIKELY(shape->kind == OU_KIND_COUNT)) {
        ou_each_item((ou_object **)((char *)o + shape->first), shape->n, visit);
    } else {
        ou_each_child_other(o, visit);
    }
}

#endif
