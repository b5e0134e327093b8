/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * frame.c - the frame stack of each thread: one contiguous piece of memory of fixed size, taken
 * at the first call, given back when the thread leaves. Only its own thread ever touches it.
 *
 * A frame stays the innermost one, and valid, until the last of its locals has been dropped: a
 * finalizer that runs meanwhile may push and pop frames above it.
 */
#include "types/frame.h"

#include "conf/conf.h"
#include "thread/slot.h"

typedef struct frame_stack {
    char *base;        /* NULL: not mapped */
    size_t total;      /* bytes */
    size_t used;       /* bytes */
    size_t depth;      /* frames */
    ou_frame *current; /* innermost */
} frame_stack;

static __thread frame_stack stack;

static bool stack_map(void)
{
    size_t bytes = (size_t)ou_conf.frame_stack_bytes;
    stack.base = ou_os_map(bytes);
    if (OU_UNLIKELY(!stack.base)) {
        return false;
    }
    stack.total = bytes;
    return true;
}

static size_t frame_bytes(size_t locals)
{
    return sizeof(ou_frame) + locals * sizeof(ou_local);
}

static OU_COLD ou_frame *push_slow(const char *name, size_t locals)
{
    if (ou_is_detached()) {
        ou_fail_detached("ou_frame_push");
        return NULL;
    }
    if (!stack.base) {
        if (!stack_map()) {
            return ou_fail_null(OU_ENOMEM, "ou_frame_push: no memory for the frame stack");
        }
        return ou_frame_push(name, locals);
    }
    return ou_fail_null(OU_ESTACK,
                        "frame stack overflow: %zu of %zu bytes used by %zu frames, calling %s",
                        stack.used, stack.total, stack.depth, name);
}

ou_frame *ou_frame_push(const char *name, size_t locals)
{
    size_t left = stack.total - stack.used;
    bool fits =
        left >= sizeof(ou_frame) && locals <= (left - sizeof(ou_frame)) / sizeof(ou_local);
    if (OU_UNLIKELY(!fits) || ou_is_detached()) {
        return push_slow(name, locals);
    }
    ou_frame *f = (ou_frame *)(stack.base + stack.used);
    f->prev = stack.current;
    f->name = name;
    f->room = (uint32_t)locals;
    f->bound = 0;
    stack.used += frame_bytes(locals);
    stack.depth++;
    stack.current = f;
    return f;
}

void ou_frame_pop(void)
{
    ou_frame *f = stack.current;
    OU_VERIFY(f != NULL, "frame: pop without a frame");
    while (f->bound) {
        ou_decref(f->locals[--f->bound].value);
    }
    OU_VERIFY(stack.current == f, "frame: '%s' was left while its locals died", f->name);
    stack.current = f->prev;
    stack.used = (size_t)((char *)f - stack.base);
    stack.depth--;
}

ou_frame *ou_frame_current(void)
{
    return stack.current;
}

static bool same_name(const char *a, const char *b)
{
    return *a == *b && strcmp(a, b) == 0;
}

/* Names are compared as pointers first: mostly both are the same literal. */
static ou_local *local_find(ou_frame *f, const char *name)
{
    for (uint32_t i = 0; i < f->bound; i++) {
        if (f->locals[i].name == name) {
            return &f->locals[i];
        }
    }
    for (uint32_t i = 0; i < f->bound; i++) {
        if (same_name(f->locals[i].name, name)) {
            return &f->locals[i];
        }
    }
    return NULL;
}

/* Takes over `value`, also when it fails. */
OU_INLINE int bind(ou_frame *f, const char *name, ou_object *value)
{
    ou_local *local = local_find(f, name);
    if (local) {
        ou_object *old = local->value;
        local->value = value;
        ou_decref(old);
        return 0;
    }
    if (OU_UNLIKELY(f->bound == f->room)) {
        ou_decref(value);
        return ou_fail(OU_EINDEX, "frame '%s' has room for %u locals, '%s' is one more",
                       f->name, f->room, name);
    }
    f->locals[f->bound++] = (ou_local){name, value};
    return 0;
}

int ou_frame_bind_steal(ou_frame *f, const char *name, ou_object *value)
{
    if (OU_UNLIKELY(!value)) {
        return ou_fail_missing("ou_frame_bind_steal");
    }
    if (ou_is_detached()) {
        return ou_fail_detached("ou_frame_bind_steal");
    }
    return bind(f, name, value);
}

int ou_frame_bind(ou_frame *f, const char *name, ou_object *value)
{
    if (OU_UNLIKELY(!value)) {
        return ou_fail_missing("ou_frame_bind");
    }
    if (ou_is_detached()) {
        return ou_fail_detached("ou_frame_bind");
    }
    return bind(f, name, ou_incref(value));
}

static OU_COLD int fail_unbound(const ou_frame *f, const char *name)
{
    return ou_fail(OU_EKEY, "name '%s' is not bound in '%s'", name, f->name);
}

int ou_frame_del(ou_frame *f, const char *name)
{
    if (ou_is_detached()) {
        return ou_fail_detached("ou_frame_del");
    }
    ou_local *local = local_find(f, name);
    if (OU_UNLIKELY(!local)) {
        return fail_unbound(f, name);
    }
    ou_object *old = local->value;
    ou_local *end = f->locals + f->bound;
    memmove(local, local + 1, (size_t)(end - local - 1) * sizeof *local);
    f->bound--;
    ou_decref(old);
    return 0;
}

ou_object *ou_frame_get_borrow(ou_frame *f, const char *name)
{
    ou_local *local = local_find(f, name);
    if (OU_UNLIKELY(!local)) {
        fail_unbound(f, name);
        return NULL;
    }
    return local->value;
}

size_t ou_frame_stack_used(size_t *total_bytes, size_t *depth)
{
    if (total_bytes) {
        *total_bytes = stack.base ? stack.total : (size_t)ou_conf.frame_stack_bytes;
    }
    if (depth) {
        *depth = stack.depth;
    }
    return stack.used;
}

void ou_frame_thread_exit(void)
{
    while (stack.current) {
        ou_frame_pop();
    }
    if (stack.base) {
        ou_os_unmap(stack.base, stack.total);
        stack = (frame_stack){0};
    }
}
