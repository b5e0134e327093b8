/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* arena.c - page runs; see arena.h. */
#include "heap/arena.h"

#include "conf/conf.h"
#include "conf/stats.h"
#include "os/lock.h"

char *ou_range;
size_t ou_range_bytes, ou_plain_bytes;
ou_tag *ou_tags;
uint32_t *ou_page_ends;
ou_page *ou_page_table;
uint64_t *ou_page_bits;
uint8_t *ou_free_map;
uintptr_t ou_tags_zero, ou_page_ends_zero, ou_free_map_zero;
uint64_t ou_canary_key;

static struct {
    ou_lock lock;
    size_t pages;     /* const: in the range */
    size_t top;       /* lock; read relaxed: pages from here on were never taken */
    size_t hint;      /* lock: no free page below, at most */
    size_t used;      /* lock; read relaxed: pages in runs */
    size_t dirty;     /* lock; read relaxed: free pages that are not clean */
    size_t given;     /* atomic: bytes of used pages that were given back (sparse.c) */
    size_t peak;      /* lock; read relaxed: resident bytes that are the next growth */
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
uint64_t ou_arena_growth;

#define GROWTH_BYTES ((size_t)2 << 20) /* what a growth is at least */

static bool bit_get(const uint64_t *map, size_t i)
{
    return map[i / 64] >> (i % 64) & 1;
}

/* Sets or clears bits [from, from + n); returns how many changed. */
static size_t bits_put(uint64_t *map, size_t from, size_t n, bool set)
{
    size_t changed = 0;
    for (size_t i = from, end = from + n; i < end;) {
        size_t in_word = ou_min(64 - i % 64, end - i);
        uint64_t mask = (in_word == 64 ? ~(uint64_t)0 : (((uint64_t)1 << in_word) - 1))
                        << i % 64;
        uint64_t *word = &map[i / 64];
        changed += (size_t)__builtin_popcountll(set ? mask & ~*word : mask & *word);
        *word = set ? *word | mask : *word & ~mask;
        i += in_word;
    }
    return changed;
}

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

static bool reserve(size_t bytes)
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
    arena.free = (uint64_t *)(ou_free_map + state_bytes);
    arena.soiled = arena.free + map_bytes / 8;
    arena.aged = arena.soiled + map_bytes / 8;
    ou_os_protect(side,
                  4096); /* guard pages: an overrun of the tables is a fault, not a theft */
    ou_os_protect(side + side_bytes - 4096, 4096);
    arena.pages = pages;
    arena.top = 1; /* page 0 stays unused: offset 0 means "none" */
    arena.hint = 1;
    return true;
}

