/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * complaint.c - formatting of input errors; see complaint.h.
 */
#include "engine/complaint.h"

#include <stdarg.h>

int complain(struct complaint *c, const char *file, int line, const char *fmt, ...)
{
    if (c->set) {
        return -1;
    }
    c->set = true;
    char where[24] = "";
    if (line > 0) {
        snprintf(where, sizeof where, ":%d", line);
    }
    int at = snprintf(c->text, sizeof c->text, "%.400s%s: ", file, where);
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->text + at, sizeof c->text - (size_t)at, fmt, args);
    va_end(args);
    for (unsigned char *p = (unsigned char *)c->text; *p; p++) {
        if (*p < 32 || *p > 126) {
            *p = '?';
        }
    }
    return -1;
}

void complaint_print(const struct complaint *c, FILE *out)
{
    fprintf(out, "%s\n", c->text);
}
