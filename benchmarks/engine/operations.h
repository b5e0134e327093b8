/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * operations.h - what the files of operations offer to the table in ops.c.
 */
#ifndef ENGINE_OPERATIONS_H
#define ENGINE_OPERATIONS_H

#include "engine/ops.h"

struct block;

extern const struct op_form raw_fill;
extern const struct op_form raw_churn;
extern const struct op_form raw_drain;
extern const struct op_form raw_thin;
extern const struct op_form raw_generations;
extern const struct op_form raw_pipe;
extern const struct op_form raw_thrash;
extern const struct op_form raw_scratch;
extern const struct op_form raw_chain;
extern const struct op_form raw_serve;
extern const struct op_form raw_rings;
extern const struct op_form raw_list_append;
extern const struct op_form raw_list_scan;
extern const struct op_form raw_list_copy;
extern const struct op_form raw_list_clear;
extern const struct op_form object_fill;
extern const struct op_form object_churn;
extern const struct op_form object_drain;
extern const struct op_form object_rings;
extern const struct op_form object_graphs;
extern const struct op_form object_visitors;
extern const struct op_form object_weak_cache;
extern const struct op_form object_list_append;
extern const struct op_form object_list_scan;
extern const struct op_form object_list_copy;
extern const struct op_form object_list_clear;
extern const struct op_form any_fault;

/* Finalizers of graphs that have run (object_graphs.c). */
uint64_t object_graphs_finalized(void);

/* Giving back one thing of a window; also called for what arrives from a peer. */
void raw_release(struct worker *w, const struct block *b);
void object_release(struct worker *w, const struct block *b);

/* One thing of a window of objects, as the phase describes it (object_window.c), and whether
 * the phase's description can be carried out. */
bool object_window_new(struct worker *w, struct block *b);
int object_window_check(struct worker *w);

/* Beginnings and ends that both forms share (window.c). */
int window_fill_begin(struct worker *w);
int window_churn_begin(struct worker *w);
int window_drain_begin(struct worker *w);
int window_churn_end(struct worker *w);

#endif
