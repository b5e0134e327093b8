/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * soft_limit_collects.c - garbage far below the collector's own threshold takes more than
 * heap_soft_limit_bytes: it is collected early, and memory stays near the limit; without the
 * limit it is not. What lives above the limit is told an eighth of it apart, not at every page,
 * and may grow: only the hard limit refuses.
 */
#include "regress/regress.h"

#define SLC_MIB ((size_t)1 << 20)

enum { SLC_RINGS = 40000, SLC_ITEMS = 256, SLC_LIVE = 64 };

/* Some 80 MiB of rings, each garbage at once. Returns the most bytes ever held. */
static size_t slc_garbage(void)
{
    size_t most = 0;
    for (int i = 0; i < SLC_RINGS; i++) {
        ou_object *ring = ou_list_new(SLC_ITEMS);
        REQUIRE(ring != NULL && ou_list_append(ring, ring) == OU_OK);
        ou_decref(ring);
        size_t held = ou_heap_held_bytes();
        most = held > most ? held : most;
    }
    return most;
}

static void slc_live(void)
{
    static void *blocks[SLC_LIVE];
    uint64_t before = ou_stat("heap_soft_crossings");
    for (int i = 0; i < SLC_LIVE; i++) {
        blocks[i] = ou_malloc(SLC_MIB);
        REQUIRE(blocks[i] != NULL);
        ou_safepoint();
    }
    uint64_t told = ou_stat("heap_soft_crossings") - before;
    EXPECT(told >= 1);
    EXPECT(told <= (SLC_LIVE - 16) / 2 + 1); /* 2 MiB apart */
    for (int i = 0; i < SLC_LIVE; i++) {
        ou_free(blocks[i]);
    }
    EXPECT(ou_heap_held_bytes() > 0);
}

int main(void)
{
    REQUIRE(ou_start("gc_min_bytes=1g,gc_background=off") == OU_OK);
    uint64_t alive = ou_leak_report(proc_null());
    size_t free_of_limit = slc_garbage();
    EXPECT_EQ(ou_stat("gc_automatic"), 0);
    EXPECT_EQ(ou_stat("heap_soft_crossings"), 0);
    EXPECT(free_of_limit > 64 * SLC_MIB);
    ou_gc_collect();
    ou_heap_trim();
    REQUIRE(ou_knob_set("heap_soft_limit_bytes", "16m") == OU_OK);
    size_t limited = slc_garbage();
    printf("held at most %zu KiB without and %zu KiB with a soft limit of 16 MiB\n",
           free_of_limit >> 10, limited >> 10);
    EXPECT(limited < 18 * SLC_MIB);
    EXPECT(ou_stat("gc_automatic") >= 2);
    EXPECT(ou_stat("heap_soft_crossings") >= 2);
    ou_gc_collect();
    ou_heap_trim();
    slc_live();
    return regress_end(alive);
}
