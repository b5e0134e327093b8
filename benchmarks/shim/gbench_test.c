/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * gbench_test.c - does the shim do what gbench.h says? Run by ctest as ouro-gbench-test.
 *
 * Registers small benchmarks, runs them with a JSON file as output, and checks what the
 * functions saw and what the file says. Needs no runtime. One line a failed check, status 1.
 */
#include "gbench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ouro/atomic.h"

static int failures;

static void check(bool good, const char *what, int line)
{
    if (!good) {
        fprintf(stderr, "%s:%d: %s\n", __FILE__, line, what);
        failures++;
    }
}

#define CHECK(condition) check((condition), #condition, __LINE__)

static int64_t seen_args[8];
static int seen_count;
static int setups, teardowns; /* atomic */

static void arguments(gb_state *s, void *user)
{
    int64_t n = 0;
    CHECK(strcmp(user, "user data") == 0);
    while (gb_next_batch(s, 100)) {
        n += 100;
    }
    CHECK(gb_done(s) == n);
    CHECK(gb_arg_at(s, 2) == 0); /* there are two */
    seen_args[seen_count++ % 8] = gb_arg_at(s, 0) * 1000 + gb_arg_at(s, 1);
}

static void hook_in(gb_state *s, void *user)
{
    (void)s;
    (void)user;
    ou_fetch_add_relaxed(&setups, 1);
}

static void hook_out(gb_state *s, void *user)
{
    (void)s;
    (void)user;
    ou_fetch_add_relaxed(&teardowns, 1);
}

static void threads(gb_state *s, void *user)
{
    (void)user;
    CHECK(gb_thread_count(s) == 2);
    CHECK(gb_thread_index(s) == 0 || gb_thread_index(s) == 1);
    while (gb_next_batch(s, 1000)) {
    }
    gb_counter(s, "one", 1, GB_AVG_THREADS);
    gb_counter(s, "sum", 1, GB_PLAIN);
    gb_items(s, gb_done(s));
}

static void manual(gb_state *s, void *user)
{
    (void)user;
    while (gb_next_batch(s, 1000)) {
        gb_manual_time(s, 1e-3); /* exactly 1,000 ns an operation */
    }
    gb_label(s, "a \"label\"");
    gb_bytes(s, gb_done(s) * 8);
    gb_counter(s, "none", 0, GB_PLAIN); /* its coefficient of variation is 0/0 */
}

static void fails(gb_state *s, void *user)
{
    (void)user;
    while (gb_next_batch(s, 1)) {
    }
    gb_skip_error(s, "meant to fail");
}

static void not_finite(gb_state *s, void *user)
{
    (void)user;
    while (gb_next_batch(s, 1)) {
    }
    gb_counter(s, "bad", NAN, GB_PLAIN);
}

static void never(gb_state *s, void *user)
{
    (void)user;
    gb_skip_error(s, "refused before the loop");
    CHECK(!gb_next_batch(s, 10));
}

static void register_all(void)
{
    static char user[] = "user data";
    static const int64_t pair[2] = {7, 9};
    static const char *const names[2] = {"a", "b"};
    gb_bench *b = gb_register("test/arguments", arguments, user);
    CHECK(b != NULL);
    CHECK(gb_args(b, pair, 2) == 0 && gb_arg_names(b, names, 2) == 0);
    CHECK(gb_iterations(b, 1000) == 0);
    b = gb_register("test/threads", threads, NULL);
    CHECK(gb_threads(b, 2) == 0 && gb_thread_hooks(b, hook_in, hook_out) == 0);
    b = gb_register("test/manual", manual, NULL);
    CHECK(gb_use_manual_time(b) == 0 && gb_repetitions(b, 2) == 0);
    CHECK(gb_time_unit(b, GB_US) == 0);
    gb_register("test/fails", fails, NULL);
    gb_register("test/not_finite", not_finite, NULL);
    gb_register("test/never", never, NULL);
    CHECK(gb_range(NULL, 1, 8) == 0); /* NULL is accepted everywhere */
    CHECK(gb_context("key", "first") == 0 && gb_context("key", "value") == 0);
}

static char *read_all(const char *path)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = 0;
    if (f) {
        fclose(f);
    }
    return text;
}

static void check_file(const char *path)
{
    const char *json = read_all(path);
    CHECK(strstr(json, "\"key\": \"value\""));
    CHECK(strstr(json, "\"name\": \"test/arguments/a:7/b:9/iterations:1000\""));
    CHECK(strstr(json, "\"name\": \"test/threads/threads:2\""));
    CHECK(strstr(json, "\"one\": 1.0"));
    CHECK(strstr(json, "\"sum\": 2.0"));
    CHECK(strstr(json, "\"real_time\": 1.0000000000000"));
    CHECK(strstr(json, "\"label\": \"a \\\"label\\\"\""));
    CHECK(strstr(json, "\"error_message\": \"meant to fail\""));
    CHECK(strstr(json, "not a finite number"));
    CHECK(strstr(json, "refused before the loop"));
    CHECK(strstr(json, "_cv\"")); /* aggregates are there ... */
    CHECK(!strstr(json, "NaN") && !strstr(json, "nan") && !strstr(json, "nfinity"));
    CHECK(!strstr(json, "manual_time") && !strstr(json, "real_time/"));
}

int main(int argc, char **argv)
{
    char path[] = "gbench-test-XXXXXX", out[64], min_time[] = "--benchmark_min_time=0.001";
    char quiet[] = "--benchmark_display_aggregates_only=true";
    int fd = mkstemp(path);
    (void)argc;
    CHECK(fd >= 0);
    snprintf(out, sizeof out, "--benchmark_out=%s", path);
    char *args[] = {argv[0], out, min_time, quiet, NULL};
    int n = 4;
    char bad[] = "--no-such-option", *wrong[] = {argv[0], bad, NULL};
    int wrong_n = 2;
    CHECK(gb_init(&wrong_n, wrong) == -1);
    CHECK(gb_init(&n, args) == 0);
    register_all();
    CHECK(gb_run() == -2);
    CHECK(seen_count > 0 && seen_args[0] == 7009);
    CHECK(setups > 0 && setups % 2 == 0 && setups == teardowns);
    check_file(path);
    close(fd);
    unlink(path);
    printf("gbench: %d checks failed\n", failures);
    return failures ? 1 : 0;
}
