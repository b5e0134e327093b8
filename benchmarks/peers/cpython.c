/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * cpython.c - CPython's runtime as ouro-peer-cpython drives it: start, stop, the node type.
 *
 * The interpreter is embedded isolated (no environment, no site, no signal handlers) and its
 * automatic collector is off between op_collect calls, as ouro's is: rings.c collects when it
 * means to. What must stay true: a collection finds exactly the nodes, so what starting left
 * behind is collected first and nothing else makes garbage.
 */
#include "ops_cpython.h"

#include <stdio.h>

#include "micro.h"

const char *const micro_runtime_name = "cpython";
const char *const micro_name_prefix = "cpython/";

void (*const micro_concerns[])(void) = {
    micro_counts, micro_objects, micro_lists,  micro_dicts, micro_intern,
    micro_rings,  micro_live,    micro_chains, NULL,
};

static int node_traverse(PyObject *self, visitproc visit, void *arg)
{
    op_node_object *node = (op_node_object *)self;
    Py_VISIT(node->slot[0]);
    Py_VISIT(node->slot[1]);
    return 0;
}

static int node_clear(PyObject *self)
{
    op_node_object *node = (op_node_object *)self;
    Py_CLEAR(node->slot[0]);
    Py_CLEAR(node->slot[1]);
    return 0;
}

/* The trashcan keeps the death of a ring of 10^6 from recursing 10^6 deep. */
static void node_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    Py_TRASHCAN_BEGIN(self, node_dealloc) node_clear(self);
    PyObject_GC_Del(self);
    Py_TRASHCAN_END
}

PyTypeObject op_node_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "ouro.Node",
    .tp_basicsize = sizeof(op_node_object),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_dealloc = node_dealloc,
    .tp_traverse = node_traverse,
    .tp_clear = node_clear,
};

int micro_runtime_start(void)
{
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    PyStatus status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        fprintf(stderr, "%s:%d: CPython does not start: %s\n", __FILE__, __LINE__,
                status.err_msg ? status.err_msg : "no reason given");
        return -1;
    }
    if (PyType_Ready(&op_node_type)) {
        fprintf(stderr, "%s:%d: the node type is refused\n", __FILE__, __LINE__);
        return -1;
    }
    op_collect();
    return 0;
}

void micro_runtime_stop(void)
{
    Py_FinalizeEx();
}

/* All rows run on the thread that started the interpreter and holds its lock. */
bool micro_thread_enter(void)
{
    return PyGILState_Check();
}

void micro_thread_leave(void)
{
}

void micro_runtime_context(void)
{
    gb_context("runtime_version", Py_GetVersion());
    gb_context("runtime_build", Py_GetCompiler());
}
