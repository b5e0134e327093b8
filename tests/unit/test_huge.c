/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * test_huge.c - a block that grows asks for huge pages, one that was asked for at its size does
 * not, small ones do in a large heap, and what goes back to the system asks no more. The
 * kernel's own word is read: the flags of the mapping in /proc/self/smaps, and which pages are
 * in memory. Huge pages that come slowly would be asked for less: the knob of that is off.
 */
#include "support/unit.h"

#include <stdio.h>
#include <sys/mman.h>
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

/* Who fills an array at once asks for all of it. */
static void a_copied_list_asks(void **state)
{
    (void)state;
    enum { ITEMS = 8 * MIB / sizeof(ou_object *) };
    ou_object *item = ou_int_new(7), *list = ou_list_repeat(item, ITEMS);
    assert_non_null(list);
    uint64_t before = ou_stat("heap_huge_changes");
    ou_object *copy = ou_list_copy(list);
    assert_non_null(copy);
    assert_in_range(ou_stat("heap_huge_changes") - before, 3, 4);
    assert_int_equal(ou_list_len(copy), ITEMS);
    ou_decref(copy);
    ou_decref(list);
    ou_decref(item);
    ou_heap_trim();
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

#define SMALL 1024
#define SMALL_COUNT (96 * MIB / SMALL)
#define EARLY (16 * MIB / SMALL) /* the heap is not large yet */
#define LATE (80 * MIB / SMALL)

static char *small[SMALL_COUNT];

static void small_make(void)
{
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        small[i] = ou_malloc(SMALL);
        assert_non_null(small[i]);
        memset(small[i], (int)i, SMALL);
    }
}

/* Frees all but one of `kept` blocks in a row (0: all). */
static void small_drop(size_t kept)
{
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        assert_int_equal(small[i][SMALL - 1], (char)i);
        if (!kept || i % kept) {
            ou_free(small[i]);
        }
    }
    ou_heap_trim();
    assert_int_equal(ou_heap_check(), 0);
}

static void small_drop_kept(size_t kept)
{
    for (size_t i = 0; i < SMALL_COUNT; i += kept) {
        assert_int_equal(small[i][SMALL - 1], (char)i);
        ou_free(small[i]);
    }
    ou_heap_trim();
}

/* Pages of 4 KiB in memory that small blocks lay on, each counted once. */
static size_t small_resident(void)
{
    size_t n = 0;
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        unsigned char in_memory = 0;
        bool first = ((uintptr_t)small[i] & 4095) < SMALL;
        void *page = (void *)((uintptr_t)small[i] & ~(uintptr_t)4095);
        n += first && mincore(page, 4096, &in_memory) == 0 && (in_memory & 1);
    }
    return n;
}

static void small_blocks_of_a_large_heap_ask(void **state)
{
    (void)state;
    if (no_huge_pages_here()) {
        skip();
    }
    for (int round = 0; round < 2; round++) {
        small_make();
        assert_false(has_flag(small[EARLY], " hg"));
        assert_true(has_flag(small[LATE], " hg"));
        small_drop(0);
        assert_false(has_flag(small[LATE], " hg"));
        assert_int_equal(small_resident(), 0);
    }
    assert_ok(ou_knob_set("heap_huge_spans", "0"));
    small_make();
    assert_false(has_flag(small[LATE], " hg"));
    small_drop(0);
    assert_ok(ou_knob_set("heap_huge_spans", "1"));
}

/* Of a huge page all but what is in use goes, and it does not come back. */
static void what_a_peak_leaves_is_small(void **state)
{
    (void)state;
    enum { APART = 2 * MIB / SMALL };
    small_make();
    small_drop(APART);
    assert_true(small_resident() <= SMALL_COUNT / APART * 16); /* a span each */
    assert_false(has_flag(small[LATE / APART * APART], " hg"));
    small_drop_kept(APART);
    assert_int_equal(small_resident(), 0);
}

/* Pages of 4 KiB in memory of a block of whole pages of the heap. */
static size_t resident_of(const char *block, size_t bytes)
{
    static unsigned char pages[2 * MIB / 4096];
    size_t n = 0;
    assert_true(bytes <= 2 * MIB);
    assert_int_equal(mincore((void *)(uintptr_t)block, bytes, pages), 0);
    for (size_t i = 0; i < bytes / 4096; i++) {
        n += pages[i] & 1;
    }
    return n;
}

