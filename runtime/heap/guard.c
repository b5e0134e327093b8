/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * guard.c - the modes secure and debug: how guarded blocks are made, looked at and freed; see
 * guard.h. With the knob heap_check_every all of it happens under one lock.
 */
#include "heap/guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "heap/arena.h"
#include "os/lock.h"
#include "ouro/heap.h"

#define RED_BYTES 8u    /* between what was asked for and the seal, at least */
#define SEAL_PAGE 4096u /* in front of a large block: its seal, then no access */
#define BYTES_MAX ((size_t)PTRDIFF_MAX - OU_PAGE_BYTES)

/* site ^ key, and size ^ a hash of that and the address: a seal that was written to, or copied
 * from elsewhere, gives a size that no block has. */
typedef struct seal {
    uint64_t size, site;
} seal;

uint32_t ou_guard_mode;
uintptr_t ou_guard_states_zero;

static struct {
    uint64_t key;   /* const once a mode has begun, like the rest */
    bool debug;     /* or secure */
    bool serial;    /* heap_check_every is set */
    ou_lock lock;   /* when serial */
    uint64_t calls; /* lock */
} guard;

static __thread unsigned inside; /* calls under way: a handler of SIGABRT may allocate */

static void enter(void)
{
    if (guard.serial && inside++ == 0) {
        ou_lock_take(&guard.lock);
    }
}

static void check_now(void)
{
    bool alone = !ou_heap_at(2); /* the lists of other threads' heaps are theirs */
    size_t faults = alone ? ou_heap_check() : ou_guard_check();
    OU_VERIFY(!faults, "heap: %zu faults at call %llu of malloc and free (heap_check_every)",
              faults, (unsigned long long)guard.calls);
}

static void leave(void)
{
    if (guard.serial && inside-- == 1) {
        int64_t every = OU_KNOB(heap_check_every);
        if (every && ++guard.calls % (uint64_t)every == 0) {
            check_now();
        }
        ou_lock_give(&guard.lock);
    }
}

void ou_guard_fork_prepare(void)
{
    if (guard.serial && inside++ == 0) {
        ou_lock_take(&guard.lock);
    }
}

void ou_guard_fork_done(void)
{
    if (guard.serial && inside-- == 1) {
        ou_lock_give(&guard.lock);
    }
}

/* ---- the seal ------------------------------------------------------------------------------
 */

static uint64_t seal_mask(const void *p, uint64_t site)
{
    return ou_mix64((guard.key ^ site) + (uint64_t)(uintptr_t)p);
}

static size_t large_end(size_t size)
{
    return ou_align_up(size + RED_BYTES, SEAL_PAGE);
}

static size_t run_bytes(const ou_page *run)
{
    return (size_t)run->pages << OU_PAGE_SHIFT;
}

/* What is known of a block without its seal, and where that is. The pages of a run behind its
 * first have no tag, and the first one is the seal's. */
static seal *place(void *p, ou_guarded *g)
{
    uint32_t tag = ou_tag_at(p), bin = ou_tag_bin(tag);
    *g = (ou_guarded){.p = p};
    if (OU_LIKELY(tag)) {
        g->bytes =
            OU_LIKELY(bin < OU_BIN_COUNT) ? ou_bins[bin].size_bytes : run_bytes(ou_span_of(p));
        g->room = g->bytes - sizeof(seal);
        return (seal *)(g->p + g->room);
    }
    g->run = ou_span_of(p);
    g->bytes = run_bytes(g->run);
    g->room = g->bytes - ((size_t)g->run->lead << OU_PAGE_SHIFT);
    return (seal *)ou_page_start(g->run);
}

static bool complete(ou_guarded *g, size_t size, uint64_t site)
{
    g->size = size;
    g->site = (const void *)(uintptr_t)(site ^ guard.key);
    if (size > g->room - RED_BYTES) {
        return false;
    }
    g->end = g->run ? large_end(size) : g->room;
    return g->end <= g->room;
}

bool ou_guard_read(void *p, ou_guarded *g)
{
    const seal *s = place(p, g);
    return complete(g, s->size ^ seal_mask(p, s->site), s->site);
}

/* The block is in use from here on. */
static void seal_set(void *p, size_t size, const void *site)
{
    ou_guarded g;
    uint64_t hidden = (uint64_t)(uintptr_t)site ^ guard.key;
    *place(p, &g) = (seal){size ^ seal_mask(p, hidden), hidden};
    complete(&g, size, hidden);
    memset(g.p + size, OU_FILL_RED, g.end - size);
    ou_store_release(ou_guard_state(p), (uint8_t)OU_GUARD_LIVE); /* pairs: is_live */
}

static bool all_are(const char *p, size_t n, unsigned char byte)
{
    return !n || ((unsigned char)p[0] == byte && memcmp(p, p + 1, n - 1) == 0);
}

