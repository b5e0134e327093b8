/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * types/dict.h - layout of dict.
 *
 * One block of side storage holds words | entries | hashes. The entries, key and value in 16
 * aligned bytes, stand in order of insertion (the compact dict, R. Hettinger, 2012: order for
 * free, the sparse part small); the hashes beside them are for rebuilding and for keys that are
 * equal but not the same. The words lie before the entries, so that one is found from the
 * entries' address and the hash alone: dict_table.h. A deleted entry has key and value NULL and
 * keeps its word, so that probing goes on past it; the next rebuild drops it.
 */
#ifndef OURO_TYPES_DICT_H
#define OURO_TYPES_DICT_H

#include <assert.h>

#include "ouro/dict.h"
#include "types/value.h"

typedef struct ou_dict_entry {
    ou_object *key;   /* NULL = deleted */
    ou_object *value; /* NULL = deleted */
} ou_dict_entry;

typedef struct ou_dict {
    ou_object base;
    ou_dict_entry
        *entries;   /* lock: guard. Inside the side block; when room is 0 there is none */
    size_t len;     /* lock: guard; atomic: ou_dict_len reads it without */
    uint32_t used;  /* lock: guard. Entries filled so far, deleted ones included */
    uint32_t room;  /* lock: guard. Entries there is space for */
    uint32_t epoch; /* lock: guard. Changes when a key is added or all are dropped */
    uint32_t mask;  /* lock: guard. Slots - 1; slots are a power of two */
} ou_dict;

/* New empty dict without a block, tracked; NULL, OU_ENOMEM. */
ou_dict *ou_dict_make(void);

/* New reference to the value, or NULL: no such key, without an error, or OU_ESTATE. `hash` is
 * the key's, its low 32 bits at least. Any thread. */
ou_object *ou_dict_peek(ou_object *dict, ou_object *key, uint64_t hash);

/* Slots of the type: dict_each.c. */
int ou_dict_equal(ou_object *a, ou_object *b, int depth);
void ou_dict_repr(ou_object *o, ou_printer *out, int depth);

static_assert(sizeof(ou_dict_entry) == 16, "an entry is a key and a value");
static_assert(sizeof(ou_dict) == 48, "a dict is 48 bytes and its block");

#endif
