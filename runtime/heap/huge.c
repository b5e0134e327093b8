/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * huge.c - a bit for each 2 MiB of the range: the system was told that a huge page is wanted.
 *
 * A bit is changed by who has all of its 2 MiB: the owner of the block they lie in, or who
 * purges them; words are shared, hence the atomics. What is purged in parts keeps its bit and
 * the wish until it is purged as a whole.
 */
#include "heap/huge.h"

#include "conf/conf.h"
#include "conf/stats.h"
#include "os/os.h"

#define HUGE_SHIFT 21
#define HUGE_BYTES ((size_t)1 << HUGE_SHIFT)

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

/* Tells the system of each run of whole 2 MiB in [start, start + bytes) whose bit changes. */
static void tell(const char *start, size_t bytes, bool on, void (*advise)(void *, size_t))
{
    size_t offset = (size_t)(start - ou_range);
    size_t i = (offset + HUGE_BYTES - 1) >> HUGE_SHIFT, end = (offset + bytes) >> HUGE_SHIFT;
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
    size_t least = (size_t)OU_KNOB(heap_huge_bytes);
    if (least && bytes >= least) {
        ou_store_relaxed(&any, 1u);
        tell(block, bytes, true, ou_os_huge);
    }
}

void ou_huge_forget(const char *start, size_t bytes)
{
    if (ou_load_relaxed(&any)) {
        tell(start, bytes, false, ou_os_no_huge);
    }
}
