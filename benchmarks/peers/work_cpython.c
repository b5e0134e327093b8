/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * work_cpython.c - the part of ouro's interface that the engine's object form uses, on
 * CPython's C API. ouro-work-cpython is the engine compiled again with this below it, so that
 * the same workload files do the same operations on the same contents, verified by the same
 * checksums.
 *
 * Each call takes the API's fastest way (macros, static types with inline slots). No byte code
 * is executed. Threads are CPython's: one of them runs at a time; who works gives the lock away
 * after 5 ms at a safepoint, as the interpreter's loop does.
 */
#include "work_cpython.h"

#include "work_stops.h"

#define SWITCH_NS 5000000u /* sys.getswitchinterval() */

static struct {
    ou_gc_callback fn;
    void *arg;
    PyObject *get_objects; /* gc.get_objects */
    uint64_t began_ns;     /* of the collection that runs */
} gc;

static __thread PyThreadState *outside;   /* inside a blocking region */
static __thread PyGILState_STATE ensured; /* of a thread that was attached */
static __thread bool attached;
static __thread uint64_t since_ns; /* the lock was taken, or this was last looked at */
static unsigned threads_inside;    /* under the interpreter lock */

/* ---- errors --------------------------------------------------------------------------------
 */

static __thread char message[256];

int work_fail(void)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *text = value ? PyObject_Str(value) : NULL;
    const char *bytes = text ? PyUnicode_AsUTF8(text) : NULL;
    snprintf(message, sizeof message, "CPython: %s", bytes ? bytes : "refused");
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    PyErr_Clear();
    return OU_ENOMEM;
}

ou_object *work_made(PyObject *o)
{
    if (!o) {
        work_fail();
    }
    return (ou_object *)o;
}

const char *ou_error_message(void)
{
    return message;
}

const char *ou_type_name(const ou_object *o)
{
    return Py_TYPE(OU_PY(o))->tp_name;
}

/* ---- collections ---------------------------------------------------------------------------
 */

static void collection_ended(PyObject *info)
{
    PyObject *collected = PyDict_GetItemString(info, "collected");
    PyObject *rest = PyDict_GetItemString(info, "uncollectable");
    uint64_t ns = work_now_ns() - gc.began_ns;
    work_stop_add(gc.began_ns, 0, ns); /* who holds the interpreter lock stops everybody */
    ou_gc_report report = {
        .unreachable = PyLong_AsUnsignedLongLong(collected) + PyLong_AsUnsignedLongLong(rest),
        .total_ns = ns,
        .stop_ns = ns,
    };
    gc.fn(&report, gc.arg);
}

/* An entry of gc.callbacks: (phase, info). */
static PyObject *on_collection(PyObject *self, PyObject *args)
{
    const char *phase;
    PyObject *info;
    (void)self;
    if (!PyArg_ParseTuple(args, "sO", &phase, &info)) {
        return NULL;
    }
    if (strcmp(phase, "start") == 0) {
        gc.began_ns = work_now_ns();
        gc.fn(NULL, gc.arg);
    } else {
        collection_ended(info);
    }
    Py_RETURN_NONE;
}

int ou_gc_callback_add(ou_gc_callback fn, void *arg)
{
    static PyMethodDef method = {"on_collection", on_collection, METH_VARARGS, NULL};
    PyObject *module = PyImport_ImportModule("gc");
    PyObject *list = module ? PyObject_GetAttrString(module, "callbacks") : NULL;
    PyObject *entry = list ? PyCFunction_New(&method, NULL) : NULL;
    gc.fn = fn;
    gc.arg = arg;
    gc.get_objects = module ? PyObject_GetAttrString(module, "get_objects") : NULL;
    int err = entry && gc.get_objects ? PyList_Append(list, entry) : -1;
    Py_XDECREF(entry);
    Py_XDECREF(list);
    Py_XDECREF(module);
    return err ? work_fail() : 0;
}

/* While its collector is disabled, PyGC_Collect does nothing and says 0. */
int64_t ou_gc_collect(void)
{
    int was = PyGC_Enable();
    int64_t found = PyGC_Collect();
    if (!was) {
        PyGC_Disable();
    }
    return found;
}

void ou_gc_enable(void)
{
    PyGC_Enable();
}

void ou_gc_disable(void)
{
    PyGC_Disable();
}

int ou_gc_background(bool on)
{
    return on ? OU_ELIMIT : 0; /* it has none: collections stay where they are due */
}

/* Lists and instances: numbers and text are counted by nobody there, and the collector
 * forgets tuples and dicts when it sees that they cannot be in a cycle. (Making a class makes
 * other objects.) */
size_t ou_census(ou_census_row *rows, size_t max)
{
    PyObject *all = PyObject_CallNoArgs(gc.get_objects);
    if (!all || !max) {
        work_fail();
        return 0;
    }
    uint64_t n = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(all); i++) {
        PyObject *o = PyList_GET_ITEM(all, i);
        n += PyList_CheckExact(o) || work_is_instance(o);
    }
    rows[0] = (ou_census_row){.type = "list, instance", .count = n};
    Py_DECREF(all);
    return 1;
}

/* ---- the runtime and its threads -----------------------------------------------------------
 */

int ou_start(const char *conf)
{
    PyConfig config;
    (void)conf; /* heaps: there is one */
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    PyStatus status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        snprintf(message, sizeof message, "CPython does not start: %s",
                 status.err_msg ? status.err_msg : "no reason given");
        return OU_ESTATE;
    }
    attached = true;
    threads_inside = 1;
    ou_gc_collect(); /* what starting left behind */
    return 0;
}

int ou_thread_attach(void)
{
    if (!attached) {
        ensured = PyGILState_Ensure();
        attached = true;
        threads_inside++;
    }
    since_ns = work_now_ns();
    return 0;
}

void ou_thread_detach(void)
{
    if (attached && threads_inside > 1) {
        threads_inside--;
        attached = false;
        PyGILState_Release(ensured);
    }
}

void ou_blocking_begin(void)
{
    outside = PyEval_SaveThread();
}

void ou_blocking_end(void)
{
    PyEval_RestoreThread(outside);
    since_ns = work_now_ns();
}

void ou_safepoint(void)
{
    if (threads_inside > 1 && work_now_ns() - since_ns > SWITCH_NS) {
        ou_blocking_begin();
        ou_blocking_end();
    }
}

const char *ou_version(void)
{
    return "CPython " PY_VERSION;
}

const char *ou_build_info(void)
{
    return Py_GetCompiler();
}
