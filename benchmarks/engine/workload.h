/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * workload.h - a workload as the engine runs it: forms, phases, operations.
 *
 * Written by load.c (text) and check.c (values), read by everything else and never changed
 * after. docs/workloads.md explains every key.
 */
#ifndef ENGINE_WORKLOAD_H
#define ENGINE_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/complaint.h"
#include "engine/dist.h"

#define WORKLOAD_MAX_PHASES 64
#define WORKLOAD_MAX_THREADS 1024
#define WORKLOAD_MAX_OPS 100000000000u /* per phase, all threads: some hours */
#define WORKLOAD_MAX_FILE (1u << 20)

/* One row = one key of a phase whose value is a text: schema, name and bit come from here. */
#define WORKLOAD_KEYS(X)                                                                       \
    X(ops)                                                                                     \
    X(time)                                                                                    \
    X(window)                                                                                  \
    X(sizes)                                                                                   \
    X(types)                                                                                   \
    X(lifetime)                                                                                \
    X(free)                                                                                    \
    X(realloc)                                                                                 \
    X(cyclic)                                                                                  \
    X(cycle)                                                                                   \
    X(growth)                                                                                  \
    X(shape)                                                                                   \
    X(finalizer)                                                                               \
    X(asleep)                                                                                  \
    X(passes)                                                                                  \
    X(gc)                                                                                      \
    X(timed)                                                                                   \
    X(fault)

enum workload_key {
#define X(key) KEY_##key,
    WORKLOAD_KEYS(X)
#undef X
        KEY_COUNT
};

#define KEY(key) (1u << KEY_##key)

enum form { FORM_RAW, FORM_OBJECT, FORM_COUNT };
enum lifetime { LIFE_RANDOM, LIFE_FIFO, LIFE_LIFO, LIFE_EXPONENTIAL };
enum freeing { FREE_SELF, FREE_PEER, FREE_NEXT };
enum shape { SHAPE_CHAIN, SHAPE_TREE, SHAPE_GRAPH, SHAPE_HUB };
enum gc_mode { GC_AUTO, GC_MANUAL, GC_BACKGROUND };
enum fault {
    FAULT_SEGV,
    FAULT_ABORT,
    FAULT_HANG,
    FAULT_WRONG,
    FAULT_DRIFT,
    FAULT_SILENT,
    FAULT_LEAK,
    FAULT_STRAY,
    FAULT_UNFINALIZED
};

struct op_row;

struct phase {
    const char *name;
    const struct op_row *row;
    uint64_t ops;     /* per thread before scaling; 0 = the operation knows */
    uint64_t time_ns; /* 0 = ends by ops */
    uint64_t window;
    const struct dist *sizes;      /* what is allocated while running */
    const struct dist *live_sizes; /* what a fill makes */
    const struct dist *types;
    enum lifetime lifetime;
    enum freeing freeing;
    uint64_t peer;    /* parts in 2^32 that the next thread frees */
    uint64_t realloc; /* parts in 2^32 of operations that resize */
    uint64_t cyclic;  /* parts in 2^32 of objects that come as a ring */
    uint64_t cycle;   /* length of a ring */
    uint64_t passes;
    double growth;
    enum shape shape;
    bool finalizer;
    uint64_t asleep; /* threads that keep what they built and sleep */
    enum gc_mode gc;
    enum fault fault;
    bool timed;
};

struct form_plan {
    enum form form;
    unsigned n_phases;
    struct phase *phase;
};

struct workload {
    const char *file;
    const char *name;
    uint64_t seed;
    unsigned threads;
    unsigned n_forms;
    struct form_plan form[FORM_COUNT];
};

/* What the file says, before its values are looked at (filled by libcyaml). */
struct phase_text {
    char *name;
    char *op;
    char *key[KEY_COUNT];
};

struct form_text {
    char *form;
    struct phase_text *phases;
    unsigned n_phases;
};

struct workload_text {
    char *name;
    char *about;
    char *seed;
    char *threads;
    struct form_text *forms;
    unsigned n_forms;
};

const char *workload_form_name(enum form form);

/* Index of `word` in a list of n names, or -1. */
int workload_word(const char *word, const char *const *names, unsigned n);

/* Bytes the phase keeps alive on N threads, roughly, for a look at the machine's memory. */
double workload_need(const struct phase *p, unsigned threads, double scale);
double workload_have(void);

/* Reads and checks a workload file. 0, or -1 with a complaint. Bump memory throughout. */
int workload_load(const char *file, struct workload *out, struct complaint *c);

#endif
