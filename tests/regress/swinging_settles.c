/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * swinging_settles.c - each time free pages went to the system the heap forgot how large it had
 * been. A program that went to and fro between many small blocks and some large ones gave all
 * its free pages back in every round and faulted them in again: six times the time, for good.
 *
 * After a few rounds, each a new peak, it has what it needs and gives nothing back.
 */
#include "regress/regress.h"

enum { SWS_BLOCKS = 100000, SWS_BYTES = 200, SWS_STAY = 160, SWS_LARGE = 10, SWS_ROUNDS = 16 };

static char *blocks[SWS_BLOCKS];

static void sws_take(void)
{
    for (size_t i = 0; i < SWS_BLOCKS; i++) {
        if (!blocks[i]) {
            blocks[i] = ou_malloc(SWS_BYTES);
            REQUIRE(blocks[i] != NULL);
            memset(blocks[i], 1, SWS_BYTES);
        }
    }
}

static void sws_free(size_t stay)
{
    for (size_t i = 0; i < SWS_BLOCKS; i++) {
        if (i % stay) {
            ou_free(blocks[i]);
            blocks[i] = NULL;
        }
    }
}

/* Small blocks make room for large ones, and come again. Returns the bytes given back. */
static uint64_t sws_swing(void)
{
    uint64_t before = ou_stat("heap_sparse_bytes");
    void *large[SWS_LARGE];
    sws_free(SWS_STAY);
    for (int i = 0; i < SWS_LARGE; i++) {
        large[i] = ou_malloc((size_t)1 << 20);
    }
    for (int i = 0; i < SWS_LARGE; i++) {
        ou_free(large[i]);
    }
    sws_take();
    return ou_stat("heap_sparse_bytes") - before;
}

int main(void)
{
    REQUIRE(ou_start("gc_auto=off,heap_purge_ms=3600000") == OU_OK); /* no peak fades */
    sws_take();
    EXPECT(sws_swing() > 0);
    for (int round = 0; round < SWS_ROUNDS; round++) {
        sws_swing();
    }
    EXPECT_EQ(sws_swing(), 0);
    EXPECT_EQ(sws_swing(), 0);
    sws_free(SWS_BLOCKS + 1);
    ou_free(blocks[0]);
    return regress_end(0);
}
