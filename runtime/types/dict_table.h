/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dict_table.h - the table inside a dict: find, insert, delete, rebuild. Shared by the
 * files of dict. Everything here needs the dict's guard, or a dict nobody else can reach; none
 * of it locks, drops a reference or reaches a safepoint.
 *
 * A slot has a word, of 2 bytes in tables of up to 4,096 slots and of 4 in larger ones: 0 =
 * empty, else the top bit, the number of an entry in the low bits that the mask covers, and
 * between them bits of the key's hash. So one load says where the key would be and whether it
 * is there. A search begins at the slot that the hash's low bits name and goes from slot to
 * slot; its first step looks at two of them and chooses without a branch, so that mostly a
 * processor has nothing to guess: at most a third of the slots are taken. (Probes that choose
 * without a branch: K. A. Ross, ICDE 2007.) An empty word names entry 0, which either is not
 * the key, or is and has been found.
 */
#ifndef OURO_TYPES_DICT_TABLE_H
#define OURO_TYPES_DICT_TABLE_H

#include "types/dict.h"

/* Mask of the largest table with words of 2 bytes. Three bits are left to the hash there:
 * enough not to look at wrong keys. */
#define OU_DICT_NARROW 0xFFFu

/* What a dict without a block shows: one empty slot, and an entry that is no key's. */
typedef struct ou_dict_nothing {
    uint64_t words[2];
    ou_dict_entry entry;
} ou_dict_nothing;

extern OU_HIDDEN const ou_dict_nothing ou_dict_nothings;

OU_INLINE ou_dict_entry *ou_dict_no_entries(void)
{
    return (ou_dict_entry *)(uintptr_t)&ou_dict_nothings.entry;
}

/* Low 32 bits of the hashes, one an entry. */
OU_INLINE uint32_t *ou_dict_hashes(const ou_dict *d)
{
    return (uint32_t *)(void *)(d->entries + d->room);
}

OU_INLINE bool ou_dict_is_narrow(uint32_t mask)
{
    return OU_LIKELY(mask <= OU_DICT_NARROW);
}

/* The word of an entry's key. */
OU_INLINE uint32_t ou_dict_word(uint32_t mask, uint64_t hash, uint32_t number)
{
    uint32_t bits = ((uint32_t)hash & ~mask) | number;
    return ou_dict_is_narrow(mask) ? (uint16_t)(bits | 0x8000u) : bits | 0x80000000u;
}

/* Slots are counted from their end, which lies four words before the entries: -1 is the last.
 * There the first three stand again, for who looks at several at once. */
#define OU_DICT_AGAIN 3

OU_INLINE intptr_t ou_dict_slot(uint32_t mask, uint64_t hash)
{
    return (intptr_t)(hash | ~(uint64_t)mask);
}

OU_INLINE uint16_t *ou_dict_narrow_words(const ou_dict_entry *entries)
{
    return (uint16_t *)(uintptr_t)entries - 4;
}

OU_INLINE uint32_t *ou_dict_wide_words(const ou_dict_entry *entries)
{
    return (uint32_t *)(uintptr_t)entries - 4;
}

OU_INLINE uint32_t ou_dict_load(const ou_dict_entry *entries, uint32_t mask, intptr_t slot)
{
    return ou_dict_is_narrow(mask) ? ou_load_acquire(&ou_dict_narrow_words(entries)[slot])
                                   : ou_load_acquire(&ou_dict_wide_words(entries)[slot]);
}

OU_INLINE void ou_dict_store(ou_dict_entry *entries, uint32_t mask, intptr_t slot,
                             uint32_t word)
{
    if (ou_dict_is_narrow(mask)) {
        ou_store_release(&ou_dict_narrow_words(entries)[slot], (uint16_t)word);
    } else {
        ou_store_release(&ou_dict_wide_words(entries)[slot], word);
    }
}

/* The rest of a search: from the start again, to the end. */
ou_dict_entry *ou_dict_find_on(const ou_dict *d, ou_object *key, uint64_t hash);

/* The first step of a search, which mostly ends it. True: *entry is the one whose key is this
 * object. The table's two words are loaded once. */
OU_INLINE bool ou_dict_find_first(const ou_dict *d, const ou_object *key, uint64_t hash,
                                  ou_dict_entry **entry)
{
    ou_dict_entry *entries = d->entries;
    uint32_t mask = d->mask, word, next, other;
    intptr_t slot = ou_dict_slot(mask, hash);
    if (ou_dict_is_narrow(mask)) {
        const uint16_t *at = ou_dict_narrow_words(entries) + slot;
        word = ou_load_acquire(&at[0]);
        next = ou_load_acquire(&at[1]);
        other = (word ^ (uint32_t)hash) & 0x7FFFu;
    } else {
        const uint32_t *at = ou_dict_wide_words(entries) + slot;
        word = ou_load_acquire(&at[0]);
        next = ou_load_acquire(&at[1]);
        other = (word ^ (uint32_t)hash) & 0x7FFFFFFFu;
    }
    uint32_t chosen = __builtin_expect_with_probability(other > mask, 1, 0.5) ? next : word;
    *entry = &entries[chosen & mask];
    return OU_LIKELY(ou_load_acquire(&(*entry)->key) == key);
}

