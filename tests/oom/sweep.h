/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * sweep.h - allocation failure at every point of an operation.
 *
 * A case has four steps. The sweep makes the N-th allocation of `act` fail, for N = 1, 2, ...
 * until `act` passes several times in a row without being hurt; once with only that allocation
 * failing and once with all later ones failing too. After each failure: the error is OU_ENOMEM,
 * `unchanged` must hold, the same call without failure must work, `done` must hold, and after
 * `clean` no object and no byte may be left.
 */
#ifndef TESTS_OOM_SWEEP_H
#define TESTS_OOM_SWEEP_H

#include <stdbool.h>

#include "ouro/ouro.h"

typedef struct sweep_case {
    const char *name;
    void (*prepare)(void);   /* may be NULL */
    bool (*act)(void);       /* true = it worked, false = NULL or an error was returned */
    void (*unchanged)(void); /* after a failure; may be NULL */
    void (*done)(void);      /* after success; may be NULL */
    void (*clean)(void);     /* drops everything */
} sweep_case;

typedef enum sweep_kind {
    SWEEP_FAILS, /* at least one point must fail, or the sweep proves nothing */
    SWEEP_CALM,  /* needs no memory: no point may fail */
    SWEEP_EITHER /* only the outcome is checked */
} sweep_kind;

/* Runs one case both ways and prints how many points failed. */
void sweep_run(const sweep_case *c, sweep_kind kind);

/* From here on allocation number n fails, and all later ones if `sticky`; 0: none. */
void sweep_fail_after(int n, bool sticky);

#endif
