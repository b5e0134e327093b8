/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * type.h - the type region: a table of types, indexed by the u32 in every object's header, so
 * that finding an object's type is arithmetic, not a load.
 *
 * A type is an immortal object itself. Its slots are one of the three upward seams: the floors
 * below call them, the floors above provide them. None of them may reach a safepoint, and
 * none may allocate, except `finalize`.
 */
#ifndef OURO_OBJECT_TYPE_H
#define OURO_OBJECT_TYPE_H

#include "base/base.h"
#include "ouro/object.h"

/* Kinds let hot loops switch instead of calling through a slot. */
typedef enum ou_kind {
    OU_KIND_FREE, /* index 0: no type; a header full of zeros is no object */
    OU_KIND_TYPE,
    OU_KIND_NONE,
    OU_KIND_BOOL,
    OU_KIND_INT,
    OU_KIND_FLOAT,
    OU_KIND_STR,
    OU_KIND_TUPLE,
    OU_KIND_LIST,
    OU_KIND_DICT,
    OU_KIND_WEAKREF,
    OU_KIND_INSTANCE, /* classes made at run time share this kind */
    OU_KIND_COUNT
} ou_kind;

/* The built-in types sit at the index of their kind; classes follow. */
#define OU_TYPE_FIRST_CLASS 16u
#define OU_TYPE_MAX 16384u

enum ou_type_flags {
    OU_TF_TRACKED = 1,    /* refers to others: the collector looks at it */
    OU_TF_WEAKREFS = 2,   /* may be referred to weakly */
    OU_TF_FINALIZER = 4,  /* `finalize` runs once before death */
    OU_TF_VALUE_HASH = 8, /* hashable by `hash`; without it and the next one: OU_EHASH */
    OU_TF_ID_HASH = 16,   /* hashed and compared by identity */
    OU_TF_OPEN = 64,      /* instance: later attributes in a side array */
    OU_TF_READY = 128     /* instance: the layout is final. Atomic: set by the first instance */
};

struct ou_printer; /* below */

/* Called for each reference; never NULL. */
typedef void (*ou_visit)(ou_object *referent, void *arg);

struct ou_type {
    ou_object base;
    const char *name;
    uint32_t index;
    uint8_t kind;        /* ou_kind */
    uint8_t flags;       /* ou_type_flags */
    uint16_t slots;      /* instance: attributes inline; set once, before the first instance */
    uint32_t size_bytes; /* of an object without variable part */
    uint16_t bin;        /* the heap's bin for that size and kind of page */
    uint16_t direct;     /* instance: attributes below are inline and exist, no need to ask */

    /* Shows every reference of `o`. Called with the world stopped, or on an object that only
     * the caller can reach. */
    void (*traverse)(ou_object *o, ou_visit visit, void *arg);
    /* Death: drops every reference with ou_decref and frees side storage (not the block). */
    void (*drop)(ou_object *o);
    /* Breaks cycles: as drop, but `o` stays a valid, empty object. NULL = cannot be in a cycle
     * alone (tuples: some mutable member is). */
    void (*clear)(ou_object *o);
    /* Frees side storage only, references are not touched (their targets die as well). */
    void (*release)(ou_object *o);
    int (*finalize)(ou_object *o, const ou_type *type);
    int (*hash)(ou_object *o, uint64_t *hash);
    /* Same type guaranteed by the caller; `depth` counts nesting. 1, 0 or an error. */
    int (*equal)(ou_object *a, ou_object *b, int depth);
    /* Appends to the printer; `depth` counts nesting. */
    void (*repr)(ou_object *o, struct ou_printer *out, int depth);
    struct ou_class *cls; /* instance: layout */
    /* The owner has dropped its last reference and nobody else ever counted: ends the quiet at
     * once and hands the others to ou_object_die. Defaults to ou_object_die_unshared. */
    void (*die)(ou_object *o, const ou_type *type);
    uint64_t birth; /* bits of a new header's first word beside ou_self.birth */
};

static_assert(sizeof(ou_type) == 128, "the type of an index is a shift away");

extern OU_HIDDEN ou_type ou_types[OU_TYPE_MAX];

OU_INLINE const ou_type *ou_type_get(const ou_object *o)
{
    return &ou_types[o->type];
}

OU_INLINE ou_kind ou_kind_of(const ou_object *o)
{
    return (ou_kind)ou_types[o->type].kind;
}

/* Fills the entry of a built-in type; called once at start, before any object exists. */
void ou_type_define(const ou_type *description);

/* Takes a free entry for a class and copies `description` into it; NULL when full.
 * Thread-safe. */
ou_type *ou_type_add(const ou_type *description);

/* Sets the size of a type's objects, and so their bin. */
void ou_type_size_set(ou_type *type, size_t bytes);

/* Number of entries in use (indexes below it are valid, some may be OU_KIND_FREE). */
uint32_t ou_type_count(void);

/* Text buffer of repr: counts what does not fit. */
typedef struct ou_printer {
    char *buf;
    size_t size;
    size_t len;
    const ou_object *path[64]; /* objects being printed: a cycle prints as "..." */
} ou_printer;

void ou_print(ou_printer *out, const char *fmt, ...) OU_PRINTF(2, 3);

/* Prints `o` at one more level; too deep or on its own path prints "...". */
void ou_print_object(ou_printer *out, ou_object *o, int depth);

/* Equality at one more level of nesting: identity, then value (numbers across types). */
int ou_equal_at(ou_object *a, ou_object *b, int depth);

#define OU_DEPTH_MAX 1000

#endif
