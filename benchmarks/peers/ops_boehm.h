/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * ops_boehm.h - the vocabulary of the object benchmarks on the Boehm-Demers-Weiser collector.
 *
 * As micro/ops_ouro.h, for a runtime that counts nothing: op_incref and op_decref are empty,
 * what is dropped is found by the next collection. An object is a kind word and its value; what
 * holds no references is allocated as such (GC_MALLOC_ATOMIC), so that it is never scanned. In
 * objects/ the collector runs when it wants to and its work is part of the figure, as it is for
 * a program on that collector. Elsewhere it is off between op_collect calls (op_automatic).
 * Sweeping is lazy there: what a collection found is put back into free lists by later
 * allocations.
 */
#ifndef OURO_OPS_BOEHM_H
#define OURO_OPS_BOEHM_H

#define GC_THREADS /* the library is built for threads: its faster allocation is meant for     \
                      them */
#include <gc/gc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define OP_HAS_FOREIGN 0 /* there are no counts that a foreign thread could change */
#define op_safepoint() ((void)0)
#define OP_COUNTED 0
#define OP_HAS_DICT 0 /* the library has no containers; list and tuple are three lines each */
#define OP_EXACT 0

enum op_kind { OP_INT = 1, OP_FLOAT, OP_STR, OP_TUPLE, OP_LIST, OP_NODE, OP_DICT };

/* int, float; str, tuple: `length` items follow */
typedef struct op_object {
    uint64_t kind;
    union {
        int64_t integer;
        double real;
        size_t length;
    };
} op_object;

typedef op_object *op_ref;

typedef struct op_list_object {
    op_object head;
    size_t capacity;
    op_ref *item;
} op_list_object;

typedef struct op_node_object {
    uint64_t kind;
    op_ref slot[2];
} op_node_object;

#define OP_INLINE static inline __attribute__((always_inline, unused))

extern uint64_t op_made; /* nodes; boehm.c reads and clears it when it counts */

OP_INLINE void op_incref(op_ref o)
{
    (void)o;
}

OP_INLINE void op_decref(op_ref o)
{
    (void)o;
}

OP_INLINE int64_t op_refcount(op_ref o)
{
    (void)o;
    return 1;
}

OP_INLINE op_ref op_value(enum op_kind kind, size_t bytes)
{
    op_ref o = GC_MALLOC_ATOMIC(bytes);
    if (o) {
        o->kind = kind;
    }
    return o;
}

OP_INLINE op_ref op_int(int64_t v)
{
    op_ref o = op_value(OP_INT, sizeof(op_object));
    if (o) {
        o->integer = v;
    }
    return o;
}

OP_INLINE int64_t op_int_value(op_ref o)
{
    return o->kind == OP_INT ? o->integer : INT64_MIN;
}

OP_INLINE op_ref op_float(double v)
{
    op_ref o = op_value(OP_FLOAT, sizeof(op_object));
    if (o) {
        o->real = v;
    }
    return o;
}

OP_INLINE double op_float_value(op_ref o)
{
    return o->kind == OP_FLOAT ? o->real : -1;
}

OP_INLINE char *op_bytes(op_ref o)
{
    return (char *)(o + 1);
}

OP_INLINE op_ref op_str(const char *bytes, size_t len)
{
    op_ref o = op_value(OP_STR, sizeof(op_object) + len + 1);
    if (o) {
        o->length = len;
        memcpy(op_bytes(o), bytes, len);
        op_bytes(o)[len] = 0;
    }
    return o;
}

OP_INLINE const char *op_str_bytes(op_ref o)
{
    return o->kind == OP_STR ? op_bytes(o) : "";
}

OP_INLINE op_ref op_tuple(const op_ref *items, size_t n)
{
    op_ref o = GC_MALLOC(sizeof(op_object) + n * sizeof(op_ref));
    if (o) {
        o->kind = OP_TUPLE;
        o->length = n;
        memcpy(op_bytes(o), items, n * sizeof(op_ref));
    }
    return o;
}

OP_INLINE op_ref op_tuple3(const op_ref *items)
{
    return op_tuple(items, 3);
}

