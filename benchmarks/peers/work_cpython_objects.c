/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* work_cpython_objects.c - ouro's objects as CPython's: numbers, text, containers, instances,
 * weakrefs. See work_cpython.c. */
#include "work_cpython.h"

#include <limits.h>

/* ---- numbers, text, tuples -----------------------------------------------------------------
 */

ou_object *ou_int_new(int64_t value)
{
    return work_made(PyLong_FromLongLong(value));
}

int ou_int_value(const ou_object *o, int64_t *value)
{
    if (!PyLong_Check(OU_PY(o))) {
        return OU_ETYPE;
    }
    *value = PyLong_AsLongLong(OU_PY(o));
    return 0;
}

ou_object *ou_float_new(double value)
{
    return work_made(PyFloat_FromDouble(value));
}

int ou_float_value(const ou_object *o, double *value)
{
    if (!PyFloat_Check(OU_PY(o))) {
        return OU_ETYPE;
    }
    *value = PyFloat_AS_DOUBLE(OU_PY(o));
    return 0;
}

/* The engine's text is bytes, any of them: as code points up to 255 they take one byte each. */
ou_object *ou_str_new(const char *bytes, size_t len)
{
    return work_made(PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, bytes, (Py_ssize_t)len));
}

const char *ou_str_bytes(const ou_object *o, size_t *len)
{
    if (!PyUnicode_Check(OU_PY(o))) {
        return NULL;
    }
    *len = (size_t)PyUnicode_GET_LENGTH(OU_PY(o));
    return (const char *)PyUnicode_1BYTE_DATA(OU_PY(o));
}

ou_object *ou_tuple_new(ou_object *const *items, size_t n)
{
    PyObject *t = PyTuple_New((Py_ssize_t)n);
    for (size_t i = 0; t && i < n; i++) {
        PyTuple_SET_ITEM(t, (Py_ssize_t)i, Py_NewRef(OU_PY(items[i])));
    }
    return work_made(t);
}

int64_t ou_tuple_len(const ou_object *o)
{
    return PyTuple_Check(OU_PY(o)) ? PyTuple_GET_SIZE(OU_PY(o)) : OU_ETYPE;
}

ou_object *ou_tuple_get_borrow(const ou_object *o, size_t i)
{
    bool inside = PyTuple_Check(OU_PY(o)) && i < (size_t)PyTuple_GET_SIZE(OU_PY(o));
    return inside ? (ou_object *)PyTuple_GET_ITEM(OU_PY(o), (Py_ssize_t)i) : NULL;
}

/* ---- lists and dicts -----------------------------------------------------------------------
 */

ou_object *ou_list_new(size_t capacity)
{
    (void)capacity;
    return work_made(PyList_New(0));
}

int64_t ou_list_len(ou_object *list)
{
    return PyList_Check(OU_PY(list)) ? PyList_GET_SIZE(OU_PY(list)) : OU_ETYPE;
}

ou_object *ou_list_get(ou_object *list, size_t i)
{
    bool inside = PyList_Check(OU_PY(list)) && i < (size_t)PyList_GET_SIZE(OU_PY(list));
    return inside ? (ou_object *)Py_NewRef(PyList_GET_ITEM(OU_PY(list), (Py_ssize_t)i)) : NULL;
}

int ou_list_append(ou_object *list, ou_object *item)
{
    return PyList_Append(OU_PY(list), OU_PY(item)) ? work_fail() : 0;
}

int ou_list_append_steal(ou_object *list, ou_object *item)
{
    int err = ou_list_append(list, item);
    ou_decref(item);
    return err;
}

int ou_list_clear(ou_object *list)
{
    return PyList_SetSlice(OU_PY(list), 0, PyList_GET_SIZE(OU_PY(list)), NULL) ? work_fail()
                                                                               : 0;
}

ou_object *ou_list_copy(ou_object *list)
{
    return work_made(PyList_GetSlice(OU_PY(list), 0, PyList_GET_SIZE(OU_PY(list))));
}

int ou_list_sum(ou_object *list, int64_t *sum, size_t *ints)
{
    Py_ssize_t n = PyList_GET_SIZE(OU_PY(list));
    uint64_t total = 0;
    *ints = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PyList_GET_ITEM(OU_PY(list), i);
        if (PyLong_Check(item)) {
            total += (uint64_t)PyLong_AsLongLong(item);
            ++*ints;
        }
    }
    *sum = (int64_t)total;
    return 0;
}

ou_object *ou_dict_new(size_t capacity)
{
    (void)capacity;
    return work_made(PyDict_New());
}

int64_t ou_dict_len(ou_object *dict)
{
    return PyDict_Check(OU_PY(dict)) ? PyDict_GET_SIZE(OU_PY(dict)) : OU_ETYPE;
}

int ou_dict_set(ou_object *dict, ou_object *key, ou_object *value)
{
    return PyDict_SetItem(OU_PY(dict), OU_PY(key), OU_PY(value)) ? work_fail() : 0;
}

ou_object *ou_dict_get(ou_object *dict, ou_object *key)
{
    return (ou_object *)Py_XNewRef(PyDict_GetItemWithError(OU_PY(dict), OU_PY(key)));
}

/* ---- instances -----------------------------------------------------------------------------
 * A static type with as many slots as the class has attributes, and one word for weakrefs: what
 * a class with __slots__ and __weakref__ in it compiles to.
 */

typedef struct instance {
    PyObject_HEAD PyObject *weakrefs;
    PyObject *slot[];
} instance;

