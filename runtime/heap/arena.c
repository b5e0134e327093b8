/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* arena.c - page runs; see arena.h. */
#include "heap/arena.h"

#include "conf/conf.h"
#include "conf/stats.h"
#include "heap/bits.h"
#include "heap/huge.h"
#include "heap/peak.h"
#include "os/lock.h"

#define OUT_MAX 4     /* threads that give memory back at a time */
#define OUT_PAGES 512 /* ... 32 MiB of it at most: others may wait for it */

typedef struct run {
    size_t start, pages;
} run;

static struct {
    ou_lock lock;
    size_t pages;     /* const: in the range */
    size_t top;       /* lock; read relaxed: pages from here on were never taken */
    size_t hint;      /* lock: no free page below, at most */
    size_t used;      /* lock; read relaxed: pages in runs */
    size_t dirty;     /* lock; read relaxed: free pages that are not clean */
    run out[OUT_MAX]; /* lock: on their way to the system, neither free nor used; else 0 pages
                       */
    size_t out_pages; /* lock: in all of them */
    uint64_t *free;   /* lock: bit set = free, for pages below top */
    uint64_t *soiled; /* lock: bit set = free and dirty */
    uint64_t *aged;   /* lock: bit set = was so at the last tick already */
    uint64_t tick_ns; /* lock: time of the last tick */
    size_t told;      /* lock: pages in use up to which the soft limit's crossing was told */
    uint32_t waiting; /* atomic: somebody sleeps until there are dirty pages */
    size_t refused;   /* lock: dirty pages that the system left as they are (locked memory) */
} arena;

void (*ou_arena_on_dirty)(void);
void (*ou_arena_on_soft_limit)(void);
void (*ou_arena_on_containers)(void);
uint64_t ou_arena_growth;

#define PEAK_FADES 256 /* ticks, of 0.5 s: half of a peak fades in 90 s */

bool ou_arena_init(void)
{
    uint64_t *maps[3];
    if (!ou_range_init(maps)) {
        return false;
    }
    arena.free = maps[0];
    arena.soiled = maps[1];
    arena.aged = maps[2];
    arena.pages = ou_range_bytes >> OU_PAGE_SHIFT;
    arena.top = arena.hint = 1; /* page 0 stays unused: offset 0 means "none" */
    return true;
}

/* First page from `i` on whose address, not only whose number, is aligned. */
static size_t aligned(size_t i, size_t align)
{
    size_t base = (size_t)ou_range >> OU_PAGE_SHIFT;
    return ou_align_up(base + i, align) - base;
}

/* First free run of `n` pages aligned to `align`, from the hint on; 0 when none below top. */
static size_t find_run(size_t n, size_t align)
{
    size_t i = arena.hint;
    bool first = true;
    while (i < arena.top) {
        uint64_t word = arena.free[i / 64] >> (i % 64);
        if (!word) {
            i = (i / 64 + 1) * 64;
            continue;
        }
        i += (size_t)__builtin_ctzll(word);
        if (i >= arena.top) {
            break;
        }
        if (first) {
            arena.hint = i;
            first = false;
        }
        size_t start = aligned(i, align);
        size_t end = i;
        while (end < arena.top && end < start + n && ou_bit_get(arena.free, end)) {
            end++;
        }
        if (end == start + n) {
            return start;
        }
        i = ou_max(end, i + 1);
    }
    if (first) {
        arena.hint = arena.top;
    }
    return 0;
}

/* A run at the end of what was ever taken; `room` more pages are left free behind it. */
static size_t take_fresh(size_t n, size_t align, size_t room)
{
    size_t start = aligned(arena.top, align);
    size_t end = start + n + room <= arena.pages ? start + n + room : start + n;
    if (end > arena.pages) {
        return 0;
    }
    ou_bits_put(arena.free, arena.top, end - arena.top, true);
    arena.hint = ou_min(arena.hint, arena.top);
    ou_store_relaxed(&arena.top, end);
    return start;
}

static bool over_limit(size_t more)
{
    int64_t limit = OU_KNOB(heap_limit_bytes);
    return limit && (arena.used + more) << OU_PAGE_SHIFT > (size_t)limit;
}

