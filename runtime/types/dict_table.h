/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dict_table.h - the table inside a dict: find, insert, delete, rebuild. Shared by the two
 * files of dict. Everything here needs the dict's guard, or a dict nobody else can reach; none
 * of it locks, drops a reference or reaches a safepoint.
 *
 * A slot has a tag, one byte: 0 = empty, else the high bit and 7 bits of the key's hash. Tags
 * are read eight at a time, as one word, from a group that other bits of the hash choose: one
 * load, one comparison of all eight without a branch, and mostly one candidate, so that a
 * processor guesses what comes next. (Groups of tags: SwissTable, Kulukundis, CppCon 2017;
 * eight in a word: Mycroft, 1987.) A slot's entry number has 2 or 4 bytes; the smallest table,
 * of one group, has no numbers: its slot i is entry i.
 */
#ifndef OURO_TYPES_DICT_TABLE_H
#define OURO_TYPES_DICT_TABLE_H

#include "types/dict.h"

#define OU_DICT_GROUP 8u
#define OU_DICT_EACH 0x0101010101010101u
#define OU_DICT_HIGH 0x8080808080808080u

/* What a dict without a block shows: one group of empty slots. */
extern OU_HIDDEN const uint64_t ou_dict_no_tags[1];

OU_INLINE ou_dict_entry *ou_dict_no_entries(void)
{
    return (ou_dict_entry *)(uintptr_t)(ou_dict_no_tags + 1);
}

OU_INLINE size_t ou_dict_slots(const ou_dict *d)
{
    return (size_t)d->mask + OU_DICT_GROUP;
}

/* The high bit marks a slot as taken; bits 57..63 choose no group of any table that fits. */
OU_INLINE uint64_t ou_dict_tag(uint64_t hash)
{
    return 0x80 | hash >> 57;
}

/* Tags of slots at..at+7, `at` a multiple of 8: the later, the farther before the entries. */
OU_INLINE uint8_t *ou_dict_tags(const ou_dict *d, size_t at)
{
    return (uint8_t *)d->entries - OU_DICT_GROUP - at;
}

OU_INLINE uint64_t ou_dict_group(const ou_dict *d, size_t at)
{
    return ou_load_acquire((const uint64_t *)(const void *)ou_dict_tags(d, at));
}

/* High bits of the tags in `word` that equal the hash's; after a true one perhaps a false one,
 * never an empty slot. */
OU_INLINE uint64_t ou_dict_matches(uint64_t word, uint64_t hash)
{
    uint64_t x = word ^ ou_dict_tag(hash) * OU_DICT_EACH;
    return (x - OU_DICT_EACH) & ~x & OU_DICT_HIGH;
}

/* High bits of the empty slots. */
OU_INLINE uint64_t ou_dict_empties(uint64_t word)
{
    return ~word & OU_DICT_HIGH;
}

/* Slot in its group of the first of these bits: the tag at the lowest address. */
OU_INLINE size_t ou_dict_first(uint64_t bits)
{
    unsigned bit = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? (unsigned)__builtin_ctzll(bits)
                                                             : (unsigned)__builtin_clzll(bits);
    return bit / 8;
}

/* Are entry numbers of 2 bytes enough? */
OU_INLINE bool ou_dict_is_narrow(uint32_t mask)
{
    return mask <= UINT16_MAX;
}

/* Where the numbers end: below the tags, the later the farther. */
OU_INLINE char *ou_dict_numbers_end(const ou_dict *d)
{
    return (char *)d->entries - ou_dict_slots(d);
}

/* The entry that a taken slot of a table stands for. */
OU_INLINE ou_dict_entry *ou_dict_entry_in(ou_dict_entry *entries, uint32_t mask, size_t slot)
{
    size_t number = slot;
    char *end = (char *)entries - mask - OU_DICT_GROUP;
    if (OU_LIKELY(mask - 1 < UINT16_MAX)) { /* narrow, and not the smallest */
        number = ou_load_relaxed(&((uint16_t *)end - 1)[-(intptr_t)slot]);
    } else if (mask) {
        number = ou_load_relaxed(&((uint32_t *)end - 1)[-(intptr_t)slot]);
    }
    return &entries[number];
}

OU_INLINE ou_dict_entry *ou_dict_entry_of(const ou_dict *d, size_t slot)
{
    return ou_dict_entry_in(d->entries, d->mask, slot);
}

/* The rest of a search: from the start again, to the end. */
ou_dict_entry *ou_dict_find_on(const ou_dict *d, ou_object *key, uint64_t hash);

/* The first step of a search, which mostly ends it: the entry whose key is this object, or
 * NULL. *sure: there is no other. The table's two words are loaded once. */
