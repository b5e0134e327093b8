/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * guard_audit.c - walks over all guarded blocks: is each whole, and at exit, who made those
 * that are still in use (debug). Exact while nobody allocates.
 */
#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <stdio.h>

#include "heap/arena.h"
#include "heap/guard.h"
#include "os/os.h"

#define SITES 4096u /* power of two; more are counted together */

typedef struct site {
    const void *at;
    size_t blocks, bytes;
} site;

typedef struct site_table {
    site sites[SITES];
    site others; /* `at` stays NULL */
    size_t used;
} site_table;

static void see(void *p, void (*fn)(void *, uint8_t, void *), void *arg)
{
    uint8_t state = ou_load_acquire(ou_guard_state(p));
    if (state != OU_GUARD_NONE) {
        fn(p, state, arg);
    }
}

void ou_guard_each(void (*fn)(void *p, uint8_t state, void *arg), void *arg)
{
    size_t top = ou_arena_top();
    for (size_t i = 1; i < top; i++) {
        const ou_page *page = &ou_page_table[i];
        uint32_t tag = ou_page_tag(page), bin = ou_tag_bin(tag);
        if (!tag || page->back) {
            continue;
        }
        if (bin == OU_BIN_LARGE) {
            see(ou_page_start(page) + ((size_t)page->lead << OU_PAGE_SHIFT), fn, arg);
        } else if (bin < OU_CLASS_COUNT) {
            uint32_t carved = ou_load_relaxed(&page->carved);
            for (uint32_t k = 0; k < carved; k++) {
                see(ou_page_start(page) + (size_t)k * ou_bins[bin].size_bytes, fn, arg);
            }
        }
    }
}

static void check_one(void *p, uint8_t state, void *faults)
{
    ou_guarded g;
    char text[400] = "";
    if (!ou_guard_read(p, &g)) {
        snprintf(text, sizeof text, "heap: the seal of block %p is broken", p);
    } else if (state == OU_GUARD_LIVE) {
        ou_guard_spoilt(&g, text, sizeof text);
    } else {
        ou_guard_written(&g, text, sizeof text);
    }
    if (text[0]) {
        ou_warn("heap check: %s", text);
        ++*(size_t *)faults;
    }
}

size_t ou_guard_check(void)
{
    size_t faults = 0;
    ou_guard_each(check_one, &faults);
    return faults;
}

const char *ou_guard_site(char *text, size_t text_bytes, const void *place)
{
    Dl_info info;
    if (!place || !dladdr(place, &info) || !info.dli_fname) {
        snprintf(text, text_bytes, "%p", (void *)(uintptr_t)place);
        return text;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    const char *file = slash ? slash + 1 : info.dli_fname;
    const void *base = info.dli_sname ? info.dli_saddr : info.dli_fbase;
    snprintf(text, text_bytes, "%.80s(%.80s+0x%zx)", file, info.dli_sname ? info.dli_sname : "",
             (size_t)((const char *)place - (const char *)base));
    return text;
}

/* ---- what is left at exit ------------------------------------------------------------------
 */

static site *site_find(site_table *t, const void *at)
{
    size_t i = ou_mix64((uint64_t)(uintptr_t)at) % SITES;
    while (t->sites[i].blocks && t->sites[i].at != at) {
        i = (i + 1) % SITES;
    }
    if (!t->sites[i].blocks) {
        if (t->used == SITES / 2) {
            return &t->others;
        }
        t->used++;
        t->sites[i].at = at;
    }
    return &t->sites[i];
}

static void count_one(void *p, uint8_t state, void *table)
{
    ou_guarded g;
    if (state == OU_GUARD_LIVE && ou_guard_read(p, &g)) {
        site *s = site_find(table, g.site);
        s->blocks++;
        s->bytes += g.size;
    }
}

/* Takes the site with the most bytes out of the table; no blocks: there is none. */
static site most(site_table *t)
{
    site *best = &t->others;
    for (size_t i = 0; i < SITES; i++) {
        best = t->sites[i].bytes > best->bytes || !best->blocks ? &t->sites[i] : best;
    }
    site found = *best;
    *best = (site){0};
    return found;
}

static void print_leaks(site_table *t, int64_t lines)
{
    size_t blocks = t->others.blocks, bytes = t->others.bytes;
    for (size_t i = 0; i < SITES; i++) {
        blocks += t->sites[i].blocks;
        bytes += t->sites[i].bytes;
    }
    ou_warn("leaks: %zu blocks of %zu bytes from %zu places are in use at exit", blocks, bytes,
            t->used);
    for (site s; lines-- > 0 && (s = most(t)).blocks;) {
        char text[200] = "other places";
        ou_warn("leaks: %zu blocks of %zu bytes from %s", s.blocks, s.bytes,
                s.at ? ou_guard_site(text, sizeof text, s.at) : text);
    }
}

void ou_guard_at_exit(void)
{
    ou_quarantine_check();
    int64_t lines = ou_guard_mode == OU_MODE_DEBUG ? OU_KNOB(heap_leak_sites) : 0;
    site_table *t = lines ? ou_os_map(sizeof *t) : NULL;
    if (t) {
        ou_guard_each(count_one, t);
        print_leaks(t, lines);
        ou_os_unmap(t, sizeof *t);
    }
}
