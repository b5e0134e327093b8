/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* range.c - the range of addresses and its side tables; see page.h. */
#include "heap/page.h"
#include "os/os.h"

char *ou_range;
size_t ou_range_bytes, ou_plain_bytes;
ou_tag *ou_tags;
uint32_t *ou_page_ends;
ou_page *ou_page_table;
uint64_t *ou_page_bits;
uint8_t *ou_free_map;
uintptr_t ou_tags_zero, ou_page_ends_zero, ou_free_map_zero;
uint64_t ou_canary_key;

/* Is there room for the collector's arrays as well? (suspects.c) */
static bool room_beside(size_t bytes)
{
    size_t more = bytes / 8 * 5 + ((size_t)16 << 20);
    void *probe = ou_os_reserve(more, 4096);
    if (probe) {
        ou_os_unmap(probe, more);
    }
    return probe != NULL;
}

static bool reserve(size_t bytes, uint64_t *maps[3])
{
    size_t pages = bytes >> OU_PAGE_SHIFT;
    size_t map_bytes = ou_align_up(pages / 8, 4096);
    char *range = ou_os_reserve(bytes, (size_t)2 << 20);
    if (!range) {
        return false;
    }
    size_t tag_bytes = pages * sizeof(ou_tag), meta_bytes = pages * sizeof(ou_page);
    size_t bits_bytes = pages * OU_PAGE_BITS_WORDS * 8;
    size_t ends_bytes = pages * sizeof(uint32_t), state_bytes = bytes >> OU_FREE_SHIFT;
    size_t side_bytes = tag_bytes + meta_bytes + bits_bytes + ends_bytes + state_bytes +
                        3 * map_bytes + 2 * 4096;
    char *side = ou_os_reserve(side_bytes, 4096);
    if (!side || !room_beside(bytes)) {
        ou_os_unmap(range, bytes);
        if (side) {
            ou_os_unmap(side, side_bytes);
        }
        return false;
    }
    ou_range = range;
    ou_range_bytes = ou_plain_bytes = bytes;
    ou_page_table = (ou_page *)(side + 4096);
    ou_tags = (ou_tag *)(side + 4096 + meta_bytes);
    ou_page_bits = (uint64_t *)((char *)ou_tags + tag_bytes);
    ou_page_ends = (uint32_t *)((char *)ou_page_bits + bits_bytes);
    ou_free_map = (uint8_t *)ou_page_ends + ends_bytes;
    uintptr_t first = (uintptr_t)range >> OU_PAGE_SHIFT;
    ou_tags_zero = (uintptr_t)ou_tags - first * sizeof *ou_tags;
    ou_page_ends_zero = (uintptr_t)ou_page_ends - first * sizeof *ou_page_ends;
    ou_free_map_zero = (uintptr_t)ou_free_map - ((uintptr_t)range >> OU_FREE_SHIFT);
    for (size_t i = 0; i < 3; i++) {
        maps[i] = (uint64_t *)(ou_free_map + state_bytes + i * map_bytes);
    }
    ou_os_protect(side,
                  4096); /* guard pages: an overrun of the tables is a fault, not a theft */
    ou_os_protect(side + side_bytes - 4096, 4096);
    return true;
}

bool ou_range_init(uint64_t *maps[3])
{
    /* ThreadSanitizer keeps its own map of the address space: leave it room. */
    unsigned biggest = OU_TSAN || OU_ASAN ? 36 : 40;
    for (unsigned shift = biggest; shift >= 24; shift--) {
        if (reserve((size_t)1 << shift, maps)) {
            ou_canary_key = ou_os_random() | 1; /* odd: no canary is zero, or an address */
            return true;
        }
    }
    return false;
}
