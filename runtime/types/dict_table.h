/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dict_table.h - the table inside a dict: find, insert, delete, rebuild. Shared by the two
 * files of dict. Everything here needs the dict's guard, or a dict nobody else can reach; none
 * of it locks, drops a reference or reaches a safepoint.
 */
#ifndef OURO_TYPES_DICT_TABLE_H
#define OURO_TYPES_DICT_TABLE_H

#include "types/dict.h"

/* The entry of `key`, or NULL. `hash` is the key's. */
ou_dict_entry *ou_dict_find(const ou_dict *d, ou_object *key, uint64_t hash);

/* Adds a key that is not there, taking over both references. False: OU_ENOMEM is set, nothing
 * changed and the references are still the caller's. */
bool ou_dict_insert(ou_dict *d, ou_object *key, uint64_t hash, ou_object *value);

/* Makes an entry deleted; its references are now the caller's. */
void ou_dict_remove(ou_dict *d, ou_dict_entry *entry);

/* Gives an empty dict (no block) room for `keys`. False: OU_ENOMEM is set. */
bool ou_dict_presize(ou_dict *d, size_t keys);

/* Bytes of the block of a table with this room and index. */
size_t ou_dict_block_bytes(uint32_t room, uint32_t log2);

/* Audits one dict; returns the number of faults, one line on stderr for each. */
size_t ou_dict_check(const ou_dict *d);

#endif