/* Marks [start, start + n) as taken; true when all of it was clean. */
static bool claim(size_t start, size_t n)
{
    ou_bits_put(arena.free, start, n, false);
    size_t soiled = ou_bits_put(arena.soiled, start, n, false);
    ou_bits_put(arena.aged, start, n, false);
    ou_store_relaxed(&arena.dirty, arena.dirty - soiled);
    ou_store_relaxed(&arena.used, arena.used + n);
    return soiled == 0;
}

/* Takes the first run of dirty pages at or behind *from whose bits are set in `which` out of
 * the free ones. NULL: there is none, or enough threads are at it. */
static run *out_take(const uint64_t *which, size_t *from)
{
    run *out = arena.out;
    while (out < arena.out + OUT_MAX && out->pages) {
        out++;
    }
    size_t i = *from;
    while (i < arena.top && !((arena.soiled[i / 64] & which[i / 64]) >> i % 64)) {
        i = (i / 64 + 1) * 64;
    }
    if (i >= arena.top || out == arena.out + OUT_MAX) {
        return NULL;
    }
    i += (size_t)__builtin_ctzll((arena.soiled[i / 64] & which[i / 64]) >> i % 64);
    size_t end = i;
    while (end < ou_min(arena.top, i + OUT_PAGES) && ou_bit_get(arena.soiled, end) &&
           ou_bit_get(which, end)) {
        end++;
    }
    *from = end;
    *out = (run){i, end - i};
    ou_bits_put(arena.free, i, end - i, false);
    ou_bits_put(arena.soiled, i, end - i, false);
    ou_store_relaxed(&arena.dirty, arena.dirty - out->pages);
    arena.out_pages += out->pages;
    return out;
}

static void out_put_back(run *out, bool clean)
{
    ou_bits_put(arena.free, out->start, out->pages, true);
    if (!clean) {
        ou_bits_put(arena.soiled, out->start, out->pages, true);
        ou_store_relaxed(&arena.dirty, arena.dirty + out->pages);
    }
    arena.hint = ou_min(arena.hint, out->start);
    arena.out_pages -= out->pages;
    out->pages = 0;
}

/* Purges the dirty pages from page `from` on whose bit is set in `which`, run by run, without
 * the lock while the system is at work. Returns bytes. Model: tests/spin/arena.pml. */
static size_t purge(const uint64_t *which, size_t from)
{
    size_t bytes = 0, refused = 0;
    ou_lock_take(&arena.lock);
    for (run *out; (out = out_take(which, &from)) != NULL;) {
        run at = *out;
        ou_lock_give(&arena.lock);
        bool clean =
            ou_os_purge(ou_range + (at.start << OU_PAGE_SHIFT), at.pages << OU_PAGE_SHIFT);
        ou_huge_forget(ou_range + (at.start << OU_PAGE_SHIFT), at.pages << OU_PAGE_SHIFT);
        ou_lock_take(&arena.lock);
        out_put_back(out, clean);
        *(clean ? &bytes : &refused) += at.pages << OU_PAGE_SHIFT;
    }
    arena.refused = refused >> OU_PAGE_SHIFT;
    ou_lock_give(&arena.lock);
    OU_STAT(heap_purged_bytes, bytes);
    return bytes;
}

static void fade_peak(size_t fades)
{
    ou_lock_take(&arena.lock);
    ou_peak_fade(ou_arena_held_bytes(), fades);
    ou_lock_give(&arena.lock);
}

/* A 32nd above the peak free pages go before others come, those of the arena at once,
 * those inside of spans when their owners see that ou_arena_growth has changed. */
static void grow(void)
{
    ou_lock_take(&arena.lock);
    bool grown = ou_peak_raise(ou_arena_held_bytes());
    if (grown) {
        ou_store_relaxed(&ou_arena_growth, ou_arena_growth + 1);
    }
    ou_lock_give(&arena.lock);
    if (grown) {
        purge(arena.soiled, 0);
    }
}

static void look_for_growth(void)
{
    if (ou_peak_passed(ou_arena_held_bytes())) {
        grow();
    }
}

void ou_arena_count_given(size_t bytes)
{
    ou_peak_given(bytes);
}

void ou_arena_count_taken(size_t bytes)
{
    ou_peak_taken(bytes);
    look_for_growth();
}

/* A run for ou_arena_take; 0 when there is none. */
static size_t find_any(size_t pages, size_t align_pages, bool roomy)
{
    size_t start = roomy ? 0 : find_run(pages, align_pages);
    if (!start) {
        start = take_fresh(pages, align_pages, roomy ? 3 * pages : 0);
    }
    return start || !roomy ? start : find_run(pages, align_pages);
}

