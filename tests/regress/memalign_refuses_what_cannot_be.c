/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * memalign_refuses_what_cannot_be.c - in the guarded modes ou_memalign of an alignment above
 * 2^63 that is no power of two gave a block aligned to 16: the next power of two is 2^64, which
 * was 0.
 *
 * Such alignments have no block, in any mode.
 */
#include "regress/regress.h"

static int mrw_mode(void *conf)
{
    static const size_t wrong[] = {((size_t)1 << 63) + 1, (size_t)3 << 62, SIZE_MAX,
                                   (size_t)1 << 63, PTRDIFF_MAX};
    REQUIRE(ou_start(conf) == OU_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        errno = 0;
        EXPECT(ou_memalign(wrong[i], 8) == NULL);
        EXPECT_EQ(errno, ENOMEM);
    }
    char *p = ou_memalign(4096, 8);
    REQUIRE(p != NULL && (uintptr_t)p % 4096 == 0);
    ou_free(p);
    return regress_end(0);
}

int main(void)
{
    static char *const modes[] = {"heap_mode=default", "heap_mode=secure", "heap_mode=debug"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        EXPECT_EQ(regress_child(mrw_mode, modes[i]), 0);
    }
    return expect_result();
}
