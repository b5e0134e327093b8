/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dict_table.c - the open-addressing index over the entries of a dict.
 *
 * A slot holds the number of an entry, plus 1, in its low log2 bits (an entry number always
 * fits, as a third of the slots stay empty) and bits of the key's hash in those left over. So
 * in a large table, where every entry touched is a cache miss, a probe of another key mostly
 * ends in the index.
 *
 * Probing steps 1, 2, 3, ... from the hash's low bits, which visits every slot of a power of
 * two. At most two thirds of the slots are ever taken, deleted entries included, so a probe for
 * a missing key ends after three slots on average. When the entries are full the table is
 * rebuilt for 1.5 times the live keys: it doubles when all are live, is compacted in place when
 * a third is deleted and shrinks when most are. Each rebuild leaves room in proportion to what
 * it copied, so sets cost amortised constant time and deleted entries never add up.
 */
#include "types/dict_table.h"

#include "types/str.h"

#define LOG2_MIN 3u  /* 8 slots, 5 entries, 128 bytes: one cache line pair */
#define LOG2_MAX 32u /* entry numbers are 32 bits */

static uint32_t room_of(uint32_t log2)
{
    return (uint32_t)((((uint64_t)1 << log2) * 2) / 3);
}

static uint32_t width_of(uint32_t log2)
{
    return log2 <= 8 ? 1 : log2 <= 16 ? 2 : 4;
}

size_t ou_dict_block_bytes(uint32_t room, uint32_t log2)
{
    return (size_t)room * sizeof(ou_dict_entry) + ((size_t)width_of(log2) << log2);
}

static void *index_of(const ou_dict *d)
{
    return d->entries + d->room;
}

/* Bits of a slot that hold the entry's number. */
static uint32_t number_bits(uint32_t log2)
{
    return (uint32_t)(((uint64_t)1 << log2) - 1);
}

/* Bits of a slot that are left for the hash: none when log2 is the width. */
static uint32_t tag_bits(uint32_t log2)
{
    uint32_t all = log2 <= 8 ? UINT8_MAX : log2 <= 16 ? UINT16_MAX : UINT32_MAX;
    return all & ~number_bits(log2);
}

OU_INLINE uint32_t slot_get(const void *index, uint32_t log2, size_t i)
{
    if (log2 <= 8) {
        return ((const uint8_t *)index)[i];
    }
    if (log2 <= 16) {
        return ((const uint16_t *)index)[i];
    }
    return ((const uint32_t *)index)[i];
}

OU_INLINE void slot_set(void *index, uint32_t log2, size_t i, uint32_t value)
{
    if (log2 <= 8) {
        ((uint8_t *)index)[i] = (uint8_t)value;
    } else if (log2 <= 16) {
        ((uint16_t *)index)[i] = (uint16_t)value;
    } else {
        ((uint32_t *)index)[i] = value;
    }
}

OU_INLINE bool same_key(ou_object *a, ou_object *b)
{
    if (ou_is_kind(a, OU_KIND_STR) && ou_is_kind(b, OU_KIND_STR)) {
        const ou_str_object *x = (const ou_str_object *)a;
        const ou_str_object *y = (const ou_str_object *)b;
        return x->len == y->len && memcmp(x->bytes, y->bytes, x->len) == 0;
    }
    return ou_key_equal(a, b);
}

ou_dict_entry *ou_dict_find(const ou_dict *d, ou_object *key, uint64_t hash)
{
    if (OU_UNLIKELY(!d->len)) {
        return NULL;
    }
    const void *index = index_of(d);
    uint32_t log2 = d->log2;
    uint32_t numbers = number_bits(log2);
    uint32_t tags = tag_bits(log2);
    uint32_t wanted = (uint32_t)(hash >> 32);
    size_t i = hash & numbers;
    for (size_t step = 1;; step++) {
        uint32_t slot = slot_get(index, log2, i);
        if (!slot) {
            return NULL;
        }
        if (((slot ^ wanted) & tags) == 0) {
            ou_dict_entry *e = &d->entries[(slot & numbers) - 1];
            if (e->key == key || (e->hash == hash && e->key && same_key(e->key, key))) {
                return e;
            }
        }
        i = (i + step) & numbers;
    }
}

