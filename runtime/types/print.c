/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * print.c - repr: objects written as text into a buffer of fixed size, counting what does not
 * fit. The printer keeps the path of objects it is inside of, so cycles end in "...". No guard
 * is held while printing: containers are read item by item.
 */
#include <stdio.h>

#include "types/value.h"

#define PATH_MAX_DEPTH ((int)(sizeof((ou_printer *)0)->path / sizeof(ou_object *)))

void ou_print_bytes(ou_printer *out, const char *bytes, size_t len)
{
    if (out->len + 1 < out->size) {
        size_t n = ou_min(len, out->size - out->len - 1);
        memcpy(out->buf + out->len, bytes, n);
        out->buf[out->len + n] = 0;
    }
    out->len += len;
}

void ou_print(ou_printer *out, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    bool room = out->len < out->size;
    int n = vsnprintf(room ? out->buf + out->len : NULL, room ? out->size - out->len : 0, fmt,
                      args);
    va_end(args);
    out->len += n > 0 ? (size_t)n : 0;
}

static bool on_path(const ou_printer *out, const ou_object *o, int depth)
{
    for (int i = 0; i < depth; i++) {
        if (out->path[i] == o) {
            return true;
        }
    }
    return false;
}

void ou_print_object(ou_printer *out, ou_object *o, int depth)
{
    const ou_type *type = ou_type_get(o);
    if (!type->repr) {
        ou_print(out, "<%s object at %p>", type->name, (void *)o);
        return;
    }
    if (!(type->flags & OU_TF_TRACKED)) {
        type->repr(o, out, depth); /* no references inside: always ends */
        return;
    }
    if (depth >= PATH_MAX_DEPTH || on_path(out, o, depth)) {
        ou_print_bytes(out, "...", 3);
        return;
    }
    out->path[depth] = o;
    type->repr(o, out, depth + 1);
}

size_t ou_repr(ou_object *o, char *buf, size_t size)
{
    ou_printer out;
    out.buf = buf;
    out.size = size;
    out.len = 0;
    if (size) {
        buf[0] = 0;
    }
    ou_print_object(&out, o, 0);
    return out.len;
}
