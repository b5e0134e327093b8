// expect: ouro: panic: heap: realloc of a block that is not in use: 0x[0-9a-f]+ \(208 bytes
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A block is resized that was freed, whose page, and so the mark in it, went back to the
 * system. */
#include "misuse/misuse.h"
#include "support/sparse.h"

static sparse s;

int main(void)
{
    misuse_start();
    sparse_make(&s, 200);
    if (!sparse_grow(&s)) {
        return 5;
    }
    s.blocks[0] = ou_realloc(s.blocks[s.keep * 20 + s.keep / 2], 180);
    misuse_reuse(200);
    return misuse_survived();
}
