/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * micro.h - what the files of ouro-micro share: a benchmark as a row of a table, sinks that
 * cost nothing, arrays that do not come from the allocator under test, a random source.
 *
 * A concern (alloc.c, counts.c, ...) exports one function that adds its rows; micro.c runs
 * them. A row's function loops over gb_next_batch and returns NULL when the work it did
 * checks out, or the reason why not; a reason turns the row into an error, never a number.
 */
#ifndef OURO_MICRO_H
#define OURO_MICRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gbench.h"

#ifdef __cplusplus
extern "C" { /* peers/shared_ptr.cc */
#endif

typedef struct micro_row micro_row;

/* Does the work; NULL, or one sentence why the result is wrong (static storage). */
typedef const char *(*micro_fn)(gb_state *state, const micro_row *row);

enum micro_flags {
    MICRO_QUICK = 1,  /* belongs to --quick */
    MICRO_MANUAL = 2, /* calls gb_manual_time once a batch */
    MICRO_THREADS = 4 /* makes threads itself: measured by wall time, after all others, because
                       * glibc takes no locks until a process has made its first thread */
};

struct micro_row {
    char name[48];     /* concern/what/variant; limits are limit/what */
    micro_fn fn;       /* const */
    const char *limit; /* name of the limit that this row is read against; NULL for limits */
    size_t size;       /* what the function wants: bytes, nodes */
    int threads;       /* 0 = one thread, no suffix in the name */
    unsigned flags;    /* micro_flags */
};

/* Adds a copy of a row. Ends the process when the table is full: a program error. */
void micro_add(const micro_row *row);
void micro_add_all(const micro_row *rows, size_t n);

/* Names a row `format`, keeps the rest. */
void micro_add_named(const micro_row *row, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One function a concern, each in the file of that name. */
void micro_limits(void);
void micro_limits_objects(void);
void micro_limits_share(void);
void micro_alloc(void);
void micro_realloc(void);
void micro_handoff(void);
void micro_counts(void);
void micro_objects(void);
void micro_lists(void);
void micro_dicts(void);
void micro_intern(void);
void micro_shared(void);
void micro_rings(void);
void micro_live(void);
void micro_chains(void);

/* The runtime that the object concerns drive (runtime_ouro.c, peers/cpython.c). */
int micro_runtime_start(void); /* 0, or -1 after a line on stderr */
void micro_runtime_stop(void);
void micro_runtime_context(void);            /* adds its version and settings to the context */
bool micro_thread_enter(void);               /* a benchmark's thread begins; false: it cannot */
void micro_thread_leave(void);               /* ... ends; no-op for the main thread */
extern const char *const micro_runtime_name; /* "ouro", "cpython" */
extern const char *const micro_name_prefix;  /* put before every row's name: "", "cpython/" */
extern void (*const micro_concerns[])(void); /* what it can run, NULL at the end */

/* Seed of every random choice (--seed). */
extern uint64_t micro_seed;

/* Zeroed memory from mmap, so that the allocator under test is not part of the driver. Ends
 * the process with a message when there is none. */
void *micro_pages(size_t bytes);
/* The same in huge pages where the system has them: for limits, which should not be limited
 * by a choice that an allocator could make better. */
void *micro_pages_huge(size_t bytes);
void micro_pages_free(void *p, size_t bytes);

/* Monotonic clock. */
uint64_t micro_now_ns(void);

/* The compiler must have `v` ready here and knows nothing about what happens to it. */
static inline void micro_sink(uint64_t v)
{
    __asm__ __volatile__("" : : "r"(v));
}

/* As if unknown code had read and written everything `p` can reach: the block behind `p` can
 * neither be optimised away nor kept in registers. Costs no instruction. */
static inline void micro_escape(void *p)
{
    __asm__ __volatile__("" : : "r"(p) : "memory");
}

/* 64-bit congruential step (Knuth's MMIX constants); its high bits are good enough to choose
 * slots, and it costs one multiplication that nothing else waits for. */
static inline uint64_t micro_next(uint64_t *x)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return *x;
}

/* 0..n-1, n < 2^32. */
static inline uint32_t micro_below(uint64_t *x, uint32_t n)
{
    return (uint32_t)(((micro_next(x) >> 32) * n) >> 32);
}

#ifdef __cplusplus
}
#endif

#endif
