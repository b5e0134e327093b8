/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* arena.c - page runs; see arena.h. */
#include "heap/arena.h"

#include "conf/conf.h"
#include "conf/stats.h"
#include "heap/huge.h"
#include "heap/peak.h"
#include "heap/place.h"
#include "os/lock.h"

#define OUT_MAX 4     /* threads that give memory back at a time */
#define OUT_PAGES 512 /* ... 32 MiB of it at most: others may wait for it */

typedef struct run {
    size_t start, pages;
} run;

static struct {
    ou_lock lock;
    ou_places map;      /* lock: free and dirty pages */
    size_t used;        /* lock; read relaxed: pages in runs */
    size_t most;        /* lock: the most of them since the last tick */
    size_t most_before; /* lock: ... and between the two before */
    size_t filling;     /* lock: the chunk that was made last; 0: none */
    size_t dirty;       /* lock; read relaxed: free pages that are not clean */
    run out[OUT_MAX]; /* lock: on their way to the system, neither free nor used; or 0 pages */
    size_t out_pages; /* lock: in all of them */
    uint64_t *aged;   /* lock: bit set = was so at the last tick already */
    uint64_t tick_ns; /* lock: time of the last tick */
    size_t told;      /* lock: pages in use up to which the soft limit's crossing was told */
    uint32_t waiting; /* atomic: somebody sleeps until there are dirty pages */
    size_t refused;   /* lock: dirty pages that the system left as they are (locked memory) */
    bool tended;      /* lock: a thread comes to look for what is old */
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
    arena.map.free = maps[0];
    arena.map.soiled = maps[1];
    arena.aged = maps[2];
    arena.map.pages = ou_range_bytes >> OU_PAGE_SHIFT;
    arena.map.top = 1; /* page 0 stays unused: offset 0 means "none" */
    return true;
}

static bool over_limit(size_t more)
{
    int64_t limit = OU_KNOB(heap_limit_bytes);
    return limit && (arena.used + more) << OU_PAGE_SHIFT > (size_t)limit;
}

/* Marks [start, start + n) as taken; true when all of it was clean. */
static bool claim(size_t start, size_t n)
{
    ou_bits_put(arena.map.free, start, n, false);
    size_t soiled = ou_bits_put(arena.map.soiled, start, n, false);
    ou_bits_put(arena.aged, start, n, false);
    ou_store_relaxed(&arena.dirty, arena.dirty - soiled);
    ou_store_relaxed(&arena.used, arena.used + n);
    arena.most = ou_max(arena.most, arena.used);
    return soiled == 0;
}

static void set_dirty(size_t start, size_t n)
{
    size_t more = ou_bits_put(arena.map.soiled, start, n, true);
    ou_store_relaxed(&arena.dirty, arena.dirty + more);
}

/* The dirty pages of word `w` of the maps that are set in `which`, but for those of the chunk
 * at page `spared` (0: no page of any chunk that counts). */
static uint64_t leaving(const uint64_t *which, size_t w, size_t spared)
{
    uint64_t word = arena.map.soiled[w] & which[w];
    bool here = spared && spared / 64 == w;
    return here ? word & ~((uint64_t)UINT32_MAX << spared % 64) : word;
}

/* Takes the first run of pages that are leaving, at or behind *from, out of the free ones.
 * NULL: there is none, or enough threads are at it. */
static run *out_take(const uint64_t *which, size_t *from, size_t spared)
{
    run *out = arena.out;
    while (out < arena.out + OUT_MAX && out->pages) {
        out++;
    }
    size_t i = *from;
    while (i < arena.map.top && !(leaving(which, i / 64, spared) >> i % 64)) {
        i = (i / 64 + 1) * 64;
    }
    if (i >= arena.map.top || out == arena.out + OUT_MAX) {
        return NULL;
    }
    i += (size_t)__builtin_ctzll(leaving(which, i / 64, spared) >> i % 64);
    size_t end = i, limit = ou_min(arena.map.top, i + OUT_PAGES);
    while (end < limit && leaving(which, end / 64, spared) >> end % 64 & 1) {
        end++;
    }
    *from = end;
    *out = (run){i, end - i};
    ou_bits_put(arena.map.free, i, end - i, false);
    ou_bits_put(arena.map.soiled, i, end - i, false);
    ou_store_relaxed(&arena.dirty, arena.dirty - out->pages);
    arena.out_pages += out->pages;
    return out;
}

