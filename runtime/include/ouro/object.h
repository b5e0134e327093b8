/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * object.h - what every object is: a type, a value and a reference count, in 16 bytes.
 *
 * offset  field       written by
 *   0  u32 rc_local   the owner only; bit 31 = immortal, sticky
 *   4  u16 owner      slot that owns the object; 0 = none (counts are merged); 0xFFFF = hot
 *   6  u8  gcbits     the owner, or anyone while the world is stopped
 *   7  u8  flags      anyone, atomically: container lock, SHARED, WEAKREF, INTERNED
 *   8  u32 rc_shared  anyone, atomically: signed count << 2 | state
 *  12  u32 type       constant: index into the type region
 *
 * Counting is biased (Choi, Shull, Torrellas, "Biased reference counting", PACT 2018; PEP 703):
 * the owner counts in rc_local with plain loads and stores, everyone else in rc_shared with
 * atomics. The reference count of an object is rc_local + (rc_shared >> 2). The protocol's
 * states and its model are in docs/counting.md and tests/spin/.
 *
 * Counting reads and writes no more than a field (a narrow store followed by a wide load
 * defeats store forwarding). Births, burials, ou_take and runs of dying items use eight bytes
 * at once.
 */
#ifndef OURO_OBJECT_H
#define OURO_OBJECT_H

#include <stdio.h>

#include "ouro/atomic.h"
#include "ouro/common.h"

struct ou_object {
    uint32_t rc_local;  /* owner (atomic relaxed: others may look) */
    uint16_t owner;     /* atomic; set at birth, cleared once by the merge */
    uint8_t gcbits;     /* owner or stopped world */
    uint8_t flags;      /* atomic */
    uint32_t rc_shared; /* atomic */
    uint32_t type;      /* const */
};

#define OU_IMMORTAL 0x80000000u /* rc_local: never counted, never freed */
#define OU_INTERNED 0x08        /* flags: a string of the intern table */
#define OU_OWNER_HOT 0xFFFFu    /* owner: each slot counts for itself, at place rc_local */

/* Two numbers and not their difference: short chains of loads and stores run side by side. */
typedef struct ou_hot_counter {
    uint64_t taken, dropped; /* the thread in the slot, atomic relaxed; stopped world */
} ou_hot_counter;

/* Per-thread words that the inlined paths need; ouro's own, listed here only to be inlined. */
typedef struct ou_self_tls {
    uint32_t slot;        /* id of the slot the thread holds, 0 = not attached */
    uint32_t dying;       /* a death is being worked off by this thread */
    void *heap;           /* struct ou_heap: the slot's heap */
    struct ou_slot *self; /* the slot itself */
    ou_object *doomed;    /* objects at count 0 that wait for their turn */
    uint64_t birth; /* first word of a header born here: count 1, the slot; 0 = not attached */
    ou_hot_counter *hot; /* the slot's counters of hot objects, by place; NULL = not attached */
    uint32_t until_look; /* foreign increments until the next one that hot.c looks at */
} ou_self_tls;

OU_BEGIN_DECLS

extern OU_API __thread ou_self_tls ou_self __attribute__((tls_model("initial-exec")));

OU_API void ou_incref_slow(ou_object *o);
OU_API void ou_decref_slow(ou_object *o);
OU_API void ou_decref_last(ou_object *o);

/* Takes one more reference to `o` (not NULL). Thread-safety: any attached thread that holds a
 * reference, or knows of one, for the duration of the call. Returns `o` for convenience. */
OU_INLINE ou_object *ou_incref(ou_object *o)
{
    uint32_t local = ou_load_relaxed(&o->rc_local), owner;
    if ((int32_t)local < 0) {
        return o; /* immortal */
    }
    owner = ou_load_relaxed(&o->owner);
    if (OU_LIKELY(owner == ou_self.slot)) {
        ou_store_relaxed(&o->rc_local, local + 1); /* reaching bit 31 = immortal */
    } else if (owner == OU_OWNER_HOT && ou_self.hot) {
        uint64_t *n = &ou_self.hot[local].taken;
        ou_store_relaxed(n, ou_load_relaxed(n) + 1);
    } else {
        ou_incref_slow(o);
    }
    return o;
}

/* Drops one reference of `o` (not NULL). At zero the object dies at once, in this thread:
 * weakrefs are cleared, its finalizer runs, its references are dropped, without recursion.
 * Thread-safety: any attached thread; it must own the reference it drops. */
