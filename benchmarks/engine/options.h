/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * options.h - the command line that ouro-work and ouro-replay share (docs/worker.md).
 */
#ifndef ENGINE_OPTIONS_H
#define ENGINE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/complaint.h"

struct options {
    const char *input; /* the one positional argument */
    const char *form;  /* NULL: the file's first */
    const char *heap;  /* NULL: the program's own */
    uint64_t threads;  /* 0: the file's */
    uint64_t seed;
    bool seed_set;
    double scale;
    uint64_t iterations;   /* of all phases, in one process */
    bool turns;            /* iterations take turns with those of another process: */
    int turn_in, turn_out; /* a byte from here begins one, a byte to there ends it */
    uint64_t inject;       /* more operations than ordered, in parts of 2^32 */
    const char *expect;    /* NULL: no check */
    int out_fd;
    const char *rss_series; /* NULL: none */
    const char *pauses;     /* the same */
    bool latency;
    bool list;
    bool info; /* ouro-replay only */
};

#define RUN_MAX_ITERATIONS 1000u

/* Programs end with these (docs/worker.md). */
enum {
    EXIT_MEASURED = 0,
    EXIT_BAD_INPUT = 2,
    EXIT_UNVERIFIED = 3,
    EXIT_ALLOCATOR = 4,
    EXIT_LACKS = 5
};

/* Parses; --help and --version print and exit 0. 0, or -1 with a complaint whose "file" is the
 * program's name. */
int options_parse(int argc, char **argv, const char *program, const char *about,
                  struct options *out, struct complaint *c);

#endif
