/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * ops.h - the table of operations: one row = one operation a phase can name.
 *
 * To add one: write a file with its functions, add its row in ops.c, describe it in
 * docs/workloads.md. An operation is called on every worker thread:
 *
 *      begin   before the clock starts: takes the arrays it needs, says how many operations
 *              the phase will do (w->planned)
 *      step    timed: does some operations, at most `left`; returns how many, 0 on failure
 *      end     timed: gives back what the phase must not leave behind
 */
#ifndef ENGINE_OPS_H
#define ENGINE_OPS_H

#include "engine/workload.h"

struct worker;

struct op_form {
    int (*begin)(struct worker *w);
    uint64_t (*step)(struct worker *w, uint64_t left);
    int (*end)(struct worker *w);
    uint32_t needs;  /* keys that must be there; with both of OPS_END: one of them */
    uint32_t allows; /* further keys that have a meaning */
    bool collects;   /* calls the collector itself: automatic collections are off meanwhile */
};

struct op_row {
    const char *name;
    const char *help;
    const struct op_form *form[FORM_COUNT]; /* NULL: not in this form */
};

#define OPS_END (KEY(ops) | KEY(time))

/* Row of a name, NULL when there is none; rows in order, NULL after the last. */
const struct op_row *op_find(const char *name);
const struct op_row *op_at(unsigned i);

/* Names of the object types a `types:` key knows, and their number (object_types.c). */
extern const char *const op_type_names[];
extern const unsigned op_type_count;

#endif
