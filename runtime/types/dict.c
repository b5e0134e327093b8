/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dict.c - insertion-ordered hash tables: the calls and the type. The table itself is in
 * dict_table.c, what goes from entry to entry in dict_each.c.
 *
 * A key is hashed before the guard (hashing may fail), compared inside it (comparing keys
 * never locks, see ou_key_equal); references that fall out are dropped after the guard.
 */
#include "types/dict.h"

#include "object/guard.h"
#include "object/quick.h"
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

/* Hash of a string that has been asked for it before; 0 for every other key. */
OU_INLINE uint64_t known_hash(const ou_object *key)
{
    return OU_LIKELY(ou_is_kind(key, OU_KIND_STR))
               ? ou_load_relaxed(&((const ou_str_object *)key)->hash)
               : 0;
}

/* ou_hash, without a call where it is known. */
OU_INLINE int key_hash(ou_object *key, uint64_t *hash)
{
    *hash = known_hash(key);
    return OU_LIKELY(*hash != 0) ? 0 : ou_hash(key, hash);
}

ou_dict *ou_dict_make(void)
{
    ou_dict *d = (ou_dict *)ou_object_new_fixed(&ou_types[OU_KIND_DICT]);
    if (OU_UNLIKELY(!d)) {
        return NULL;
    }
    ou_dict_empty(d);
    d->epoch = 0;
    ou_object_track(&d->base);
    return d;
}

ou_object *ou_dict_new(size_t capacity)
{
    ou_object_poll();
    ou_dict *d = ou_dict_make();
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

/* The general form: any thread, any fill. */
static __attribute__((noinline)) int put_any(ou_dict *d, ou_object *key, uint64_t hash,
                                             ou_object *value)
{
    if (ou_is_detached()) {
        return ou_fail_detached("ou_dict_set");
    }
    ou_object *old = ou_incref(value); /* what is to be dropped: that when there is no room */
    ou_guard guard = ou_guard_begin(&d->base);
    ou_dict_entry *e = ou_dict_find(d, key, hash);
    bool ok = e || d->used < d->room || ou_dict_grow(d);
    if (e) {
        old = e->value;
        ou_store_release(&e->value, value);
    } else if (OU_LIKELY(ok)) {
        ou_dict_add(d, ou_dict_free_slot(d->entries, d->mask, hash),
                    ou_dict_word(d->mask, hash, 0), ou_incref(key), hash, value);
        old = NULL;
    }
    ou_guard_end(&d->base, guard);
    ou_guard_drop(guard, old);
    return ok ? 0 : OU_ENOMEM;
}

/* Ends the owner's operation that has counted the value already. */
static __attribute__((noinline)) int put_counted(ou_dict *d, ou_object *key, uint64_t hash,
                                                 ou_object *value)
{
    ou_own_leave();
    int err = put_any(d, key, hash, value);
    ou_decref(value);
    return err;
}

static __attribute__((noinline)) int drop_old(ou_object *old)
{
    ou_decref(old);
    return 0;
}

/* The rest of a set inside the owner's operation. Straight down when the first two words say
 * that the key is new, there is room, and the thread owns both. */
static __attribute__((noinline)) int put_on(ou_dict *d, ou_object *key, uint64_t hash,
                                            ou_object *value)
{
    const ou_dict_entry *entries = d->entries;
    uint32_t mask = d->mask, mine = ou_dict_word(mask, hash, 0);
    intptr_t slot = ou_dict_slot(mask, hash);
    uint32_t word = ou_dict_load(entries, mask, slot);
    uint32_t next = ou_dict_load(entries, mask, slot + 1);
    uint32_t maybe = word & -(uint32_t)((next | ((word ^ mine) <= mask)) != 0); /* 0: new */
    slot = ou_dict_slot(mask, (uint64_t)(slot + (word != 0)));
    if (OU_UNLIKELY(maybe)) {
        maybe = ou_dict_may_be_at(entries, mask, &slot, hash);
    }
    if (OU_LIKELY(!maybe && d->used < d->room) && OU_LIKELY(ou_own_incref(value))) {
        if (OU_UNLIKELY(!ou_own_incref(key))) {
            return put_counted(d, key, hash, value);
        }
        ou_dict_add(d, slot, mine, key, hash, value);
        ou_own_leave();
        return 0;
    }
    ou_own_leave();
    return put_any(d, key, hash, value);
}

/* Straight down when the owner replaces a value, or adds a key of its own into room it has, and
 * the first step of the search says which. A search that goes on starts again: no call in the
 * middle, so nothing to save for it. */
OU_INLINE int put(ou_dict *d, ou_object *key, uint64_t hash, ou_object *value)
{
    ou_dict_entry *e;
    if (OU_UNLIKELY(!ou_own_enter(&d->base))) {
        return put_any(d, key, hash, value);
    }
    if (OU_UNLIKELY(!ou_dict_find_first(d, key, hash, &e) || !ou_own_incref(value))) {
        return put_on(d, key, hash, value);
    }
    ou_object *old = e->value;
    ou_store_release(&e->value, value);
    ou_own_leave();
    return OU_LIKELY(ou_own_decref(old)) ? 0 : drop_old(old);
}

/* Keys of any kind. */
static __attribute__((noinline)) int set_any(ou_object *dict, ou_object *key, ou_object *value)
{
    if (OU_UNLIKELY(!ou_is_dict(dict) || !key || !value)) {
        return refuse("ou_dict_set", dict);
    }
    uint64_t hash;
    int err = key_hash(key, &hash);
    return OU_UNLIKELY(err) ? err : put((ou_dict *)dict, key, hash, value);
}

int ou_dict_set(ou_object *dict, ou_object *key, ou_object *value)
{
    uint64_t hash = OU_LIKELY(key && value && ou_is_dict(dict)) ? known_hash(key) : 0;
    return OU_LIKELY(hash != 0) ? put((ou_dict *)dict, key, hash, value)
                                : set_any(dict, key, value);
}

ou_object *ou_dict_peek(ou_object *dict, ou_object *key, uint64_t hash)
{
    ou_guard guard = ou_guard_look(dict);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return NULL;
    }
    ou_dict_entry *e = ou_dict_find((ou_dict *)dict, key, hash);
    ou_object *value = e ? ou_load_acquire(&e->value) : NULL; /* NULL: deleted just now */
    ou_xincref(value);
    ou_guard_end(dict, guard);
    return value;
}

