// expect: ouro: panic: heap: double free of 0x[0-9a-f]+ \(208 bytes, slot [0-9]+\)
/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* A block is freed again whose page, and so the mark in it, went back to the system. */
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
    ou_free(s.blocks[s.keep * 20 + s.keep / 2]);
    misuse_reuse(200);
    return misuse_survived();
}
