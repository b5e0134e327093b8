/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * list_bulk.c - lists as a whole: room, extend, copy, repeat, clear, sum, and the slots of the
 * type.
 *
 * Growth: an eighth more while small (waste counts, copies are cheap), half more from 64 items
 * (copies count; the heap grows long arrays in place), rounded up to what the heap hands out
 * for that size anyway.
 */
#include "heap/huge.h"
#include "object/guard.h"
#include "object/quick.h"
#include "types/list.h"
#include "types/list_room.h"
#include "types/number.h"
#include "types/tuple.h"
#include "types/types.h"

#define SMALL_ITEMS 64u
#define ITEMS_MAX (SIZE_MAX / 4 / sizeof(ou_object *))

static size_t fitting(size_t items)
{
    size_t bytes = items * sizeof(ou_object *);
    if (bytes <= OU_SMALL_BYTES) {
        return ou_bins[ou_class_of(ou_align_up(bytes, 16))].size_bytes / sizeof(ou_object *);
    }
    return ou_align_up(bytes, OU_PAGE_BYTES) / sizeof(ou_object *);
}

/* A new array for the items, under the guard, alone. The old one stays as it is while it may be
 * read: then it is copied, also when it could be resized where it stands. */
static bool array_move(ou_list *l, size_t capacity)
{
    ou_guard_alone(&l->base);
    ou_object **old = l->items;
    size_t old_bytes = l->capacity * sizeof *old, bytes = capacity * sizeof *old;
    bool apart = old && old != l->room;
    bool copied = !apart || ou_epoch_is_read();
    ou_object **items = copied ? ou_side_alloc(bytes) : ou_side_realloc(old, old_bytes, bytes);
    if (OU_UNLIKELY(!items)) {
        return false;
    }
    if (copied && l->len) {
        memcpy(items, old, l->len * sizeof *old);
    }
    ou_store_release(&l->items, items); /* pairs: ou_peek_pair */
    l->capacity = capacity;
    if (OU_UNLIKELY(copied && apart)) {
        ou_side_free(old, old_bytes);
    }
    return true;
}

bool ou_list_reserve(ou_list *l, size_t need)
{
    if (OU_UNLIKELY(need > ITEMS_MAX)) {
        ou_fail(OU_ENOMEM, "list: %zu items do not fit into memory", need);
        return false;
    }
    size_t spare = need < SMALL_ITEMS ? need / 8 + 3 : need / 2;
    size_t capacity = fitting(need + spare);
    return array_move(l, capacity);
}

void ou_list_shrink_slow(ou_list *l)
{
    size_t capacity = fitting(l->capacity / 2);
    if (capacity >= l->capacity) {
        return;
    }
    (void)array_move(l, capacity); /* or stays large */
}

ou_list *ou_list_make(size_t capacity)
{
    if (OU_UNLIKELY(capacity > ITEMS_MAX)) {
        return ou_fail_null(OU_ENOMEM, "list: %zu items do not fit into memory", capacity);
    }
    size_t room = capacity <= OU_LIST_ROOM ? capacity : 0;
    const ou_type *type = &ou_types[OU_KIND_LIST];
    uint64_t first;
    ou_list *l = (ou_list *)ou_quick_block(ou_list_bin(room), &first);
    if (OU_LIKELY(l != NULL)) {
        ou_header_set(&l->base, type);
    } else {
        l = (ou_list *)ou_object_new(type, ou_list_bytes(room));
    }
    if (OU_UNLIKELY(!l)) {
        return NULL;
    }
    ou_list_init(l, room);
    if (capacity > room) {
        l->capacity = capacity;
        l->items = ou_side_alloc(capacity * sizeof(ou_object *));
        if (OU_UNLIKELY(!l->items)) {
            ou_object_abandon(&l->base);
            return NULL;
        }
    }
    ou_object_track(&l->base);
    return l;
}

int ou_fail_list(const char *function, const ou_object *list)
{
    if (list && !ou_is_list(list)) {
        return ou_fail_type(function, "list", list);
    }
    return ou_fail_missing(function);
}

