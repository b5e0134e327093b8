/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dict_table.c - the table of a dict as a whole: building, rebuilding, audit. Finding and
 * adding are inline in dict_table.h.
 *
 * At most a third of the slots are ever taken, deleted entries included; of the smallest and
 * the largest table five eighths and two thirds. When the entries
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

#define SLOTS_AHEAD 16u /* keys whose slots a rebuild asks for before it needs them */

#define LOG2_MIN 3u /* 8 slots, 5 entries, 128 bytes: one cache line pair */
#define ROOM_MIN 5u
#define LOG2_MAX 31u /* entry numbers are 31 bits */

const ou_dict_nothing ou_dict_nothings;

static uint32_t room_of(uint32_t log2)
{
    uint32_t slots = (uint32_t)1 << log2;
    return log2 == LOG2_MIN ? ROOM_MIN : log2 == LOG2_MAX ? slots / 3 * 2 : slots / 3;
}

/* Entries begin at a multiple of 16, but in the smallest table. */
size_t ou_dict_front_bytes(uint32_t mask)
{
    size_t word = ou_dict_is_narrow(mask) ? sizeof(uint16_t) : sizeof(uint32_t);
    size_t end = mask >> LOG2_MIN ? sizeof(ou_dict_entry) : sizeof(uint64_t);
    return ((size_t)mask + 1) * word + end;
}

size_t ou_dict_block_bytes(uint32_t room, uint32_t mask)
{
    return ou_dict_front_bytes(mask) + room * (sizeof(ou_dict_entry) + sizeof(uint32_t));
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

/* A third of all slots is empty, so the search ends. */
ou_dict_entry *ou_dict_find_on(const ou_dict *d, ou_object *key, uint64_t hash)
{
    const uint32_t *hashes = ou_dict_hashes(d);
    uint32_t mask = d->mask, mine = ou_dict_word(mask, hash, 0), word;
    for (intptr_t slot = ou_dict_slot(mask, hash);
         (word = ou_dict_load(d->entries, mask, slot)) != 0;
         slot = ou_dict_slot(mask, (uint64_t)slot + 1)) {
        if ((word ^ mine) > mask) {
            continue;
        }
        ou_dict_entry *e = &d->entries[word & mask];
        ou_object *k = ou_load_acquire(&e->key); /* NULL: deleted, perhaps just now */
        if (k == key || (k && ou_load_relaxed(&hashes[word & mask]) == (uint32_t)hash &&
                         same_key(k, key))) {
            return e;
        }
    }
    return NULL;
}

/* Copies the live entries to `to` (which may be where they are) and indexes them. */
static void table_fill(ou_dict *d, ou_dict_entry *to, uint32_t room, uint32_t mask)
{
    ou_dict made = {.entries = to, .room = room, .mask = mask};
    const uint32_t *from = ou_dict_hashes(d);
    uint32_t *hashes = ou_dict_hashes(&made), live = 0;
    for (uint32_t i = 0; i < d->used; i++) {
        if (d->entries[i].key) {
            to[live] = d->entries[i];
            hashes[live++] = from[i];
        }
    }
    if (!live) {
        to[0] = (ou_dict_entry){0}; /* empty slots name it */
    }
    size_t front = ou_dict_front_bytes(mask);
    memset((char *)to - front, 0, front);
    for (uint32_t i = 0; i < live; i++) {
        if (i + SLOTS_AHEAD < live && !ou_dict_is_narrow(mask)) {
            intptr_t slot = ou_dict_slot(mask, hashes[i + SLOTS_AHEAD]);
            __builtin_prefetch(&ou_dict_wide_words(to)[slot], 1);
        }
        ou_dict_fill_slot(to, mask, ou_dict_free_slot(to, mask, hashes[i]),
                          ou_dict_word(mask, hashes[i], i));
    }
    ou_dict_show(d, to, live, room, mask);
}

static bool table_rebuild(ou_dict *d, size_t keys)
{
    uint32_t log2 = LOG2_MIN;
    while (log2 < LOG2_MAX && room_of(log2) < keys) {
        log2++;
    }
    uint32_t room = room_of(log2), mask = ((uint32_t)1 << log2) - 1;
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
    table_fill(d, (ou_dict_entry *)(block + ou_dict_front_bytes(mask)), room, mask);
    if (from_room) {
        ou_dict_block_free(from, from_room, from_mask);
    }
    return true;
}

void ou_dict_block_free(ou_dict_entry *entries, uint32_t room, uint32_t mask)
{
    ou_side_free((char *)entries - ou_dict_front_bytes(mask), ou_dict_block_bytes(room, mask));
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
    ou_store_relaxed(&entry->key, NULL); /* the hash stays: without a key nothing reads it */
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
        uint32_t hash = ou_dict_hashes(d)[i];
        if (e->key &&
            (ou_dict_find(d, e->key, hash) != e || ou_dict_find_on(d, e->key, hash) != e)) {
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
