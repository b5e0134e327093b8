/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dict.c - insertion-ordered hash tables: the calls and the type. The table itself is in
 * dict_table.c.
 *
 * A key is hashed before the guard (hashing may fail), compared inside it (comparing keys
 * never locks, see ou_key_equal); references that fall out are dropped after the guard.
 */
#include "types/dict.h"

#include "object/guard.h"
#include "types/dict_table.h"
#include "types/own.h"
#include "types/str.h"
#include "types/types.h"

static OU_COLD int refuse(const char *function, const ou_object *dict)
{
    if (dict && !ou_is_dict(dict)) {
        return ou_fail_type(function, "dict", dict);
    }
    return ou_fail_missing(function);
}

bool ou_is_dict(const ou_object *o)
{
    return ou_is_kind(o, OU_KIND_DICT);
}

/* ou_hash, without a call for a string whose hash is known. */
OU_INLINE int key_hash(ou_object *key, uint64_t *hash)
{
    if (OU_LIKELY(ou_is_kind(key, OU_KIND_STR))) {
        *hash = ou_load_relaxed(&((ou_str_object *)key)->hash);
        if (OU_LIKELY(*hash != 0)) {
            return 0;
        }
    }
    return ou_hash(key, hash);
}

/* Empty dict without a block, tracked. */
static ou_dict *dict_make(void)
{
    ou_dict *d = (ou_dict *)ou_object_new_fixed(&ou_types[OU_KIND_DICT]);
    if (OU_UNLIKELY(!d)) {
        return NULL;
    }
    d->entries = NULL;
    d->len = 0;
    d->used = 0;
    d->room = 0;
    d->epoch = 0;
    d->log2 = 0;
    ou_object_track(&d->base);
    return d;
}

ou_object *ou_dict_new(size_t capacity)
{
    ou_object_poll();
    ou_dict *d = dict_make();
    if (OU_UNLIKELY(!d)) {
        return NULL;
    }
    if (OU_UNLIKELY(!ou_dict_presize(d, capacity))) {
        ou_decref(&d->base);
        return NULL;
    }
    return &d->base;
}

int64_t ou_dict_len(ou_object *dict)
{
    if (OU_UNLIKELY(!ou_is_dict(dict))) {
        return ou_fail_type("ou_dict_len", "dict", dict);
    }
    return (int64_t)ou_load_relaxed(&((ou_dict *)dict)->len); /* one word: needs no guard */
}

int ou_dict_set(ou_object *dict, ou_object *key, ou_object *value)
{
    if (OU_UNLIKELY(!ou_is_dict(dict) || !key || !value)) {
        return refuse("ou_dict_set", dict);
    }
    uint64_t hash;
    int err = key_hash(key, &hash);
    if (OU_UNLIKELY(err)) {
        return err;
    }
    ou_dict *d = (ou_dict *)dict;
    ou_object *old = NULL;
    ou_guard guard = ou_guard_begin(dict);
    ou_dict_entry *e = ou_dict_find(d, key, hash);
    bool ok = e || ou_dict_insert(d, key, hash, value);
    if (e) {
        old = e->value;
        e->value = ou_incref(value);
    } else if (OU_LIKELY(ok)) {
        ou_incref(key);
        ou_incref(value);
    }
    ou_guard_end(dict, guard);
    ou_xdecref(old);
    return ok ? 0 : OU_ENOMEM;
}

/* New reference to the value, or NULL without an error. The general form: any thread. */
static __attribute__((noinline)) ou_object *peek_any(ou_object *dict, ou_object *key,
                                                     uint64_t hash)
{
    ou_guard guard = ou_guard_begin(dict);
    ou_dict_entry *e = ou_dict_find((ou_dict *)dict, key, hash);
    ou_object *value = e ? ou_incref(e->value) : NULL;
    ou_guard_end(dict, guard);
    return value;
}

OU_INLINE ou_object *peek(ou_object *dict, ou_object *key, uint64_t hash)
{
    if (OU_LIKELY(ou_own_enter(dict))) {
        ou_dict_entry *e = ou_dict_find((ou_dict *)dict, key, hash);
        ou_object *value = e ? ou_incref(e->value) : NULL;
        ou_own_leave();
        return value;
    }
    return peek_any(dict, key, hash);
}

ou_object *ou_dict_get(ou_object *dict, ou_object *key)
{
    uint64_t hash;
    if (OU_UNLIKELY(!ou_is_dict(dict) || !key)) {
        refuse("ou_dict_get", dict);
        return NULL;
    }
    if (OU_UNLIKELY(key_hash(key, &hash))) {
        return NULL;
    }
    ou_object *value = peek(dict, key, hash);
    if (OU_UNLIKELY(!value)) {
        return ou_fail_null(OU_EKEY, "ou_dict_get: no such key");
    }
    return value;
}

