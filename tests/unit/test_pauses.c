/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* test_pauses.c - the histogram of stops: what it counts, its quantiles, its differences. */
#include "support/unit.h"

static uint64_t in_buckets(const ou_pauses *p)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < OU_PAUSE_BUCKETS; i++) {
        n += p->bucket[i];
    }
    return n;
}

static void every_stop_is_counted_once(void **state)
{
    (void)state;
    ou_pauses before, now;
    ou_pauses_get(&before);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ou_gc_collect(), 0); /* one stop each */
    }
    ou_pauses_get(&now);
    assert_int_equal(now.stops, in_buckets(&now));
    assert_true(now.longest_ns > 0 && now.longest_ns >= now.longest_reach_ns);
    ou_pauses_since(&now, &before);
    assert_int_equal(now.stops, 20);
    assert_int_equal(in_buckets(&now), 20);
    assert_true(now.stopped_ns > 0 && now.stopped_ns <= 20 * now.longest_ns);
    assert_true(ou_pauses_quantile(&now, 1) <= now.longest_ns);
}

static void a_report_agrees_with_the_histogram(void **state)
{
    (void)state;
    ou_pauses before, now;
    ou_gc_report report;
    ou_pauses_get(&before);
    assert_int_equal(ou_gc_collect_report(&report), 0);
    ou_pauses_get(&now);
    ou_pauses_since(&now, &before);
    assert_int_equal(report.stop_ns, now.stopped_ns);
}

static void the_log_keeps_the_last_stops(void **state)
{
    (void)state;
    ou_pause log[4] = {{0}};
    ou_pauses before, now;
    ou_pauses_get(&before);
    ou_pauses_log(log, 4);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(ou_gc_collect(), 0); /* one stop each */
    }
    assert_int_equal(ou_pauses_logged(), 6);
    ou_pauses_get(&now);
    ou_pauses_since(&now, &before);
    uint64_t sum = 0;
    for (int k = 2; k < 6; k++) { /* the k-th in log[k % 4] */
        const ou_pause *p = &log[k % 4];
        assert_true(p->ns > 0 && p->ns <= now.longest_ns);
        assert_true(k == 2 || p->began_ns >= log[(k - 1) % 4].began_ns);
        sum += p->ns;
    }
    assert_true(sum <= now.stopped_ns);
    ou_pauses_log(NULL, 0);
    assert_int_equal(ou_gc_collect(), 0);
    assert_int_equal(ou_pauses_logged(), 6);
}

/* Edges rise, by no more than 1/16 from 16 on, and are exact below. */
static void edges_are_in_order(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (unsigned i = 0; i + 1 < OU_PAUSE_BUCKETS; i++) {
        ou_pauses p = {.stops = 1, .longest_ns = UINT64_MAX};
        p.bucket[i] = 1;
        uint64_t edge = ou_pauses_quantile(&p, 0.5);
        assert_true(i == 0 ? edge == 0 : edge > last);
        assert_true(i < 16 ? edge == i : edge - last <= last / 16 + 1);
        last = edge;
    }
    assert_true(last > UINT64_C(500000000000)); /* minutes have a bucket */
}

static void quantiles_take_the_share_asked_for(void **state)
{
    (void)state;
    ou_pauses p = {.stops = 100, .longest_ns = 1000000};
    assert_int_equal(ou_pauses_quantile(&(ou_pauses){0}, 0.99), 0);
    p.bucket[5] = 98;
    p.bucket[9] = 1;
    p.bucket[OU_PAUSE_BUCKETS - 1] = 1;
    assert_int_equal(ou_pauses_quantile(&p, 0), 5);
    assert_int_equal(ou_pauses_quantile(&p, 0.98), 5);
    assert_int_equal(ou_pauses_quantile(&p, 0.99), 9);
    assert_int_equal(ou_pauses_quantile(&p, 1), 1000000); /* never above the longest */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(every_stop_is_counted_once),
        UNIT_TEST(a_report_agrees_with_the_histogram),
        UNIT_TEST(the_log_keeps_the_last_stops),
        UNIT_TEST(edges_are_in_order),
        UNIT_TEST(quantiles_take_the_share_asked_for),
    };
    return UNIT_MAIN(tests);
}