/* Above the soft limit no free page stays, and free ones inside of spans go, too; who wants to
 * know is told. */
static void keep_soft_limit(void)
{
    size_t limit = (size_t)OU_KNOB(heap_soft_limit_bytes) >> OU_PAGE_SHIFT;
    if (OU_LIKELY(!limit)) {
        return;
    }
    ou_lock_take(&arena.lock);
    bool above = arena.used + arena.dirty > limit;
    bool crossed = above && arena.used > ou_max(limit, arena.told);
    if (crossed) {
        arena.told = arena.used + limit / 8;
        ou_store_relaxed(&ou_arena_growth, ou_arena_growth + 1);
    } else if (!above) {
        arena.told = 0;
    }
    ou_lock_give(&arena.lock);
    if (above) {
        purge(arena.soiled, 0);
    }
    if (crossed) {
        OU_STAT(heap_soft_crossings, 1);
        if (ou_arena_on_soft_limit) {
            ou_arena_on_soft_limit();
        }
    }
}

ou_page *ou_arena_take(size_t pages, size_t align_pages, ou_arena_use use, bool *clean)
{
    ou_lock_take(&arena.lock);
    size_t start = 0;
    while (!over_limit(pages)) {
        start = find_any(pages, align_pages, use == OU_USE_GROWS);
        if (start || !arena.out_pages) {
            break;
        }
        ou_lock_give(&arena.lock); /* what others give to the system will be free again */
        ou_os_yield();
        ou_lock_take(&arena.lock);
    }
    bool huge =
        use == OU_USE_SPAN && start && ou_huge_fits(arena.free, arena.soiled, arena.top, start);
    bool all_clean = start && claim(start, pages);
    ou_lock_give(&arena.lock);
    look_for_growth();
    keep_soft_limit();
    if (!start) {
        return NULL;
    }
    if (huge) {
        ou_huge_wish_span(start, ou_arena_held_bytes());
    }
    if (clean) {
        *clean = all_clean;
    }
    return &ou_page_table[start];
}

static bool tick_due_locked(void)
{
    uint64_t now = ou_os_now_ns();
    bool due = now - arena.tick_ns >= (uint64_t)OU_KNOB(heap_purge_ms) * 1000000u;
    arena.tick_ns = due ? now : arena.tick_ns;
    return due;
}

/* Once in heap_purge_ms: what was dirty at the last tick and still is has not been wanted for
 * that long, and goes. */
static size_t purge_aged(void)
{
    size_t bytes = purge(arena.aged, 0);
    ou_lock_take(&arena.lock);
    memcpy(arena.aged, arena.soiled, (arena.top + 63) / 64 * 8);
    ou_lock_give(&arena.lock);
    fade_peak(PEAK_FADES);
    return bytes;
}

size_t ou_arena_purge(bool all)
{
    ou_lock_take(&arena.lock);
    bool due = !all && tick_due_locked();
    ou_lock_give(&arena.lock);
    size_t bytes = all ? purge(arena.soiled, 0) : due ? purge_aged() : 0;
    if (all) {
        fade_peak(1);
    }
    return bytes;
}

/* First page behind the lowest `keep` dirty ones. */
static size_t behind_dirty(size_t keep)
{
    size_t i = 0;
    for (size_t n = 0; i * 64 < arena.top; i++) {
        n += (size_t)__builtin_popcountll(arena.soiled[i]);
        if (n > keep) {
            break;
        }
    }
    return i * 64;
}

/* More dirty pages than heap_dirty_bytes, beyond as many as are in use (a program that has much
 * in use may soon want much again): half of heap_dirty_bytes stays, the lowest, which are the
 * next to be taken. Returns from which page on the others go. */
static size_t excess_locked(void)
{
    size_t limit = (size_t)OU_KNOB(heap_dirty_bytes) >> OU_PAGE_SHIFT;
    return arena.dirty > arena.used + limit ? behind_dirty(arena.used + limit / 2) : arena.top;
}

static void tell_dirty(void)
{
    int64_t enough = OU_KNOB(heap_background_bytes);
    if (ou_arena_on_dirty && enough &&
        ou_load_relaxed(&arena.dirty) << OU_PAGE_SHIFT >= (size_t)enough) {
        ou_arena_on_dirty();
    }
}

