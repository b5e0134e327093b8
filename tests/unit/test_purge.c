/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_purge.c - which free pages go back to the system: none of what was in use of late, all
 * that has not been wanted for two ticks, and as many as make room for what comes past the
 * peak.
 */
#include "support/unit.h"

#include <time.h>

#define MIB ((size_t)1 << 20)
#define BLOCK (2 * MIB)
#define BLOCKS 96 /* 192 MiB, three times heap_dirty_bytes */

static char *blocks[BLOCKS];

static void take(void)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = ou_malloc(BLOCK);
        assert_non_null(blocks[i]);
        memset(blocks[i], 1, BLOCK);
    }
}

static void give(size_t first, size_t step)
{
    for (size_t i = first; i < BLOCKS; i += step) {
        ou_free(blocks[i]);
    }
}

static size_t purged(void)
{
    return ou_stat("heap_purged_bytes");
}

/* Lets a tick pass, which is looked for when pages are freed. */
static void tick(void)
{
    assert_int_equal(nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL), 0);
    ou_free(ou_malloc(BLOCK));
}

static void what_was_in_use_of_late_stays(void **state)
{
    (void)state;
    assert_ok(ou_knob_set("heap_purge_ms", "3600000"));
    take();
    size_t before = purged();
    for (int i = 0; i < 3; i++) {
        give(0, 1);
        take();
    }
    assert_int_equal(purged(), before);
    give(0, 1);
    assert_ok(ou_knob_set("heap_purge_ms", "1"));
    tick();
    tick();
    tick();
    assert_true(purged() >= before + (BLOCKS - 2) * BLOCK);
    assert_int_equal(ou_heap_check(), 0);
}

/* No thread is there to see that it is old: so it is not all that was in use. */
static void what_nobody_tends_is_bounded(void **state)
{
    (void)state;
    assert_ok(ou_knob_set("heap_purge_ms", "3600000"));
    assert_ok(ou_knob_set("heap_dirty_bytes", "4m"));
    take();
    size_t before = purged();
    give(0, 1);
    assert_true(purged() - before >= BLOCKS * BLOCK - (8 + 1) * 4 * MIB);
    assert_ok(ou_knob_set("heap_dirty_bytes", "64m"));
    ou_heap_trim();
    assert_int_equal(ou_heap_check(), 0);
}

/* Without a tick between, what lies free beyond heap_dirty_bytes and what was in use goes. */
static void what_was_not_in_use_goes(void **state)
{
    (void)state;
    assert_ok(ou_knob_set("heap_purge_ms", "0")); /* each time pages are freed */
    take();
    size_t before = purged();
    give(0, 1);
    assert_true(purged() > before);
    assert_ok(ou_knob_set("heap_purge_ms", "3600000"));
    ou_heap_trim();
}

static void growth_takes_the_place_of_free_pages(void **state)
{
    (void)state;
    ou_heap_trim();
    take();
    give(0, 2); /* holes of 2 MiB, of which a larger block fits into none */
    size_t before = purged();
    char *more[4] = {0};
    for (size_t i = 0; i < 4; i++) {
        more[i] = ou_malloc(2 * BLOCK);
        assert_non_null(more[i]);
    }
    size_t went = purged() - before;
    assert_in_range(went, 3 * BLOCK, BLOCKS / 2 * BLOCK / 2);
    for (size_t i = 0; i < 4; i++) {
        ou_free(more[i]);
    }
    give(1, 2);
    ou_heap_trim();
    assert_int_equal(ou_heap_check(), 0);
}

/* 192 MiB, 96 of which are dropped before 32 come that fit nowhere there. */
static void swing(void)
{
    char *more[8] = {0};
    take();
    give(0, 2);
    for (size_t i = 0; i < 8; i++) {
        more[i] = ou_malloc(2 * BLOCK);
        assert_non_null(more[i]);
    }
    for (size_t i = 0; i < 8; i++) {
        ou_free(more[i]);
    }
    give(1, 2);
}

static void a_program_that_swings_comes_to_rest(void **state)
{
    (void)state;
    ou_heap_trim();
    size_t before = purged();
    for (int i = 0; i < 40; i++) {
        swing();
    }
    assert_true(purged() > before);
    before = purged();
    for (int i = 0; i < 4; i++) {
        swing();
    }
    assert_int_equal(purged(), before);
    ou_heap_trim();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(what_was_in_use_of_late_stays),
        UNIT_TEST(what_nobody_tends_is_bounded),
        UNIT_TEST(what_was_not_in_use_goes),
        UNIT_TEST(growth_takes_the_place_of_free_pages),
        UNIT_TEST(a_program_that_swings_comes_to_rest),
    };
    return UNIT_MAIN(tests);
}
