/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * list.c - growable arrays of references: what is done with a list. Its growth, its type's
 * slots and whole-list operations are in list_bulk.c.
 *
 * Every change happens between ou_guard_begin and ou_guard_end; references that fall out are
 * dropped after the end, because a death may run finalizers that use the same list.
 */
#include "types/list.h"

#include "types/list_room.h"
#include "types/own.h"

ou_object *ou_list_new(size_t capacity)
{
    ou_object_poll();
    return (ou_object *)ou_list_make(capacity);
}

/* The general form: any length, any circumstances. */
static __attribute__((noinline)) ou_object *list_of_long(ou_object *const *items, size_t n)
{
    ou_object_poll();
    ou_list *l = ou_list_make(n);
    if (OU_UNLIKELY(!l)) {
        return NULL;
    }
    ou_refs_take(l->items, items, n);
    l->len = n;
    return &l->base;
}

/* Another slot's items cannot be counted in a straight line. */
static __attribute__((noinline)) ou_object *list_fill_rest(ou_list *l, ou_object *const *items,
                                                           size_t i)
{
    ou_refs_take(l->room + i, items + i, l->len - i);
    ou_quick_show(&l->base, &ou_types[OU_KIND_LIST], ou_self.birth);
    return &l->base;
}

OU_INLINE ou_object *fill(ou_list *l, ou_object *const *items, size_t n, uint64_t first)
{
    size_t i = ou_quick_take(l->room, items, n);
    if (OU_UNLIKELY(i < n)) {
        return list_fill_rest(l, items, i);
    }
    ou_quick_show(&l->base, &ou_types[OU_KIND_LIST], first);
    return &l->base;
}

ou_object *ou_list_of(ou_object *const *items, size_t n)
{
    uint64_t first;
    ou_list *l = NULL;
    if (OU_LIKELY(n <= OU_LIST_ROOM)) {
        l = (ou_list *)ou_quick_block_polled(ou_list_bin(n), &first);
    }
    if (OU_UNLIKELY(!l)) {
        return list_of_long(items, n);
    }
    ou_list_init(l, n);
    l->len = n;
#define FILL(k) return fill(l, items, k, first)
    OU_QUICK_BY_NUMBER(n, FILL)
#undef FILL
}

int64_t ou_list_len(ou_object *list)
{
    if (OU_UNLIKELY(!ou_is_list(list))) {
        return ou_fail_type("ou_list_len", "list", list);
    }
    return (int64_t)ou_load_relaxed(&((ou_list *)list)->len); /* one word: needs no guard */
}

bool ou_is_list(const ou_object *o)
{
    return ou_is_kind(o, OU_KIND_LIST);
}

ou_object *ou_list_peek(ou_list *l, size_t i)
{
    ou_guard guard = ou_guard_look(&l->base);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return NULL;
    }
    bool inside = i < ou_load_acquire(&l->len); /* pairs: append */
    ou_object *item = inside ? ou_incref(ou_load_acquire(&l->items[i])) : NULL;
    ou_guard_end(&l->base, guard);
    return item;
}

/* The general form: any thread, any argument. */
static __attribute__((noinline)) ou_object *get_any(ou_object *list, size_t i)
{
    if (!ou_is_list(list)) {
        ou_fail_type("ou_list_get", "list", list);
        return NULL;
    }
    ou_object *item = ou_list_peek((ou_list *)list, i);
    if (!item && !ou_is_detached()) {
        ou_fail_index("list", i, ou_load_relaxed(&((ou_list *)list)->len));
    }
    return item;
}

/* Another slot's item: its count needs a call, inside the look that the caller is in. */
static __attribute__((noinline)) ou_object *look_end(ou_object *item)
{
    ou_incref(item);
    ou_epoch_leave();
    return item;
}

/* Straight down when it is looked at without its lock. */
static __attribute__((noinline)) ou_object *get_look(ou_object *list, size_t i)
{
    if (OU_LIKELY(ou_is_list(list) && ou_look_enter(list))) {
        const ou_list *l = (const ou_list *)list;
        if (OU_LIKELY(i < ou_load_acquire(&l->len))) { /* pairs: append */
            ou_object *item = ou_load_acquire(&l->items[i]);
            if (OU_UNLIKELY(!ou_own_incref(item))) {
                return look_end(item);
            }
            ou_epoch_leave();
            return item;
        }
        ou_epoch_leave();
    }
    return get_any(list, i);
}

ou_object *ou_list_get(ou_object *list, size_t i)
{
    if (OU_LIKELY(ou_is_list(list) && ou_own_enter(list))) {
        const ou_list *l = (const ou_list *)list;
        if (OU_LIKELY(i < l->len)) {
            ou_object *item = ou_incref(l->items[i]);
            ou_own_leave();
            return item;
        }
        ou_own_leave();
    }
    return get_look(list, i);
}

int ou_list_set(ou_object *list, size_t i, ou_object *item)
{
    if (OU_UNLIKELY(!ou_is_list(list) || !item)) {
        return ou_fail_list("ou_list_set", list);
    }
    ou_list *l = (ou_list *)list;
    ou_guard guard = ou_guard_begin(list);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return OU_ESTATE;
    }
    size_t len = l->len;
    if (OU_UNLIKELY(i >= len)) {
        ou_guard_end(list, guard);
        return ou_fail_index("list", i, len);
    }
    ou_object *old = l->items[i];
    ou_store_release(&l->items[i], ou_incref(item)); /* pairs: ou_peek_pair */
    ou_guard_end(list, guard);
    ou_guard_drop(guard, old);
    return 0;
}

