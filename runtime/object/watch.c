/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* watch.c - the event listener (ouro/event.h). */
#include "object/watch.h"

#include "ouro/runtime.h"

bool ou_watching;
static ou_event_listener listener;
static void *listener_arg;

int ou_event_listen(ou_event_listener fn, void *arg)
{
    listener = fn;
    listener_arg = arg;
    ou_watching = fn != NULL;
    ou_special_set(OU_SPECIAL_WATCH, ou_watching);
    return OU_OK;
}

void ou_watch_emit(ou_event_kind kind, const ou_object *o, int64_t value)
{
    ou_event event = {kind, ou_thread_slot(), o, o ? ou_type_name(o) : NULL, value};
    ou_event_listener fn = listener;
    if (fn) {
        fn(&event, listener_arg);
    }
}

void ou_watch_birth(ou_object *o, size_t bytes, bool reused)
{
    o->rc_local = 0;
    o->owner = OU_OWNER_NONE;
    o->rc_shared = OU_RC_ONE | OU_RC_MERGED;
    o->flags = OU_FL_WATCHED;
    if (reused) {
        ou_watch_emit(OU_EV_REUSE, o, (int64_t)bytes);
    }
    ou_watch_emit(OU_EV_CREATE, o, (int64_t)bytes);
}

void ou_event_print(const ou_event *event, void *arg)
{
    static const char *const verbs[] = {
        "create",           "reuse the block of a dead object for",
        "incref",           "decref",
        "finalize",         "find unreachable",
        "deallocate",       "begin a collection",
        "end a collection",
    };
    static const char *const values[] = {
        "%lld bytes",  "%lld bytes", "count %lld", "count %lld",       "",
        "one of %lld", "",           "",           "%lld unreachable",
    };
    FILE *out = arg;
    fprintf(out, "[slot %u] %s", event->slot, verbs[event->kind]);
    if (event->object) {
        fprintf(out, " %s at %p", event->type, (const void *)event->object);
    }
    if (*values[event->kind]) {
        char text[48];
        long long value = event->value;
        const char *form = values[event->kind];
        size_t at = strcspn(form, "%");
        snprintf(text, sizeof text, "%.*s%lld%s", (int)at, form, value, form + at + 4);
        fprintf(out, ": %s", text);
    }
    fputc('\n', out);
}
