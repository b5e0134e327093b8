/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * huge.c - a bit for each 2 MiB of the range: the system was told that a huge page is wanted.
 *
 * A bit is set by who has all of its 2 MiB, a block's owner, or takes the first span of them,
 * and cleared by who purges any part: the kernel must not fill up again what was given back
 * (khugepaged joins pages of which one is there). Words are shared, hence the atomics; a bit
 * that two change at once ends either way, and only a wish is lost or kept.
 */
#include "heap/huge.h"

#include "conf/conf.h"
#include "conf/stats.h"
#include "os/os.h"

#define HUGE_SHIFT 21
#define HUGE_BYTES ((size_t)1 << HUGE_SHIFT)
#define SPANS_FROM 16 /* times the knob */

#define HUGE_PAGES (HUGE_BYTES >> OU_PAGE_SHIFT)

static_assert(HUGE_PAGES == 32, "half a word of the arena's maps");

static uint64_t wished[((size_t)1 << (40 - HUGE_SHIFT)) / 64]; /* atomic; 64 KiB of zeros */
static uint32_t any; /* atomic; has any bit been set? */

/* Bit `i` becomes `on`; was it before? */
static bool change(size_t i, bool on)
{
    uint64_t bit = (uint64_t)1 << i % 64;
    uint64_t before = on ? __atomic_fetch_or(&wished[i / 64], bit, __ATOMIC_RELAXED)
                         : __atomic_fetch_and(&wished[i / 64], ~bit, __ATOMIC_RELAXED);
    return before & bit;
}

/* Tells the system of each run of 2 MiB from number `i` to `end` whose bit changes. */
static void tell(size_t i, size_t end, bool on, void (*advise)(void *, size_t))
{
    while (i < end) {
        size_t from = i;
        while (i < end && change(i, on) != on) {
            i++;
        }
        if (i > from) {
            advise(ou_range + (from << HUGE_SHIFT), (i - from) << HUGE_SHIFT);
            OU_STAT(heap_huge_changes, 1);
        }
        i += i < end; /* that one was so already */
    }
}

void ou_huge_wish(const char *block, size_t bytes)
{
    size_t least = (size_t)OU_KNOB(heap_huge_bytes), offset = (size_t)(block - ou_range);
    if (least && bytes >= least) {
        ou_store_relaxed(&any, 1u);
        tell((offset + HUGE_BYTES - 1) >> HUGE_SHIFT, (offset + bytes) >> HUGE_SHIFT, true,
             ou_os_huge); /* whole ones only */
    }
}

bool ou_huge_fits(const uint64_t *free, const uint64_t *soiled, size_t top, size_t page)
{
    return page % HUGE_PAGES == 0 && page + HUGE_PAGES <= top &&
           (uint32_t)(free[page / 64] >> page % 64) == UINT32_MAX &&
           !(uint32_t)(soiled[page / 64] >> page % 64);
}

void ou_huge_wish_span(size_t page, size_t heap_bytes)
{
    size_t least = (size_t)OU_KNOB(heap_huge_bytes);
    if (least && OU_KNOB(heap_huge_spans) && heap_bytes / SPANS_FROM >= least) {
        ou_store_relaxed(&any, 1u);
        tell(page / HUGE_PAGES, page / HUGE_PAGES + 1, true, ou_os_huge);
    }
}

void ou_huge_forget(const char *start, size_t bytes)
{
    size_t offset = (size_t)(start - ou_range);
    if (ou_load_relaxed(&any)) {
        tell(offset >> HUGE_SHIFT, (offset + bytes + HUGE_BYTES - 1) >> HUGE_SHIFT, false,
             ou_os_no_huge); /* also those that it has a part of */
    }
}