/* n references to one object, in one addition when the caller owns it. */
static void incref_by(ou_object *o, size_t n)
{
    uint32_t local = ou_load_relaxed(&o->rc_local);
    if (ou_load_relaxed(&o->owner) == ou_self.slot && n < OU_IMMORTAL - 1 &&
        local < OU_IMMORTAL - n) {
        ou_store_relaxed(&o->rc_local, local + (uint32_t)n);
        return;
    }
    for (; n; n--) {
        ou_incref(o);
    }
}

ou_object *ou_list_repeat(ou_object *item, size_t n)
{
    if (OU_UNLIKELY(!item)) {
        ou_fail_missing("ou_list_repeat");
        return NULL;
    }
    ou_object_poll();
    ou_list *l = ou_list_make(n);
    if (OU_UNLIKELY(!l)) {
        return NULL;
    }
    if (!ou_is_immortal(item)) {
        incref_by(item, n);
    }
    for (size_t i = 0; i < n; i++) {
        l->items[i] = item;
    }
    l->len = n;
    return &l->base;
}

/* An array that is filled as soon as it is there: huge pages waste nothing. */
static ou_object **array_to_fill(size_t n)
{
    ou_object **items = ou_side_alloc(n * sizeof *items);
    if (items && ou_page_is_plain(items)) {
        ou_huge_fill((const char *)items, n * sizeof *items);
    }
    return items;
}

/* Items of a list or tuple at one moment, each with a reference of its own. */
typedef struct snapshot {
    ou_object **items;
    size_t len;
} snapshot;

static bool snapshot_take(ou_list *from, snapshot *out)
{
    ou_guard guard = ou_guard_begin(&from->base);
    out->len = from->len;
    out->items = out->len ? array_to_fill(out->len) : NULL;
    bool ok = out->items || !out->len;
    if (OU_LIKELY(ok)) {
        ou_refs_take(out->items, from->items, out->len);
    }
    ou_guard_end(&from->base, guard);
    return ok;
}

/* Appends items to a list whose guard is held; references are taken here. */
static bool append_all(ou_list *l, ou_object *const *items, size_t n)
{
    if (n > l->capacity - l->len && !ou_list_reserve(l, l->len + n)) {
        return false;
    }
    ou_refs_take(l->items + l->len, items, n);
    ou_store_release(&l->len, l->len + n); /* pairs: ou_peek_pair */
    return true;
}

/* Several steps: one guard at a time, so the source is copied out first. By a thread that is
 * attached. */
static int extend_shared(ou_list *l, ou_list *other)
{
    snapshot s;
    if (!snapshot_take(other, &s)) {
        return OU_ENOMEM;
    }
    ou_guard guard = ou_guard_begin(&l->base);
    bool ok = s.len <= l->capacity - l->len || ou_list_reserve(l, l->len + s.len);
    if (OU_LIKELY(ok && s.len)) {
        ou_guard_alone(&l->base);
        memcpy(l->items + l->len, s.items, s.len * sizeof(ou_object *));
        ou_store_release(&l->len, l->len + s.len); /* pairs: ou_peek_pair */
    }
    ou_guard_end(&l->base, guard);
    if (!ok) {
        ou_refs_drop(s.items, s.len);
    }
    if (s.items) {
        ou_side_free(s.items, s.len * sizeof(ou_object *));
    }
    return ok ? 0 : OU_ENOMEM;
}

/* The owner's guard keeps every container of the slot that is not SHARED: others must wait
 * for in_op whichever of them they want. So one operation may cover two lists. */
static bool covered_too(const ou_object *other, ou_guard guard)
{
    return guard == OU_GUARD_OWNER && ou_load_relaxed(&other->owner) == ou_self.slot &&
           !(ou_load_acquire(&other->flags) & OU_FL_SHARED);
}

static int extend_list(ou_list *l, ou_list *other)
{
    ou_guard guard = ou_guard_begin(&l->base);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return OU_ESTATE;
    }
    bool covered = other == l || covered_too(&other->base, guard);
    bool ok = true;
    if (OU_LIKELY(covered)) {
        size_t n = other->len;
        ok = n <= l->capacity - l->len || ou_list_reserve(l, l->len + n);
        ok = ok && append_all(l, other->items, n); /* items: read after a move by reserve */
    }
    ou_guard_end(&l->base, guard);
    if (!covered) {
        return extend_shared(l, other);
    }
    return ok ? 0 : OU_ENOMEM;
}