int ou_dict_contains(ou_object *dict, ou_object *key)
{
    if (OU_UNLIKELY(!ou_is_dict(dict) || !key)) {
        return refuse("ou_dict_contains", dict);
    }
    uint64_t hash;
    int err = key_hash(key, &hash);
    if (OU_UNLIKELY(err)) {
        return err;
    }
    ou_guard guard = ou_guard_begin(dict);
    bool found = ou_dict_find((ou_dict *)dict, key, hash) != NULL;
    ou_guard_end(dict, guard);
    return found;
}

int ou_dict_del(ou_object *dict, ou_object *key)
{
    if (OU_UNLIKELY(!ou_is_dict(dict) || !key)) {
        return refuse("ou_dict_del", dict);
    }
    uint64_t hash;
    int err = key_hash(key, &hash);
    if (OU_UNLIKELY(err)) {
        return err;
    }
    ou_dict_entry gone = {0};
    ou_guard guard = ou_guard_begin(dict);
    ou_dict_entry *e = ou_dict_find((ou_dict *)dict, key, hash);
    if (OU_LIKELY(e != NULL)) {
        gone = *e;
        ou_dict_remove((ou_dict *)dict, e);
    }
    ou_guard_end(dict, guard);
    if (OU_UNLIKELY(!gone.key)) {
        return ou_fail(OU_EKEY, "ou_dict_del: no such key");
    }
    ou_decref(gone.key);
    ou_decref(gone.value);
    return 0;
}

/* What a dict held: everything but its header, which others may be locking right now. */
typedef struct storage {
    ou_dict_entry *entries;
    uint32_t used, room, log2;
} storage;

/* Empties a dict, under its guard or out of anyone's reach; the caller drops what it held. */
static storage detach(ou_dict *d)
{
    storage taken = {d->entries, d->used, d->room, d->log2};
    d->entries = NULL;
    ou_store_relaxed(&d->len, 0);
    d->used = 0;
    d->room = 0;
    d->log2 = 0;
    d->epoch++;
    return taken;
}

static void storage_drop(storage taken)
{
    for (uint32_t i = 0; i < taken.used; i++) {
        const ou_dict_entry *e = &taken.entries[i];
        if (i + OU_REFS_AHEAD < taken.used) {
            __builtin_prefetch(e[OU_REFS_AHEAD].key, 1); /* NULL is harmless */
            __builtin_prefetch(e[OU_REFS_AHEAD].value, 1);
        }
        if (e->key) {
            ou_decref(e->key);
            ou_decref(e->value);
        }
    }
    if (taken.entries) {
        ou_side_free(taken.entries, ou_dict_block_bytes(taken.room, taken.log2));
    }
}

int ou_dict_clear(ou_object *dict)
{
    if (OU_UNLIKELY(!ou_is_dict(dict))) {
        return ou_fail_type("ou_dict_clear", "dict", dict);
    }
    ou_guard guard = ou_guard_begin(dict);
    storage taken = detach((ou_dict *)dict);
    ou_guard_end(dict, guard);
    storage_drop(taken);
    return 0;
}

/* The whole block is copied, index included; every live key and value gains a reference. */
static bool copy_table(ou_dict *to, const ou_dict *from)
{
    if (!from->len) {
        return true;
    }
    size_t bytes = ou_dict_block_bytes(from->room, from->log2);
    ou_dict_entry *entries = ou_side_alloc(bytes);
    if (OU_UNLIKELY(!entries)) {
        return false;
    }
    memcpy(entries, from->entries, from->used * sizeof *entries);
    size_t fixed = from->room * sizeof *entries;
    memcpy((char *)entries + fixed, (const char *)from->entries + fixed, bytes - fixed);
    for (uint32_t i = 0; i < from->used; i++) {
        ou_xincref(entries[i].key);
        ou_xincref(entries[i].value);
    }
    to->entries = entries;
    to->len = from->len;
    to->used = from->used;
    to->room = from->room;
    to->log2 = from->log2;
    return true;
}

ou_object *ou_dict_copy(ou_object *dict)
{
    if (OU_UNLIKELY(!ou_is_dict(dict))) {
        ou_fail_type("ou_dict_copy", "dict", dict);
        return NULL;
    }
    ou_object_poll();
    ou_dict *copy = dict_make();
    if (OU_UNLIKELY(!copy)) {
        return NULL;
    }
    ou_guard guard = ou_guard_begin(dict);
    bool ok = copy_table(copy, (ou_dict *)dict);
    ou_guard_end(dict, guard);
    if (OU_UNLIKELY(!ok)) {
        ou_decref(&copy->base);
        return NULL;
    }
    return &copy->base;
}

