/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_number.c - numbers with units: what is taken, and that nothing else is.
 */
#include "unit.h"

#include "engine/number.h"

static void takes_suffixes(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } rows[] = {
        {"0", 0},
        {"1", 1},
        {"007", 7},
        {"10k", 10000},
        {"3M", 3000000},
        {"2G", 2000000000},
        {"4Ki", 4096},
        {"1Mi", 1048576},
        {"1Gi", 1073741824},
        {"18446744073709551615", UINT64_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t value = 99;
        assert_null(number_u64(rows[i].text, 0, UINT64_MAX, &value));
        assert_true(value == rows[i].value);
    }
}

static void refuses_what_is_no_whole_number(void **state)
{
    static const char *const rows[] = {
        "",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1.5",
        "1e3",
        "0x10",
        "nan",
        "inf",
        "k",
        "1K",
        "1kk",
        "1Kib",
        "18446744073709551616",
        "99999999999999999999",
        "18446744073709551615k",
        "20000000000G",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t value = 99;
        assert_non_null(number_u64(rows[i], 0, UINT64_MAX, &value));
        assert_true(value == 99);
    }
}

static void keeps_to_the_limits(void **state)
{
    uint64_t value;
    (void)state;
    assert_null(number_u64("5", 5, 7, &value));
    assert_null(number_u64("7", 5, 7, &value));
    assert_string_equal(number_u64("4", 5, 7, &value), "must be 5..7");
    assert_string_equal(number_u64("8", 5, 7, &value), "must be 5..7");
}

static void decimals(void **state)
{
    static const char *const bad[] = {"",    ".",     "-1",   "nan", "inf", "NaN", "Infinity",
                                      "0x1", "1e999", "1..2", "1e",  "1 ",  "1,5"};
    double value = 0;
    (void)state;
    assert_null(number_f64("0.5", 0, 1, &value));
    assert_true(value > 0.4999 && value < 0.5001);
    assert_null(number_f64("2e2", 0, 1000, &value));
    assert_true(value > 199.9 && value < 200.1);
    assert_null(number_f64("5.", 0, 1000, &value));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_non_null(number_f64(bad[i], 0, 1e300, &value));
    }
    assert_non_null(number_f64("1001", 0, 1000, &value));
}

static void times(void **state)
{
    uint64_t ns;
    (void)state;
    assert_null(number_time_ns("500ms", &ns));
    assert_int_equal(ns, 500000000);
    assert_null(number_time_ns("2s", &ns));
    assert_int_equal(ns, 2000000000);
    assert_null(number_time_ns("1.5us", &ns));
    assert_int_equal(ns, 1500);
    assert_non_null(number_time_ns("5", &ns));
    assert_non_null(number_time_ns("5m", &ns));
    assert_non_null(number_time_ns("-1s", &ns));
    assert_non_null(number_time_ns("0s", &ns));
    assert_non_null(number_time_ns("1e30s", &ns));
}

static void percentages(void **state)
{
    uint64_t part;
    (void)state;
    assert_null(number_percent("50%", &part));
    assert_int_equal(part, 1u << 31);
    assert_null(number_percent("0%", &part));
    assert_int_equal(part, 0);
    assert_null(number_percent("100%", &part));
    assert_true(part == (uint64_t)1 << 32);
    assert_non_null(number_percent("50", &part));
    assert_non_null(number_percent("101%", &part));
    assert_non_null(number_percent("nan%", &part));
    assert_non_null(number_percent("%", &part));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_suffixes),
        cmocka_unit_test(refuses_what_is_no_whole_number),
        cmocka_unit_test(keeps_to_the_limits),
        cmocka_unit_test(decimals),
        cmocka_unit_test(times),
        cmocka_unit_test(percentages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