/* Puts the number of an entry into the first empty slot on its way. */
static void index_enter(void *index, uint32_t log2, uint64_t hash, uint32_t number)
{
    uint32_t numbers = number_bits(log2);
    size_t i = hash & numbers;
    for (size_t step = 1; slot_get(index, log2, i); step++) {
        i = (i + step) & numbers;
    }
    slot_set(index, log2, i, number | ((uint32_t)(hash >> 32) & tag_bits(log2)));
}

/* Copies the live entries to `to` (which may be where they are) and indexes them. */
static void table_fill(ou_dict *d, ou_dict_entry *to, uint32_t room, uint32_t log2)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < d->used; i++) {
        if (d->entries[i].key) {
            to[live++] = d->entries[i];
        }
    }
    void *index = to + room;
    memset(index, 0, (size_t)width_of(log2) << log2);
    for (uint32_t i = 0; i < live; i++) {
        index_enter(index, log2, to[i].hash, i + 1);
    }
    d->entries = to;
    d->used = live;
    d->room = room;
    d->log2 = log2;
}

static bool table_rebuild(ou_dict *d, size_t keys)
{
    uint32_t log2 = LOG2_MIN;
    while (log2 < LOG2_MAX && room_of(log2) < keys) {
        log2++;
    }
    uint32_t room = room_of(log2);
    if (OU_UNLIKELY(room < keys)) {
        ou_fail(OU_ENOMEM, "dict: %zu keys are more than a dict can hold", keys);
        return false;
    }
    if (log2 == d->log2 && d->room) {
        table_fill(d, d->entries, room, log2);
        return true;
    }
    ou_dict_entry *to = ou_side_alloc(ou_dict_block_bytes(room, log2));
    if (OU_UNLIKELY(!to)) {
        return false;
    }
    ou_dict_entry *from = d->entries;
    size_t from_bytes = ou_dict_block_bytes(d->room, d->log2);
    table_fill(d, to, room, log2);
    if (from) {
        ou_side_free(from, from_bytes);
    }
    return true;
}

static bool table_grow(ou_dict *d)
{
    size_t least = d->len + 1;
    size_t most = ou_max(room_of(LOG2_MAX), least);
    return table_rebuild(d, ou_min(least + d->len / 2, most));
}

bool ou_dict_presize(ou_dict *d, size_t keys)
{
    return !keys || table_rebuild(d, keys);
}

bool ou_dict_insert(ou_dict *d, ou_object *key, uint64_t hash, ou_object *value)
{
    if (OU_UNLIKELY(d->used == d->room) && !table_grow(d)) {
        return false;
    }
    d->entries[d->used++] = (ou_dict_entry){hash, key, value};
    index_enter(index_of(d), d->log2, hash, d->used);
    ou_store_relaxed(&d->len, d->len + 1);
    d->epoch++;
    return true;
}

void ou_dict_remove(ou_dict *d, ou_dict_entry *entry)
{
    entry->key = NULL; /* hash stays: nothing compares it without a key */
    entry->value = NULL;
    ou_store_relaxed(&d->len, d->len - 1);
}

size_t ou_dict_check(const ou_dict *d)
{
    size_t faults = 0;
    size_t live = 0;
    for (uint32_t i = 0; i < d->used; i++) {
        const ou_dict_entry *e = &d->entries[i];
        live += e->key != NULL;
        if (!e->key != !e->value) {
            ou_warn("dict %p: entry %u has only one of key and value", (const void *)d, i);
            faults++;
        }
        if (e->key && ou_dict_find(d, e->key, e->hash) != e) {
            ou_warn("dict %p: entry %u is not found by its key", (const void *)d, i);
            faults++;
        }
    }
    if (live != d->len || d->used > d->room) {
        ou_warn("dict %p: %zu live entries, length %zu, used %u, room %u", (const void *)d,
                live, d->len, d->used, d->room);
        faults++;
    }
    return faults;
}