typedef struct class
{
    PyTypeObject type;
    int slots;
    ou_finalizer finalizer;
    void *arg;
} class;

static const class *class_of(PyObject *self)
{
    return (const class *)Py_TYPE(self);
}

static int instance_traverse(PyObject *self, visitproc visit, void *arg)
{
    for (int i = 0; i < class_of(self)->slots; i++) {
        Py_VISIT(((instance *)self)->slot[i]);
    }
    return 0;
}

static int instance_clear(PyObject *self)
{
    for (int i = 0; i < class_of(self)->slots; i++) {
        Py_CLEAR(((instance *)self)->slot[i]);
    }
    return 0;
}

static void instance_finalize(PyObject *self)
{
    const class *cls = class_of(self);
    cls->finalizer((ou_object *)self, cls->arg);
}

/* The trashcan keeps the death of a long chain from recursing. */
static void instance_dealloc(PyObject *self)
{
    if (class_of(self)->finalizer && PyObject_CallFinalizerFromDealloc(self)) {
        return;
    }
    PyObject_GC_UnTrack(self);
    Py_TRASHCAN_BEGIN(self, instance_dealloc) if (((instance *)self)->weakrefs)
    {
        PyObject_ClearWeakRefs(self);
    }
    instance_clear(self);
    PyObject_GC_Del(self);
    Py_TRASHCAN_END
}

bool work_is_instance(PyObject *o)
{
    return Py_TYPE(o)->tp_dealloc == instance_dealloc;
}

const ou_type *ou_class_new(const char *name, const char *const *attrs, size_t n, bool closed,
                            ou_finalizer finalizer, void *arg)
{
    (void)attrs, (void)closed; /* by index, and all of them are declared */
    class *cls = calloc(1, sizeof *cls);
    if (!cls || n > INT_MAX / 8) {
        PyErr_NoMemory();
        work_fail();
        free(cls);
        return NULL;
    }
    *cls = (class){
        .type = {PyVarObject_HEAD_INIT(NULL, 0).tp_name = name,
                 .tp_basicsize = (Py_ssize_t)(sizeof(instance) + n * sizeof(PyObject *)),
                 .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                 .tp_dealloc = instance_dealloc, .tp_traverse = instance_traverse,
                 .tp_clear = instance_clear, .tp_weaklistoffset = offsetof(instance, weakrefs),
                 .tp_finalize = finalizer ? instance_finalize : NULL},
        .slots = (int)n,
        .finalizer = finalizer,
        .arg = arg,
    };
    if (PyType_Ready(&cls->type)) {
        work_fail();
        return NULL;
    }
    return (const ou_type *)cls;
}

ou_object *ou_instance_new(const ou_type *type)
{
    const class *cls = (const class *)type;
    instance *self = (instance *)_PyObject_GC_New((PyTypeObject *)(uintptr_t)&cls->type);
    if (!self) {
        return work_made(NULL);
    }
    self->weakrefs = NULL;
    for (int i = 0; i < cls->slots; i++) {
        self->slot[i] = NULL;
    }
    PyObject_GC_Track(self);
    return (ou_object *)self;
}

ou_object *ou_attr_get_at(ou_object *self, int index)
{
    return ou_xincref((ou_object *)((instance *)self)->slot[index]);
}

int ou_attr_set_at_steal(ou_object *self, int index, ou_object *value)
{
    PyObject *old = ((instance *)self)->slot[index];
    ((instance *)self)->slot[index] = OU_PY(value);
    Py_XDECREF(old);
    return 0;
}

int ou_attr_set_at(ou_object *self, int index, ou_object *value)
{
    return ou_attr_set_at_steal(self, index, ou_xincref(value));
}

/* ---- weakrefs ------------------------------------------------------------------------------
 */

typedef struct listener {
    ou_weakref_callback fn;
    void *arg;
} listener;

static PyObject *on_death(PyObject *self, PyObject *ref)
{
    const listener *l = PyCapsule_GetPointer(self, NULL);
    l->fn((ou_object *)ref, l->arg);
    Py_RETURN_NONE;
}

static void listener_free(PyObject *capsule)
{
    free(PyCapsule_GetPointer(capsule, NULL));
}

/* One callable for all weakrefs that call the same function with the same argument. */
static PyObject *callable_for(ou_weakref_callback fn, void *arg)
{
    static PyMethodDef method = {"on_death", on_death, METH_O, NULL};
    static PyObject *last;
    static listener last_of;
    if (last && last_of.fn == fn && last_of.arg == arg) {
        return last;
    }
    listener *l = malloc(sizeof *l);
    if (!l) {
        return PyErr_NoMemory();
    }
    *l = last_of = (listener){fn, arg};
    PyObject *capsule = PyCapsule_New(l, NULL, listener_free);
    Py_XSETREF(last, capsule ? PyCFunction_New(&method, capsule) : NULL);
    Py_XDECREF(capsule);
    return last;
}

ou_object *ou_weakref_new(ou_object *target, ou_weakref_callback callback, void *arg)
{
    PyObject *callable = callback ? callable_for(callback, arg) : NULL;
    return work_made(callback && !callable ? NULL : PyWeakref_NewRef(OU_PY(target), callable));
}

ou_object *ou_weakref_get(ou_object *ref)
{
    PyObject *target = PyWeakref_GET_OBJECT(OU_PY(ref));
    return target == Py_None ? NULL : (ou_object *)Py_NewRef(target);
}