bool ou_arena_init(void)
{
    /* ThreadSanitizer keeps its own map of the address space: leave it room. */
    unsigned biggest = OU_TSAN || OU_ASAN ? 36 : 40;
    for (unsigned shift = biggest; shift >= 24; shift--) {
        if (reserve((size_t)1 << shift)) {
            ou_canary_key = ou_os_random() | 1; /* odd: no canary is zero, or an address */
            return true;
        }
    }
    return false;
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
        while (end < arena.top && end < start + n && bit_get(arena.free, end)) {
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
    size_t end = start + n + room;
    if (end > arena.pages) {
        end = start + n;
        if (end > arena.pages) {
            return 0;
        }
    }
    bits_put(arena.free, arena.top, end - arena.top, true);
    arena.hint = ou_min(arena.hint, arena.top);
    ou_store_relaxed(&arena.top, end);
    return start;
}

static bool over_limit(size_t more)
{
    int64_t limit = OU_KNOB(heap_limit_bytes);
    return limit && (arena.used + more) << OU_PAGE_SHIFT > (size_t)limit;
}

/* What the system counts as resident, at most. */
static size_t resident(void)
{
    size_t held = (ou_load_relaxed(&arena.used) + ou_load_relaxed(&arena.dirty))
                  << OU_PAGE_SHIFT;
    return held - ou_min(held, ou_load_relaxed(&arena.given));
}

static size_t next_peak(void)
{
    return resident() + ou_max(resident() / 16, GROWTH_BYTES);
}

/* Marks [start, start + n) as taken; true when all of it was clean. */
static bool claim(size_t start, size_t n)
{
    bits_put(arena.free, start, n, false);
    size_t soiled = bits_put(arena.soiled, start, n, false);
    bits_put(arena.aged, start, n, false);
    ou_store_relaxed(&arena.dirty, arena.dirty - soiled);
    ou_store_relaxed(&arena.used, arena.used + n);
    return soiled == 0;
}

/* Purges the dirty pages whose bit is set in `which`, run by run. Returns bytes. */
static size_t purge_locked(const uint64_t *which)
{
    size_t bytes = 0, refused = 0;
    for (size_t i = 0; i < arena.top && arena.dirty;) {
        uint64_t word = (arena.soiled[i / 64] & which[i / 64]) >> i % 64;
        if (!word) {
            i = (i / 64 + 1) * 64;
            continue;
        }
        i += (size_t)__builtin_ctzll(word);
        size_t end = i;
        while (end < arena.top && bit_get(arena.soiled, end) && bit_get(which, end)) {
            end++;
        }
        if (ou_os_purge(ou_range + (i << OU_PAGE_SHIFT), (end - i) << OU_PAGE_SHIFT)) {
            bits_put(arena.soiled, i, end - i, false);
            ou_store_relaxed(&arena.dirty, arena.dirty - (end - i));
            bytes += (end - i) << OU_PAGE_SHIFT;
        } else {
            refused += end - i;
        }
        i = end;
    }
    arena.refused = refused;
    ou_store_relaxed(&arena.peak, ou_min(arena.peak, next_peak()));
    OU_STAT(heap_purged_bytes, bytes);
    return bytes;
}

/* More is resident than ever, or than after the last purge, by a sixteenth: free pages go
 * before others come, those of the arena at once and those inside of spans when their owners
 * see that ou_arena_growth has changed. */
static void note_growth_locked(void)
{
    if (resident() > arena.peak) {
        ou_store_relaxed(&arena.peak, next_peak());
        purge_locked(arena.soiled);
        ou_store_relaxed(&ou_arena_growth, ou_arena_growth + 1);
    }
}

void ou_arena_count_given(size_t bytes)
{
    ou_fetch_add_relaxed(&arena.given, bytes);
}

void ou_arena_count_taken(size_t bytes)
{
    ou_fetch_sub_relaxed(&arena.given, bytes);
    if (OU_UNLIKELY(resident() > ou_load_relaxed(&arena.peak))) {
        ou_lock_take(&arena.lock);
        note_growth_locked();
        ou_lock_give(&arena.lock);
    }
}

/* Above the soft limit no free page stays, and free ones inside of spans go, too. True:
 * somebody is to be told. */
static bool soft_limit_locked(void)
{
    size_t limit = (size_t)OU_KNOB(heap_soft_limit_bytes) >> OU_PAGE_SHIFT;
    if (OU_LIKELY(!limit || arena.used + arena.dirty <= limit)) {
        arena.told = 0;
        return false;
    }
    purge_locked(arena.soiled);
    if (arena.used <= ou_max(limit, arena.told)) {
        return false;
    }
    arena.told = arena.used + limit / 8;
    ou_store_relaxed(&ou_arena_growth, ou_arena_growth + 1);
    OU_STAT(heap_soft_crossings, 1);
    return true;
}

static void tell_soft_limit(bool crossed)
{
    if (OU_UNLIKELY(crossed) && ou_arena_on_soft_limit) {
        ou_arena_on_soft_limit();
    }
}

ou_page *ou_arena_take(size_t pages, size_t align_pages, bool roomy, bool *clean)
{
    ou_lock_take(&arena.lock);
    size_t start = 0;
    if (!over_limit(pages)) {
        start = roomy ? 0 : find_run(pages, align_pages);
        if (!start) {
            start = take_fresh(pages, align_pages, roomy ? 3 * pages : 0);
        }
        if (!start && roomy) {
            start = find_run(pages, align_pages);
        }
    }
    bool all_clean = start && claim(start, pages);
    note_growth_locked();
    bool crossed = soft_limit_locked();
    ou_lock_give(&arena.lock);
    tell_soft_limit(crossed);
    if (!start) {
        return NULL;
    }
    if (clean) {
        *clean = all_clean;
    }
    return &ou_page_table[start];
}

/* Once in heap_purge_ms: what was dirty at the last tick and still is has not been wanted for
 * that long, and goes. */
static size_t tick_locked(void)
{
    uint64_t now = ou_os_now_ns();
    if (now - arena.tick_ns < (uint64_t)OU_KNOB(heap_purge_ms) * 1000000u) {
        return 0;
    }
    arena.tick_ns = now;
    size_t bytes = purge_locked(arena.aged);
    memcpy(arena.aged, arena.soiled, (arena.top + 63) / 64 * 8);
    return bytes;
}

size_t ou_arena_purge(bool all)
{
    ou_lock_take(&arena.lock);
    size_t bytes = all ? purge_locked(arena.soiled) : tick_locked();
    ou_lock_give(&arena.lock);
    return bytes;
}

static void release_locked(size_t start, size_t n)
{
    bits_put(arena.free, start, n, true);
    bits_put(arena.soiled, start, n, true);
    ou_store_relaxed(&arena.used, arena.used - n);
    ou_store_relaxed(&arena.dirty, arena.dirty + n);
    arena.refused = 0;
    arena.hint = ou_min(arena.hint, start);
    tick_locked();
    /* A program that has much in use may soon want much again: it keeps as much beside it. */
    size_t kept = ((arena.dirty - ou_min(arena.dirty, arena.used)) << OU_PAGE_SHIFT);
    if (kept > (size_t)OU_KNOB(heap_dirty_bytes)) {
        purge_locked(arena.soiled);
    }
    if (OU_UNLIKELY(ou_load_relaxed(&arena.waiting)) && arena.dirty) {
        ou_store_relaxed(&arena.waiting, 0u);
        ou_os_wake(&arena.waiting, false);
    }
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

static void tell_dirty(void)
{
    int64_t enough = OU_KNOB(heap_background_bytes);
    if (ou_arena_on_dirty && enough &&
        ou_load_relaxed(&arena.dirty) << OU_PAGE_SHIFT >= (size_t)enough) {
        ou_arena_on_dirty();
    }
}

void ou_arena_give(ou_page *first, size_t pages)
{
    for (size_t i = 0, n = ou_page_number(first); i < ou_min(pages, OU_SPAN_PAGES_MAX); i++) {
        ou_store_relaxed(&ou_tags[n + i].word, 0u); /* spans have all tagged, runs the first */
        ou_page_table[n + i].back = 0;
    }
    ou_lock_take(&arena.lock);
    release_locked((size_t)(first - ou_page_table), pages);
    ou_lock_give(&arena.lock);
    tell_dirty();
}

bool ou_arena_extend(ou_page *first, size_t pages, size_t more)
{
    size_t start = (size_t)(first - ou_page_table) + pages;
    bool fits = start + more <= arena.pages;
    ou_lock_take(&arena.lock);
    fits = fits && !over_limit(more);
    for (size_t i = start; fits && i < start + more && i < arena.top; i++) {
        fits = bit_get(arena.free, i);
    }
    if (fits) {
        ou_store_relaxed(&arena.top, ou_max(arena.top, start + more));
        claim(start, more);
        note_growth_locked();
    }
    bool crossed = soft_limit_locked();
    ou_lock_give(&arena.lock);
    tell_soft_limit(crossed);
    return fits;
}

void ou_arena_shrink(ou_page *first, size_t pages, size_t keep)
{
    ou_lock_take(&arena.lock);
    release_locked((size_t)(first - ou_page_table) + keep, pages - keep);
    ou_lock_give(&arena.lock);
    tell_dirty();
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

void ou_arena_fork_done(void)
{
    ou_lock_give(&arena.lock);
}

size_t ou_arena_check(void)
{
    size_t faults = 0, used = 0, dirty = 0;
    ou_lock_take(&arena.lock);
    for (size_t i = 1; i < arena.top; i++) {
        bool is_free = bit_get(arena.free, i);
        bool is_dirty = bit_get(arena.soiled, i);
        used += !is_free;
        dirty += is_dirty;
        if ((is_free && ou_tags[i].word) || (is_dirty && !is_free)) {
            ou_warn("heap check: page %zu is free and in use", i);
            faults++;
        }
    }
    if (used != arena.used || dirty != arena.dirty) {
        ou_warn("heap check: %zu pages used and %zu dirty, counted %zu and %zu", arena.used,
                arena.dirty, used, dirty);
        faults++;
    }
    ou_lock_give(&arena.lock);
    return faults;
}
