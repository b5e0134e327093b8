/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* classes.c - the table of bins. */
#include "heap/classes.h"

#include "heap/page.h"

ou_bin_info ou_bins[256];

/* Words of 16 bytes: eight equal steps from 8 << k to 16 << k. */
#define STEP(k, i)                                                                             \
    [(8 << k) + ((i) << k) + 1 ...(8 << k) + ((i + 1) << k)] = OU_CLASS_SMALL + 8 * k + i
#define DOUBLING(k)                                                                            \
    STEP(k, 0), STEP(k, 1), STEP(k, 2), STEP(k, 3), STEP(k, 4), STEP(k, 5), STEP(k, 6),        \
        STEP(k, 7)
uint8_t ou_raw_bins[OU_SMALL_BYTES / 16 + 1] = {
    0,           0,           2,           4,           6,
    8,           10,          12,          14, /* 16..128 bytes: every second class of 8 */
    DOUBLING(0), DOUBLING(1), DOUBLING(2), DOUBLING(3), DOUBLING(4),
    DOUBLING(5), DOUBLING(6), DOUBLING(7),
};

static_assert(OU_BIN_COUNT < OU_BIN_LARGE_TRACKED, "a bin fits into the tag's byte");

static size_t class_bytes(uint32_t class)
{
    if (class < OU_CLASS_SMALL) {
        return 16 + 8 * (size_t) class;
    }
    uint32_t i = class - OU_CLASS_SMALL;
    size_t base = (size_t)128 << (i / 8);
    return base + (i % 8 + 1) * (base / 8);
}

/* A magazine holds at most 64 KiB, except that 64 blocks up to 4 KiB always fit: that
 * is the batch servers work in. */
static uint16_t magazine_limit(size_t bytes)
{
    size_t n = 65536 / bytes;
    size_t floor = bytes <= 4096 ? 66 : 8;
    return (uint16_t)ou_min(ou_max(n, floor), OU_STACK_SLOTS - 1u);
}

void ou_classes_init(void)
{
    for (uint32_t bin = 0; bin < OU_BIN_COUNT; bin++) {
        size_t bytes = class_bytes(bin % OU_CLASS_COUNT);
        OU_ASSERT(ou_class_of(bytes) == bin % OU_CLASS_COUNT);
        ou_bins[bin] = (ou_bin_info){
            .magic = (((uint64_t)1 << 40) + bytes - 1) / bytes,
            .size_bytes = (uint32_t)bytes,
            .limit = magazine_limit(bytes),
            .span_pages = bytes <= 8192 ? 1 : OU_SPAN_PAGES_MAX, /* at least 8 blocks a span */
        };
    }
    OU_VERIFY(ou_bins[OU_BIN_FIRST_MAPPED - 1].size_bytes == OU_CANARY_BYTES,
              "heap: first mapped class is wrong");
    for (size_t words = 0; words <= OU_SMALL_BYTES / 16; words++) {
        OU_VERIFY(ou_raw_bins[words] == ou_class_of(ou_max(words, 1) * 16),
                  "heap: class table is wrong at %zu bytes", words * 16);
    }
}

void ou_classes_empty(void)
{
    memset(ou_raw_bins, OU_BIN_EMPTY, sizeof ou_raw_bins);
}

uint32_t ou_bin_aligned(size_t bytes, size_t align)
{
    size_t whole = ou_align_up(bytes ? bytes : 1, align);
    uint32_t bin = whole <= OU_SMALL_BYTES ? ou_class_of(whole) : OU_CLASS_COUNT;
    while (bin < OU_CLASS_COUNT && ou_bins[bin].size_bytes % align) {
        bin++;
    }
    return bin;
}
