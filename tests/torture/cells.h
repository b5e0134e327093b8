/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * cells.h - what torture programs share: places through which threads hand references to each
 * other, and objects that can be recognised.
 *
 * A cell owns one reference (or none). Taking and putting is one atomic exchange, so whoever
 * gets a pointer out owns the reference that went in; nobody looks at a cell's object without
 * taking it. Objects carry a cookie and its complement: what comes out must be whole.
 */
#ifndef TESTS_TORTURE_CELLS_H
#define TESTS_TORTURE_CELLS_H

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/prng.h"
#include "support/proc.h"
#include "support/scale.h"
#include "support/seed.h"
#include "support/team.h"

enum { CELLS = 64, CELL_THREADS = 4 };

typedef struct cell {
    ou_object *o; /* atomic */
    char pad[56]; /* a cache line of its own */
} cell;

/* Puts `o` (stolen, may be NULL) in the cell; returns what was there, owned. */
static inline ou_object *cell_swap(cell *c, ou_object *o)
{
    return ou_exchange_acq_rel(&c->o, o); /* pairs: cell_swap of the other thread */
}

/* Drops what is in all cells. */
static inline void cells_drain(cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ou_xdecref(cell_swap(&cells[i], NULL));
    }
}

/* An object of a random kind with a random cookie: int, str, list, tuple, dict, instance. */
void cookie_init(void);
ou_object *cookie_new(prng *r);

/* Ends the program unless `o` is an object of cookie_new and whole. */
void cookie_check(ou_object *o);

/* Class of cookie instances: attribute 0 is the cookie, 1 its complement, 2 is free. */
const ou_type *cookie_class(void);

/* Instances of that class made, and finalized, so far. */
uint64_t cookie_made(void);
uint64_t cookie_finalized(void);

/* Start and end of every torture program: the leak count must be the same in the end. */
void cells_start(const char *conf);
int cells_finish(void);

#endif
