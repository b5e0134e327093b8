/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * memory_table.c - the memory table of the documents' first row: every object that the calling
 * thread's frames name, with type, value, count and all its names.
 */
#include <inttypes.h>
#include <stdio.h>

#include "types/frame.h"

#define VALUE_CHARS 32
#define NAMES_CHARS 256

/* Frames and locals in order, innermost frame first. */
typedef struct cursor {
    ou_frame *frame;
    uint32_t local;
} cursor;

static ou_local *cursor_next(cursor *c)
{
    while (c->frame && c->local == c->frame->bound) {
        c->frame = c->frame->prev;
        c->local = 0;
    }
    return c->frame ? &c->frame->locals[c->local++] : NULL;
}

/* Is this the first local that names its object? */
static bool first_of(const ou_local *local)
{
    cursor c = {ou_frame_current(), 0};
    for (;;) {
        const ou_local *other = cursor_next(&c);
        if (other->value == local->value) {
            return other == local;
        }
    }
}

static void names_of(ou_object *o, char *text, size_t size)
{
    cursor c = {ou_frame_current(), 0};
    size_t len = 0;
    for (ou_local *l = cursor_next(&c); l && len < size; l = cursor_next(&c)) {
        if (l->value == o) {
            int n = snprintf(text + len, size - len, "%s%s", len ? ", " : "", l->name);
            len += n > 0 ? (size_t)n : 0;
        }
    }
    if (len >= size) {
        memcpy(text + size - 4, "...", 4);
    }
}

/* At most VALUE_CHARS columns; a cut never leaves half of a UTF-8 sequence. */
static void value_of(ou_object *o, char *text)
{
    size_t len = ou_repr(o, text, VALUE_CHARS + 1);
    if (len > VALUE_CHARS) {
        size_t cut = VALUE_CHARS - 3;
        while (cut && (text[cut] & 0xC0) == 0x80) {
            cut--;
        }
        memcpy(text + cut, "...", 4);
    }
}

void ou_memory_table(FILE *out)
{
    char value[VALUE_CHARS + 1];
    char names[NAMES_CHARS];
    char count[24];
    cursor c = {ou_frame_current(), 0};
    fprintf(out, "%-10s %-*s %10s  %s\n", "type", VALUE_CHARS, "value", "count", "names");
    for (ou_local *l = cursor_next(&c); l; l = cursor_next(&c)) {
        if (!first_of(l)) {
            continue;
        }
        value_of(l->value, value);
        names_of(l->value, names, sizeof names);
        if (ou_is_immortal(l->value)) {
            snprintf(count, sizeof count, "immortal");
        } else {
            snprintf(count, sizeof count, "%" PRId64, ou_refcount(l->value));
        }
        fprintf(out, "%-10s %-*s %10s  %s\n", ou_type_name(l->value), VALUE_CHARS, value, count,
                names);
    }
}
