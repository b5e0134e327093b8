/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * partly_locked_pages_go.c - a program locked some of its blocks and freed them locked. When
 * the heap grew, the system took the free pages before a locked one, then refused: pages had
 * lost the marks of free blocks, but counted as whole, and the next ou_malloc there ended the
 * program with "was written after it was freed".
 *
 * What was refused is handed out again as if nothing had been, and the heap still knows how
 * much is resident: free pages go at the next growth as well.
 */
#include "regress/regress.h"
#include "support/sparse.h"

static sparse s;

/* A page in the middle between two blocks that stay, in each such place. */
static bool plpg_lock(void)
{
    for (size_t i = s.keep / 2; i < s.count; i += s.keep) {
        if (mlock(s.blocks[i], 1) != 0) {
            return false;
        }
    }
    return true;
}

static void plpg_take_all(void)
{
    for (size_t i = 0; i < s.count; i++) {
        if (!sparse_stays(&s, i)) {
            sparse_fill(&s, i);
        }
    }
    EXPECT_EQ(ou_heap_check(), 0);
    size_t broken = 0;
    for (size_t i = 0; i < s.count; i++) {
        broken += !sparse_intact(&s, i);
        ou_free(s.blocks[i]);
    }
    EXPECT_EQ(broken, 0);
    sparse_shrink(&s);
    ou_heap_trim();
}

int main(void)
{
    static const size_t sizes[] = {16, 200, 512, 1024};
    regress_start();
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        sparse_make(&s, sizes[k]);
        if (!plpg_lock()) {
            return regress_skip("this process may not lock its memory");
        }
        sparse_grow(&s);
        EXPECT_EQ(ou_heap_check(), 0);
        plpg_take_all();
        REQUIRE(munlockall() == 0);
        sparse_make(&s, sizes[k]);
        EXPECT(sparse_grow(&s) > 0);
        plpg_take_all();
    }
    return regress_end(0);
}
