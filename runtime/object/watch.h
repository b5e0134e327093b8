/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * watch.h - events, for those who ask. A watched object is born merged: its counts take the
 * slow path, which is the only place that looks.
 */
#ifndef OURO_OBJECT_WATCH_H
#define OURO_OBJECT_WATCH_H

#include "object/object.h"
#include "ouro/event.h"

extern OU_HIDDEN bool
    ou_watching; /* a listener is set; changes only while the process is quiet */

void ou_watch_birth(ou_object *o, size_t bytes, bool reused);
void ou_watch_emit(ou_event_kind kind, const ou_object *o, int64_t value);

OU_INLINE void ou_watch(ou_event_kind kind, const ou_object *o, int64_t value)
{
    if (OU_UNLIKELY(ou_watching)) {
        ou_watch_emit(kind, o, value);
    }
}

#endif
