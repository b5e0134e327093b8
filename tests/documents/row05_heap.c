/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * Row 5 - a private heap holds all objects; its manager does sharing, segmentation,
 * preallocation and caching, and freed memory is available for reuse.
 *
 * Each of the four is shown by the runtime's own counters and by addresses:
 *   sharing        an equal interned value makes no new block
 *   segmentation   objects lie in 64 KiB pages that the heap takes one at a time
 *   preallocation  one visit to a page brings many blocks, before they are asked for
 *   caching        a freed block is handed out again, at once, without a visit to a page
 */
#include <stdlib.h>

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/transcript.h"

enum { ROW05_OBJECTS = 100000, ROW05_PAGE_SHIFT = 16, ROW05_PAGES = 512, ROW05_REPEAT = 1000 };

static const char *const row05_expected[] = {
    "sharing: 1000 x intern('hello'): 999 hits, 1 object, 0 bytes more",
    "segmentation: 100000 objects lie in as many pages as were taken: True",
    "preallocation: visits to pages: fewer than one in 8 objects: True",
    "caching: 1000 x (free, make again): same address 1000 times, 0 visits to pages",
    "reuse: 100000 freed and made again: memory held did not grow: True",
    "reuse: at least 9 of 10 lie where the first ones lay: True",
};

static ou_object *row05_objects[ROW05_OBJECTS];

static void row05_make(void)
{
    for (int i = 0; i < ROW05_OBJECTS; i++) {
        row05_objects[i] = ou_float_new(i);
        REQUIRE(row05_objects[i] != NULL);
    }
}

static void row05_drop(void)
{
    for (int i = 0; i < ROW05_OBJECTS; i++) {
        ou_decref(row05_objects[i]);
    }
}

static void row05_sharing(void)
{
    ou_object *first = ou_str_intern("hello", 5);
    REQUIRE(first != NULL);
    size_t bytes = ou_heap_live_bytes();
    uint64_t hits = ou_stat("intern_hits");
    int same = 1;
    for (int i = 1; i < 1000; i++) {
        ou_object *again = ou_str_intern("hello", 5);
        same += again == first;
    }
    EXPECT_EQ(ou_refcount(first), 1000);
    say("sharing: 1000 x intern('hello'): %d hits, %d object, %d bytes more",
        (int)(ou_stat("intern_hits") - hits), same == 1000 ? 1 : -1,
        (int)(ou_heap_live_bytes() - bytes));
    for (int i = 0; i < 1000; i++) {
        ou_decref(first);
    }
}

static int row05_by_address(const void *a, const void *b)
{
    uintptr_t x = ou_id(*(ou_object *const *)a);
    uintptr_t y = ou_id(*(ou_object *const *)b);
    return (x > y) - (x < y);
}

static void row05_segmentation(void)
{
    uint64_t pages = ou_stat("heap_pages_taken");
    uint64_t refills = ou_stat("heap_refills");
    row05_make();
    pages = ou_stat("heap_pages_taken") - pages;
    refills = ou_stat("heap_refills") - refills;
    qsort(row05_objects, ROW05_OBJECTS, sizeof(row05_objects[0]), row05_by_address);
    uint64_t distinct = 0;
    uintptr_t last = 0;
    for (int i = 0; i < ROW05_OBJECTS; i++) {
        uintptr_t page = ou_id(row05_objects[i]) >> ROW05_PAGE_SHIFT;
        distinct += page != last;
        last = page;
    }
    /* The heap may have begun in a page it had already, and may hold one taken in advance. */
    bool as_many = pages > 0 && distinct + 2 >= pages && distinct <= pages + 2;
    say("segmentation: %d objects lie in as many pages as were taken: %s", ROW05_OBJECTS,
        as_many ? "True" : "False");
    bool few = refills > 0 && refills < ROW05_OBJECTS / 8;
    say("preallocation: visits to pages: fewer than one in 8 objects: %s",
        few ? "True" : "False");
    if (!as_many || !few) {
        fprintf(stderr, "%d pages taken, %d pages with objects, %d refills\n", (int)pages,
                (int)distinct, (int)refills);
    }
}

static void row05_caching(void)
{
    ou_object *o = ou_float_new(1.5);
    REQUIRE(o != NULL);
    uint64_t refills = ou_stat("heap_refills");
    int same = 0;
    for (int i = 0; i < ROW05_REPEAT; i++) {
        uintptr_t id = ou_id(o);
        ou_decref(o);
        o = ou_float_new(i);
        REQUIRE(o != NULL);
        same += ou_id(o) == id;
    }
    say("caching: %d x (free, make again): same address %d times, %d visits to pages",
        ROW05_REPEAT, same, (int)(ou_stat("heap_refills") - refills));
    ou_decref(o);
}

/* True when the page of `o` is one of the `n` in `pages`. */
static bool row05_lies_in(const uintptr_t *pages, size_t n, const ou_object *o)
{
    for (size_t i = 0; i < n; i++) {
        if (pages[i] == ou_id(o) >> ROW05_PAGE_SHIFT) {
            return true;
        }
    }
    return false;
}

static void row05_reuse(void)
{
    static uintptr_t pages[ROW05_PAGES];
    size_t n = 0;
    for (int i = 0; i < ROW05_OBJECTS; i++) {
        if (!row05_lies_in(pages, n, row05_objects[i])) {
            REQUIRE(n < ROW05_PAGES);
            pages[n++] = ou_id(row05_objects[i]) >> ROW05_PAGE_SHIFT;
        }
    }
    size_t held = ou_heap_held_bytes();
    row05_drop();
    row05_make();
    say("reuse: %d freed and made again: memory held did not grow: %s", ROW05_OBJECTS,
        ou_heap_held_bytes() <= held ? "True" : "False");
    int again = 0;
    for (int i = 0; i < ROW05_OBJECTS; i++) {
        again += row05_lies_in(pages, n, row05_objects[i]);
    }
    bool most = again >= ROW05_OBJECTS / 10 * 9;
    say("reuse: at least 9 of 10 lie where the first ones lay: %s", most ? "True" : "False");
    if (!most) {
        fprintf(stderr, "%d of %d\n", again, ROW05_OBJECTS);
    }
    row05_drop();
}

int main(void)
{
    REQUIRE(ou_start("heap=ouro,heap_purge_ms=3600000") == OU_OK);
    row05_sharing();
    row05_segmentation();
    row05_caching();
    row05_reuse();
    TRANSCRIPT_CHECK(row05_expected);
    EXPECT_EQ(ou_heap_check(), 0);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
