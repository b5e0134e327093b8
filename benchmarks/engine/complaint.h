/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * complaint.h - what is wrong with the input, as one line `FILE:LINE: reason`.
 *
 * Filled by everything that reads input, printed once by main. File names and values come from
 * outside: bytes that could move a terminal's cursor or break the line are shown as '?'.
 */
#ifndef ENGINE_COMPLAINT_H
#define ENGINE_COMPLAINT_H

#include <stdbool.h>
#include <stdio.h>

struct complaint {
    bool set;
    bool lacks; /* nothing is wrong with the input: this program cannot do it */
    char text[768];
};

/* Keeps the first complaint; `line` 0 leaves the line out. Returns -1 for `return`. */
int complain(struct complaint *c, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Prints it and a newline. */
void complaint_print(const struct complaint *c, FILE *out);

#endif
