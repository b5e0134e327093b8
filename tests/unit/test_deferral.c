/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_deferral.c - memory that somebody may still be reading without a lock is kept back, but
 * never more of it than the knob epoch_bytes says: bounded by bytes, not by time. (Deferral
 * without such a bound is how runtimes came to hold fifty times what a program uses.) Interned
 * strings that die are the plainest case: those who look them up take no lock.
 */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/team.h"

enum { KIB = 1 << 10, MIB = 1 << 20, SLACK = 64 * KIB };

static char *text;

/* Another string of `len` bytes each time, interned and dropped. */
static void intern_and_drop(size_t len)
{
    static unsigned serial;
    snprintf(text, len, "%u", serial++); /* the rest stays: '-' */
    text[strlen(text)] = '-';
    ou_object *s = ou_str_intern(text, len);
    assert_non_null(s);
    ou_decref(s);
}

static void nothing(unsigned index, void *arg)
{
    (void)index, (void)arg;
}

static void begin(void)
{
    static char room[400 * KIB + 1];
    text = room;
    memset(room, '-', sizeof room - 1);
    team_run(1, nothing, NULL); /* from now on there may be readers */
    ou_blocking_begin();        /* gives back what is kept */
    ou_blocking_end();
}

static void bound_is(const char *knob, size_t bytes)
{
    begin();
    assert_ok(ou_knob_set("epoch_bytes", knob));
    size_t base = ou_heap_live_bytes(), most = 0;
    uint64_t retired = ou_stat("epoch_retired_bytes");
    for (size_t i = 0; i < 8 * MIB / (10 * KIB); i++) {
        intern_and_drop(10 * KIB);
        size_t now = ou_heap_live_bytes() - base;
        most = now > most ? now : most;
    }
    assert_true(ou_stat("epoch_retired_bytes") - retired >= 8 * MIB - SLACK);
    assert_in_range(most, bytes / 2, bytes + SLACK); /* kept back at all, and no more */
    ou_blocking_begin();                             /* who sleeps keeps nothing */
    ou_blocking_end();
    assert_true(ou_heap_live_bytes() <= base + SLACK);
    assert_ok(ou_knob_set("epoch_bytes", "1m"));
}

static void bounded_by_bytes(void **state)
{
    (void)state;
    bound_is("1m", MIB);
    bound_is("128k", 128 * KIB);
}

/* A large block is waited for at once. */
static void large_blocks_are_not_kept(void **state)
{
    (void)state;
    begin();
    size_t base = ou_heap_live_bytes();
    for (int i = 0; i < 20; i++) {
        intern_and_drop(400 * KIB);
        assert_true(ou_heap_live_bytes() <= base + SLACK);
    }
}

/* Many small ones wait together: at most 255. */
static void small_ones_share_a_wait(void **state)
{
    (void)state;
    begin();
    size_t base = ou_heap_live_bytes();
    uint64_t waits = ou_stat("epoch_waits");
    for (int i = 0; i < 2560; i++) {
        intern_and_drop(100);
        assert_true(ou_heap_live_bytes() <= base + 256 * 160 + SLACK);
    }
    assert_in_range(ou_stat("epoch_waits") - waits, 9, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(bounded_by_bytes),
        UNIT_TEST(large_blocks_are_not_kept),
        UNIT_TEST(small_ones_share_a_wait),
    };
    return UNIT_MAIN(tests);
}
