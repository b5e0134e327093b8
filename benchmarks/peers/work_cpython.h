/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* work_cpython.h - what the two parts of ouro-work-cpython's runtime share. */
#ifndef OURO_WORK_CPYTHON_H
#define OURO_WORK_CPYTHON_H

#include "ouro/ouro.h"

/* Of a class made by ou_class_new? */
bool work_is_instance(PyObject *o);

/* Takes CPython's error over as the thread's message; gives OU_ENOMEM. */
int work_fail(void);

/* `o` itself, or NULL with the message taken over. */
ou_object *work_made(PyObject *o);

#endif
