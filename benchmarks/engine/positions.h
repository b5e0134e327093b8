/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * positions.h - on which line does a value of a YAML file stand?
 *
 * libcyaml checks structure and forgets lines; the values are judged afterwards by check.c,
 * which must name a line too. This index is made first, from the parser's events, and it also
 * refuses what no workload needs: aliases, deep nesting, several documents.
 */
#ifndef ENGINE_POSITIONS_H
#define ENGINE_POSITIONS_H

#include <stddef.h>

#include "engine/complaint.h"

struct positions;

/* Indexes the text. NULL with a complaint when it is no acceptable YAML. Bump memory. */
struct positions *positions_read(const char *file, const char *text, size_t len,
                                 struct complaint *c);

/* Line of a path such as `forms[0].phases[2].sizes`; when there is no such path, of the
 * nearest enclosing one; 1 at the least. */
int positions_line(const struct positions *p, const char *path);

/* Line of a key that was refused, at or after line `from`: where it stands for the second time
 * in one mapping, otherwise where it first stands; `from` when it is nowhere. */
int positions_key_line(const struct positions *p, const char *key, int from);

#endif
