/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * blocks.c - heap=malloc: objects in blocks of the process's malloc, whatever that is.
 *
 * The collector cannot walk a foreign heap's pages, so every tracked object is entered in its
 * slot's vector and carries its place there in 8 bytes in front of the header (CPython's
 * collector head is 16). Only the slot's thread touches the vector: a tracked object that
 * dies on another thread is sent home, chained through its dead header.
 */
#include <malloc.h>
#include <stdlib.h>

#include "heap/heap.h"
#include "object/object.h"

#define GROWTH_NOTE ((size_t)256 << 10) /* how often the collector's pacing is told */
#define VECTOR_MAX UINT32_MAX

static uint64_t place(const ou_slot *slot, size_t bytes, size_t index)
{
    return (uint64_t)slot->id << 48 | (uint64_t)ou_min((bytes + 7) / 8, 0xFFFF) << 32 | index;
}

static int64_t place_bytes(uint64_t where)
{
    return (int64_t)(where >> 32 & 0xFFFF) * 8;
}

bool ou_blocks_from_malloc;

static bool vector_grow(ou_slot *slot)
{
    size_t bytes = ou_max(slot->vector_cap * sizeof(ou_object *) * 2, 65536);
    ou_object **grown = ou_os_map(bytes);
    if (!grown) {
        return false;
    }
    if (slot->vector) {
        memcpy(grown, slot->vector, slot->vector_len * sizeof(ou_object *));
        ou_os_unmap(slot->vector, slot->vector_cap * sizeof(ou_object *));
    }
    slot->vector = grown;
    slot->vector_cap = bytes / sizeof(ou_object *);
    return true;
}

static ou_block_prefix *prefix_of(ou_object *o)
{
    return (ou_block_prefix *)o - 1;
}

static void vector_remove(ou_slot *slot, ou_object *o)
{
    uint64_t where = ou_load_relaxed(&prefix_of(o)->where);
    uint32_t at = (uint32_t)where;
    ou_object *last = slot->vector[--slot->vector_len];
    slot->vector[at] = last;
    uint64_t *moved = &prefix_of(last)->where; /* its upper half is read by whoever frees it */
    ou_store_relaxed(moved, (ou_load_relaxed(moved) >> 32 << 32) | at);
    ou_store_relaxed(&slot->vector_bytes, slot->vector_bytes - place_bytes(where));
    free(prefix_of(o));
}

void ou_blocks_drain_foreign(ou_slot *slot)
{
    ou_object *o = ou_exchange_acquire(&slot->foreign, NULL); /* pairs: send_home */
    while (o) {
        ou_object *next = *(ou_object **)o;
        vector_remove(slot, o);
        o = next;
    }
}

static void send_home(ou_slot *slot, ou_object *o)
{
    ou_object *head = ou_load_relaxed(&slot->foreign);
    do {
        *(ou_object **)o = head; /* the first word: type and gcbits are no longer needed ... */
    } while (!ou_cas_release(&slot->foreign, &head, o));
}

void *ou_block_new_malloc(size_t bytes, bool tracked)
{
    if (!tracked) {
        return malloc(bytes);
    }
    ou_slot *slot = ou_self.self;
    if (OU_UNLIKELY(ou_load_relaxed(&slot->foreign) != NULL)) {
        ou_blocks_drain_foreign(slot);
    }
    if (OU_UNLIKELY(slot->vector_len == slot->vector_cap) &&
        (slot->vector_len == VECTOR_MAX || !vector_grow(slot))) {
        return NULL;
    }
    ou_block_prefix *prefix = malloc(sizeof *prefix + bytes);
    if (!prefix) {
        return NULL;
    }
    prefix->where = place(slot, bytes, slot->vector_len);
    ou_object *o = (ou_object *)(prefix + 1);
    o->gcbits = 0; /* in the vector before it is an object */
    slot->vector[slot->vector_len++] = o;
    slot->tracked_bytes += bytes;
    ou_store_relaxed(&slot->vector_bytes, slot->vector_bytes + place_bytes(prefix->where));
    if (OU_UNLIKELY(slot->tracked_bytes >= GROWTH_NOTE)) {
        slot->tracked_bytes = 0;
        if (ou_heap_on_growth) {
            ou_heap_on_growth();
        }
    }
    return o;
}

void ou_block_free_malloc(ou_object *o, bool tracked)
{
    o->gcbits = OU_GC_DEAD;
    if (!tracked) {
        free(o);
        return;
    }
    ou_slot *home = &ou_slots[ou_load_relaxed(&prefix_of(o)->where) >> 48];
    if (home == ou_self.self) {
        vector_remove(home, o);
    } else {
        send_home(home, o);
    }
}

size_t ou_block_bytes(const ou_object *o)
{
    if (!ou_blocks_from_malloc) {
        return ou_heap_block_bytes(o);
    }
    bool tracked = ou_type_get(o)->flags & OU_TF_TRACKED;
    return malloc_usable_size(tracked ? (void *)((const ou_block_prefix *)o - 1)
                                      : (void *)(uintptr_t)o);
}
