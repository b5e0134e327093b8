/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * event.h - an object's life told as events (row 13): create, count, collect, die, reuse.
 *
 * While a listener is set, new objects are born merged (owner 0), so every count takes the slow
 * path, which reports; the fast path pays nothing for the feature. Events of objects born
 * before are limited to what the collector finds, finalizer and death. The listener runs in the
 * acting thread, in the middle of what it is told of, and must not call ouro. Source: row 13 of
 * the documents.
 */
#ifndef OURO_EVENT_H
#define OURO_EVENT_H

#include <stdio.h>

#include "ouro/common.h"

typedef enum ou_event_kind {
    OU_EV_CREATE,      /* a new object; `value` = block size in bytes */
    OU_EV_REUSE,       /* ... made in a block that held an object before */
    OU_EV_INCREF,      /* `value` = count after */
    OU_EV_DECREF,      /* `value` = count after */
    OU_EV_FINALIZE,    /* the finalizer is about to run */
    OU_EV_UNREACHABLE, /* the collector found it; `value` = size of its garbage set */
    OU_EV_DEALLOC,     /* its memory is given back to the heap */
    OU_EV_GC_BEGIN,    /* object NULL */
    OU_EV_GC_END       /* object NULL, `value` = unreachable objects */
} ou_event_kind;

typedef struct ou_event {
    ou_event_kind kind;
    unsigned slot;           /* acting thread */
    const ou_object *object; /* identity only: may be dead */
    const char *type;        /* type name or NULL */
    int64_t value;
} ou_event;

typedef void (*ou_event_listener)(const ou_event *event, void *arg);

OU_BEGIN_DECLS

/* Sets the process's listener, NULL for none. Returns OU_OK. Call while no other thread works
 * on objects; the listener is called by any thread. */
OU_API int ou_event_listen(ou_event_listener listener, void *arg);

/* A listener that prints one readable line an event; pass a FILE * as `arg`. */
OU_API void ou_event_print(const ou_event *event, void *arg);

OU_END_DECLS

#endif
