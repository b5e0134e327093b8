/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * gbench.h - Google Benchmark 1.7 as a C API.
 *
 * Callers: benchmarks/micro and benchmarks/peers. A benchmark is a C function that asks for
 * work in batches and loops over each batch itself, so that the price of crossing into C++
 * is paid once a batch and not once an operation:
 *
 *      static void add(gb_state *s, void *user)
 *      {
 *          while (gb_next_batch(s, 1024)) {
 *              for (int i = 0; i < 1024; i++) { ... }
 *          }
 *      }
 *      gb_register("limit/add", add, NULL);
 *
 * What must stay true: no C++ exception leaves this API (calls that can run out of memory
 * return NULL or -1); nothing is registered by constructors; there is no pause and resume
 * (it costs up to a microsecond: use gb_manual_time around the part that counts); numbers
 * that are not finite never reach a result file.
 *
 * Names: Google Benchmark appends arguments and `/threads:N` to a name. Its `/real_time`,
 * `/manual_time` and `/min_time:X` suffixes are left out of JSON, so that one benchmark keeps
 * one name whatever its clock. For `/threads:N` the time of an operation is wall time over the
 * operations of all threads together.
 */
#ifndef OURO_GBENCH_H
#define OURO_GBENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gb_state gb_state; /* one thread of one run; valid inside the function only */
typedef struct gb_bench gb_bench; /* one registered family; owned by the library */

typedef void (*gb_fn)(gb_state *state, void *user);

/* How a counter is reported; may be combined. */
typedef enum gb_counter_flags {
    GB_PLAIN = 0,
    GB_RATE = 1,          /* divided by the seconds of the run */
    GB_AVG_THREADS = 2,   /* divided by the number of threads */
    GB_AVG_ITERATIONS = 4 /* divided by the number of iterations */
} gb_counter_flags;

typedef enum gb_unit { GB_NS, GB_US, GB_MS, GB_S } gb_unit;

/* --- registration, before gb_run ------------------------------------------------------- */

/* New benchmark; `name` is copied, `user` is handed to `fn`. NULL: no memory. */
gb_bench *gb_register(const char *name, gb_fn fn, void *user);

/* All of the following accept NULL and return 0, or -1 when memory is out. */
int gb_arg(gb_bench *b, int64_t value);
int gb_args(gb_bench *b, const int64_t *values, size_t n);
int gb_arg_names(gb_bench *b, const char *const *names, size_t n);
int gb_range(gb_bench *b, int64_t low, int64_t high); /* powers of 8 between, both ends */
int gb_dense_range(gb_bench *b, int64_t low, int64_t high, int step);
int gb_threads(gb_bench *b, int threads); /* also sets real time: CPU time misleads */
int gb_thread_range(gb_bench *b, int low, int high);
int gb_repetitions(gb_bench *b, int n);
int gb_iterations(gb_bench *b, int64_t n);
int gb_min_time(gb_bench *b, double seconds);
int gb_use_real_time(gb_bench *b);
int gb_use_manual_time(gb_bench *b); /* then call gb_manual_time once a batch */
int gb_time_unit(gb_bench *b, gb_unit unit);

/* Called by every thread of every run before and after `fn`, with the state and user of `fn`.
 * Neither is timed: the clock runs between the first gb_next_batch and the one that says no. */
int gb_thread_hooks(gb_bench *b, gb_fn setup, gb_fn teardown);

/* --- inside a benchmark ---------------------------------------------------------------- */

/* True: do `n` operations (n > 0), then ask again. False: the run is over. */
bool gb_next_batch(gb_state *state, int64_t n);

int64_t gb_arg_at(const gb_state *state, size_t i); /* 0 beyond the last argument */
int gb_thread_index(const gb_state *state);
int gb_thread_count(const gb_state *state);
int64_t gb_done(const gb_state *state); /* operations of this thread so far */

void gb_manual_time(gb_state *state, double seconds);

/* Counters end in the JSON entry under `name`; threads' values are added up. */
void gb_counter(gb_state *state, const char *name, double value, unsigned flags);
void gb_items(gb_state *state, int64_t items);
void gb_bytes(gb_state *state, int64_t bytes);
void gb_label(gb_state *state, const char *label);

/* The run failed: reported with this reason instead of numbers; gb_run returns -2. */
void gb_skip_error(gb_state *state, const char *reason);

/* --- the program ----------------------------------------------------------------------- */

/* One line of the JSON context. 0, -1. The last value of a key wins. */
int gb_context(const char *key, const char *value);

/* Takes the --benchmark_* options out of argv. 0, or -1 when something else is left over
 * (reported on stderr). --help ends the process. */
int gb_init(int *argc, char **argv);

/* Runs what the filter selects. Number of benchmarks run; -1 none matched or an exception
 * (reported on stderr); -2 at least one benchmark reported an error. Call once. */
int gb_run(void);

#ifdef __cplusplus
}
#endif

#endif
