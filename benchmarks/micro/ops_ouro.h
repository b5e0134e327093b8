/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * ops_ouro.h - the vocabulary of the object benchmarks, spoken by ouro's runtime.
 *
 * counts.c, objects.c, lists.c, dicts.c, intern.c, rings.c, live.c and chains.c are written
 * against these few names and compiled once for each runtime (MICRO_OPS names the header: this
 * one, or one of peers/), so that two runtimes do the same work by construction and neither
 * pays for an indirect call. What must stay true for every runtime: constructors return a new
 * reference or NULL; containers take references of their own unless a name says steal;
 * op_found(op_collect()) is how many unreachable objects that collection found. A runtime
 * without counts (OP_COUNTED 0) says what it reclaims, and when, through the last four names.
 */
#ifndef OURO_OPS_OURO_H
#define OURO_OPS_OURO_H

#include <stdio.h>

#include "ouro/ouro.h"

#define OP_HAS_FOREIGN 1 /* threads count on each other's objects without a global lock */
#define op_safepoint() ou_safepoint() /* once a batch, as a program's loop has them */
#define OP_COUNTED 1 /* dropping the last reference frees; op_refcount is exact */
#define OP_HAS_DICT 1
#define OP_EXACT 1 /* a collection finds all garbage, not most of it */

typedef ou_object *op_ref;

#define OP_INLINE static inline __attribute__((always_inline, unused))

extern const ou_type *op_node_class; /* two slots, closed; runtime_ouro.c */

OP_INLINE void op_incref(op_ref o)
{
    ou_incref(o);
}

OP_INLINE void op_decref(op_ref o)
{
    ou_decref(o);
}

OP_INLINE int64_t op_refcount(op_ref o)
{
    return ou_refcount(o);
}

OP_INLINE op_ref op_int(int64_t v)
{
    return ou_int_new(v);
}

OP_INLINE int64_t op_int_value(op_ref o)
{
    int64_t v = INT64_MIN;
    ou_int_value(o, &v);
    return v;
}

OP_INLINE op_ref op_float(double v)
{
    return ou_float_new(v);
}

OP_INLINE double op_float_value(op_ref o)
{
    double v = -1;
    ou_float_value(o, &v);
    return v;
}

OP_INLINE op_ref op_str(const char *bytes, size_t len)
{
    return ou_str_new(bytes, len);
}

OP_INLINE const char *op_str_bytes(op_ref o)
{
    return ou_str_bytes(o, NULL);
}

OP_INLINE op_ref op_tuple3(const op_ref *items)
{
    return ou_tuple_new(items, 3);
}

OP_INLINE op_ref op_list3(const op_ref *items)
{
    return ou_list_of(items, 3);
}

OP_INLINE op_ref op_list(void)
{
    return ou_list_new(0);
}

OP_INLINE int op_list_append(op_ref list, op_ref item)
{
    return ou_list_append(list, item);
}

OP_INLINE int op_list_append_steal(op_ref list, op_ref item)
{
    return ou_list_append_steal(list, item);
}

OP_INLINE int64_t op_list_sum(op_ref list)
{
    int64_t sum = 0;
    return ou_list_sum(list, &sum, NULL) ? -1 : sum;
}

OP_INLINE op_ref op_list_copy(op_ref list)
{
    return ou_list_copy(list);
}

OP_INLINE int op_list_clear(op_ref list)
{
    return ou_list_clear(list);
}

OP_INLINE int64_t op_list_len(op_ref list)
{
    return ou_list_len(list);
}

OP_INLINE op_ref op_dict(void)
{
    return ou_dict_new(0);
}

OP_INLINE int op_dict_set(op_ref dict, op_ref key, op_ref value)
{
    return ou_dict_set(dict, key, value);
}

/* New reference. */
OP_INLINE op_ref op_dict_get(op_ref dict, op_ref key)
{
    return ou_dict_get(dict, key);
}

OP_INLINE int64_t op_dict_len(op_ref dict)
{
    return ou_dict_len(dict);
}

OP_INLINE op_ref op_node(void)
{
    return ou_instance_new(op_node_class);
}

OP_INLINE int op_node_set_steal(op_ref node, int slot, op_ref value)
{
    return ou_attr_set_at_steal(node, slot, value);
}

/* A node that holds both, NULL or not; takes the references over. */
OP_INLINE op_ref op_node_of_steal(op_ref first, op_ref second)
{
    op_ref values[2] = {first, second};
    return ou_instance_of_steal(op_node_class, values, 2);
}

OP_INLINE op_ref op_intern(const char *zero_terminated, size_t len)
{
    return ou_str_intern(zero_terminated, len);
}

/* Takes over the reference of `o`. */
OP_INLINE op_ref op_intern_steal(op_ref o)
{
    return ou_str_intern_steal(o);
}

OP_INLINE int64_t op_collect(void)
{
    return ou_gc_collect();
}

/* How many threads may share a collection from now on. */
#define OP_WORKERS 1
OP_INLINE void op_workers(int n)
{
    char text[12];
    snprintf(text, sizeof text, "%d", n);
    ou_knob_set("gc_workers", text);
}

/* Outside the clock: what op_collect() returned, as a number of objects. */
OP_INLINE int64_t op_found(int64_t collected)
{
    return collected;
}

/* May the collector start on its own? Here never. */
OP_INLINE void op_automatic(bool on)
{
    (void)on;
}

/* The driver keeps references in memory that the runtime does not know. */
OP_INLINE void op_roots(void *begin, size_t bytes, bool add)
{
    (void)begin;
    (void)bytes;
    (void)add;
}

/* What has been dropped is free after this. Counts have done it already. */
OP_INLINE void op_reclaim(void)
{
}

#endif
