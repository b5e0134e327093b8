/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * transcript.h - what a documents program says, line by line, and what it ought to say.
 *
 * A program prints with `say`; the lines go to stdout and into a transcript. At the end
 * transcript_check compares them with the lines the documents expect. In an expected line a
 * `*` stands for any text (addresses, times). Single-threaded.
 */
#ifndef TESTS_TRANSCRIPT_H
#define TESTS_TRANSCRIPT_H

#include <stddef.h>
#include <stdio.h>

/* Prints one line (the newline is added; inner newlines make several lines). */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Compares all lines said so far; each difference is a failed check. */
void transcript_check(const char *const *expected, size_t n);
#define TRANSCRIPT_CHECK(lines) transcript_check((lines), sizeof(lines) / sizeof((lines)[0]))

/* True when `text` matches `pattern`, `*` standing for any text. */
int transcript_match(const char *pattern, const char *text);

/* repr of an object in a buffer that the next eight calls do not overwrite. */
struct ou_object;
const char *transcript_repr(struct ou_object *o);

#endif
