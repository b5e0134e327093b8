/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_huge.c - a block that grows asks for huge pages, one that was asked for at its size does
 * not, small ones do by a knob in a large heap that takes memory again, and what goes back to
 * the system asks no more. The kernel's own word is read: the flags of the mapping in
 * /proc/self/smaps.
 */
#include "support/unit.h"

#include <stdio.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

/* Has the mapping that `p` lies in this flag ("hg": huge pages wanted, "nh": not)? */
static bool has_flag(const void *p, const char *flag)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[1024];
    unsigned long from, to;
    bool inside = false, found = false;
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            inside = from <= (uintptr_t)p && (uintptr_t)p < to;
        } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            found = strstr(line, flag) != NULL;
        }
    }
    fclose(maps);
    return found;
}

static bool no_huge_pages_here(void)
{
    return access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) != 0;
}

/* Grows a block in steps, filling it; it is whole afterwards. */
static char *grown(size_t bytes)
{
    char *p = NULL;
    for (size_t n = 0; n < bytes; n += MIB / 2) {
        p = ou_realloc(p, n + MIB / 2);
        assert_non_null(p);
        memset(p + n, (int)(n / MIB), MIB / 2);
    }
    for (size_t n = 0; n < bytes; n += MIB / 2) {
        assert_int_equal(p[n], (char)(n / MIB));
    }
    return p;
}

static void who_grows_asks_until_it_is_purged(void **state)
{
    (void)state;
    if (no_huge_pages_here()) {
        skip();
    }
    char *p = grown(32 * MIB), *middle = p + 16 * MIB;
    assert_true(has_flag(middle, " hg"));
    assert_true(ou_stat("heap_huge_changes") > 0);
    ou_free(p);
    ou_heap_trim();
    assert_false(has_flag(middle, " hg"));
    assert_int_equal(ou_heap_check(), 0);
}

static void a_block_of_its_size_does_not_ask(void **state)
{
    (void)state;
    uint64_t before = ou_stat("heap_huge_changes");
    char *p = ou_malloc(32 * MIB);
    assert_non_null(p);
    assert_true(no_huge_pages_here() || !has_flag(p + 16 * MIB, " hg"));
    assert_int_equal(ou_stat("heap_huge_changes"), before);
    ou_free(p);
}

static void the_knob_ends_it(void **state)
{
    (void)state;
    assert_ok(ou_knob_set("heap_huge_bytes", "0"));
    uint64_t before = ou_stat("heap_huge_changes");
    char *p = grown(32 * MIB);
    assert_int_equal(ou_stat("heap_huge_changes"), before);
    ou_free(p);
    assert_ok(ou_knob_set("heap_huge_bytes", "4m"));
}

#define SMALL 4096
#define SMALL_COUNT (96 * MIB / SMALL)

static char *small[SMALL_COUNT];

static void small_make(void)
{
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        small[i] = ou_malloc(SMALL);
        assert_non_null(small[i]);
        memset(small[i], (int)i, SMALL);
    }
}

static void small_drop(size_t kept)
{
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        assert_int_equal(small[i][SMALL - 1], (char)i);
        if (i != kept) {
            ou_free(small[i]);
        }
    }
    ou_heap_trim();
}

/* What a heap has not had before is not asked for; what it takes again is, above 64 MiB. */
static void small_blocks_ask_the_second_time(void **state)
{
    (void)state;
    if (no_huge_pages_here()) {
        skip();
    }
    const size_t early = 16 * MIB / SMALL, late = 80 * MIB / SMALL;
    small_make();
    assert_false(has_flag(small[late], " hg"));
    small_drop(SMALL_COUNT);
    small_make(); /* what large blocks between them leave untouched stays out of memory */
    assert_false(has_flag(small[late], " hg"));
    small_drop(SMALL_COUNT);
    assert_ok(ou_knob_set("heap_huge_spans", "1"));
    small_make();
    assert_false(has_flag(small[early], " hg"));
    assert_true(has_flag(small[late], " hg"));
    small_drop(late); /* what lies beside it goes */
    assert_false(has_flag(small[late], " hg"));
    assert_ok(ou_knob_set("heap_huge_spans", "0"));
    ou_free(small[late]);
    assert_int_equal(ou_heap_check(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(who_grows_asks_until_it_is_purged),
        UNIT_TEST(a_block_of_its_size_does_not_ask),
        UNIT_TEST(small_blocks_ask_the_second_time),
        UNIT_TEST(the_knob_ends_it),
    };
    return UNIT_MAIN(tests);
}
