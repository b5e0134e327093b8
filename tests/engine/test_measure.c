/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_measure.c - the record writer, the proof of the allocator, resident memory.
 */
#include "unit.h"

#include <cjson/cJSON.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure/arena.h"
#include "measure/clock.h"
#include "measure/proof.h"
#include "measure/record.h"
#include "measure/rss.h"

static void a_record_is_one_json_line(void **state)
{
    struct record r;
    char text[1024];
    int pipes[2];
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    record_init(&r);
    record_str(&r, "name", "a \"quoted\"\nname");
    record_u64(&r, "big", UINT64_MAX);
    record_f64(&r, "half", 0.5);
    record_bool(&r, "verified", true);
    struct record list = record_list(&r, "phases");
    struct record item = record_list_item(&list);
    record_u64(&item, "ops", 3);
    record_join(&list, &item);
    record_join(&r, &list);
    assert_int_equal(record_write(&r, pipes[1]), 0);
    ssize_t n = read(pipes[0], text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = 0;
    assert_ptr_equal(strchr(text, '\n'), text + n - 1);
    assert_non_null(strstr(text, "18446744073709551615"));
    cJSON *back = cJSON_Parse(text);
    assert_non_null(back);
    assert_string_equal(cJSON_GetObjectItem(back, "name")->valuestring, "a \"quoted\"\nname");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(back, "phases")), 1);
    close(pipes[0]);
    close(pipes[1]);
}

static void numbers_that_are_none_are_refused(void **state)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct record r;
        record_init(&r);
        record_f64(&r, "rate", bad[i]);
        assert_string_equal(r.bad, "rate");
        assert_int_equal(record_write(&r, -1), -2);
    }
}

static void an_inner_failure_reaches_the_record(void **state)
{
    struct record r;
    (void)state;
    record_init(&r);
    struct record inner = record_object(&r, "allocator");
    record_f64(&inner, "x", NAN);
    record_join(&r, &inner);
    assert_int_equal(record_write(&r, -1), -2);
}

static void the_proof_agrees_with_the_linker(void **state)
{
    static struct proof p;
    static struct proof other;
    char why[2 * PROOF_PATH];
    char expect[2 * PROOF_PATH];
    (void)state;
    assert_int_equal(proof_read(&p, why, sizeof why), 0);
    assert_int_equal(p.path[0], '/');
    snprintf(expect, sizeof expect, "mine=%s", p.path);
    other = p;
    assert_int_equal(proof_expect(&other, expect, why, sizeof why), 0);
    assert_string_equal(other.name, "mine");
    other = p;
    assert_int_equal(proof_expect(&other, "x=/bin/sh", why, sizeof why), -1);
    assert_int_equal(proof_expect(&other, "x=/no/such/file", why, sizeof why), -1);
    assert_int_equal(proof_expect(&other, "nonsense", why, sizeof why), -2);
    assert_int_equal(proof_expect(&other, "=/bin/sh", why, sizeof why), -2);
}

static void resident_memory_follows_touching(void **state)
{
    struct rss_now before;
    struct rss_now after;
    (void)state;
    assert_int_equal(rss_read(&before), 0);
    struct rss_faults faults = rss_faults_read();
    char *p = arena_take(64u << 20);
    assert_non_null(p);
    assert_int_equal(rss_read(&after), 0);
    assert_true(after.rss_bytes >= before.rss_bytes + (60u << 20));
    assert_true(after.peak_bytes >= after.rss_bytes - (1u << 20));
    assert_true(rss_faults_read().minor >= faults.minor);
    arena_give(p, 64u << 20);
}

static uint64_t forty_two(void *arg)
{
    (void)arg;
    return 42;
}

static void a_series_has_a_header_and_samples(void **state)
{
    char name[] = "rss-XXXXXX";
    char line[128];
    int lines = 0;
    (void)state;
    close(mkstemp(name));
    struct rss_sampler *s = rss_sampler_start(forty_two, NULL);
    assert_non_null(s);
    assert_int_equal(rss_sampler_stop(s, name), 0);
    FILE *in = fopen(name, "r");
    assert_non_null(in);
    assert_non_null(fgets(line, sizeof line, in));
    assert_string_equal(line, "t_ns,rss_bytes,live_bytes\n");
    while (fgets(line, sizeof line, in)) {
        unsigned long long t;
        unsigned long long rss;
        unsigned long long live;
        assert_int_equal(sscanf(line, "%llu,%llu,%llu", &t, &rss, &live), 3);
        assert_true(rss > 0 && live == 42);
        lines++;
    }
    assert_true(lines >= 1);
    fclose(in);
    unlink(name);
}

static void a_series_that_cannot_be_written_says_so(void **state)
{
    (void)state;
    struct rss_sampler *s = rss_sampler_start(forty_two, NULL);
    assert_non_null(s);
    assert_true(rss_sampler_stop(s, "no-such-folder/series.csv") < 0);
}

static void clocks_run_forward(void **state)
{
    (void)state;
    uint64_t wall = clock_wall_ns();
    uint64_t cpu = clock_cpu_ns();
    while (clock_cpu_ns() == cpu) {
    }
    assert_true(clock_wall_ns() > wall);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_one_json_line),
        cmocka_unit_test(numbers_that_are_none_are_refused),
        cmocka_unit_test(an_inner_failure_reaches_the_record),
        cmocka_unit_test(the_proof_agrees_with_the_linker),
        cmocka_unit_test(resident_memory_follows_touching),
        cmocka_unit_test(a_series_has_a_header_and_samples),
        cmocka_unit_test(a_series_that_cannot_be_written_says_so),
        cmocka_unit_test(clocks_run_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
