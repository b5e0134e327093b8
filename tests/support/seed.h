/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * seed.h - the seed of a randomised test: printed, and accepted back.
 *
 * `program [SEED [OPERATIONS]]`. Without a seed the test uses its fixed one, so that its
 * verdict is the same on every run; a wider search passes other seeds.
 */
#ifndef TESTS_SEED_H
#define TESTS_SEED_H

#include <stddef.h>
#include <stdint.h>

typedef struct seed_args {
    uint64_t seed;
    size_t ops;
} seed_args;

/* Reads the arguments (decimal or 0x...), prints `NAME: seed S, N operations`; ends the
 * program with status 2 and one line on stderr when an argument is no number. */
seed_args seed_parse(int argc, char **argv, const char *name, size_t default_ops);

#endif
