/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * classes.h - size classes and bins.
 *
 * Classes step 8 bytes up to 128, then eight to the doubling (12.5 %), up to 32 KiB. The
 * smallest is 16: two words, the header of an object. A bin is a class in one of
 * three kinds of pages: raw blocks, leaf objects (without references) and tracked objects
 * (what the collector walks), so that the collector never looks at a leaf page and the census
 * never takes a raw block for an object.
 */
#ifndef OURO_HEAP_CLASSES_H
#define OURO_HEAP_CLASSES_H

#include "base/base.h"

#define OU_CLASS_STEP_MAX 128u /* below: one class every 8 bytes */
#define OU_CLASS_SMALL ((OU_CLASS_STEP_MAX - 16u) / 8u + 1u)
#define OU_CLASS_COUNT (OU_CLASS_SMALL + 64u)
#define OU_SMALL_BYTES 32768u

#define OU_BIN_COUNT (3u * OU_CLASS_COUNT)
#define OU_BIN_LARGE_TRACKED 0xFDu /* page tag of a run that is one tracked object */
#define OU_BIN_LARGE_LEAF 0xFEu    /* ... one leaf object */
#define OU_BIN_LARGE 0xFFu         /* ... one raw block */

typedef enum ou_page_kind { OU_RAW = 0, OU_LEAF = 1, OU_TRACKED = 2 } ou_page_kind;

#define OU_STACK_SLOTS 128u
#define OU_SPAN_PAGES_MAX 4u

/* Raw blocks up to this size say themselves that they are free; the state of larger ones is
 * kept beside the heap, see page.h. */
#define OU_CANARY_BYTES 512u
#define OU_BIN_FIRST_MAPPED (OU_CLASS_SMALL + 16u) /* class of 576 bytes, checked at start */

#define OU_BIN_FIRST_TRACKED (2u * OU_CLASS_COUNT)

typedef struct ou_bin_info {
    uint64_t magic;      /* ceil(2^40 / size): (offset * magic) >> 40 == offset / size */
    uint32_t size_bytes; /* of a block */
    uint16_t limit;      /* blocks in a full magazine; at most OU_STACK_SLOTS - 1 */
    uint16_t span_pages; /* 64 KiB pages in a span of this class */
} ou_bin_info;

extern OU_HIDDEN ou_bin_info ou_bins[256]; /* by bin; entries that are no bin are zero */

/* Bin of a raw block by its size in words of 16. Set from the beginning: the first malloc of
 * the process reads it before anything is initialised. */
extern OU_HIDDEN uint8_t ou_raw_bins[OU_SMALL_BYTES / 16 + 1];

/* No raw block is of this bin (24 bytes), so its magazine is always empty. */
#define OU_BIN_EMPTY 1u

void ou_classes_init(void);

/* From here on ou_raw_bins gives every size the empty bin (guard.h). */
void ou_classes_empty(void);

/* Smallest raw bin whose blocks have `bytes` and are aligned to `align` (power of two, 16 or
 * more); OU_CLASS_COUNT: none. Spans start on 64 KiB: where the size is a multiple of `align`
 * all blocks are aligned. */
uint32_t ou_bin_aligned(size_t bytes, size_t align);

/* Class of an object of `bytes` (1..OU_SMALL_BYTES), stepping 8. */
OU_INLINE uint32_t ou_class_of(size_t bytes)
{
    if (OU_LIKELY(bytes <= OU_CLASS_STEP_MAX)) {
        return bytes <= 16 ? 0u : (uint32_t)((bytes - 9) >> 3);
    }
    size_t n = bytes - 1;
    uint32_t top = ou_log2(n); /* 7..14 */
    return OU_CLASS_SMALL + (top - 7) * 8 + (uint32_t)((n >> (top - 3)) & 7);
}

/* The same for 2..16 words, where the classes step by one: no branch. */
OU_INLINE uint32_t ou_class_of_words(size_t words)
{
    return (uint32_t)words - 2u;
}

/* Bin of a raw block of `bytes` (0..OU_SMALL_BYTES), stepping 16. */
OU_INLINE uint32_t ou_raw_bin(size_t bytes)
{
    return ou_raw_bins[(bytes + 15) / 16];
}

#endif