OU_INLINE ou_dict_entry *ou_dict_find_first(const ou_dict *d, const ou_object *key,
                                            uint64_t hash, bool *sure)
{
    ou_dict_entry *entries = d->entries;
    uint32_t mask = d->mask;
    size_t at = hash & mask;
    const char *tags = (const char *)entries - OU_DICT_GROUP - at;
    uint64_t word = ou_load_acquire((const uint64_t *)(const void *)tags);
    uint64_t match = ou_dict_matches(word, hash);
    *sure = !match && ou_dict_empties(word);
    if (OU_LIKELY(match)) {
        ou_dict_entry *e = ou_dict_entry_in(entries, mask, at + ou_dict_first(match));
        *sure = ou_load_acquire(&e->key) == key;
        return OU_LIKELY(*sure) ? e : NULL;
    }
    return NULL;
}

/* The entry of `key`, or NULL. `hash` is the key's. */
OU_INLINE ou_dict_entry *ou_dict_find(const ou_dict *d, ou_object *key, uint64_t hash)
{
    bool sure;
    ou_dict_entry *e = ou_dict_find_first(d, key, hash, &sure);
    return OU_LIKELY(sure) ? e : ou_dict_find_on(d, key, hash);
}

/* Enters the number of an entry into the first empty slot on its way. */
OU_INLINE void ou_dict_index(const ou_dict *d, uint64_t hash, uint32_t number)
{
    size_t at = hash & d->mask;
    uint64_t empty = ou_dict_empties(ou_dict_group(d, at));
    for (size_t step = OU_DICT_GROUP; OU_UNLIKELY(!empty); step += OU_DICT_GROUP) {
        at = (at + step) & d->mask;
        empty = ou_dict_empties(ou_dict_group(d, at));
    }
    size_t first = ou_dict_first(empty);
    if (!d->mask) {
        OU_ASSERT(first == number);
    } else if (OU_LIKELY(ou_dict_is_narrow(d->mask))) {
        uint16_t *numbers = (uint16_t *)ou_dict_numbers_end(d) - 1;
        ou_store_relaxed(&numbers[-(intptr_t)(at + first)], (uint16_t)number);
    } else {
        uint32_t *numbers = (uint32_t *)ou_dict_numbers_end(d) - 1;
        ou_store_relaxed(&numbers[-(intptr_t)(at + first)], number);
    }
    ou_store_release(&ou_dict_tags(d, at)[first], (uint8_t)ou_dict_tag(hash));
}

/* Adds a key that is not there to a table with room, taking over both references. */
OU_INLINE void ou_dict_add(ou_dict *d, ou_object *key, uint64_t hash, ou_object *value)
{
    ou_dict_entry *e = &d->entries[d->used];
    ou_store_relaxed(&e->hash, hash);
    ou_store_release(&e->value, value);
    ou_store_release(&e->key, key);
    ou_dict_index(d, hash, d->used);
    ou_store_release(&d->used, d->used + 1); /* pairs: ou_peek_pair */
    ou_store_relaxed(&d->len, d->len + 1);
    ou_store_release(&d->epoch, d->epoch + 1); /* after the entry: dict_each.c */
}

/* Another block becomes the dict's. Between the two, readers without the guard see the new one
 * as empty: never more entries than it has. */
OU_INLINE void ou_dict_show(ou_dict *d, ou_dict_entry *entries, uint32_t used, uint32_t room,
                            uint32_t mask)
{
    ou_store_relaxed(&d->used, 0u);
    ou_store_relaxed(&d->mask, mask);
    ou_store_release(&d->entries, entries); /* pairs: ou_peek_pair */
    ou_store_release(&d->used, used);       /* pairs: ou_peek_pair */
    d->room = room;
}

/* A dict without a block. */
OU_INLINE void ou_dict_empty(ou_dict *d)
{
    ou_dict_show(d, ou_dict_no_entries(), 0, 0, 0);
    ou_store_relaxed(&d->len, 0);
}

/* Makes room for one more. False: OU_ENOMEM is set and nothing changed. */
bool ou_dict_grow(ou_dict *d);

/* Makes an entry deleted; its references are now the caller's. */
void ou_dict_remove(ou_dict *d, ou_dict_entry *entry);

/* Gives an empty dict (no block) room for `keys`. False: OU_ENOMEM is set. */
bool ou_dict_presize(ou_dict *d, size_t keys);

/* Bytes of the block of a table with this room and mask, and of them before the entries. */
size_t ou_dict_block_bytes(uint32_t room, uint32_t mask);
size_t ou_dict_slot_bytes(uint32_t mask);

/* Gives the block of a table back. */
void ou_dict_block_free(ou_dict_entry *entries, uint32_t room, uint32_t mask);

/* Audits one dict; returns the number of faults, one line on stderr for each. */
size_t ou_dict_check(const ou_dict *d);

#endif
