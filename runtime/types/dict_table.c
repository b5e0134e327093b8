/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dict_table.c - the table of a dict as a whole: building, rebuilding, audit. Finding and
 * adding are inline in dict_table.h.
 *
 * At most two thirds of the slots are ever taken, deleted entries included. When the entries
 * are full the table is rebuilt: for three times the live keys while it is small (a table that
 * grows will grow on, and copies cost more than room), later for 1.5 times. So it is compacted
 * in place when a third is deleted and shrinks when most are. Each rebuild leaves room in
 * proportion to what it copied, so sets cost amortised constant time and deleted entries never
 * add up.
 */
#include "types/dict_table.h"

#include "object/guard.h"
#include "types/str.h"

#define SMALL_KEYS 512u /* below: times three */

#define LOG2_MIN 3u  /* 8 slots, 5 entries, 128 bytes: one cache line pair */
#define LOG2_MAX 32u /* entry numbers are 32 bits */

const uint64_t ou_dict_no_tags[1];

static uint32_t room_of(uint32_t log2)
{
    return (uint32_t)((((uint64_t)1 << log2) * 2) / 3);
}

size_t ou_dict_slot_bytes(uint32_t mask)
{
    size_t number = !mask ? 0 : ou_dict_is_narrow(mask) ? sizeof(uint16_t) : sizeof(uint32_t);
    return ((size_t)mask + OU_DICT_GROUP) * (1 + number);
}

size_t ou_dict_block_bytes(uint32_t room, uint32_t mask)
{
    return ou_dict_slot_bytes(mask) + room * sizeof(ou_dict_entry);
}

static bool same_key(ou_object *a, ou_object *b)
{
    if (ou_is_kind(a, OU_KIND_STR) && ou_is_kind(b, OU_KIND_STR)) {
        const ou_str_object *x = (const ou_str_object *)a;
        const ou_str_object *y = (const ou_str_object *)b;
        return x->len == y->len && memcmp(x->bytes, y->bytes, x->len) == 0;
    }
    return ou_key_equal(a, b);
}

/* Groups are visited in steps of 1, 2, 3, ..., which reaches each of a power of two; a third of
 * all slots is empty, so the search ends. */
ou_dict_entry *ou_dict_find_on(const ou_dict *d, ou_object *key, uint64_t hash)
{
    size_t at = hash & d->mask;
    for (size_t step = OU_DICT_GROUP;; step += OU_DICT_GROUP) {
        uint64_t word = ou_dict_group(d, at);
        for (uint64_t match = ou_dict_matches(word, hash); match; match &= match - 1) {
            ou_dict_entry *e = ou_dict_entry_of(d, at + ou_dict_first(match));
            ou_object *k = ou_load_acquire(&e->key); /* NULL: deleted, perhaps just now */
            if (k == key || (k && ou_load_relaxed(&e->hash) == hash && same_key(k, key))) {
                return e;
            }
        }
        if (ou_dict_empties(word)) {
            return NULL;
        }
        at = (at + step) & d->mask;
    }
}

/* Copies the live entries to `to` (which may be where they are) and indexes them. */
static void table_fill(ou_dict *d, ou_dict_entry *to, uint32_t room, uint32_t mask)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < d->used; i++) {
        if (d->entries[i].key) {
            to[live++] = d->entries[i];
        }
    }
    ou_dict made = {.entries = to, .mask = mask};
    memset(ou_dict_tags(&made, mask), 0, ou_dict_slots(&made));
    for (uint32_t i = 0; i < live; i++) {
        ou_dict_index(&made, to[i].hash, i);
    }
    ou_dict_show(d, to, live, room, mask);
}

static bool table_rebuild(ou_dict *d, size_t keys)
{
    uint32_t log2 = LOG2_MIN;
    while (log2 < LOG2_MAX && room_of(log2) < keys) {
        log2++;
    }
    uint32_t room = room_of(log2), mask = (uint32_t)(((uint64_t)1 << log2) - OU_DICT_GROUP);
    if (OU_UNLIKELY(room < keys)) {
        ou_fail(OU_ENOMEM, "dict: %zu keys are more than a dict can hold", keys);
        return false;
    }
    ou_guard_alone(&d->base);
    if (mask == d->mask && d->room && !ou_epoch_is_read()) {
        table_fill(d, d->entries, room, mask);
        return true;
    }
    char *block = ou_side_alloc(ou_dict_block_bytes(room, mask));
    if (OU_UNLIKELY(!block)) {
        return false;
    }
    ou_dict_entry *from = d->entries;
    uint32_t from_room = d->room, from_mask = d->mask;
    table_fill(d, (ou_dict_entry *)(block + ou_dict_slot_bytes(mask)), room, mask);
    if (from_room) {
        ou_dict_block_free(from, from_room, from_mask);
    }
    return true;
}

void ou_dict_block_free(ou_dict_entry *entries, uint32_t room, uint32_t mask)
{
    ou_side_free((char *)entries - ou_dict_slot_bytes(mask), ou_dict_block_bytes(room, mask));
}

bool ou_dict_grow(ou_dict *d)
{
    size_t least = d->len + 1;
    size_t spare = d->len < SMALL_KEYS ? d->len * 2 : d->len / 2;
    size_t most = ou_max(room_of(LOG2_MAX), least);
    return table_rebuild(d, ou_min(least + spare, most));
}

bool ou_dict_presize(ou_dict *d, size_t keys)
{
    return !keys || table_rebuild(d, keys);
}

void ou_dict_remove(ou_dict *d, ou_dict_entry *entry)
{
    ou_store_relaxed(&entry->key, NULL); /* hash stays: nothing compares it without a key */
    ou_store_release(&entry->value, NULL);
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
