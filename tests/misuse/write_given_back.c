// expect: ouro: panic: heap: block 0x[0-9a-f]+ was written after it was freed \(208 bytes
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A freed block is written to whose page, and so the mark in it, went back to the system. */
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
    memset(s.blocks[s.keep * 20 + s.keep / 2], 0x41, 200);
    misuse_reuse(200);
    return misuse_survived();
}
