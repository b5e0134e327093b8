/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * census.c - what is alive, and who refers to whom (ouro/census.h). Walks the heap's pages with
 * the world stopped. With heap=malloc only tracked objects can be found.
 */
#include "ouro/census.h"

#include <stdlib.h>

#include "gc/children.h"
#include "gc/gc.h"
#include "heap/arena.h"
#include "ouro/runtime.h"

typedef void (*object_fn)(ou_object *o, unsigned slot, size_t bytes, void *arg);

static bool is_alive(const ou_object *o)
{
    return (o->gcbits & (OU_GC_ALIVE | OU_GC_DEAD)) == OU_GC_ALIVE;
}

static void each_in_span(const ou_page *page, object_fn fn, void *arg)
{
    uint32_t tag = ou_page_tag(page), bin = ou_tag_bin(tag);
    bool small = bin < OU_BIN_COUNT;
    size_t bytes = small ? ou_bins[bin].size_bytes : (size_t)page->pages << OU_PAGE_SHIFT;
    for (uint32_t i = 0; i < page->carved; i++) {
        ou_object *o = (ou_object *)(ou_page_start(page) + i * bytes);
        if (is_alive(o)) {
            fn(o, ou_tag_heap(tag), bytes, arg);
        }
    }
}

/* Every live object on the heap. The world stands. */
static void each_object(object_fn fn, void *arg)
{
    if (ou_blocks_from_malloc) {
        uint32_t slots = ou_slot_count();
        for (uint32_t id = 1; id <= slots; id++) {
            ou_blocks_drain_foreign(&ou_slots[id]);
            for (size_t i = 0; i < ou_slots[id].vector_len; i++) {
                ou_object *o = ou_slots[id].vector[i];
                fn(o, id, ou_block_bytes(o), arg);
            }
        }
        return;
    }
    size_t top = ou_arena_top();
    for (size_t i = 1; i < top; i++) {
        const ou_page *page = &ou_page_table[i];
        uint32_t tag = ou_page_tag(page), bin = ou_tag_bin(tag);
        bool objects = (bin >= OU_CLASS_COUNT && bin < OU_BIN_COUNT) ||
                       bin == OU_BIN_LARGE_TRACKED || bin == OU_BIN_LARGE_LEAF;
        if (tag && !page->back && objects) {
            each_in_span(page, fn, arg);
        }
    }
}

/* Looking stops the world, which only a thread in the world can. */
static bool may_look(void)
{
    return ou_thread_attached() ||
           ou_fail(OU_ESTATE, "census: this thread is not attached") == 0;
}

/* ---- counting by (type, slot, size) ---------------------------------------------------------
 */

typedef struct tally {
    ou_census_row *rows;
    size_t len, cap;
} tally;

static void tally_add(ou_object *o, unsigned slot, size_t bytes, void *arg)
{
    tally *t = arg;
    const char *type = ou_type_name(o);
    for (size_t i = 0; i < t->len; i++) {
        ou_census_row *row = &t->rows[i];
        if (row->type == type && row->slot == slot && row->size_bytes == bytes) {
            row->count++;
            return;
        }
    }
    if (t->len < t->cap) {
        t->rows[t->len++] = (ou_census_row){type, slot, bytes, 1};
    }
}

static int by_total(const void *a, const void *b)
{
    const ou_census_row *x = a, *y = b;
    uint64_t tx = x->count * x->size_bytes, ty = y->count * y->size_bytes;
    return tx < ty ? 1 : tx > ty ? -1 : 0;
}

#define TALLY_BYTES ((size_t)1 << 20)

static tally take_census(void)
{
    tally t = {.cap = TALLY_BYTES / sizeof(ou_census_row)};
    t.rows = may_look() ? ou_os_map(TALLY_BYTES) : NULL;
    if (!t.rows) {
        return (tally){0};
    }
    ou_world_stop();
    each_object(tally_add, &t);
    ou_world_start();
    qsort(t.rows, t.len, sizeof *t.rows, by_total);
    return t;
}

size_t ou_census(ou_census_row *rows, size_t max)
{
    tally t = take_census();
    if (t.rows) {
        memcpy(rows ? (void *)rows : t.rows, t.rows, ou_min(max, t.len) * sizeof *rows);
        ou_os_unmap(t.rows, TALLY_BYTES);
    }
    return t.len;
}