/* Takes over `item`, unless the thread is not attached. The general form: any thread, any fill.
 */
static __attribute__((noinline)) int append_any(ou_list *l, ou_object *item)
{
    ou_object_poll(); /* now and then, in a loop that does nothing else */
    ou_guard guard = ou_guard_begin(&l->base);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return OU_ESTATE;
    }
    size_t len = l->len;
    bool room = len < l->capacity || ou_list_reserve(l, len + 1);
    if (OU_LIKELY(room)) {
        ou_store_release(&l->items[len], item);
        ou_store_release(&l->len, len + 1); /* pairs: ou_peek_pair */
    }
    ou_guard_end(&l->base, guard);
    if (OU_UNLIKELY(!room)) {
        ou_decref(item);
        return OU_ENOMEM;
    }
    return 0;
}

/* Takes over `item`. Straight down when the owner appends into room it has. */
OU_INLINE int append(ou_list *l, ou_object *item)
{
    if (OU_LIKELY(ou_own_enter(&l->base))) {
        size_t len = l->len;
        if (OU_LIKELY(len < l->capacity)) {
            ou_store_release(&l->items[len], item);
            ou_store_release(&l->len, len + 1); /* pairs: ou_peek_pair */
            ou_own_leave();
            return 0;
        }
        ou_own_leave();
    }
    return append_any(l, item);
}

static OU_COLD __attribute__((noinline)) int append_refuse(const char *function,
                                                           ou_object *list, ou_object *item)
{
    int err = item ? ou_fail_type(function, "list", list) : ou_fail_missing(function);
    ou_xdecref(item);
    return err;
}

static __attribute__((noinline)) int append_foreign(ou_list *l, ou_object *item)
{
    if (ou_is_detached()) {
        return ou_fail_detached("ou_list_append");
    }
    return append_any(l, ou_incref(item));
}

int ou_list_append(ou_object *list, ou_object *item)
{
    if (OU_UNLIKELY(!item || !ou_is_kind(list, OU_KIND_LIST))) {
        return ou_fail_list("ou_list_append", list);
    }
    if (OU_UNLIKELY(!ou_own_incref(item))) {
        return append_foreign((ou_list *)list, item);
    }
    return append((ou_list *)list, item);
}

int ou_list_append_steal(ou_object *list, ou_object *item)
{
    if (OU_UNLIKELY(!item || !ou_is_kind(list, OU_KIND_LIST))) {
        return append_refuse("ou_list_append_steal", list, item);
    }
    return append((ou_list *)list, item);
}

int ou_list_insert(ou_object *list, size_t i, ou_object *item)
{
    if (OU_UNLIKELY(!ou_is_list(list) || !item)) {
        return ou_fail_list("ou_list_insert", list);
    }
    ou_list *l = (ou_list *)list;
    ou_guard guard = ou_guard_begin(list);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return OU_ESTATE;
    }
    size_t len = l->len;
    bool inside = i <= len;
    bool done = inside && (len < l->capacity || ou_list_reserve(l, len + 1));
    if (OU_LIKELY(done)) {
        ou_guard_alone(list);
        memmove(l->items + i + 1, l->items + i, (len - i) * sizeof(ou_object *));
        ou_store_release(&l->items[i], ou_incref(item));
        ou_store_release(&l->len, len + 1); /* pairs: ou_peek_pair */
    }
    ou_guard_end(list, guard);
    if (!inside) {
        return ou_fail_index("list", i, len);
    }
    return done ? 0 : OU_ENOMEM;
}

ou_object *ou_list_pop(ou_object *list)
{
    if (OU_UNLIKELY(!ou_is_list(list))) {
        ou_fail_type("ou_list_pop", "list", list);
        return NULL;
    }
    ou_list *l = (ou_list *)list;
    ou_guard guard = ou_guard_begin(list);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return NULL;
    }
    size_t len = l->len;
    ou_object *item = NULL;
    if (OU_LIKELY(len > 0)) {
        item = l->items[len - 1];
        ou_store_relaxed(&l->len, len - 1);
        ou_list_shrink(l);
        if (OU_UNLIKELY(guard == OU_GUARD_READ)) {
            ou_incref(item); /* the caller's; the list's own goes when nobody looks */
        }
    }
    ou_guard_end(list, guard);
    if (OU_UNLIKELY(guard == OU_GUARD_READ)) {
        ou_guard_drop(guard, item);
    }
    if (OU_UNLIKELY(!item)) {
        return ou_fail_null(OU_EINDEX, "pop from an empty list");
    }
    return item;
}

int ou_list_del(ou_object *list, size_t i)
{
    if (OU_UNLIKELY(!ou_is_list(list))) {
        return ou_fail_type("ou_list_del", "list", list);
    }
    ou_list *l = (ou_list *)list;
    ou_guard guard = ou_guard_begin(list);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return OU_ESTATE;
    }
    size_t len = l->len;
    ou_object *old = NULL;
    if (OU_LIKELY(i < len)) {
        old = l->items[i];
        ou_guard_alone(list);
        memmove(l->items + i, l->items + i + 1, (len - i - 1) * sizeof(ou_object *));
        ou_store_relaxed(&l->len, len - 1);
        ou_list_shrink(l);
    }
    ou_guard_end(list, guard);
    if (OU_UNLIKELY(!old)) {
        return ou_fail_index("list", i, len);
    }
    ou_decref(old);
    return 0;
}
