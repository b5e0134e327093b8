/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * ops.c - the table of operations. One row = one operation; what a row means is in ops.h.
 */
#include "engine/ops.h"

#include <string.h>

#include "engine/operations.h"

static const struct op_row ops_table[] = {
    {"fill", "allocate until the window is full", {&raw_fill, &object_fill}},
    {"churn", "replace (or resize) one thing in the window", {&raw_churn, &object_churn}},
    {"drain", "free what is in the window", {&raw_drain, &object_drain}},
    {"thin", "free all of the window but every n-th thing", {&raw_thin, NULL}},
    {"generations",
     "replace in the window, with a new thread again and again",
     {&raw_generations, NULL}},
    {"pipe", "make in one thread, free in the next", {&raw_pipe, NULL}},
    {"thrash", "write small blocks in all threads", {&raw_thrash, NULL}},
    {"scratch", "the same, after freeing what another thread made", {&raw_scratch, NULL}},
    {"chain", "make blocks, free them link by link", {&raw_chain, NULL}},
    {"serve", "requests: blocks, a growing reply, a session", {&raw_serve, NULL}},
    {"rings", "build, walk and drop circular lists", {&raw_rings, &object_rings}},
    {"graphs", "build components of objects, keep some, drop others", {NULL, &object_graphs}},
    {"visitors", "threads come, make objects and go", {NULL, &object_visitors}},
    {"weak-cache", "ask a cache of weakrefs, refill it", {NULL, &object_weak_cache}},
    {"list-append", "append new elements to the list", {&raw_list_append, &object_list_append}},
    {"list-scan", "read and sum every element", {&raw_list_scan, &object_list_scan}},
    {"list-copy", "copy the list and drop the copy", {&raw_list_copy, &object_list_copy}},
    {"list-clear", "free all elements and the list", {&raw_list_clear, &object_list_clear}},
    {"fault", "fail on purpose, to test the harness", {&any_fault, &any_fault}},
};

#define OPS_ROWS (sizeof ops_table / sizeof *ops_table)

const struct op_row *op_at(unsigned i)
{
    return i < OPS_ROWS ? &ops_table[i] : NULL;
}

const struct op_row *op_find(const char *name)
{
    for (unsigned i = 0; i < OPS_ROWS; i++) {
        if (!strcmp(ops_table[i].name, name)) {
            return &ops_table[i];
        }
    }
    return NULL;
}