static uint32_t slot_of(const ou_guarded *g)
{
    return ou_tag_heap(g->run ? ou_page_tag(g->run) : ou_tag_at(g->p));
}

bool ou_guard_spoilt(const ou_guarded *g, char *text, size_t text_bytes)
{
    if (all_are(g->p + g->size, g->end - g->size, OU_FILL_RED)) {
        return false;
    }
    size_t at = g->size;
    while ((unsigned char)g->p[at] == OU_FILL_RED) {
        at++;
    }
    char site[200];
    snprintf(text, text_bytes,
             "heap: write behind the end of block %p (%zu bytes asked for, byte %zu is 0x%02x, "
             "slot %u, from %s)",
             (void *)g->p, g->size, at, (unsigned char)g->p[at], slot_of(g),
             ou_guard_site(site, sizeof site, g->site));
    return true;
}

static unsigned char fill_freed(void)
{
    return OU_KNOB(heap_free_fill) == OU_FILL_ZERO ? 0 : OU_FILL_FREED;
}

bool ou_guard_written(const ou_guarded *g, char *text, size_t text_bytes)
{
    unsigned char fill = fill_freed();
    if (g->run || OU_KNOB(heap_free_fill) == OU_FILL_NONE || all_are(g->p, g->end, fill)) {
        return false;
    }
    size_t at = 0;
    while ((unsigned char)g->p[at] == fill) {
        at++;
    }
    char site[200];
    snprintf(
        text, text_bytes,
        "heap: block %p was written after it was freed (%zu bytes, byte %zu is 0x%02x, slot "
        "%u, from %s)",
        (void *)g->p, g->size, at, (unsigned char)g->p[at], slot_of(g),
        ou_guard_site(site, sizeof site, g->site));
    return true;
}

ou_guarded ou_guard_check_held(void *p)
{
    ou_guarded g;
    char text[400];
    OU_VERIFY(ou_guard_read(p, &g),
              "heap: block %p was written after it was freed (its seal is broken, slot %u)", p,
              slot_of(&g));
    OU_VERIFY(!ou_guard_written(&g, text, sizeof text), "%s", text);
    return g;
}

/* A block in use, or the end of the process. */
static ou_guarded read_live(void *p)
{
    ou_guarded g;
    char text[400];
    if (!ou_guard_read(p, &g)) {
        ou_panic("heap: write far behind the end of block %p, or before its start from another "
                 "(its seal is broken, slot %u)",
                 p, slot_of(&g));
    }
    if (ou_guard_spoilt(&g, text, sizeof text)) {
        ou_panic("%s", text);
    }
    return g;
}

/* ---- making and freeing --------------------------------------------------------------------
 */

static void protect_ends(ou_page *run, char *p, size_t end)
{
    char *start = ou_page_start(run);
    ou_os_protect(start + SEAL_PAGE, (size_t)(p - start) - SEAL_PAGE);
    ou_os_protect(p + end, run_bytes(run) - (size_t)(p + end - start));
}

/* Pages without access in front, as many as the alignment asks for, and behind. */
static void *large_new(size_t size, size_t align, bool zero, const void *site)
{
    size_t lead = ou_max(align, OU_PAGE_BYTES);
    bool clean = false;
    char *start =
        ou_large_alloc(lead + large_end(size) + SEAL_PAGE, lead, OU_RAW, false, &clean);
    if (!start) {
        return NULL;
    }
    char *p = start + lead;
    ou_page *run = ou_span_of(start);
    run->lead = ou_page_table[ou_page_index(p)].back = (uint32_t)(lead >> OU_PAGE_SHIFT);
    ou_mark_taken(start, run_bytes(run), run_bytes(run));
    if (zero && !clean) {
        memset(p, 0, size);
    } else if (!zero && guard.debug) {
        memset(p, OU_FILL_FRESH, size);
    }
    seal_set(p, size, site);
    protect_ends(run, p, large_end(size));
    return p;
}

static void *small_new(uint32_t bin, size_t size, bool zero, const void *site)
{
    char *p = ou_heap_take(bin);
    if (!p) {
        return NULL;
    }
    size_t bytes = ou_heap_block_bytes(p);
    ou_mark_taken(p, bytes, bytes);
    if (zero || guard.debug) {
        memset(p, zero ? 0 : OU_FILL_FRESH, size);
    }
    seal_set(p, size, site);
    return p;
}

static void *block_new(size_t size, size_t align, bool zero, const void *site)
{
    uint32_t bin = ou_bin_aligned(size + RED_BYTES + sizeof(seal), align);
    return bin < OU_CLASS_COUNT ? small_new(bin, size, zero, site)
                                : large_new(size, align, zero, site);
}

