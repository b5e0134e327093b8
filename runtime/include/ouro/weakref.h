/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * weakref.h - references that do not keep alive.
 *
 * Lists, dicts, instances and tuples may be referred to weakly. The weakref reads as nothing
 * from the moment its referent begins to die, before any finalizer of a garbage group runs, and
 * for good: also if a finalizer brings the referent back (a weakref made afterwards works).
 * Any attached thread, also while the last reference dies on another thread. Source: PEP 205;
 * the order among garbage, PEP 442 (docs/objects.md says where ouro differs).
 */
#ifndef OURO_WEAKREF_H
#define OURO_WEAKREF_H

#include "ouro/common.h"

/* Called once, after the referent is gone, by the thread that noticed, outside of every lock;
 * `ref` is borrowed and lives until the callback returns. May use the runtime fully. Not called
 * when the weakref died first, or is garbage of the same collection (in short stops: of the
 * same stop). The newest weakref's comes first. */
typedef void (*ou_weakref_callback)(ou_object *ref, void *arg);

OU_BEGIN_DECLS

/* New reference to a weakref of `target`, which the caller holds a reference of; `callback` may
 * be NULL, `arg` is passed to it. NULL: OU_ETYPE (type has no weakrefs), OU_ENOMEM, OU_ESTATE.
 * A safepoint. */
OU_API ou_object *ou_weakref_new(ou_object *target, ou_weakref_callback callback, void *arg);

/* New reference to the referent, or NULL (no error set) when it is gone. NULL with OU_ETYPE
 * when `ref` is no weakref, OU_ESTATE when the thread is not attached. */
OU_API ou_object *ou_weakref_get(ou_object *ref);

/* Number of live weakrefs to `target`. Any thread that holds a reference. */
OU_API size_t ou_weakref_count(ou_object *target);

OU_API bool ou_is_weakref(const ou_object *o);

OU_END_DECLS

#endif