OU_INLINE void ou_decref(ou_object *o)
{
    uint32_t local = ou_load_relaxed(&o->rc_local), owner = ou_load_relaxed(&o->owner);
    if (OU_LIKELY(owner == ou_self.slot)) {
        if (OU_LIKELY((int32_t)local > 1)) {
            ou_store_relaxed(&o->rc_local, local - 1);
        } else if (OU_LIKELY((int32_t)local >= 0)) { /* else immortal, made so by its owner */
            ou_decref_last(o);
        }
    } else if (owner == OU_OWNER_HOT && ou_self.hot) {
        uint64_t *n = &ou_self.hot[local].dropped;
        ou_store_relaxed(n, ou_load_relaxed(n) + 1);
    } else if ((int32_t)local >= 0) { /* else immortal */
        ou_decref_slow(o);
    }
}

/* Handing an object over: an object that one thread makes and another one ends need not be
 * counted by atomics nor sent back to its first owner.
 *
 *      producer                             consumer
 *      ou_give(o);                          o = queue_pop();
 *      queue_push(o); (gives up `o`)        ou_take(o);
 *                                           ... uses o as if it had made it ...
 *                                           ou_decref(o);
 *
 * ou_give: the caller's reference, which must be the only one, is about to travel. True: `o`
 * belongs to no thread now, and whoever gets the reference may take it. False: others refer to
 * `o` (or a weakref does, or it is interned); nothing has changed. Either way the caller still
 * owns its reference, and passing it on is right: after false, or without a take, the receiver
 * counts by atomics.
 *
 * ou_take: true: the calling thread is the owner of `o` from here on: it counts with plain
 * stores, and a list or dict needs no lock until another thread touches it. Works on any object
 * whose only reference is the caller's and that has no owner, given or not. False: the object
 * stays as it is, to be used as any other.
 *
 * Only `o` itself changes hands, not what it refers to. The pointer must travel through
 * something that orders memory: a lock, a queue, a release store and its acquire load.
 * Thread-safety: any attached thread that holds a reference; false and OU_ESTATE on others. No
 * safepoint. Cost: a few plain loads and stores, no atomic read-modify-write (one more for a
 * container that was shared). */
OU_API bool ou_give(ou_object *o);
OU_API bool ou_take(ou_object *o);

/* ou_incref / ou_decref that accept NULL. */
OU_INLINE ou_object *ou_xincref(ou_object *o)
{
    return o ? ou_incref(o) : o;
}

OU_INLINE void ou_xdecref(ou_object *o)
{
    if (o) {
        ou_decref(o);
    }
}

/* Identity: equal exactly for the same object while it lives (row 3 and 4 of the documents). */
OU_INLINE uintptr_t ou_id(const ou_object *o)
{
    return (uintptr_t)o;
}

/* Present count of references; INT64_MAX for immortal objects. Exact when no other thread
 * counts on `o` at the same time, otherwise a value it had around the call. */
OU_API int64_t ou_refcount(const ou_object *o); /* any thread */
OU_API bool ou_is_immortal(const ou_object *o);

/* Makes `o` immortal: never freed, its count no longer changes. Caller owns a reference. Any
 * attached thread; of another thread's object it stops the world for an instant. Panics for a
 * dead object. */
OU_API void ou_immortalize(ou_object *o);

/* Type of `o` (borrowed, immortal) and its name (static storage or as long as the type). Any
 * thread. */
OU_API const ou_type *ou_type_of(const ou_object *o);
OU_API const char *ou_type_name(const ou_object *o);

/* Hash of a value; containers that can change have none. 0 and *hash set, or OU_EHASH. Equal
 * objects have equal hashes, also across int, bool and float; the seed is the process's.
 * Nesting deeper than 1,000 is OU_EOVERFLOW. Any thread that holds a reference. */
OU_API int ou_hash(ou_object *o, uint64_t *hash);

/* 1 equal, 0 not, or a negative error. Identity first, then by value for none, bool, int,
 * float, str, tuple, list and dict; nesting deeper than 1,000 is OU_EOVERFLOW. Lists and dicts
 * are compared item by item: OU_ECHANGED when a dict gets new keys meanwhile, OU_ESTATE on a
 * thread that is not attached. */
OU_API int ou_equal(ou_object *a, ou_object *b);

/* Writes the value as Python's repr() would, at most `size` bytes with the 0 at the end;
 * returns the length it would have had. Cycles print as "...", and so do lists and dicts on a
 * thread that is not attached (OU_ESTATE). */
OU_API size_t ou_repr(ou_object *o, char *buf, size_t size);

OU_END_DECLS

#endif
