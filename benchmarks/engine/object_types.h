/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * object_types.h - one object of each type a `types:` key can name: made from a tag, checked
 * against it, given back.
 */
#ifndef ENGINE_OBJECT_TYPES_H
#define ENGINE_OBJECT_TYPES_H

#include "engine/worker.h"
#include "ouro/object.h"

enum object_type {
    OBJECT_INT,
    OBJECT_FLOAT,
    OBJECT_STR,
    OBJECT_TUPLE,
    OBJECT_LIST,
    OBJECT_DICT,
    OBJECT_INSTANCE,
    OBJECT_RING, /* `cycle` instances in a circle; not a name, comes with `cyclic` */
    OBJECT_TYPES
};

#define OBJECT_TAG_MASK 15u   /* low bits of a block's tag: its enum object_type */
#define OBJECT_STR_MAX 4096u  /* longest string made here */
#define OBJECT_NODE_BYTES 32u /* header and two slots */

/* Class and shared integers. Attached main thread, once. 0 or -1. */
int object_types_init(void);

/* Shared integer 0..127 (borrowed, immortal). */
ou_object *object_small(uint64_t value);

/* New reference; `bytes` is the length of a string. Sets the nominal size. NULL: no memory. */
ou_object *object_make(enum object_type type, uint32_t tag, uint32_t bytes, uint32_t *size);

/* Reads the contents back into `*word`; false when they are not what `tag` made. */
bool object_read(ou_object *o, uint32_t tag, uint32_t size, uint64_t *word);

/* A ring of n nodes, values rings_value(i): a reference to its first node. NULL: no memory. */
ou_object *object_ring(uint64_t n);

/* Walks once around: nodes and the sum of their values. False when it is no ring. */
bool object_ring_walk(ou_object *first, uint64_t *nodes, uint64_t *sum);

#endif
