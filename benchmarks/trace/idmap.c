/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * idmap.c - open addressing with linear probing and backward-shift deletion; a stack of free
 * numbers. Called by recorder.c with its lock held. What must stay true: no malloc in here; the
 * table is never more than half full.
 */
#define _GNU_SOURCE /* mremap */
#include "trace/idmap.h"

#include <stddef.h>
#include <sys/mman.h>

#include "trace/format.h"

#define IDMAP_FIRST_SLOTS 65536u

struct idmap_slot {
    uintptr_t addr; /* 0 = empty */
    uint32_t id;
};

static struct {
    struct idmap_slot *slot;
    size_t slots; /* power of two */
    size_t used;
    uint32_t *free_id; /* stack */
    size_t free_ids;
    size_t free_room;
    uint32_t next_id;
} idmap;

static void *idmap_map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static size_t idmap_home(uintptr_t addr)
{
    return (size_t)(((uint64_t)addr >> 4) * 0x9e3779b97f4a7c15u >> 20) & (idmap.slots - 1);
}

/* The slot of `addr`, or the empty one where it would go. */
static size_t idmap_find(uintptr_t addr)
{
    size_t at = idmap_home(addr);
    while (idmap.slot[at].addr && idmap.slot[at].addr != addr) {
        at = (at + 1) & (idmap.slots - 1);
    }
    return at;
}

static bool idmap_grow(void)
{
    struct idmap_slot *old = idmap.slot;
    size_t n = idmap.slots;
    size_t slots = n ? n * 2 : IDMAP_FIRST_SLOTS;
    struct idmap_slot *fresh = idmap_map(slots * sizeof *fresh);
    if (!fresh) {
        return false;
    }
    idmap.slot = fresh;
    idmap.slots = slots;
    for (size_t i = 0; i < n; i++) {
        if (old[i].addr) {
            idmap.slot[idmap_find(old[i].addr)] = old[i];
        }
    }
    if (old) {
        munmap(old, n * sizeof *old);
    }
    return true;
}

bool idmap_put(uintptr_t addr, uint32_t id)
{
    if (idmap.used * 2 >= idmap.slots && !idmap_grow()) {
        return false;
    }
    size_t at = idmap_find(addr);
    idmap.used += idmap.slot[at].addr == 0;
    idmap.slot[at] = (struct idmap_slot){addr, id};
    return true;
}

uint32_t idmap_add(uintptr_t addr, bool *again)
{
    *again = false;
    if (idmap.slots) {
        size_t at = idmap_find(addr);
        if (idmap.slot[at].addr) {
            *again = true;
            return idmap.slot[at].id;
        }
    }
    uint32_t id = idmap.free_ids ? idmap.free_id[idmap.free_ids - 1] : idmap.next_id;
    if (id >= TRACE_MAX_IDS || !idmap_put(addr, id)) {
        return IDMAP_NONE;
    }
    if (idmap.free_ids) {
        idmap.free_ids--;
    } else {
        idmap.next_id++;
    }
    return id;
}

/* A number that cannot be kept for reuse is lost, which costs a table entry in the replay. */
static void idmap_keep(uint32_t id)
{
    if (idmap.free_ids == idmap.free_room) {
        size_t old = idmap.free_room * sizeof id;
        size_t bytes = old ? old * 2 : 65536;
        void *p = old ? mremap(idmap.free_id, old, bytes, MREMAP_MAYMOVE) : idmap_map(bytes);
        if (!p || p == MAP_FAILED) {
            return;
        }
        idmap.free_id = p;
        idmap.free_room = bytes / sizeof id;
    }
    idmap.free_id[idmap.free_ids++] = id;
}

uint32_t idmap_remove(uintptr_t addr, bool reuse)
{
    if (!idmap.slots) {
        return IDMAP_NONE;
    }
    size_t hole = idmap_find(addr);
    if (!idmap.slot[hole].addr) {
        return IDMAP_NONE;
    }
    uint32_t id = idmap.slot[hole].id;
    size_t mask = idmap.slots - 1;
    for (size_t at = (hole + 1) & mask; idmap.slot[at].addr; at = (at + 1) & mask) {
        size_t home = idmap_home(idmap.slot[at].addr);
        if (((at - home) & mask) >= ((at - hole) & mask)) { /* may move up to the hole */
            idmap.slot[hole] = idmap.slot[at];
            hole = at;
        }
    }
    idmap.slot[hole].addr = 0;
    idmap.used--;
    if (reuse) {
        idmap_keep(id);
    }
    return id;
}