static void release(size_t start, size_t n)
{
    ou_lock_take(&arena.lock);
    ou_bits_put(arena.free, start, n, true);
    ou_bits_put(arena.soiled, start, n, true);
    ou_store_relaxed(&arena.used, arena.used - n);
    ou_store_relaxed(&arena.dirty, arena.dirty + n);
    arena.refused = 0;
    arena.hint = ou_min(arena.hint, start);
    if (OU_UNLIKELY(ou_load_relaxed(&arena.waiting))) {
        ou_store_relaxed(&arena.waiting, 0u);
        ou_os_wake(&arena.waiting, false);
    }
    bool due = tick_due_locked();
    size_t excess = excess_locked(), top = arena.top;
    ou_lock_give(&arena.lock);
    if (due) {
        purge_aged();
    }
    if (excess < top) {
        purge(arena.soiled, excess);
    }
    tell_dirty();
}

void ou_arena_wait_dirty(void)
{
    for (;;) {
        ou_lock_take(&arena.lock); /* so that no page is freed between look and sleep */
        bool dirty = arena.dirty > arena.refused;
        ou_store_relaxed(&arena.waiting, dirty ? 0u : 1u);
        ou_lock_give(&arena.lock);
        if (dirty) {
            return;
        }
        ou_os_wait(&arena.waiting, 1, 0);
    }
}

void ou_arena_give(ou_page *first, size_t pages)
{
    uint32_t bin = ou_tag_bin(ou_page_tag(first));
    bool tracked =
        bin == OU_BIN_LARGE_TRACKED || (bin >= OU_BIN_FIRST_TRACKED && bin < OU_BIN_COUNT);
    for (size_t i = 0, n = ou_page_number(first); i < ou_min(pages, OU_SPAN_PAGES_MAX); i++) {
        ou_store_relaxed(&ou_tags[n + i].word, 0u); /* spans have all tagged, runs the first */
        ou_page_table[n + i].back = 0;
    }
    if (tracked && ou_arena_on_containers) {
        ou_arena_on_containers(); /* after the tags: who looks now finds nothing here */
    }
    release((size_t)(first - ou_page_table), pages);
}

bool ou_arena_extend(ou_page *first, size_t pages, size_t more)
{
    size_t start = (size_t)(first - ou_page_table) + pages;
    bool fits = start + more <= arena.pages;
    ou_lock_take(&arena.lock);
    fits = fits && !over_limit(more);
    for (size_t i = start; fits && i < start + more && i < arena.top; i++) {
        fits = ou_bit_get(arena.free, i);
    }
    if (fits) {
        ou_store_relaxed(&arena.top, ou_max(arena.top, start + more));
        claim(start, more);
    }
    ou_lock_give(&arena.lock);
    look_for_growth();
    keep_soft_limit();
    return fits;
}

void ou_arena_shrink(ou_page *first, size_t pages, size_t keep)
{
    release((size_t)(first - ou_page_table) + keep, pages - keep);
}

size_t ou_arena_held_bytes(void)
{
    return (ou_load_relaxed(&arena.used) + ou_load_relaxed(&arena.dirty)) << OU_PAGE_SHIFT;
}

size_t ou_arena_top(void)
{
    return ou_load_relaxed(&arena.top);
}

void ou_arena_fork_prepare(void)
{
    ou_lock_take(&arena.lock);
}

void ou_arena_fork_done(bool child)
{
    for (run *out = arena.out; child && out < arena.out + OUT_MAX; out++) {
        if (out->pages) { /* its thread is not there to do so */
            out_put_back(out, false);
        }
    }
    ou_lock_give(&arena.lock);
}

size_t ou_arena_check(void)
{
    size_t faults = 0, used = 0, dirty = 0;
    ou_lock_take(&arena.lock);
    for (size_t i = 1; i < arena.top; i++) {
        bool is_free = ou_bit_get(arena.free, i);
        bool is_dirty = ou_bit_get(arena.soiled, i);
        used += !is_free;
        dirty += is_dirty;
        if ((is_free && ou_tags[i].word) || (is_dirty && !is_free)) {
            ou_warn("heap check: page %zu is free and in use", i);
            faults++;
        }
    }
    if (used != arena.used + arena.out_pages || dirty != arena.dirty) {
        ou_warn("heap check: %zu pages used and %zu dirty, counted %zu and %zu", arena.used,
                arena.dirty, used, dirty);
        faults++;
    }
    ou_lock_give(&arena.lock);
    return faults;
}
