/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * huge.c - a bit for each 2 MiB of the range: the system was told that a huge page is wanted.
 *
 * A bit is set by who has all of its 2 MiB, a block's owner, or begins a chunk there, and
 * cleared by who purges any part: the kernel must not fill up again what was given back
 * (khugepaged joins pages of which one is there). Words are shared, hence the atomics; a bit
 * that two change at once ends either way, and only a wish is lost or kept.
 */
#include "heap/huge.h"

#include "conf/conf.h"
#include "conf/stats.h"
#include "heap/arena.h"
#include "os/os.h"

#define HUGE_SHIFT 21
#define HUGE_BYTES ((size_t)1 << HUGE_SHIFT)
#define HUGE_PAGES (HUGE_BYTES >> OU_PAGE_SHIFT)
#define SPANS_FROM 16 /* times the knob */
/* After a slow huge page, small ones for as many spans: 8 MiB, twice as much after each further
 * one in a row, at most 256 MiB. */
#define SMALL_FIRST 128u
#define SMALL_DOUBLINGS 5u

#define WISHES ((size_t)1 << (40 - HUGE_SHIFT))

static uint64_t wished[WISHES / 64]; /* atomic; 64 KiB of zeros */
static uint32_t any;                 /* atomic; has any bit been set? */
static uint32_t
    small; /* atomic: spans, or 64 KiB of blocks, that huge pages are not asked for */
static uint32_t slow; /* atomic: huge pages that came slowly since the last fast one */

/* Bit `i` becomes `on`; was it before? */
static bool change(size_t i, bool on)
{
    uint64_t bit = (uint64_t)1 << i % 64;
    uint64_t before = on ? __atomic_fetch_or(&wished[i / 64], bit, __ATOMIC_RELAXED)
                         : __atomic_fetch_and(&wished[i / 64], ~bit, __ATOMIC_RELAXED);
    return before & bit;
}

static bool is_wished(size_t i)
{
    return i < WISHES && ou_load_relaxed(&wished[i / 64]) >> i % 64 & 1;
}

/* How often a bit differs from the one before: each time another mapping of the process begins.
 * 64 words are looked at for 8 GiB, at each change that would make more. */
static size_t borders(void)
{
    size_t n = 0, words = ou_min(ou_arena_top() / HUGE_PAGES / 64 + 1, WISHES / 64);
    uint64_t before = 0;
    for (size_t w = 0; w < words; w++) {
        uint64_t word = ou_load_relaxed(&wished[w]);
        n += (size_t)__builtin_popcountll(word ^ (word << 1 | before));
        before = word >> 63;
    }
    return n;
}

/* May the bits [from, end) become `on`? Not where that makes more mappings than the knob
 * allows the heap: the system counts those of the whole process. */
static bool may_split(size_t from, size_t end, bool on)
{
    bool more = is_wished(from - 1) != on && is_wished(end) != on;
    return !more || borders() < (size_t)OU_KNOB(heap_huge_mappings);
}

/* Tells the system of each run of 2 MiB from number `i` to `end` whose bit changes. */
static void tell(size_t i, size_t end, bool on, void (*advise)(void *, size_t))
{
    while (i < end) {
        size_t from = i;
        while (i < end && is_wished(i) != on) {
            i++;
        }
        if (i > from && may_split(from, i, on)) {
            size_t changed = 0;
            for (size_t k = from; k < i; k++) {
                changed += change(k, on) != on;
            }
            advise(ou_range + (from << HUGE_SHIFT), (i - from) << HUGE_SHIFT);
            OU_STAT(heap_huge_changes, changed != 0);
        }
        i += i < end; /* that one was so already */
    }
}

/* Number of the first 2 MiB that begin at or behind an offset in the range. */
static size_t ceiling(size_t offset)
{
    return (offset + HUGE_BYTES - 1) >> HUGE_SHIFT;
}

/* Asks for 2 MiB and touches their first bytes; did the page come fast? */
static bool ask_one(size_t i)
{
    ou_store_relaxed(&any, 1u);
    tell(i, i + 1, true, ou_os_huge);
    uint64_t limit = (uint64_t)OU_KNOB(heap_huge_slow_us) * 1000, begin = ou_os_now_ns();
    ou_os_populate(ou_range + (i << HUGE_SHIFT), 1);
    if (!limit || ou_os_now_ns() - begin <= limit) {
        ou_store_relaxed(&slow, 0u);
        return true;
    }
    uint32_t before = ou_load_relaxed(&slow);
    ou_store_relaxed(&small, SMALL_FIRST << ou_min(before, SMALL_DOUBLINGS));
    ou_store_relaxed(&slow, before + 1);
    OU_STAT(heap_huge_slow, 1);
    return false;
}

/* Asks for the 2 MiB from number `i` to `end`, of which none is touched yet. */
static void ask(size_t i, size_t end)
{
    if (ask_one(i)) {
        tell(i + 1, end, true, ou_os_huge);
    }
}

/* Is it time to ask for huge pages where `spans` times 64 KiB are needed? */
static bool due(size_t spans)
{
    uint32_t left = ou_load_relaxed(&small);
    if (OU_LIKELY(!left)) {
        return true;
    }
    ou_store_relaxed(&small, left - (uint32_t)ou_min(spans, left));
    return false;
}

void ou_huge_wish(const char *block, size_t had, size_t bytes)
{
    size_t least = (size_t)OU_KNOB(heap_huge_bytes), at = (size_t)(block - ou_range);
    size_t first = ceiling(at), fresh = ceiling(at + had), end = (at + bytes) >> HUGE_SHIFT;
    if (!least || bytes < least) {
        return;
    }
    if (fresh < end && due((end - fresh) * HUGE_PAGES)) {
        ask(fresh, end);
    }
    if (fresh > first && fresh <= end) {
        ou_store_relaxed(&any, 1u);
        tell(fresh - 1, fresh, true, ou_os_huge); /* touched in part: the kernel may join it */
    }
}

void ou_huge_fill(const char *block, size_t bytes)
{
    size_t least = (size_t)OU_KNOB(heap_huge_bytes), at = (size_t)(block - ou_range);
    size_t i = ceiling(at), end = (at + bytes) >> HUGE_SHIFT;
    bool fast = least && bytes >= least;
    for (; fast && i < end && due(HUGE_PAGES); i++) {
        fast = ask_one(i);
    }
}

bool ou_huge_for_spans(size_t heap_bytes)
{
    size_t least = (size_t)OU_KNOB(heap_huge_bytes);
    return least && heap_bytes / SPANS_FROM >= least && OU_KNOB(heap_huge_spans) &&
           !OU_KNOB(heap_soft_limit_bytes);
}

bool ou_huge_due(void)
{
    return due(1);
}

void ou_huge_wish_chunk(size_t page)
{
    ask(page / HUGE_PAGES, page / HUGE_PAGES + 1);
}

void ou_huge_forget(const char *start, size_t bytes)
{
    size_t offset = (size_t)(start - ou_range);
    if (ou_load_relaxed(&any)) {
        tell(offset >> HUGE_SHIFT, (offset + bytes + HUGE_BYTES - 1) >> HUGE_SHIFT, false,
             ou_os_no_huge); /* also those that it has a part of */
    }
}
