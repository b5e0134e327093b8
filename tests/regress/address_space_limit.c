/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * address_space_limit.c - under a limit on address space (ulimit -v, containers) the heap
 * reserved the largest range that fits and left no room for the collector's arrays beside it:
 * malloc worked and every collection failed, for good, and each attempt kept what it had
 * reserved.
 *
 * From 64 MB on, allocation and collection both work, and the address space in use does not
 * grow from one collection to the next.
 */
#include "regress/regress.h"

/* Pages of address space in use; 0 when the system does not tell. */
static unsigned long asl_pages(void)
{
    unsigned long pages = 0;
    FILE *in = fopen("/proc/self/statm", "r");
    if (in) {
        if (fscanf(in, "%lu", &pages) != 1) {
            pages = 0;
        }
        fclose(in);
    }
    return pages;
}

static void asl_work(void)
{
    ou_object *live = ou_list_new(0);
    REQUIRE(live != NULL);
    for (int i = 0; i < 1000; i++) {
        REQUIRE(ou_list_append_steal(live, ou_list_new(4)) == OU_OK);
        ou_decref(regress_ring());
    }
    EXPECT_EQ(ou_gc_collect(), 1000);
    char *small = ou_malloc(100), *large = ou_malloc((size_t)2 << 20);
    REQUIRE(small != NULL && large != NULL);
    memset(small, 1, 100);
    memset(large, 1, (size_t)2 << 20);
    ou_free(small);
    ou_free(large);
    ou_decref(live);
}

static int asl_limited(void *mib)
{
    rlim_t bytes = (rlim_t) * (unsigned *)mib << 20;
    struct rlimit limit = {bytes, bytes};
    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
    if (!EXPECT_EQ(ou_start("gc_auto=off"), OU_OK)) {
        fprintf(stderr, "start: %s\n", ou_error_message());
        return 1;
    }
    asl_work();
    unsigned long pages = asl_pages();
    for (int i = 0; i < 5; i++) {
        asl_work();
    }
    EXPECT_EQ(asl_pages(), pages);
    EXPECT_EQ(ou_heap_check(), 0);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}

int main(void)
{
    if (SCALE_ASAN || SCALE_TSAN) {
        return regress_skip("the sanitizer's own maps take more than any limit tried here");
    }
    for (unsigned mib = 64; mib <= 1600; mib += mib < 256 ? 32 : 172) {
        if (!EXPECT_EQ(regress_child(asl_limited, &mib), 0)) {
            fprintf(stderr, "at %u MiB of address space\n", mib);
        }
    }
    return expect_result();
}