static void out_put_back(run *out, bool clean)
{
    ou_bits_put(arena.map.free, out->start, out->pages, true);
    if (!clean) {
        set_dirty(out->start, out->pages);
    }
    ou_place_freed(&arena.map, out->start);
    arena.out_pages -= out->pages;
    out->pages = 0;
}

/* Purges the dirty pages from page `from` on whose bit is set in `which`, but for a spared
 * chunk, run by run, without the lock while the system is at work. Returns bytes. Model:
 * tests/spin/arena.pml. */
static size_t purge(const uint64_t *which, size_t from, size_t spared)
{
    size_t bytes = 0, refused = 0;
    ou_lock_take(&arena.lock);
    for (run *out; (out = out_take(which, &from, spared)) != NULL;) {
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

#define LIFT 8 /* a program that needs both comes to rest after some rounds */

/* A 32nd above the peak free pages go before others come: as many of the arena's, the highest
 * ones, as make that up, and the peak is lifted by an eighth of them. When there are not enough
 * it is raised, and those inside of spans go when their owners see that ou_arena_growth has
 * changed. */
static void grow(void)
{
    ou_lock_take(&arena.lock);
    size_t held = ou_arena_held_bytes(), spared = arena.filling;
    size_t leave = ((ou_peak_above(held) + held / 32) >> OU_PAGE_SHIFT) + OU_CHUNK_PAGES;
    size_t keep = arena.dirty - ou_min(arena.dirty, leave);
    size_t from = keep ? ou_place_behind_dirty(&arena.map, keep) : 0;
    ou_lock_give(&arena.lock);
    size_t gone = purge(arena.map.soiled, from, spared);
    ou_lock_take(&arena.lock);
    ou_peak_lift(gone / LIFT);
    if (ou_peak_raise(ou_arena_held_bytes())) {
        ou_store_relaxed(&ou_arena_growth, ou_arena_growth + 1);
    }
    ou_lock_give(&arena.lock);
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

/* A page for a span of small blocks; 0: as for any other run. In large heaps those follow each
 * other in chunks, and *huge is set when all of one is free and huge pages are wanted there.
 * What is dirty elsewhere comes first. */
static size_t find_small(bool *huge)
{
    ou_places *m = &arena.map;
    size_t start = ou_place_find(m, 1, 1, OU_SEEN_CHUNKS);
    if (!ou_huge_for_spans(ou_arena_held_bytes())) {
        return start;
    }
    if (start) {
        *huge = ou_place_is_clean(m, start) && ou_huge_due();
        return start;
    }
    start = arena.dirty ? ou_place_find(m, 1, 1, OU_SEEN_DIRTY) : 0;
    if (!start && ou_huge_due()) {
        start = ou_place_find(m, OU_CHUNK_PAGES, OU_CHUNK_PAGES, OU_SEEN_OTHERS);
        start = start ? start : ou_place_last(m, OU_CHUNK_PAGES, OU_CHUNK_PAGES, 0);
        *huge = start != 0;
    }
    return start;
}

/* A run for ou_arena_take; 0 when there is none. */
static size_t find_any(size_t pages, size_t align_pages, ou_arena_use use, bool *huge)
{
    ou_places *m = &arena.map;
    size_t start = use == OU_USE_SMALL ? find_small(huge) : 0;
    bool roomy = use == OU_USE_GROWS;
    if (!start && !roomy) {
        start = ou_place_find(m, pages, align_pages, OU_SEEN_OTHERS);
    }
    if (!start) {
        start = ou_place_last(m, pages, align_pages, roomy ? 3 * pages : 0);
    }
    return start ? start : ou_place_find(m, pages, align_pages, OU_SEEN_ALL);
}

/* All of a chunk becomes resident with its first page: the others are dirty from now on, and go
 * when they are not used soon. */
static void chunk_begin(size_t start)
{
    ou_chunk_make(&arena.map, start);
    set_dirty(start, OU_CHUNK_PAGES);
    arena.filling = start;
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
        purge(arena.map.soiled, 0, 0);
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
    bool huge = false, ended = false, all_clean = false;
    ou_lock_take(&arena.lock);
    size_t start = 0;
    while (!over_limit(pages)) {
        start = find_any(pages, align_pages, use, &huge);
        if (start || !arena.out_pages) {
            break;
        }
        ou_lock_give(&arena.lock); /* what others give to the system will be free again */
        ou_os_yield();
        ou_lock_take(&arena.lock);
    }
    if (start) {
        if (huge) {
            chunk_begin(start);
        }
        ended = use != OU_USE_SMALL && ou_chunk_end(&arena.map, start, pages);
        all_clean = claim(start, pages);
    }
    ou_lock_give(&arena.lock);
    look_for_growth();
    keep_soft_limit();
    if (!start) {
        return NULL;
    }
    if (ended) {
        ou_huge_forget(ou_range + (start << OU_PAGE_SHIFT), pages << OU_PAGE_SHIFT);
    }
    if (huge) {
        ou_huge_wish_chunk(start);
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
    size_t bytes = purge(arena.aged, 0, 0);
    ou_lock_take(&arena.lock);
    memcpy(arena.aged, arena.map.soiled, (arena.map.top + 63) / 64 * 8);
    arena.most_before = arena.most;
    arena.most = arena.used;
    ou_lock_give(&arena.lock);
    fade_peak(PEAK_FADES);
    return bytes;
}

size_t ou_arena_purge(bool all)
{
    ou_lock_take(&arena.lock);
    arena.tended |= !all;
    bool due = !all && tick_due_locked();
    ou_lock_give(&arena.lock);
    size_t bytes = all ? purge(arena.map.soiled, 0, 0) : due ? purge_aged() : 0;
    if (all) {
        fade_peak(1);
    }
    return bytes;
}

#define UNTENDED 8 /* times heap_dirty_bytes */

/* More dirty pages than heap_dirty_bytes, beyond as many as were in use of late (a program that
 * has had much may soon want much again; what it does not want becomes old): half of
 * heap_dirty_bytes stays, the lowest, which are the next to be taken. Where no thread comes to
 * see that they are old, and a program that sleeps would keep them, what was in use counts up
 * to a bound only. Returns from which page on the others go. */
static size_t excess_locked(void)
{
    size_t limit = (size_t)OU_KNOB(heap_dirty_bytes) >> OU_PAGE_SHIFT;
    size_t late = ou_max(arena.most, arena.most_before);
    if (!arena.tended) {
        late = ou_max(arena.used, ou_min(late, UNTENDED * limit));
    }
    return arena.dirty > late + limit ? ou_place_behind_dirty(&arena.map, late + limit / 2)
                                      : arena.map.top;
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
    ou_bits_put(arena.map.free, start, n, true);
    set_dirty(start, n);
    ou_store_relaxed(&arena.used, arena.used - n);
    arena.refused = 0;
    ou_place_freed(&arena.map, start);
    if (OU_UNLIKELY(ou_load_relaxed(&arena.waiting))) {
        ou_store_relaxed(&arena.waiting, 0u);
        ou_os_wake(&arena.waiting, false);
    }
    bool due = tick_due_locked();
    size_t excess = excess_locked(), top = arena.map.top;
    ou_lock_give(&arena.lock);
    if (due) {
        purge_aged();
    }
    if (excess < top) {
        purge(arena.map.soiled, excess, 0);
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
    bool ended = false;
    ou_lock_take(&arena.lock);
    bool fits = !over_limit(more) && ou_place_is_free(&arena.map, start, more);
    if (fits) {
        ou_store_relaxed(&arena.map.top, ou_max(arena.map.top, start + more));
        ended = ou_chunk_end(&arena.map, start, more);
        claim(start, more);
    }
    ou_lock_give(&arena.lock);
    if (ended) {
        ou_huge_forget(ou_range + (start << OU_PAGE_SHIFT), more << OU_PAGE_SHIFT);
    }
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
    return ou_load_relaxed(&arena.map.top);
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
    arena.tended &= !child;
    ou_lock_give(&arena.lock);
}

size_t ou_arena_check(void)
{
    size_t used = 0, dirty = 0;
    ou_lock_take(&arena.lock);
    size_t faults = ou_place_check(&arena.map, &used, &dirty);
    if (used != arena.used + arena.out_pages || dirty != arena.dirty) {
        ou_warn("heap check: %zu pages used and %zu dirty, counted %zu and %zu", arena.used,
                arena.dirty, used, dirty);
        faults++;
    }
    ou_lock_give(&arena.lock);
    return faults;
}
