/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * micro.c - the program around the micro benchmarks: options, table, context, exit status.
 *
 * ouro-micro and each peer program link this file with the concerns they can run. Options of
 * our own come first; everything else goes to Google Benchmark unchanged. What must stay true:
 * a row that does not verify ends as an error entry and the program as status 3; nothing
 * is measured when the runtime does not start.
 */
#include "micro.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MAX_ROWS 256
#define MAX_ARGS 128

uint64_t micro_seed = 20260101;

static micro_row rows[MAX_ROWS];
static size_t row_count;
static bool quick;

void micro_add(const micro_row *row)
{
    if (row_count == MAX_ROWS) {
        fprintf(stderr, "%s:%d: more than %d rows\n", __FILE__, __LINE__, MAX_ROWS);
        exit(2);
    }
    rows[row_count++] = *row;
}

void micro_add_all(const micro_row *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        micro_add(&all[i]);
    }
}

void micro_add_named(const micro_row *row, const char *format, ...)
{
    micro_row named = *row;
    va_list args;
    va_start(args, format);
    vsnprintf(named.name, sizeof named.name, format, args);
    va_end(args);
    micro_add(&named);
}

void *micro_pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        fprintf(stderr, "%s:%d: no %zu bytes for the driver: %s\n", __FILE__, __LINE__, bytes,
                strerror(errno));
        exit(2);
    }
    return p;
}

void *micro_pages_huge(size_t bytes)
{
    void *p = micro_pages(bytes);
    madvise(p, bytes, MADV_HUGEPAGE); /* only advice: refusal costs speed, not correctness */
    return p;
}

void micro_pages_free(void *p, size_t bytes)
{
    munmap(p, bytes);
}

uint64_t micro_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What the library calls for every run of every row. */
static void run_row(gb_state *state, void *user)
{
    const micro_row *row = user;
    if (!micro_thread_enter()) {
        gb_skip_error(state, "the thread cannot attach to the runtime");
        return;
    }
    const char *wrong = row->fn(state, row);
    micro_thread_leave();
    if (wrong) {
        gb_skip_error(state, wrong);
        return;
    }
    if (row->limit && gb_thread_index(state) == 0) {
        char label[80];
        snprintf(label, sizeof label, "limit=%s", row->limit);
        gb_label(state, label);
    }
    gb_items(state, gb_done(state));
}

static int register_row(micro_row *row)
{
    char name[64];
    snprintf(name, sizeof name, "%.15s%.47s", micro_name_prefix, row->name);
    gb_bench *b = gb_register(name, run_row, row);
    int failed = b == NULL;
    if (row->flags & MICRO_MANUAL) {
        failed |= gb_use_manual_time(b);
    }
    if ((row->flags & (MICRO_THREADS | MICRO_MANUAL)) == MICRO_THREADS) {
        failed |= gb_use_real_time(b);
    }
    if (row->threads > 0) {
        failed |= gb_threads(b, row->threads);
    }
    if (failed) {
        fprintf(stderr, "%s:%d: cannot register %s\n", __FILE__, __LINE__, name);
    }
    return failed ? -1 : 0;
}

static bool selected(const micro_row *row)
{
    return !quick || (row->flags & MICRO_QUICK);
}

/* Is there a selected row of that name? Names of rows on N threads end in "/threads:N". */
static bool limit_exists(const char *limit)
{
    for (size_t i = 0; i < row_count; i++) {
        char name[64];
        int n = snprintf(name, sizeof name, "%s", rows[i].name);
        if (rows[i].threads > 0) {
            snprintf(name + n, sizeof name - (size_t)n, "/threads:%d", rows[i].threads);
        }
        if (selected(&rows[i]) && strcmp(name, limit) == 0) {
            return true;
        }
    }
    return false;
}

/* Every selected row can be divided by its limit. A peer has no limits of its own: its rows are
 * read beside ouro-micro's. */
static int check_limits(void)
{
    bool has_limits = row_count > 0 && !rows[0].limit;
    for (size_t i = 0; i < row_count && has_limits; i++) {
        if (rows[i].limit && selected(&rows[i]) && !limit_exists(rows[i].limit)) {
            fprintf(stderr, "%s:%d: %s is read against %s, which is not there\n", __FILE__,
                    __LINE__, rows[i].name, rows[i].limit);
            return -1;
        }
    }
    return 0;
}