static OU_COLD ou_object *no_such_key(void)
{
    if (ou_is_detached()) {
        ou_fail_detached("ou_dict_get");
        return NULL;
    }
    return ou_fail_null(OU_EKEY, "ou_dict_get: no such key");
}

/* The general form: any thread. */
static __attribute__((noinline)) ou_object *get_any(ou_object *dict, ou_object *key,
                                                    uint64_t hash)
{
    ou_object *value = ou_dict_peek(dict, key, hash);
    return OU_LIKELY(value != NULL) ? value : no_such_key();
}

/* The rest of a get inside the owner's operation. */
static __attribute__((noinline)) ou_object *get_on(const ou_dict *d, ou_object *key,
                                                   uint64_t hash)
{
    const ou_dict_entry *e = ou_dict_find_on(d, key, hash);
    ou_object *value = e ? ou_incref(e->value) : NULL;
    ou_own_leave();
    return OU_LIKELY(value != NULL) ? value : no_such_key();
}

/* Straight down when the owner asks for a key whose value it owns as well. */
OU_INLINE ou_object *get(ou_object *dict, ou_object *key, uint64_t hash)
{
    ou_slot *self;
    ou_dict_entry *e;
    if (OU_UNLIKELY(!ou_own_begin(dict, &self))) {
        return get_any(dict, key, hash);
    }
    if (OU_LIKELY(ou_dict_find_first((ou_dict *)dict, key, hash, &e))) {
        ou_object *value = e->value;
        if (OU_LIKELY(ou_own_incref(value))) {
            ou_slot_op_leave(self);
            return value;
        }
    }
    return get_on((ou_dict *)dict, key, hash);
}

/* Keys of any kind. */
static __attribute__((noinline)) ou_object *get_hashed(ou_object *dict, ou_object *key)
{
    uint64_t hash;
    if (OU_UNLIKELY(!ou_is_dict(dict) || !key)) {
        refuse("ou_dict_get", dict);
        return NULL;
    }
    return OU_UNLIKELY(key_hash(key, &hash)) ? NULL : get(dict, key, hash);
}

ou_object *ou_dict_get(ou_object *dict, ou_object *key)
{
    uint64_t hash = OU_LIKELY(key && ou_is_dict(dict)) ? known_hash(key) : 0;
    return OU_LIKELY(hash != 0) ? get(dict, key, hash) : get_hashed(dict, key);
}

static __attribute__((noinline)) int has_any(ou_object *dict, ou_object *key, uint64_t hash)
{
    ou_guard guard = ou_guard_look(dict);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return OU_ESTATE;
    }
    bool found = ou_dict_find((ou_dict *)dict, key, hash) != NULL;
    ou_guard_end(dict, guard);
    return found;
}