/* A span of small blocks, a large one nobody touches, in turn: no huge page holds any of it. */
static void large_blocks_keep_out_of_chunks(void **state)
{
    (void)state;
    enum { TURNS = 128, A_SPAN = 64 };
    const size_t large_bytes = 2 * MIB - 65536;
    static char *large[TURNS], *between[TURNS][A_SPAN];
    size_t resident = 0;
    small_make();
    for (size_t i = 0; i < TURNS; i++) {
        large[i] = ou_malloc(large_bytes);
        assert_non_null(large[i]);
        for (size_t k = 0; k < A_SPAN; k++) {
            between[i][k] = ou_malloc(SMALL);
            assert_non_null(between[i][k]);
            memset(between[i][k], (int)i, SMALL);
        }
    }
    assert_int_equal(ou_heap_check(), 0);
    for (size_t i = 0; i < TURNS; i++) {
        resident += resident_of(large[i], large_bytes);
        ou_free(large[i]);
        for (size_t k = 0; k < A_SPAN; k++) {
            assert_int_equal(between[i][k][SMALL - 1], (char)i);
            ou_free(between[i][k]);
        }
    }
    assert_int_equal(resident, 0);
    small_drop(0);
}

/* A chunk that no span is in is anybody's, and who takes it does not ask. */
static void chunks_become_large_blocks(void **state)
{
    (void)state;
    enum { BLOCKS = 96 };
    char *large[BLOCKS], *over = NULL;
    small_make();
    char *late = small[LATE];
    assert_true(no_huge_pages_here() || has_flag(late, " hg"));
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        ou_free(small[i]);
    }
    for (size_t i = 0; i < BLOCKS; i++) { /* where they were: lowest addresses first */
        large[i] = ou_malloc(MIB);
        assert_non_null(large[i]);
        over = large[i] <= late && late < large[i] + MIB ? large[i] : over;
    }
    assert_non_null(over);
    assert_false(has_flag(over, " hg"));
    assert_int_equal(ou_heap_check(), 0);
    for (size_t i = 0; i < BLOCKS; i++) {
        ou_free(large[i]);
    }
    ou_heap_trim();
}

/* Has the process any huge page? None comes when memory is in pieces. */
static bool has_huge_pages(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    unsigned long kib = 0;
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "AnonHugePages: %lu", &kib);
    }
    if (f) {
        fclose(f);
    }
    return kib > 0;
}

/* What comes slowly (here: what takes longer than a microsecond, which all 2 MiB do) is
 * followed by 8 MiB of small pages, then by 16, ... */
static void slow_huge_pages_are_asked_for_less(void **state)
{
    (void)state;
    assert_ok(ou_knob_set("heap_huge_slow_us", "1"));
    small_make(); /* 32 MiB of them in a large heap */
    if (has_huge_pages()) {
        assert_in_range(ou_stat("heap_huge_slow"), 1, 3);
    }
    small_drop(0);
    assert_ok(ou_knob_set("heap_huge_slow_us", "0"));
    small_make(); /* the while is over at some time */
    small_drop(0);
}

/* Mappings that ask for huge pages, or for none. */
static int mappings(void)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[1024];
    int n = 0;
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        n += strncmp(line, "VmFlags:", 8) == 0 && (strstr(line, " hg") || strstr(line, " nh"));
    }
    fclose(maps);
    return n;
}

/* Mappings that come when every other 2 MiB of small blocks goes. */
static int split(void)
{
    small_make();
    int before = mappings();
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        if ((uintptr_t)small[i] / (2 * MIB) % 2) {
            ou_free(small[i]);
            small[i] = NULL;
        }
    }
    ou_heap_trim();
    int more = mappings() - before;
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        ou_free(small[i]);
    }
    ou_heap_trim();
    assert_int_equal(ou_heap_check(), 0);
    return more;
}

/* A process may have only so many mappings. */
static void the_heap_leaves_mappings_to_others(void **state)
{
    (void)state;
    if (no_huge_pages_here()) {
        skip();
    }
    assert_true(split() > 6);
    assert_ok(ou_knob_set("heap_huge_mappings", "4"));
    assert_true(split() <= 6); /* at 3 another two may come */
    assert_ok(ou_knob_set("heap_huge_mappings", "8192"));
}

static int group_start(void **state)
{
    int failed = unit_start(state);
    return failed ? failed : ou_knob_set("heap_huge_slow_us", "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(who_grows_asks_until_it_is_purged),
        UNIT_TEST(a_block_of_its_size_does_not_ask),
        UNIT_TEST(a_copied_list_asks),
        UNIT_TEST(the_knob_ends_it),
        UNIT_TEST(small_blocks_of_a_large_heap_ask),
        UNIT_TEST(what_a_peak_leaves_is_small),
        UNIT_TEST(large_blocks_keep_out_of_chunks),
        UNIT_TEST(chunks_become_large_blocks),
        UNIT_TEST(the_heap_leaves_mappings_to_others),
        UNIT_TEST(slow_huge_pages_are_asked_for_less),
    };
    return cmocka_run_group_tests(tests, group_start, unit_stop);
}
