/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_trace.c - the trace format: what the writer writes the reader reads; every damaged byte
 * is an error with an offset or a dropped tail, never a wrong record or a crash.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/rng.h"
#include "trace/format.h"
#include "trace/idmap.h"
#include "trace/survey.h"
#include "trace/writer.h"

#define PAIRS 20000u /* several chunks */

static char trace_name[] = "trace-XXXXXX";

static void varints_round_trip(void **state)
{
    uint64_t seed = 3;
    unsigned char buf[16];
    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t v = rng_next(&seed) >> (i % 64);
        uint64_t back = 0;
        unsigned n = trace_put(buf, v);
        assert_int_equal(trace_get(buf, buf + n, &back), n);
        assert_true(back == v);
        assert_int_equal(trace_get(buf, buf + n - 1, &back), 0); /* cut off */
    }
}

static void varints_have_one_form(void **state)
{
    static const unsigned char padded[] = {0x81, 0x00};
    static const unsigned char huge[] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 2};
    uint64_t v;
    (void)state;
    assert_int_equal(trace_get(padded, padded + sizeof padded, &v), 0);
    assert_int_equal(trace_get(huge, huge + sizeof huge, &v), 0);
}

static void numbers_come_back_last_first(void **state)
{
    bool again;
    (void)state;
    assert_int_equal(idmap_add(0x1000, &again), 0);
    assert_int_equal(idmap_add(0x2000, &again), 1);
    assert_int_equal(idmap_remove(0x1000, true), 0);
    assert_int_equal(idmap_remove(0x1000, true), IDMAP_NONE);
    assert_int_equal(idmap_add(0x3000, &again), 0);
    assert_false(again);
    assert_int_equal(idmap_add(0x3000, &again), 0);
    assert_true(again);
    assert_int_equal(idmap_remove(0x3000, true), 0);
    assert_int_equal(idmap_remove(0x2000, true), 1);
}

/* Against a naive table: random adds and removes over few addresses, many collisions. */
static void the_map_agrees_with_an_array(void **state)
{
    static uint32_t shadow[4096];
    uint64_t seed = 11;
    bool again;
    (void)state;
    memset(shadow, 0xff, sizeof shadow);
    for (unsigned i = 0; i < 200000; i++) {
        unsigned at = rng_below((uint32_t)rng_next(&seed), 4096);
        uintptr_t addr = 0x7f0000000000u + (uintptr_t)at * 16;
        if (shadow[at] == IDMAP_NONE) {
            shadow[at] = idmap_add(addr, &again);
            assert_false(again);
        } else {
            assert_int_equal(idmap_remove(addr, true), shadow[at]);
            shadow[at] = IDMAP_NONE;
        }
    }
    for (unsigned at = 0; at < 4096; at++) {
        uint32_t id = idmap_remove(0x7f0000000000u + (uintptr_t)at * 16, true);
        assert_int_equal(id, shadow[at]);
    }
}

static void survey_file(const char *name, struct survey *s, struct complaint *c, int *result,
                        bool *dropped)
{
    struct reader r;
    memset(c, 0, sizeof *c);
    *result = reader_open(&r, name, c);
    if (*result == 0) {
        *result = survey_trace(&r, UINT64_MAX, s, c);
        *dropped = r.tail_dropped;
        reader_close(&r);
    }
}

static void what_is_written_is_read(void **state)
{
    struct survey s;
    struct complaint c;
    int result;
    bool dropped;
    (void)state;
    survey_file(trace_name, &s, &c, &result, &dropped);
    assert_int_equal(result, 0);
    assert_false(dropped);
    assert_int_equal(s.records, 4 * PAIRS);
    assert_int_equal(s.kind[TRACE_MALLOC], PAIRS);
    assert_int_equal(s.kind[TRACE_REALLOC], PAIRS);
    assert_int_equal(s.kind[TRACE_MEMALIGN], PAIRS);
    assert_int_equal(s.kind[TRACE_FREE], PAIRS);
    assert_int_equal(s.left_blocks, PAIRS);
    assert_int_equal(s.left_bytes, (uint64_t)PAIRS * 64);
    assert_int_equal(s.ids, PAIRS + 1);
    assert_int_equal(s.threads, 2);
}

