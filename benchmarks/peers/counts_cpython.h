/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* counts_cpython.h - an ou_object is a PyObject, counted by CPython's macros. */
#ifndef OURO_COUNTS_CPYTHON_H
#define OURO_COUNTS_CPYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "ouro/atomic.h"
#include "ouro/common.h"

#define OU_PY(o) ((PyObject *)(uintptr_t)(o)) /* CPython knows no const */

OU_INLINE ou_object *ou_incref(ou_object *o)
{
    Py_INCREF(OU_PY(o));
    return o;
}

OU_INLINE void ou_decref(ou_object *o)
{
    Py_DECREF(OU_PY(o));
}

OU_INLINE ou_object *ou_xincref(ou_object *o)
{
    Py_XINCREF(OU_PY(o));
    return o;
}

OU_INLINE void ou_xdecref(ou_object *o)
{
    Py_XDECREF(OU_PY(o));
}

#endif