OP_INLINE op_list_object *op_as_list(op_ref o)
{
    return (op_list_object *)o;
}

OP_INLINE op_ref op_list(void)
{
    op_ref o = GC_MALLOC(sizeof(op_list_object)); /* zeroed */
    if (o) {
        o->kind = OP_LIST;
    }
    return o;
}

/* A list of n items, not yet set. */
OP_INLINE op_ref op_list_of(size_t n)
{
    op_ref o = op_list();
    op_ref *item = o ? GC_MALLOC_IGNORE_OFF_PAGE(n * sizeof *item) : NULL;
    if (!item) {
        return NULL;
    }
    op_as_list(o)->item = item;
    op_as_list(o)->capacity = o->length = n;
    return o;
}

OP_INLINE op_ref op_list3(const op_ref *items)
{
    op_ref o = op_list_of(3);
    if (o) {
        memcpy(op_as_list(o)->item, items, 3 * sizeof *items);
    }
    return o;
}

/* Half as much again when it is full. 0, -1: out of memory. */
OP_INLINE int op_list_append(op_ref o, op_ref item)
{
    op_list_object *list = op_as_list(o);
    if (__builtin_expect(o->length == list->capacity, 0)) {
        size_t capacity = list->capacity + list->capacity / 2 + 4;
        op_ref *more = GC_REALLOC(list->item, capacity * sizeof *more);
        if (!more) {
            return -1;
        }
        list->item = more;
        list->capacity = capacity;
    }
    list->item[o->length++] = item;
    return 0;
}

OP_INLINE int op_list_append_steal(op_ref list, op_ref item)
{
    return op_list_append(list, item);
}

OP_INLINE int64_t op_list_sum(op_ref o)
{
    int64_t sum = 0;
    for (size_t i = 0; i < o->length; i++) {
        sum += op_int_value(op_as_list(o)->item[i]);
    }
    return sum;
}

OP_INLINE op_ref op_list_copy(op_ref o)
{
    op_ref copy = op_list_of(o->length);
    if (copy) {
        memcpy(op_as_list(copy)->item, op_as_list(o)->item, o->length * sizeof(op_ref));
    }
    return copy;
}

OP_INLINE int op_list_clear(op_ref o)
{
    op_as_list(o)->item = NULL;
    op_as_list(o)->capacity = o->length = 0;
    return 0;
}

OP_INLINE int64_t op_list_len(op_ref list)
{
    return (int64_t)list->length;
}

OP_INLINE op_ref op_node(void)
{
    op_node_object *node = GC_MALLOC(sizeof *node); /* zeroed */
    if (node) {
        node->kind = OP_NODE;
        op_made++;
    }
    return (op_ref)node;
}

OP_INLINE int op_node_set_steal(op_ref node, int slot, op_ref value)
{
    ((op_node_object *)node)->slot[slot] = value;
    return 0;
}

OP_INLINE op_ref op_node_of_steal(op_ref first, op_ref second)
{
    op_node_object *node = (op_node_object *)op_node();
    if (node) {
        node->slot[0] = first;
        node->slot[1] = second;
    }
    return (op_ref)node;
}

/* While it is disabled, GC_gcollect does nothing. */
OP_INLINE int64_t op_collect(void)
{
    bool disabled = GC_is_disabled() != 0;
    if (disabled) {
        GC_enable();
    }
    GC_gcollect();
    if (disabled) {
        GC_disable();
    }
    return 0;
}

/* Nodes that died since the last call: nodes made, less what the marks say is still there. */
int64_t op_found(int64_t collected); /* boehm.c */

/* May the collector start on its own? */
void op_automatic(bool on);

/* Memory of the driver that holds references: scanned from now on, or no longer. */
OP_INLINE void op_roots(void *begin, size_t bytes, bool add)
{
    if (add) {
        GC_add_roots(begin, (char *)begin + bytes);
    } else {
        GC_remove_roots(begin, (char *)begin + bytes);
    }
}

OP_INLINE void op_reclaim(void)
{
    op_collect();
}

#endif