/* Rows that make threads after those that do not (see MICRO_THREADS). */
static int register_rows(void)
{
    int failed = check_limits();
    for (int threaded = 0; threaded <= 1; threaded++) {
        for (size_t i = 0; i < row_count && !failed; i++) {
            bool makes_threads = rows[i].threads > 0 || (rows[i].flags & MICRO_THREADS);
            if (makes_threads == (threaded == 1) && selected(&rows[i])) {
                failed = register_row(&rows[i]);
            }
        }
    }
    return failed;
}

/* Which file the process's malloc comes from: a preloaded library shows here. */
static void allocator_context(void)
{
    Dl_info info;
    char path[PATH_MAX] = "unknown";
    void *symbol = dlsym(RTLD_DEFAULT, "malloc");
    if (symbol && dladdr(symbol, &info) && info.dli_fname) {
        if (!realpath(info.dli_fname, path)) {
            snprintf(path, sizeof path, "%s", info.dli_fname);
        }
    }
    gb_context("malloc_library", path);
}

static void add_context(void)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)micro_seed);
    gb_context("seed", text);
    gb_context("profile", quick ? "quick" : "full");
    gb_context("runtime", micro_runtime_name);
    allocator_context();
    micro_runtime_context();
}

static void usage(const char *program)
{
    printf("Usage: %s [--quick] [--seed=N] [--benchmark_* options]\n"
           "  --quick    a subset of every concern, at most 12 s\n"
           "  --seed=N   seed of every random choice (default %llu)\n"
           "  --help     this text and Google Benchmark's options\n"
           "Exit status: 0 measured and verified, 2 bad options, 3 a result is wrong.\n",
           program, (unsigned long long)micro_seed);
}

/* Takes our options out of argv. 0, or -1 for a bad value. */
static int own_options(int *argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            quick = true;
        } else if (strncmp(argv[i], "--seed=", 7) == 0) {
            char *end;
            errno = 0;
            micro_seed = strtoull(argv[i] + 7, &end, 10);
            if (errno || end == argv[i] + 7 || *end || argv[i][7] == '-') {
                fprintf(stderr, "%s: --seed wants a number from 0 to 2^64-1, not '%s'\n",
                        argv[0], argv[i] + 7);
                return -1;
            }
        } else {
            if (strcmp(argv[i], "--help") == 0) {
                usage(argv[0]);
                fflush(stdout);
            }
            argv[kept++] = argv[i];
        }
    }
    argv[kept] = NULL;
    *argc = kept;
    return 0;
}

/* Google Benchmark's options behind our defaults; the last one of a kind wins. */
static int library_options(int argc, char **argv)
{
    static char min_time[40];
    char *all[MAX_ARGS];
    int n = 0;
    if (argc + 2 > MAX_ARGS) {
        fprintf(stderr, "%s: more than %d options\n", argv[0], MAX_ARGS - 2);
        return -1;
    }
    all[n++] = argv[0];
    if (!getenv("BENCHMARK_MIN_TIME")) {
        snprintf(min_time, sizeof min_time, "--benchmark_min_time=%s", quick ? "0.03" : "0.1");
        all[n++] = min_time;
    }
    for (int i = 1; i < argc; i++) {
        all[n++] = argv[i];
    }
    all[n] = NULL;
    return gb_init(&n, all);
}

int main(int argc, char **argv)
{
    if (own_options(&argc, argv) || library_options(argc, argv)) {
        return 2;
    }
    if (micro_runtime_start()) {
        return 2;
    }
    for (size_t i = 0; micro_concerns[i]; i++) {
        micro_concerns[i]();
    }
    if (register_rows()) {
        return 2;
    }
    add_context();
    int ran = gb_run();
    micro_runtime_stop();
    if (ran == -1) {
        fprintf(stderr, "%s: nothing was measured\n", argv[0]);
        return 2;
    }
    return ran == -2 ? 3 : 0;
}