void *ou_guard_alloc(size_t size, size_t align, bool zero, const void *site)
{
    if (size > BYTES_MAX || align > BYTES_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    enter();
    void *p = block_new(size, align, zero, site);
    if (!p) { /* what is held back may be enough */
        ou_guard_flush();
        p = block_new(size, align, zero, site);
    }
    leave();
    if (!p) {
        errno = ENOMEM;
    }
    return p;
}

/* In use no longer: nobody may write to it now. */
static void hold(const ou_guarded *g)
{
    if (g->run) {
        ou_os_protect(ou_page_start(g->run) + SEAL_PAGE, g->bytes - SEAL_PAGE);
        ou_os_purge(g->p, g->end);
    } else if (OU_KNOB(heap_free_fill) != OU_FILL_NONE) {
        memset(g->p, fill_freed(), g->end);
    }
}

size_t ou_guard_release(void *p)
{
    ou_guarded g = ou_guard_check_held(p);
    ou_store_relaxed(ou_guard_state(p), (uint8_t)OU_GUARD_NONE);
    if (!g.run) {
        ou_heap_free_plain(p);
    } else if (ou_os_unprotect(ou_page_start(g.run) + SEAL_PAGE, g.bytes - SEAL_PAGE)) {
        ou_page_table[ou_page_index(p)].back = 0;
        ou_large_free(g.run);
    } /* else too many mappings: lost */
    return g.bytes;
}

void ou_guard_free(void *p)
{
    uint8_t state = OU_GUARD_LIVE;
    int saved = errno;
    enter();
    if (!ou_page_holds(p) || (uintptr_t)p % 16) {
        ou_heap_free_plain(p);
    } else if (ou_cas_acq_rel(ou_guard_state(p), &state, (uint8_t)OU_GUARD_HELD)) {
        ou_guarded g = read_live(p);
        hold(&g);
        ou_quarantine_put(&g);
    } else if (state == OU_GUARD_HELD) {
        ou_guarded g;
        ou_guard_read(p, &g);
        ou_panic("heap: double free of %p (%zu bytes, slot %u)", p, g.size, slot_of(&g));
    } else { /* made before the mode, or a mistake */
        ou_heap_free_plain(p);
    }
    leave();
    errno = saved;
}

static bool is_live(const void *p, const char *what)
{
    if (!ou_page_holds(p) || (uintptr_t)p % 16) {
        return false;
    }
    uint8_t state = ou_load_acquire(ou_guard_state(p));
    OU_VERIFY(state != OU_GUARD_HELD, "heap: %s of a block that is not in use: %p (slot %u)",
              what, p, ou_tag_heap(ou_page_tag(ou_span_of(p))));
    return state == OU_GUARD_LIVE;
}

/* Secure: a small block that is near enough in size stays where it is. Debug: every block
 * moves, so that whoever kept the old pointer is found. */
static bool resize_here(void *p, size_t size, const void *site)
{
    enter();
    ou_guarded g = read_live(p);
    bool fits = !guard.debug && !g.run && size <= g.end - RED_BYTES && size >= g.end / 2;
    if (fits) {
        seal_set(p, size, site);
    }
    leave();
    return fits;
}

bool ou_guard_realloc(void *p, size_t size, const void *site, void **result)
{
    if (!is_live(p, "realloc")) {
        return false;
    }
    *result = p;
    if (!resize_here(p, size, site)) {
        void *to = ou_guard_alloc(size, 16, false, site);
        *result = to;
        if (to) {
            ou_guarded g;
            ou_guard_read(p, &g);
            memcpy(to, p, ou_min(g.size, size));
            ou_guard_free(p);
        }
    }
    return true;
}

bool ou_guard_size(const void *p, size_t *size)
{
    if (!is_live(p, "size")) {
        return false;
    }
    ou_guarded g;
    ou_guard_read((void *)(uintptr_t)p, &g);
    *size = g.size;
    return true;
}

/* ---- beginning -----------------------------------------------------------------------------
 */

int ou_guard_start(void)
{
    uint32_t mode = (uint32_t)OU_KNOB(heap_mode);
    if (mode == ou_guard_mode) {
        return 0;
    }
    if (ou_guard_mode != OU_MODE_DEFAULT) {
        return ou_fail(OU_ESTATE, "heap_mode: this process is in another one already");
    }
    char *states = ou_heap_mine() ? ou_os_reserve(ou_range_bytes >> 4, 4096) : NULL;
    if (!states) {
        return ou_fail(OU_ENOMEM, "heap_mode: no address space for it");
    }
    ou_guard_states_zero = (uintptr_t)states - ((uintptr_t)ou_range >> 4);
    guard.key = ou_os_random();
    guard.debug = mode == OU_MODE_DEBUG;
    guard.serial = OU_KNOB(heap_check_every) != 0;
    atexit(ou_guard_at_exit);
    ou_special_set(OU_SPECIAL_GUARD, true);
    ou_store_release(&ou_guard_mode, mode); /* pairs: ou_guard_on */
    ou_classes_empty();
    ou_plain_bytes = 0;
    return 0;
}
