/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * seed.c - reads seed and operation count of a randomised test. Called first thing in main.
 */
#include "support/seed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SEED_DEFAULT 20260731u

static uint64_t seed_number(const char *text, const char *name)
{
    char *end = NULL;
    errno = 0;
    uint64_t value = strtoull(text, &end, 0);
    if (errno || end == text || *end) {
        fprintf(stderr, "%s: not a number: %s (usage: %s [SEED [OPERATIONS]])\n", name, text,
                name);
        exit(2);
    }
    return value;
}

seed_args seed_parse(int argc, char **argv, const char *name, size_t default_ops)
{
    seed_args args = {SEED_DEFAULT, default_ops};
    if (argc > 1) {
        args.seed = seed_number(argv[1], name);
    }
    if (argc > 2) {
        args.ops = (size_t)seed_number(argv[2], name);
    }
    printf("%s: seed %" PRIu64 ", %zu operations\n", name, args.seed, args.ops);
    fflush(stdout);
    return args;
}
