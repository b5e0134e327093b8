/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* passes.h - what the passes share: states of a counter, the way from a reference to its
 * counter, the work that is given out in pieces. */
#ifndef OURO_GC_PASSES_H
#define OURO_GC_PASSES_H

#include "gc/workers.h"

/* Values of a counter after P1: 0 = suspect, 1..MANY = referred to from outside, then: */
#define OU_GC_MANY 254u
#define OU_GC_SCANNED 255u

/* Seven bits of each of eight counters. */
#define OU_GC_LOW7 0x7F7F7F7F7F7F7F7Fu

/* Next piece of work that no worker has taken: a region, a part of an array, ... */
void ou_gc_claim_begin(void);
size_t ou_gc_claim(void);
/* How many are taken: an old answer when others claim. */
size_t ou_gc_claimed(void);

/* P2: marking.c. */
void ou_gc_mark(void);

/* Counts the objects whose counter is 0, by region, too: suspects.c. */
size_t ou_gc_count_garbage(void);

/* ---- long arrays --------------------------------------------------------------------------
 * One list may hold half of the heap: its references are set aside, and shared in parts when
 * the regions are through.
 */

#define OU_GC_LONG ((size_t)1 << 15) /* references: some 50 us */

/* False: there is no room for more, or it is not long; the caller reads it at once. */
bool ou_gc_long_put(ou_object *const *items, size_t n);
/* The next part; false when all are taken. Begins again after ou_gc_claim_begin. */
bool ou_gc_long_take(ou_object *const **items, size_t *n);
bool ou_gc_long_any(void);
/* Forgets them; takes new ones from now on, or does not. */
void ou_gc_long_clear(bool open);

/* ---- from a reference to its counter ------------------------------------------------------
 */

/* A page whose counters are at hand: most references lead into the page that they lie in. */
typedef struct ou_gc_window {
    uintptr_t start;   /* of the page; the range's: none, for no object is in page 0 */
    uint64_t magic;    /* as in ou_gc_page */
    uint8_t *counters; /* the page's first */
    size_t near;       /* index of a counter that was touched just now */
} ou_gc_window;

OU_INLINE void ou_window_move(ou_gc_window *window, const ou_gc_view *view, const void *to)
{
    size_t at = (size_t)((const char *)to - view->range);
    const ou_gc_page page = view->pages[at >> OU_PAGE_SHIFT];
    window->start = (uintptr_t)view->range + (page.magic > 1 ? at & ~(OU_PAGE_BYTES - 1) : 0);
    window->magic = page.magic;
    window->counters = view->counters + page.base;
}

OU_INLINE ou_gc_window ou_window_none(const ou_gc_view *view, size_t near)
{
    return (ou_gc_window){.start = (uintptr_t)view->range, .near = near};
}

/* The window on a region that is about to be read. */
OU_INLINE ou_gc_window ou_window_on(const ou_gc_view *view, const ou_region *region)
{
    ou_gc_window window = ou_window_none(view, region->counters);
    if (region->start) {
        ou_window_move(&window, view, region->start);
    }
    return window;
}

/* Is the object in the window? Then *counter is its counter. */
OU_INLINE bool ou_window_shows(const ou_gc_window *window, const ou_object *o,
                               uint8_t **counter)
{
    size_t in = (uintptr_t)o - window->start;
    if (OU_UNLIKELY(in >= OU_PAGE_BYTES)) {
        return false;
    }
    *counter = window->counters + (in * window->magic >> 32);
    return true;
}

/* References to far counters: each would wait for memory. They are prefetched here and followed
 * OU_FAR references later, in rings that begin full of the counter behind the last, so that
 * there is nothing to ask. */
#define OU_NEAR_COUNTERS ((size_t)4096)

OU_INLINE bool ou_is_near(size_t at, size_t here)
{
    return at - here + OU_NEAR_COUNTERS < 2 * OU_NEAR_COUNTERS;
}

/* An empty ring, of which the first `used` places were used. */
OU_INLINE void ou_far_begin(ou_far_ring *far, size_t used)
{
    far->next = 0;
    for (size_t i = 0; i < used; i++) {
        far->at[i] = ou_gc.counter_count;
    }
}

/* A reference that the window does not show: *at becomes the index of its counter. If that is
 * far, it takes a place in the ring, and what waited there becomes *at and *child. False: it
 * has no counter. */
OU_INLINE bool ou_far_away(const ou_gc_view *view, ou_gc_window *window, ou_far_ring *far,
                           size_t *at, ou_object **child)
{
    size_t index = ou_gc_index(view, *child), before = window->near;
    if (index == OU_NO_COUNTER) {
        return false;
    }
    window->near = index;
    if (ou_is_near(index, before)) {
        ou_window_move(window, view, *child);
        *at = index;
        return true;
    }
    uint32_t place = far->next++ % OU_FAR;
    size_t waiting = far->at[place];
    ou_object *other = far->child[place];
    __builtin_prefetch(view->counters + index, 1);
    far->at[place] = index;
    far->child[place] = *child;
    *at = waiting;
    *child = other;
    return true;
}

#endif
