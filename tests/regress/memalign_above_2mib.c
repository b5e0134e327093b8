/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * memalign_above_2mib.c - the heap's range begins on a multiple of 2 MiB only, and runs of
 * pages were aligned by their number in the range, not by their address: ou_memalign of more
 * than 2 MiB gave misaligned blocks whenever the system had placed the range so.
 *
 * Every power of two up to 128 MiB is honoured, also among blocks that were freed before.
 */
#include "regress/regress.h"

enum { MAA_FIRST = 5, MAA_LAST = 27 };

static bool maa_aligned(const char *p, unsigned shift)
{
    return ((uintptr_t)p & (((uintptr_t)1 << shift) - 1)) == 0;
}

static int maa_all(void *arg)
{
    regress_shift(*(size_t *)arg << 21);
    for (int round = 0; round < 3; round++) {
        char *blocks[MAA_LAST + 1];
        for (unsigned shift = MAA_FIRST; shift <= MAA_LAST; shift++) {
            char *odd =
                ou_malloc((size_t)65536 * 3); /* so that no run begins aligned by luck */
            blocks[shift] = ou_memalign((size_t)1 << shift, 100 + shift);
            REQUIRE(odd != NULL && blocks[shift] != NULL);
            if (!EXPECT(maa_aligned(blocks[shift], shift))) {
                fprintf(stderr, "alignment 2^%u: %p\n", shift, (void *)blocks[shift]);
            }
            memset(blocks[shift], 0xA5, 100 + shift);
            ou_free(odd);
        }
        for (unsigned shift = MAA_FIRST; shift <= MAA_LAST; shift++) {
            EXPECT_EQ(blocks[shift][99 + shift] & 0xFF, 0xA5);
            ou_free(blocks[shift]);
        }
    }
    EXPECT_EQ(ou_heap_check(), 0);
    return expect_result();
}

/* The system places the range where it likes: four places, 2 MiB apart, in a child each. */
int main(void)
{
    for (size_t shift = 0; shift < 4; shift++) {
        EXPECT_EQ(regress_child(maa_all, &shift), 0);
    }
    return expect_result();
}
