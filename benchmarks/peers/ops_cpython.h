/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * ops_cpython.h - the vocabulary of the object benchmarks, spoken by CPython's C API.
 *
 * As micro/ops_ouro.h. Everything runs on the one thread that holds the interpreter lock; no
 * byte code is executed. Where the API offers two ways, the faster one is taken: macros for
 * counts and items, a static type for nodes, PyDict_GetItemWithError instead of
 * PyObject_GetItem.
 */
#ifndef OURO_OPS_CPYTHON_H
#define OURO_OPS_CPYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>

#define OP_HAS_FOREIGN 0         /* the interpreter lock serialises every count */
#define op_safepoint() ((void)0) /* the lock is held throughout */
#define OP_COUNTED 1
#define OP_HAS_DICT 1
#define OP_EXACT 1

typedef PyObject *op_ref;

/* Like an instance of a class with __slots__ of two names. */
typedef struct op_node_object {
    PyObject_HEAD PyObject *slot[2];
} op_node_object;

extern PyTypeObject op_node_type; /* cpython.c */

#define OP_INLINE static inline __attribute__((always_inline, unused))

OP_INLINE void op_incref(op_ref o)
{
    Py_INCREF(o);
}

OP_INLINE void op_decref(op_ref o)
{
    Py_DECREF(o);
}

OP_INLINE int64_t op_refcount(op_ref o)
{
    return (int64_t)Py_REFCNT(o);
}

OP_INLINE op_ref op_int(int64_t v)
{
    return PyLong_FromLongLong(v);
}

OP_INLINE int64_t op_int_value(op_ref o)
{
    return PyLong_AsLongLong(o);
}

OP_INLINE op_ref op_float(double v)
{
    return PyFloat_FromDouble(v);
}

OP_INLINE double op_float_value(op_ref o)
{
    return PyFloat_AS_DOUBLE(o);
}

OP_INLINE op_ref op_str(const char *bytes, size_t len)
{
    return PyUnicode_FromStringAndSize(bytes, (Py_ssize_t)len);
}

OP_INLINE const char *op_str_bytes(op_ref o)
{
    return PyUnicode_AsUTF8(o);
}

OP_INLINE op_ref op_tuple3(const op_ref *items)
{
    op_ref t = PyTuple_New(3);
    for (int i = 0; t && i < 3; i++) {
        PyTuple_SET_ITEM(t, i, Py_NewRef(items[i]));
    }
    return t;
}

OP_INLINE op_ref op_list3(const op_ref *items)
{
    op_ref l = PyList_New(3);
    for (int i = 0; l && i < 3; i++) {
        PyList_SET_ITEM(l, i, Py_NewRef(items[i]));
    }
    return l;
}

OP_INLINE op_ref op_list(void)
{
    return PyList_New(0);
}

OP_INLINE int op_list_append(op_ref list, op_ref item)
{
    return PyList_Append(list, item);
}

OP_INLINE int op_list_append_steal(op_ref list, op_ref item)
{
    int failed = PyList_Append(list, item);
    Py_DECREF(item);
    return failed;
}

OP_INLINE int64_t op_list_sum(op_ref list)
{
    Py_ssize_t n = PyList_GET_SIZE(list);
    int64_t sum = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        sum += PyLong_AsLongLong(PyList_GET_ITEM(list, i));
    }
    return sum;
}

OP_INLINE op_ref op_list_copy(op_ref list)
{
    return PyList_GetSlice(list, 0, PyList_GET_SIZE(list));
}

OP_INLINE int op_list_clear(op_ref list)
{
    return PyList_SetSlice(list, 0, PyList_GET_SIZE(list), NULL);
}

OP_INLINE int64_t op_list_len(op_ref list)
{
    return PyList_GET_SIZE(list);
}

OP_INLINE op_ref op_dict(void)
{
    return PyDict_New();
}

OP_INLINE int op_dict_set(op_ref dict, op_ref key, op_ref value)
{
    return PyDict_SetItem(dict, key, value);
}

/* New reference. */
OP_INLINE op_ref op_dict_get(op_ref dict, op_ref key)
{
    return Py_XNewRef(PyDict_GetItemWithError(dict, key));
}

OP_INLINE int64_t op_dict_len(op_ref dict)
{
    return PyDict_GET_SIZE(dict);
}

OP_INLINE op_ref op_node(void)
{
    op_node_object *node = PyObject_GC_New(op_node_object, &op_node_type);
    if (!node) {
        return NULL;
    }
    node->slot[0] = NULL;
    node->slot[1] = NULL;
    PyObject_GC_Track(node);
    return (op_ref)node;
}

OP_INLINE int op_node_set_steal(op_ref node, int slot, op_ref value)
{
    op_ref old = ((op_node_object *)node)->slot[slot];
    ((op_node_object *)node)->slot[slot] = value;
    Py_XDECREF(old);
    return 0;
}

/* As an extension's constructor: filled before the collector may look. */
OP_INLINE op_ref op_node_of_steal(op_ref first, op_ref second)
{
    op_node_object *node = PyObject_GC_New(op_node_object, &op_node_type);
    if (!node) {
        Py_XDECREF(first);
        Py_XDECREF(second);
        return NULL;
    }
    node->slot[0] = first;
    node->slot[1] = second;
    PyObject_GC_Track(node);
    return (op_ref)node;
}

OP_INLINE op_ref op_intern(const char *zero_terminated, size_t len)
{
    (void)len; /* the API wants the 0 */
    return PyUnicode_InternFromString(zero_terminated);
}

/* Takes over the reference of `o`. */
OP_INLINE op_ref op_intern_steal(op_ref o)
{
    PyUnicode_InternInPlace(&o);
    return o;
}

/* While its collector is disabled, PyGC_Collect does nothing and says 0. */
OP_INLINE int64_t op_collect(void)
{
    PyGC_Enable();
    int64_t found = PyGC_Collect();
    PyGC_Disable();
    return found;
}

OP_INLINE int64_t op_found(int64_t collected)
{
    return collected;
}

OP_INLINE void op_automatic(bool on)
{
    (void)on; /* off, always: micro_runtime_start */
}

OP_INLINE void op_roots(void *begin, size_t bytes, bool add)
{
    (void)begin;
    (void)bytes;
    (void)add;
}

OP_INLINE void op_reclaim(void)
{
}

#endif
