/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * realloc_at_the_limit.c - a large block that must move in order to grow is given an eighth
 * more than was asked for, because it will probably grow again. When only that eighth went over
 * the hard limit, ou_realloc gave up, where malloc and copying by hand would have worked.
 *
 * What fits is had; what does not leaves the block as it was.
 */
#include "regress/regress.h"

#define RAL_MIB ((size_t)1 << 20)

int main(void)
{
    REQUIRE(ou_start("gc_auto=off,heap_limit_bytes=64m,heap_dirty_bytes=0") == OU_OK);
    unsigned char *p = ou_malloc(8 * RAL_MIB);
    void *behind = ou_malloc(RAL_MIB); /* in the way: it cannot grow in place */
    REQUIRE(p != NULL && behind != NULL);
    for (size_t i = 0; i < 8 * RAL_MIB; i += 4096) {
        p[i] = (unsigned char)(i >> 12);
    }
    errno = 0;
    EXPECT(ou_realloc(p, 60 * RAL_MIB) == NULL); /* 8 + 1 + 60 > 64 */
    EXPECT_EQ(errno, ENOMEM);
    unsigned char *q = ou_realloc(p, 54 * RAL_MIB); /* 8 + 1 + 54 < 64 < 8 + 1 + 54 * 9 / 8 */
    REQUIRE(q != NULL);
    for (size_t i = 0; i < 8 * RAL_MIB; i += 4096) {
        REQUIRE(q[i] == (unsigned char)(i >> 12));
    }
    EXPECT(ou_heap_held_bytes() <= 64 * RAL_MIB);
    ou_free(behind);
    ou_free(q);
    return regress_end(0);
}
