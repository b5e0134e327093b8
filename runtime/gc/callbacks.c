/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* callbacks.c - who is told of collections: a table of eight, copied before it is called. */
#include "gc/gc.h"
#include "os/lock.h"

#define CALLBACKS_MAX 8

typedef struct callback {
    ou_gc_callback fn; /* NULL: free */
    void *arg;
} callback;

static callback callbacks[CALLBACKS_MAX]; /* lock:callbacks_lock */
static ou_lock callbacks_lock = OU_LOCK_INIT;

/* Puts `new` where `old` is first. */
static bool replace(callback old, callback new)
{
    bool done = false;
    ou_lock_take(&callbacks_lock);
    for (int i = 0; i < CALLBACKS_MAX && !done; i++) {
        done = callbacks[i].fn == old.fn && callbacks[i].arg == old.arg;
        callbacks[i] = done ? new : callbacks[i];
    }
    ou_lock_give(&callbacks_lock);
    return done;
}

int ou_gc_callback_add(ou_gc_callback fn, void *arg)
{
    if (!fn) {
        return ou_fail(OU_EINVAL, "gc callback: no function");
    }
    return replace((callback){0}, (callback){fn, arg})
               ? 0
               : ou_fail(OU_ELIMIT, "no room for more than %d collector callbacks",
                         CALLBACKS_MAX);
}

int ou_gc_callback_remove(ou_gc_callback fn, void *arg)
{
    return fn && replace((callback){fn, arg}, (callback){0})
               ? 0
               : ou_fail(OU_EINVAL, "gc callback: not registered");
}

void ou_gc_callbacks_fork(bool done)
{
    if (done) {
        ou_lock_give(&callbacks_lock);
    } else {
        ou_lock_take(&callbacks_lock);
    }
}

void ou_gc_call_back(const ou_gc_report *report)
{
    callback now[CALLBACKS_MAX];
    ou_lock_take(&callbacks_lock);
    memcpy(now, callbacks, sizeof now);
    ou_lock_give(&callbacks_lock);
    for (int i = 0; i < CALLBACKS_MAX; i++) {
        if (now[i].fn) {
            now[i].fn(report, now[i].arg);
        }
    }
}