/* One step of an iteration. *pos: the dict's epoch at the start in the high half, the number of
 * entries passed in the low half. Fills `out` with new references; 1, 0 or OU_ECHANGED without
 * a message. */
static int step(ou_dict *d, uint64_t *pos, ou_dict_entry *out)
{
    int result = 0;
    ou_guard guard = ou_guard_begin(&d->base);
    uint32_t i = (uint32_t)*pos;
    if (*pos && (uint32_t)(*pos >> 32) != d->epoch) {
        ou_guard_end(&d->base, guard);
        return OU_ECHANGED;
    }
    while (i < d->used && !d->entries[i].key) {
        i++;
    }
    if (i < d->used) {
        *out = d->entries[i++];
        ou_incref(out->key);
        ou_incref(out->value);
        result = 1;
    }
    *pos = (uint64_t)d->epoch << 32 | i;
    ou_guard_end(&d->base, guard);
    return result;
}

int ou_dict_next(ou_object *dict, uint64_t *pos, ou_object **key, ou_object **value)
{
    if (OU_UNLIKELY(!ou_is_dict(dict))) {
        return ou_fail_type("ou_dict_next", "dict", dict);
    }
    ou_dict_entry e;
    int result = step((ou_dict *)dict, pos, &e);
    if (OU_UNLIKELY(result < 0)) {
        return ou_fail(OU_ECHANGED, "ou_dict_next: the dict changed during the iteration");
    }
    if (result && key) {
        *key = e.key;
    } else if (result) {
        ou_decref(e.key);
    }
    if (result && value) {
        *value = e.value;
    } else if (result) {
        ou_decref(e.value);
    }
    return result;
}

static void dict_traverse(ou_object *o, ou_visit visit, void *arg)
{
    const ou_dict *d = (const ou_dict *)o;
    for (uint32_t i = 0; i < d->used; i++) {
        if (d->entries[i].key) {
            visit(d->entries[i].key, arg);
            visit(d->entries[i].value, arg);
        }
    }
}

static void dict_clear(ou_object *o)
{
    storage_drop(detach((ou_dict *)o));
}

static void dict_release(ou_object *o)
{
    const ou_dict *d = (const ou_dict *)o;
    if (d->entries) {
        ou_side_free(d->entries, ou_dict_block_bytes(d->room, d->log2));
    }
}

static int dict_equal(ou_object *a, ou_object *b, int depth)
{
    if (ou_dict_len(a) != ou_dict_len(b)) {
        return 0;
    }
    uint64_t pos = 0;
    ou_dict_entry e;
    int result;
    while ((result = step((ou_dict *)a, &pos, &e)) == 1) {
        ou_object *other = peek(b, e.key, e.hash);
        int equal = other ? ou_equal_at(e.value, other, depth) : 0;
        ou_xdecref(other);
        ou_decref(e.key);
        ou_decref(e.value);
        if (equal != 1) {
            return equal;
        }
    }
    return result < 0 ? ou_fail(OU_ECHANGED, "ou_equal: a dict changed meanwhile") : 1;
}

static void dict_repr(ou_object *o, ou_printer *out, int depth)
{
    uint64_t pos = 0;
    ou_dict_entry e;
    int result;
    const char *between = "";
    ou_print_bytes(out, "{", 1);
    while ((result = step((ou_dict *)o, &pos, &e)) == 1) {
        ou_print(out, "%s", between);
        ou_print_object(out, e.key, depth);
        ou_print_bytes(out, ": ", 2);
        ou_print_object(out, e.value, depth);
        ou_decref(e.key);
        ou_decref(e.value);
        between = ", ";
    }
    ou_print(out, "%s}", result < 0 ? ", ..." : ""); /* changed by another thread meanwhile */
}

void ou_dict_define(void)
{
    static const ou_type type = {
        .name = "dict",
        .index = OU_KIND_DICT,
        .kind = OU_KIND_DICT,
        .flags = OU_TF_TRACKED | OU_TF_WEAKREFS,
        .size_bytes = sizeof(ou_dict),
        .traverse = dict_traverse,
        .drop = dict_clear,
        .clear = dict_clear,
        .release = dict_release,
        .equal = dict_equal,
        .repr = dict_repr,
    };
    ou_type_define(&type);
}