void ou_census_print(FILE *out)
{
    tally t = take_census();
    fprintf(out, "%-20s %6s %10s %12s %14s\n", "type", "slot", "bytes each", "objects",
            "bytes");
    for (size_t i = 0; i < t.len; i++) {
        const ou_census_row *row = &t.rows[i];
        fprintf(out, "%-20s %6u %10zu %12llu %14llu\n", row->type, row->slot, row->size_bytes,
                (unsigned long long)row->count,
                (unsigned long long)(row->count * row->size_bytes));
    }
    if (t.rows) {
        ou_os_unmap(t.rows, TALLY_BYTES);
    }
}

/* ---- leaks ----------------------------------------------------------------------------------
 */

static void leak_add(ou_object *o, unsigned slot, size_t bytes, void *arg)
{
    (void)slot;
    if (!ou_is_immortal(o)) {
        tally_add(o, 0, bytes, arg);
    }
}

uint64_t ou_leak_report(FILE *out)
{
    tally t = {.cap = TALLY_BYTES / sizeof(ou_census_row)};
    uint64_t objects = 0;
    t.rows = may_look() ? ou_os_map(TALLY_BYTES) : NULL;
    if (!t.rows) {
        return 0;
    }
    ou_world_stop();
    each_object(leak_add, &t);
    ou_world_start();
    qsort(t.rows, t.len, sizeof *t.rows, by_total);
    for (size_t i = 0; i < t.len; i++) {
        const ou_census_row *row = &t.rows[i];
        fprintf(out, "leak: %llu %s of %zu bytes\n", (unsigned long long)row->count, row->type,
                row->size_bytes);
        objects += row->count;
    }
    fprintf(out, "leak report: %llu objects alive\n", (unsigned long long)objects);
    ou_os_unmap(t.rows, TALLY_BYTES);
    return objects;
}

/* ---- who refers to whom
 * ----------------------------------------------------------------------- */

typedef struct hunt {
    ou_object *target;
    ou_object **out;
    size_t max, len;
    bool hit;
} hunt;

static void hunt_edge(ou_object *child, void *arg)
{
    hunt *h = arg;
    h->hit |= child == h->target;
}

static void hunt_object(ou_object *o, unsigned slot, size_t bytes, void *arg)
{
    (void)slot, (void)bytes;
    hunt *h = arg;
    if (!ou_gc_looks_at(o)) {
        return;
    }
    h->hit = false;
    ou_type_get(o)->traverse(o, hunt_edge, h);
    if (h->hit) {
        if (h->len < h->max) {
            h->out[h->len] = ou_incref(o);
        }
        h->len++;
    }
}

size_t ou_referrers(ou_object *target, ou_object **out, size_t max)
{
    hunt h = {.target = target, .out = out, .max = max};
    if (!may_look()) {
        return 0;
    }
    ou_world_stop();
    each_object(hunt_object, &h);
    ou_world_start();
    return h.len;
}

static void collect_tracked(ou_object *o, unsigned slot, size_t bytes, void *arg)
{
    (void)slot, (void)bytes;
    hunt *h = arg;
    if (!ou_gc_is_tracked(o) || o->gcbits & OU_GC_DOOMED) {
        return;
    }
    if (h->len < h->max) {
        h->out[h->len] = ou_incref(o);
    }
    h->len++;
}

size_t ou_gc_objects(ou_object **out, size_t max)
{
    hunt h = {.out = out, .max = max};
    if (!may_look()) {
        return 0;
    }
    ou_world_stop();
    each_object(collect_tracked, &h);
    ou_world_start();
    return h.len;
}

static void gather(ou_object *child, void *arg)
{
    hunt *h = arg;
    if (h->len < h->max) {
        h->out[h->len] = ou_incref(child);
    }
    h->len++;
}

size_t ou_referents(ou_object *o, ou_object **out, size_t max)
{
    hunt h = {.out = out, .max = max};
    if (!may_look()) {
        return 0;
    }
    ou_world_stop();
    if (ou_type_get(o)->traverse) {
        ou_type_get(o)->traverse(o, gather, &h);
    }
    ou_world_start();
    return h.len;
}