int ou_list_extend(ou_object *list, ou_object *other)
{
    if (OU_UNLIKELY(!ou_is_list(list) || !other)) {
        return ou_fail_list("ou_list_extend", list);
    }
    ou_list *l = (ou_list *)list;
    if (ou_is_list(other)) {
        return extend_list(l, (ou_list *)other);
    }
    if (OU_UNLIKELY(!ou_is_tuple(other))) {
        return ou_fail_type("ou_list_extend", "list or tuple", other);
    }
    const ou_tuple *t = (const ou_tuple *)other;
    ou_guard guard = ou_guard_begin(list);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return OU_ESTATE;
    }
    bool ok = append_all(l, t->items, t->len);
    ou_guard_end(list, guard);
    return ok ? 0 : OU_ENOMEM;
}

ou_object *ou_list_copy(ou_object *list)
{
    if (OU_UNLIKELY(!ou_is_list(list))) {
        ou_fail_type("ou_list_copy", "list", list);
        return NULL;
    }
    ou_object_poll();
    ou_list *copy = ou_list_make(0);
    if (OU_UNLIKELY(!copy)) {
        return NULL;
    }
    snapshot s;
    if (OU_UNLIKELY(!snapshot_take((ou_list *)list, &s))) {
        ou_decref(&copy->base);
        return NULL;
    }
    copy->items = s.items;
    copy->len = s.len;
    copy->capacity = s.len;
    return &copy->base;
}

/* Drops what a list held: everything but its header, which others may be locking right now.
 * (Three words, not a struct: copying one just written would wait for its stores.) */
static void storage_drop(ou_list *l, ou_object **items, size_t len, size_t capacity)
{
    ou_refs_drop(items, len);
    if (items && items != l->room) {
        ou_side_free(items, capacity * sizeof(ou_object *));
    }
}

/* Empties a list, under its guard or out of anyone's reach. */
OU_INLINE void detach(ou_list *l)
{
    ou_store_relaxed(&l->items, NULL);
    l->capacity = 0;
    ou_store_relaxed(&l->len, 0);
}

int ou_list_clear(ou_object *list)
{
    if (OU_UNLIKELY(!ou_is_list(list))) {
        return ou_fail_type("ou_list_clear", "list", list);
    }
    ou_list *l = (ou_list *)list;
    ou_guard guard = ou_guard_begin(list);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return OU_ESTATE;
    }
    ou_guard_alone(list);
    ou_object **items = l->items;
    size_t len = l->len, capacity = l->capacity;
    ou_object *few[OU_LIST_ROOM]; /* a death may take the list with it, and its room */
    if (items == l->room) {
        memcpy(few, items, len * sizeof *few);
    }
    detach(l);
    ou_guard_end(list, guard);
    if (items == l->room) {
        ou_refs_drop(few, len);
    } else {
        storage_drop(l, items, len, capacity);
    }
    return 0;
}

OU_INLINE void sum_one(const ou_object *item, uint64_t *sum, size_t *ints)
{
    if (OU_LIKELY(ou_is_kind(item, OU_KIND_INT))) {
        *sum += (uint64_t)((const ou_int *)item)->value;
        ++*ints;
    }
}

int ou_list_sum(ou_object *list, int64_t *sum, size_t *ints)
{
    if (OU_UNLIKELY(!ou_is_list(list))) {
        return ou_fail_type("ou_list_sum", "list", list);
    }
    const ou_list *l = (const ou_list *)list;
    uint64_t total = 0; /* unsigned: wraps */
    size_t count = 0;
    ou_guard guard = ou_guard_begin(list);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return OU_ESTATE;
    }
    ou_object *const *items = l->items;
    size_t n = l->len;
    size_t i = 0;
    for (; i + OU_REFS_AHEAD < n; i++) {
        __builtin_prefetch(items[i + OU_REFS_AHEAD], 0);
        sum_one(items[i], &total, &count);
    }
    for (; i < n; i++) {
        sum_one(items[i], &total, &count);
    }
    ou_guard_end(list, guard);
    *sum = (int64_t)total;
    if (ints) {
        *ints = count;
    }
    return 0;
}

