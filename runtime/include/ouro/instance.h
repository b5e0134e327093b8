/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * instance.h - classes and their instances.
 *
 * A class is an immortal entry of the type region with a layout: attribute names in order of
 * first use, the first ones inline in the instance, later ones in a side array (an `open`
 * class), or none beyond the declared ones (a `closed` class, like Python's __slots__: 16
 * bytes of header and 8 an attribute). Threads: as list.h; a class may be used by any.
 *
 * Errors of all calls on instances, beside those named: OU_ETYPE, `self` is none; OU_ESTATE,
 * the thread is not attached. An int result is 0 or the error; nothing has changed then.
 * Source: the layout of __slots__, and of attributes by index once resolved as in inline caches
 * (PEP 659).
 */
#ifndef OURO_INSTANCE_H
#define OURO_INSTANCE_H

#include "ouro/common.h"

/* Runs once when an instance becomes unreachable, with a reference of its own: it may store
 * `self` somewhere and so bring it back to life (row 10; PEP 442). A non-zero result is
 * reported (event, counter) and otherwise ignored. Runs in the thread that dropped the last
 * reference, merged it, or collects, outside of every lock, and may use the runtime fully;
 * weakrefs to `self` read as nothing already. Source: PEP 442. */
typedef int (*ou_finalizer)(ou_object *self, void *arg);

OU_BEGIN_DECLS

/* New class. `attrs` are the declared attribute names (n of them, copied); `closed` forbids
 * others. `finalizer` may be NULL; `arg` is passed to it. NULL: OU_ELIMIT (the type region is
 * full, 16,368 classes; more than 1,024 attributes), OU_EINVAL (no name, or an attribute
 * without one or named twice), OU_ENOMEM. The class is immortal. Any thread. */
OU_API const ou_type *ou_class_new(const char *name, const char *const *attrs, size_t n,
                                   bool closed, ou_finalizer finalizer, void *arg);

/* Index of an attribute in the class's layout, adding it when the class is open; or OU_EATTR
 * (closed class), OU_ETYPE (no class), OU_ELIMIT (more than 1,024), OU_ENOMEM. The index never
 * changes. Any thread. */
OU_API int ou_class_attr(const ou_type *cls, const char *name);

/* New reference to an instance with no attribute set. NULL: OU_ETYPE (no class), OU_ENOMEM,
 * OU_ESTATE. A safepoint. */
OU_API ou_object *ou_instance_new(const ou_type *cls);

/* New reference to an instance whose attributes 0..n-1 hold `values`, NULL for one that is not
 * set. Takes over the caller's references, also when it fails, unless the thread is not
 * attached. One call instead of n + 1, and no lock: nobody else can see the instance yet. NULL:
 * OU_ETYPE (no class), OU_EINDEX (more values than attributes), OU_ENOMEM, OU_ESTATE. Any
 * attached thread. */
OU_API ou_object *ou_instance_of_steal(const ou_type *cls, ou_object *const *values, size_t n);

/* By name. get: new reference, or NULL and OU_EATTR (no such attribute, or not set). set takes
 * its own reference (borrowed in), the old value's is dropped after; NULL as value deletes. 0,
 * OU_EATTR (closed class; nothing to delete), OU_ELIMIT, OU_ENOMEM. */
OU_API ou_object *ou_attr_get(ou_object *self, const char *name);
OU_API int ou_attr_set(ou_object *self, const char *name, ou_object *value);

/* By index once resolved (ou_class_attr of the instance's class): no name is looked at. The
 * same, and OU_EINDEX for what is no index of the class. */
OU_API ou_object *ou_attr_get_at(ou_object *self, int index);
OU_API int ou_attr_set_at(ou_object *self, int index, ou_object *value);

/* As ou_attr_set_at, but takes over the caller's reference of `value`, also when it fails,
 * unless the thread is not attached. NULL is OU_EINVAL. */
OU_API int ou_attr_set_at_steal(ou_object *self, int index, ou_object *value);

OU_API bool ou_is_instance(const ou_object *o);

OU_END_DECLS

#endif