/* The word in `words`, the first in the low bits, where a search for `mine` stops, 0 if that is
 * an empty one; false when it goes past all of them. `each`: a 1 a word, of `bits`; `tags`: in
 * a word the bits of the hash. */
OU_INLINE bool ou_dict_stop(uint64_t words, uint64_t mine, uint64_t tags, uint64_t each,
                            unsigned bits, uint32_t *stop)
{
    uint64_t top = each << (bits - 1);
    uint64_t other = (words ^ mine * each) & tags * each; /* 0: a word like `mine` */
    uint64_t stops = (~words | ~(other + (top - each))) & top;
    unsigned last = stops ? (unsigned)__builtin_ctzll(stops) : 0;
    *stop = (uint32_t)(words >> (last & ~(bits - 1)) & (UINT64_MAX >> (64 - bits)));
    return stops != 0;
}

/* For the owner, who mostly finds nothing: without a branch, the word where a search ends or
 * has to look at an entry. False: it is not among the first. */
OU_INLINE bool ou_dict_look(const ou_dict *d, uint64_t hash, uint32_t *stop)
{
    uint32_t mask = d->mask, mine = ou_dict_word(mask, hash, 0);
    intptr_t slot = ou_dict_slot(mask, hash);
    if (ou_dict_is_narrow(mask)) {
        const uint16_t *at = ou_dict_narrow_words(d->entries) + slot;
        uint64_t four = (uint64_t)at[3] << 48 | (uint64_t)at[2] << 32 | (uint64_t)at[1] << 16 |
                        at[0]; /* one load */
        return ou_dict_stop(four, mine, 0x7FFFu & ~mask, 0x0001000100010001u, 16, stop);
    }
    const uint32_t *at = ou_dict_wide_words(d->entries) + slot;
    uint64_t two = (uint64_t)at[1] << 32 | at[0];
    return ou_dict_stop(two, mine, 0x7FFFFFFFu & ~mask, 0x0000000100000001u, 32, stop);
}

/* The entry of `key`, or NULL. `hash` is the key's. */
OU_INLINE ou_dict_entry *ou_dict_find(const ou_dict *d, ou_object *key, uint64_t hash)
{
    ou_dict_entry *e;
    return OU_LIKELY(ou_dict_find_first(d, key, hash, &e)) ? e : ou_dict_find_on(d, key, hash);
}

/* The first empty slot on the way of a key that is not there: mostly the first or the second,
 * which of them is not for a branch to guess. */
OU_INLINE intptr_t ou_dict_free_slot(const ou_dict_entry *entries, uint32_t mask, uint64_t hash)
{
    intptr_t slot = ou_dict_slot(mask, hash);
    slot = ou_dict_slot(mask, (uint64_t)(slot + (ou_dict_load(entries, mask, slot) != 0)));
    while (OU_UNLIKELY(ou_dict_load(entries, mask, slot))) {
        slot = ou_dict_slot(mask, (uint64_t)slot + 1);
    }
    return slot;
}

/* The end of the way of a key: *slot is empty, or true: what it names may be the key's. */
OU_INLINE bool ou_dict_may_be_at(const ou_dict_entry *entries, uint32_t mask, intptr_t *slot,
                                 uint64_t hash)
{
    uint32_t mine = ou_dict_word(mask, hash, 0), word;
    *slot = ou_dict_slot(mask, hash);
    while ((word = ou_dict_load(entries, mask, *slot)) != 0 && (word ^ mine) > mask) {
        *slot = ou_dict_slot(mask, (uint64_t)*slot + 1);
    }
    return word != 0;
}

OU_INLINE void ou_dict_fill_slot(ou_dict_entry *entries, uint32_t mask, intptr_t slot,
                                 uint32_t word)
{
    ou_dict_store(entries, mask, slot, word);
    intptr_t again = slot - ou_dict_slot(mask, 0);
    if (OU_UNLIKELY(again < OU_DICT_AGAIN)) {
        ou_dict_store(entries, mask, again, word);
    }
}

/* Adds a key that is not there to a table with room, in a free slot of its way, taking over
 * both references. `word`: the key's, of entry 0. */
OU_INLINE void ou_dict_add(ou_dict *d, intptr_t slot, uint32_t word, ou_object *key,
                           uint64_t hash, ou_object *value)
{
    ou_dict_entry *entries = d->entries;
    uint32_t *hashes = ou_dict_hashes(d), used = d->used;
    ou_store_relaxed(&hashes[used], (uint32_t)hash);
    ou_store_release(&entries[used].value, value);
    ou_store_release(&entries[used].key, key);
    ou_dict_fill_slot(entries, d->mask, slot, word | used);
    ou_store_release(&d->used, used + 1); /* pairs: ou_peek_pair */
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
size_t ou_dict_front_bytes(uint32_t mask);

/* Gives the block of a table back. */
void ou_dict_block_free(ou_dict_entry *entries, uint32_t room, uint32_t mask);

/* Audits one dict; returns the number of faults, one line on stderr for each. */
size_t ou_dict_check(const ou_dict *d);

#endif
