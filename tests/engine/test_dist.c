/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_dist.c - distributions of sizes: shares, moments, limits, complaints.
 */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/dist.h"

static const struct dist *make(const char *text, const struct dist **live)
{
    struct complaint c = {0};
    struct dist_place at = {"file.yaml", 7, "sizes"};
    const struct dist *d = NULL;
    const struct dist *l = NULL;
    if (dist_sizes(text, &at, &c, &d, &l) != 0) {
        print_message("%s\n", c.text);
        return NULL;
    }
    if (live) {
        *live = l;
    }
    return d;
}

static unsigned count(const struct dist *d, uint32_t value)
{
    unsigned n = 0;
    for (unsigned i = 0; i < DIST_SLOTS; i++) {
        n += d->value[i] == value;
    }
    return n;
}

static void constant_and_split(void **state)
{
    (void)state;
    const struct dist *d = make("4Ki", NULL);
    assert_non_null(d);
    assert_int_equal(count(d, 4096), DIST_SLOTS);
    d = make("16:50,64:30,256:20", NULL);
    assert_non_null(d);
    assert_true(abs((int)count(d, 16) - 2048) <= 1);
    assert_true(abs((int)count(d, 64) - 1229) <= 1);
    assert_true(abs((int)count(d, 256) - 819) <= 1);
    assert_int_equal(d->max, 256);
    assert_int_equal(count(d, 16) + count(d, 64) + count(d, 256), DIST_SLOTS);
}

static void uniform_has_its_mean(void **state)
{
    (void)state;
    const struct dist *d = make("uniform 10..20", NULL);
    assert_non_null(d);
    assert_true(fabs(d->mean - 15) < 0.05);
    assert_true(count(d, 10) > 300 && count(d, 20) > 300 && count(d, 9) + count(d, 21) == 0);
}

static void lognormal_has_its_median(void **state)
{
    (void)state;
    const struct dist *d = make("lognormal 64 1.0 1..1M", NULL);
    assert_non_null(d);
    assert_true(d->value[DIST_SLOTS / 2] >= 62 && d->value[DIST_SLOTS / 2] <= 66);
    /* one standard deviation up: 64 e */
    uint32_t up = d->value[(unsigned)(0.8413 * DIST_SLOTS)];
    assert_true(up > 165 && up < 182);
}

static void pareto_and_zipf_fall(void **state)
{
    (void)state;
    const struct dist *d = make("pareto 1.0 16..64Ki", NULL);
    assert_non_null(d);
    assert_true(d->value[0] == 16 && d->max <= 65536 && d->max > 10000);
    assert_true(abs((int)d->value[DIST_SLOTS / 2] - 32) <= 1); /* median: min x 2^(1/a) */
    d = make("zipf 1 8..64", NULL);
    assert_non_null(d);
    unsigned first = count(d, 8);
    assert_true(abs((int)first - 2 * (int)count(d, 16)) <= 2);
    assert_true(abs((int)first - 4 * (int)count(d, 32)) <= 4);
}

static void csv_has_two_tables(void **state)
{
    char name[] = "dist-XXXXXX";
    char text[64];
    const struct dist *live = NULL;
    (void)state;
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    dprintf(fd, "size,rate,live\n16,3,1\n128,1,3\n");
    close(fd);
    snprintf(text, sizeof text, "csv %s", name);
    const struct dist *d = make(text, &live);
    assert_non_null(d);
    assert_int_equal(count(d, 16), 3072);
    assert_int_equal(count(live, 16), 1024);
    unlink(name);
}

static void complaints_name_the_place(void **state)
{
    static const char *const bad[] = {
        "",
        "0",
        "-1",
        "nan",
        "2Gi",
        "16:",
        ":5",
        "16:50,",
        ",16:1",
        "16:1,,32:1",
        "16:0",
        "16:-1",
        "16:nan",
        "uniform",
        "uniform 5",
        "uniform 9..8",
        "uniform 0..8",
        "uniform 1..8 9",
        "lognormal 64 1..8",
        "lognormal 64 nan 1..8",
        "pareto 0 1..8",
        "zipf 1 1..1Gi",
        "csv does-not-exist.csv",
        "csv .",
        "gauss 1..2",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct complaint c = {0};
        struct dist_place at = {"file.yaml", 7, "sizes"};
        const struct dist *d = NULL;
        const struct dist *l = NULL;
        assert_int_equal(dist_sizes(bad[i], &at, &c, &d, &l), -1);
        assert_true(c.set);
        assert_int_equal(strncmp(c.text, "file.yaml:7: ", 13), 0);
    }
}

static void complaints_are_one_safe_line(void **state)
{
    struct complaint c = {0};
    (void)state;
    complain(&c, "a\x1b[2Jb", 3, "bad\nthing %s", "\xff");
    assert_string_equal(c.text, "a?[2Jb:3: bad?thing ?");
    complain(&c, "other", 1, "second");
    assert_string_equal(c.text, "a?[2Jb:3: bad?thing ?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_and_split),
        cmocka_unit_test(uniform_has_its_mean),
        cmocka_unit_test(lognormal_has_its_median),
        cmocka_unit_test(pareto_and_zipf_fall),
        cmocka_unit_test(csv_has_two_tables),
        cmocka_unit_test(complaints_name_the_place),
        cmocka_unit_test(complaints_are_one_safe_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