static void copy_damaged(const char *to, size_t length, size_t at, unsigned char flip)
{
    static unsigned char bytes[8u << 20];
    int in = open(trace_name, O_RDONLY);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t n = read(in, bytes, sizeof bytes);
    assert_true(n > 0 && out >= 0);
    if (at < (size_t)n) {
        bytes[at] ^= flip;
    }
    size_t keep = length < (size_t)n ? length : (size_t)n;
    assert_int_equal(write(out, bytes, keep), (ssize_t)keep);
    close(in);
    close(out);
}

static void damage_in_a_closed_file_is_an_error(void **state)
{
    struct survey s;
    struct complaint c;
    uint64_t seed = 5;
    int result;
    bool dropped;
    struct stat st;
    (void)state;
    assert_int_equal(stat(trace_name, &st), 0);
    size_t body = (size_t)st.st_size - TRACE_FIRST_CHUNK;
    unsigned refused = 0;
    for (unsigned i = 0; i < 200; i++) {
        size_t at = TRACE_FIRST_CHUNK + rng_below((uint32_t)rng_next(&seed), body);
        copy_damaged("damaged", SIZE_MAX, at, (unsigned char)(1u << (i % 8)));
        survey_file("damaged", &s, &c, &result, &dropped);
        if (result != 0) {
            refused++;
            assert_non_null(strstr(c.text, "offset"));
        } else { /* only bytes that nothing refers to may differ without notice */
            assert_int_equal(s.records, 4 * PAIRS);
        }
    }
    assert_true(refused >= 195);
    unlink("damaged");
}

static void a_file_cut_anywhere_is_no_crash(void **state)
{
    struct survey s;
    struct complaint c;
    uint64_t seed = 9;
    int result;
    bool dropped;
    struct stat st;
    (void)state;
    assert_int_equal(stat(trace_name, &st), 0);
    for (unsigned i = 0; i < 100; i++) {
        size_t keep = rng_below((uint32_t)rng_next(&seed), (uint64_t)st.st_size);
        /* byte 40 is `closed`: as if the program had been killed */
        copy_damaged("damaged", keep, 40, i % 2 ? 1 : 0);
        survey_file("damaged", &s, &c, &result, &dropped);
        if (result == 0) {
            assert_true(s.records <= 4 * PAIRS);
        } else {
            assert_true(c.set);
        }
    }
    unlink("damaged");
}

static void a_killed_writer_leaves_whole_records(void **state)
{
    struct survey s;
    struct complaint c;
    int result;
    bool dropped = false;
    struct stat st;
    (void)state;
    assert_int_equal(stat(trace_name, &st), 0);
    copy_damaged("damaged", (size_t)st.st_size - 7, 40, 1);
    survey_file("damaged", &s, &c, &result, &dropped);
    assert_int_equal(result, 0);
    assert_true(dropped);
    assert_true(s.records > 0 && s.records < 4 * PAIRS);
    unlink("damaged");
}

static void what_is_no_trace_is_refused(void **state)
{
    static const char *const names[] = {"/dev/null", ".", "no-such-file", "/proc/self/status"};
    struct survey s;
    struct complaint c;
    int result;
    bool dropped;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        survey_file(names[i], &s, &c, &result, &dropped);
        assert_int_equal(result, -1);
        assert_true(c.set);
    }
}

static int write_trace(void **state)
{
    (void)state;
    close(mkstemp(trace_name));
    unlink(trace_name);
    if (!writer_open(trace_name, 1u << 30)) {
        return -1;
    }
    /* number 0 lives and dies, number i + 1 stays */
    for (uint32_t i = 0; i < PAIRS; i++) {
        if (!writer_add(TRACE_MALLOC, 1, 0, 100, 0) ||
            !writer_add(TRACE_REALLOC, 1, 0, 5000, 0) ||
            !writer_add(TRACE_MEMALIGN, 2, i + 1, 64, 6) ||
            !writer_add(TRACE_FREE, 1, 0, 0, 0)) {
            return -1;
        }
    }
    writer_close();
    return 0;
}

static int remove_trace(void **state)
{
    (void)state;
    return unlink(trace_name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_round_trip),
        cmocka_unit_test(varints_have_one_form),
        cmocka_unit_test(numbers_come_back_last_first),
        cmocka_unit_test(the_map_agrees_with_an_array),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(damage_in_a_closed_file_is_an_error),
        cmocka_unit_test(a_file_cut_anywhere_is_no_crash),
        cmocka_unit_test(a_killed_writer_leaves_whole_records),
        cmocka_unit_test(what_is_no_trace_is_refused),
    };
    return cmocka_run_group_tests(tests, write_trace, remove_trace);
}
