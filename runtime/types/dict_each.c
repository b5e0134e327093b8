/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * dict_each.c - dicts entry by entry: iteration, and what rests on it, equality and repr;
 * copies. Each step is one operation under the guard; what it hands out has references of its
 * own.
 */
#include "object/guard.h"
#include "types/dict_table.h"

/* One step of an iteration. *pos: the dict's epoch at the start in the high half, the number of
 * entries passed in the low half. Fills `out` with new references, and the key's hash; 1, 0,
 * OU_ESTATE, or OU_ECHANGED without a message. */
static int step(ou_dict *d, uint64_t *pos, ou_dict_entry *out, uint32_t *hash)
{
    int result = 0;
    ou_guard guard = ou_guard_look(&d->base);
    if (OU_UNLIKELY(guard == OU_GUARD_REFUSED)) {
        return OU_ESTATE;
    }
    uint32_t i = (uint32_t)*pos, epoch = ou_load_acquire(&d->epoch); /* pairs: ou_dict_add */
    if (*pos && (uint32_t)(*pos >> 32) != epoch) {
        ou_guard_end(&d->base, guard);
        return OU_ECHANGED;
    }
    for (uint32_t used = ou_load_acquire(&d->used); i < used && !result; i++) {
        const ou_dict_entry *e = &d->entries[i];
        *out = (ou_dict_entry){ou_load_acquire(&e->key), ou_load_acquire(&e->value)};
        *hash = ou_load_relaxed(&ou_dict_hashes(d)[i]);
        result = out->key && out->value; /* else it is deleted, perhaps just now */
    }
    if (result) {
        ou_incref(out->key);
        ou_incref(out->value);
    }
    *pos = (uint64_t)epoch << 32 | i;
    ou_guard_end(&d->base, guard);
    return result;
}

int ou_dict_next(ou_object *dict, uint64_t *pos, ou_object **key, ou_object **value)
{
    if (OU_UNLIKELY(!ou_is_dict(dict))) {
        return ou_fail_type("ou_dict_next", "dict", dict);
    }
    ou_dict_entry e;
    uint32_t hash;
    int result = step((ou_dict *)dict, pos, &e, &hash);
    if (OU_UNLIKELY(result < 0)) {
        return result == OU_ESTATE
                   ? result
                   : ou_fail(OU_ECHANGED,
                             "ou_dict_next: the dict changed during the iteration");
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

/* The whole block is copied, index included; every live key and value gains a reference. */
static bool copy_table(ou_dict *to, const ou_dict *from)
{
    if (!from->len) {
        return true;
    }
    char *block = ou_side_alloc(ou_dict_block_bytes(from->room, from->mask));
    if (OU_UNLIKELY(!block)) {
        return false;
    }
    size_t front = ou_dict_front_bytes(from->mask);
    memcpy(block, (const char *)from->entries - front,
           ou_dict_block_bytes(from->room, from->mask));
    ou_dict_entry *entries = (ou_dict_entry *)(block + front);
    for (uint32_t i = 0; i < from->used; i++) {
        ou_xincref(entries[i].key);
        ou_xincref(entries[i].value);
    }
    ou_dict_show(to, entries, from->used, from->room, from->mask);
    ou_store_relaxed(&to->len, from->len);
    return true;
}

ou_object *ou_dict_copy(ou_object *dict)
{
    if (OU_UNLIKELY(!ou_is_dict(dict))) {
        ou_fail_type("ou_dict_copy", "dict", dict);
        return NULL;
    }
    ou_object_poll();
    ou_dict *copy = ou_dict_make();
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

int ou_dict_equal(ou_object *a, ou_object *b, int depth)
{
    if (ou_is_detached()) {
        return ou_fail_detached("ou_equal");
    }
    if (ou_dict_len(a) != ou_dict_len(b)) {
        return 0;
    }
    uint64_t pos = 0;
    ou_dict_entry e;
    uint32_t hash;
    int result;
    while ((result = step((ou_dict *)a, &pos, &e, &hash)) == 1) {
        ou_object *other = ou_dict_peek(b, e.key, hash);
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

void ou_dict_repr(ou_object *o, ou_printer *out, int depth)
{
    if (ou_is_detached()) {
        ou_fail_detached("ou_repr");
        ou_print_bytes(out, "{...}", 5);
        return;
    }
    uint64_t pos = 0;
    ou_dict_entry e;
    uint32_t hash;
    int result;
    const char *between = "";
    ou_print_bytes(out, "{", 1);
    while ((result = step((ou_dict *)o, &pos, &e, &hash)) == 1) {
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
