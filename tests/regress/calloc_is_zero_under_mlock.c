/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * calloc_is_zero_under_mlock.c - in a process that locked its memory the system refuses to take
 * pages back. The heap did not look at the answer, called the pages clean and gave them out by
 * ou_calloc without clearing them: 40 MB that were asked for as zero were not.
 *
 * Pages that the system did not take back stay dirty.
 */
#include "regress/regress.h"

#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

int main(void)
{
    const size_t bytes = (size_t)8 << 20;
    regress_start();
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
        return regress_skip("this process may not lock its memory");
    }
    for (int round = 0; round < 3; round++) {
        char *p = ou_malloc(bytes);
        REQUIRE(p != NULL);
        memset(p, 0x5A, bytes);
        ou_free(p);
        ou_heap_trim();
        p = ou_calloc(1, bytes);
        REQUIRE(p != NULL);
        size_t wrong = 0;
        for (size_t i = 0; i < bytes; i++) {
            wrong += p[i] != 0;
        }
        EXPECT_EQ(wrong, 0);
        ou_free(p);
    }
    return regress_end(0);
}