/* The rest of it inside the owner's operation. */
static __attribute__((noinline)) int has_on(const ou_dict *d, ou_object *key, uint64_t hash)
{
    bool found = ou_dict_find_on(d, key, hash) != NULL;
    ou_own_leave();
    return found;
}

/* Straight down when the owner asks and the first words say it. */
OU_INLINE int has(ou_object *dict, ou_object *key, uint64_t hash)
{
    const ou_dict *d = (const ou_dict *)dict;
    ou_slot *self;
    uint32_t word;
    if (OU_UNLIKELY(!ou_own_begin(dict, &self))) {
        return has_any(dict, key, hash);
    }
    if (OU_LIKELY(ou_dict_look(d, hash, &word)) &&
        (!word || OU_LIKELY(d->entries[word & d->mask].key == key))) {
        ou_slot_op_leave(self);
        return word != 0;
    }
    return has_on(d, key, hash);
}

static __attribute__((noinline)) int has_hashed(ou_object *dict, ou_object *key)
{
    uint64_t hash;
    if (OU_UNLIKELY(!ou_is_dict(dict) || !key)) {
        return refuse("ou_dict_contains", dict);
    }
    int err = key_hash(key, &hash);
    return OU_UNLIKELY(err) ? err : has(dict, key, hash);
}

int ou_dict_contains(ou_object *dict, ou_object *key)
{
    uint64_t hash = OU_LIKELY(key && ou_is_dict(dict)) ? known_hash(key) : 0;
    return OU_LIKELY(hash != 0) ? has(dict, key, hash) : has_hashed(dict, key);
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
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return OU_ESTATE;
    }
    ou_dict_entry *e = ou_dict_find((ou_dict *)dict, key, hash);
    if (OU_LIKELY(e != NULL)) {
        gone = *e;
        ou_dict_remove((ou_dict *)dict, e);
    }
    ou_guard_end(dict, guard);
    if (OU_UNLIKELY(!gone.key)) {
        return ou_fail(OU_EKEY, "ou_dict_del: no such key");
    }
    ou_guard_drop(guard, gone.key);
    ou_guard_drop(guard, gone.value);
    return 0;
}

/* What a dict held: everything but its header, which others may be locking right now. */
typedef struct storage {
    ou_dict_entry *entries;
    uint32_t used, room, mask;
} storage;

/* Empties a dict, under its guard or out of anyone's reach; the caller drops what it held. */
static storage detach(ou_dict *d)
{
    storage taken = {d->entries, d->used, d->room, d->mask};
    ou_dict_empty(d);
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
        ou_xdecref(e->key);
        ou_xdecref(e->value);
    }
    if (taken.room) {
        ou_dict_block_free(taken.entries, taken.room, taken.mask);
    }
}

int ou_dict_clear(ou_object *dict)
{
    if (OU_UNLIKELY(!ou_is_dict(dict))) {
        return ou_fail_type("ou_dict_clear", "dict", dict);
    }
    ou_guard guard = ou_guard_begin(dict);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return OU_ESTATE;
    }
    ou_guard_alone(dict);
    storage taken = detach((ou_dict *)dict);
    ou_guard_end(dict, guard);
    storage_drop(taken);
    return 0;
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
    if (d->room) {
        ou_dict_block_free(d->entries, d->room, d->mask);
    }
}

/* Small dicts whose keys and values live on end where they stand. */
#define QUICK_ENTRIES 8u

/* True when the reference needed no more than a subtraction: it is gone then. */
OU_INLINE bool drop_easily(ou_object **place)
{
    if (*place && OU_UNLIKELY(!ou_own_decref(*place))) {
        return false;
    }
    *place = NULL;
    return true;
}

static void dict_die(ou_object *o, const ou_type *type)
{
    ou_dict *d = (ou_dict *)o;
    uint32_t used = d->used, i = 0;
    if (ou_quick_dies() && used <= QUICK_ENTRIES) {
        ou_dict_entry *e = d->entries;
        while (i < used && drop_easily(&e->key) && drop_easily(&e->value)) {
            i++;
            e++;
        }
        if (OU_LIKELY(i == used)) {
            dict_release(o);
            ou_quick_free(o, type->bin);
            return;
        }
    }
    ou_object_die_unshared(o, type);
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
        .die = dict_die,
        .clear = dict_clear,
        .release = dict_release,
        .equal = ou_dict_equal,
        .repr = ou_dict_repr,
    };
    ou_type_define(&type);
}
