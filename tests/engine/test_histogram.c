/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_histogram.c - buckets, their error bound, quantiles, merging.
 */
#include "unit.h"

#include "engine/rng.h"
#include "measure/histogram.h"

/* Every value lies in a bucket whose upper edge is not below it and less than 1/128 above. */
static void bucket_error_is_bounded(void **state)
{
    uint64_t seed = 7;
    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t v = rng_next(&seed) >> (i % 64);
        unsigned b = hist_bucket(v);
        assert_true(b < HIST_BUCKETS);
        uint64_t edge = hist_upper(b);
        assert_true(edge >= v);
        assert_true((edge - v) <= v / 128);
    }
    assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
    assert_true(hist_upper(HIST_BUCKETS - 1) == UINT64_MAX);
}

static void buckets_are_in_order(void **state)
{
    (void)state;
    for (unsigned b = 1; b < HIST_BUCKETS; b++) {
        assert_true(hist_upper(b) > hist_upper(b - 1));
        assert_int_equal(hist_bucket(hist_upper(b)), b);
        assert_int_equal(hist_bucket(hist_upper(b - 1) + 1), b);
    }
}

static void quantiles_of_a_ramp(void **state)
{
    struct histogram *h = hist_new();
    (void)state;
    assert_non_null(h);
    assert_int_equal(hist_quantile(h, 0.5), 0);
    for (uint64_t v = 1; v <= 100000; v++) {
        hist_add(h, v);
    }
    assert_int_equal(h->total, 100000);
    assert_int_equal(h->max, 100000);
    uint64_t p50 = hist_quantile(h, 0.5);
    uint64_t p99 = hist_quantile(h, 0.99);
    assert_true(p50 >= 50000 && p50 <= 50000 + 50000 / 128);
    assert_true(p99 >= 99000 && p99 <= 99000 + 99000 / 128);
    assert_int_equal(hist_quantile(h, 1), 100000);
    hist_free(h);
}

static void merging_adds(void **state)
{
    struct histogram *a = hist_new();
    struct histogram *b = hist_new();
    (void)state;
    hist_add(a, 10);
    hist_add(b, 1000000);
    hist_add(b, 20);
    hist_merge(a, b);
    assert_int_equal(a->total, 3);
    assert_int_equal(a->max, 1000000);
    assert_int_equal(hist_quantile(a, 0.6), 20);
    hist_free(a);
    hist_free(b);
}

static void support_needs_100_over_1_minus_p(void **state)
{
    struct histogram *h = hist_new();
    (void)state;
    h->total = 999;
    assert_false(hist_supports(h, 0.9));
    h->total = 1000;
    assert_true(hist_supports(h, 0.9));
    h->total = 999999;
    assert_false(hist_supports(h, 0.9999));
    h->total = 1000000;
    assert_true(hist_supports(h, 0.9999));
    hist_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket_error_is_bounded),
        cmocka_unit_test(buckets_are_in_order),
        cmocka_unit_test(quantiles_of_a_ramp),
        cmocka_unit_test(merging_adds),
        cmocka_unit_test(support_needs_100_over_1_minus_p),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
