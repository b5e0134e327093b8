/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_sparse.c - free pages inside of spans that few blocks keep go to the system when the
 * heap grows; what stays is whole, and what went is handed out again as if nothing had been.
 */
#include "support/unit.h"

#include <pthread.h>
#include <sys/mman.h>

#include "support/sparse.h"

static sparse s;
static const size_t sizes[] = {16, 48, 200, 512, 576, 1024, 4096, 5000, 12000};

/* Pages of 4 KiB in memory among those that a block which is free lies on. */
static size_t resident(void)
{
    size_t n = 0;
    unsigned char in_memory;
    for (size_t i = 0; i < s.count; i++) {
        uintptr_t page = (uintptr_t)s.blocks[i] & ~(uintptr_t)4095;
        if (!sparse_stays(&s, i) && mincore((void *)page, 4096, &in_memory) == 0) {
            n += in_memory & 1;
        }
    }
    return n;
}

static void fill_and_check_all(void)
{
    for (size_t i = 0; i < s.count; i++) {
        if (!sparse_stays(&s, i)) {
            sparse_fill(&s, i);
        }
    }
    assert_int_equal(ou_heap_check(), 0);
    for (size_t i = 0; i < s.count; i++) {
        assert_true(sparse_intact(&s, i));
        ou_free(s.blocks[i]);
    }
    sparse_shrink(&s);
    ou_heap_trim();
    assert_int_equal(ou_heap_check(), 0);
}

static void free_pages_go_when_the_heap_grows(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        size_t live = ou_heap_live_bytes();
        sparse_make(&s, sizes[k]);
        size_t before = resident();
        uint64_t went = sparse_grow(&s);
        assert_true(went >= SPARSE_BYTES / 2);
        assert_true(resident() < before / 2);
        assert_int_equal(ou_heap_check(), 0);
        fill_and_check_all();
        assert_int_equal(ou_heap_live_bytes(), live);
    }
}

static void nothing_goes_without_the_knob(void **state)
{
    (void)state;
    assert_ok(ou_knob_set("heap_sparse", "off"));
    sparse_make(&s, 200);
    assert_int_equal(sparse_grow(&s), 0);
    assert_ok(ou_knob_set("heap_sparse", "on"));
    fill_and_check_all();
}

static void *free_survivors(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < s.count; i += s.keep) {
        ou_free(s.blocks[i]);
    }
    return NULL;
}

/* Others free what is left in spans that have given pages back; the spans become empty and go.
 */
static void survivors_are_freed_by_others(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        size_t live = ou_heap_live_bytes();
        sparse_make(&s, sizes[k]);
        assert_true(sparse_grow(&s) > 0);
        pthread_t t;
        assert_int_equal(pthread_create(&t, NULL, free_survivors, NULL), 0);
        assert_int_equal(pthread_join(t, NULL), 0);
        sparse_shrink(&s);
        ou_heap_trim();
        assert_int_equal(ou_heap_check(), 0);
        assert_int_equal(ou_heap_live_bytes(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(free_pages_go_when_the_heap_grows),
        UNIT_TEST(nothing_goes_without_the_knob),
        UNIT_TEST(survivors_are_freed_by_others),
    };
    return UNIT_MAIN(tests);
}