static void list_traverse(ou_object *o, ou_visit visit, void *arg)
{
    ou_list *l = (ou_list *)o;
    for (size_t i = 0; i < l->len; i++) {
        visit(l->items[i], arg);
    }
}

static void list_clear(ou_object *o)
{
    ou_list *l = (ou_list *)o;
    ou_object **items = l->items;
    size_t len = l->len, capacity = l->capacity;
    detach(l);
    storage_drop(l, items, len, capacity);
}

static void list_release(ou_object *o)
{
    ou_list *l = (ou_list *)o;
    if (l->items && l->items != l->room) {
        ou_side_free(l->items, l->capacity * sizeof(ou_object *));
    }
}

/* Its items are in the block. Mostly the list has as many as it was born with. */
OU_INLINE void die_in_room(ou_list *l, size_t n)
{
    if (OU_LIKELY(l->capacity == n)) {
        ou_quick_end(&l->base, l->room, n, false, ou_list_bin(n));
    } else {
        ou_quick_end(&l->base, l->room, n, false, ou_list_bin(l->capacity));
    }
}

/* It has outgrown its room, or never had one. */
static __attribute__((noinline)) void die_apart(ou_list *l, size_t n)
{
    size_t i = ou_quick_drop(l->items, n, false);
    if (OU_LIKELY(i == n)) {
        list_release(&l->base);
        ou_object_free_block(&l->base);
        return;
    }
    ou_quick_die_long(&l->base, l->items, i);
}

static void list_die(ou_object *o, const ou_type *type)
{
    ou_list *l = (ou_list *)o;
    size_t n = l->len;
    if (OU_UNLIKELY(!ou_quick_dies() || n > OU_LIST_ROOM)) {
        ou_object_die_unshared(o, type);
        return;
    }
    if (OU_UNLIKELY(l->items != l->room)) {
        die_apart(l, n);
        return;
    }
#define DIE(k) die_in_room(l, k)
    OU_QUICK_BY_NUMBER(n, DIE)
#undef DIE
}

static int list_equal(ou_object *a, ou_object *b, int depth)
{
    if (ou_is_detached()) {
        return ou_fail_detached("ou_equal");
    }
    for (size_t i = 0;; i++) {
        if (ou_list_len(a) != ou_list_len(b)) {
            return 0;
        }
        ou_object *x = ou_list_peek((ou_list *)a, i);
        ou_object *y = ou_list_peek((ou_list *)b, i);
        int equal = x && y ? ou_equal_at(x, y, depth) : x == y;
        bool end = !x;
        ou_xdecref(x);
        ou_xdecref(y);
        if (end || equal != 1) {
            return equal;
        }
    }
}

static void list_repr(ou_object *o, ou_printer *out, int depth)
{
    if (ou_is_detached()) {
        ou_fail_detached("ou_repr");
        ou_print_bytes(out, "[...]", 5);
        return;
    }
    ou_print_bytes(out, "[", 1);
    for (size_t i = 0;; i++) {
        ou_object *item = ou_list_peek((ou_list *)o, i);
        if (!item) {
            break;
        }
        ou_print_bytes(out, ", ", i ? 2 : 0);
        ou_print_object(out, item, depth);
        ou_decref(item);
    }
    ou_print_bytes(out, "]", 1);
}

void ou_list_define(void)
{
    static const ou_type type = {
        .name = "list",
        .index = OU_KIND_LIST,
        .kind = OU_KIND_LIST,
        .flags = OU_TF_TRACKED | OU_TF_WEAKREFS,
        .size_bytes = sizeof(ou_list),
        .traverse = list_traverse,
        .drop = list_clear,
        .die = list_die,
        .clear = list_clear,
        .release = list_release,
        .equal = list_equal,
        .repr = list_repr,
    };
    ou_type_define(&type);
}
