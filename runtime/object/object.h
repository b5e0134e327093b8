/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * object/object.h - birth of objects, their bits, side storage: what the types floor builds on.
 *
 * Birth:  o = ou_object_new(type, bytes)   header set, count 1, not yet seen by the collector
 *         ...fill the fields...
 *         ou_object_track(o)               containers only: fields must be valid from here on
 *         ou_object_poll()                 once the result is safe: may collect
 * Death is ou_decref's business (death.c): it calls the type's slots.
 */
#ifndef OURO_OBJECT_OBJECT_H
#define OURO_OBJECT_OBJECT_H

#include "conf/conf.h"
#include "heap/heap.h"
#include "object/type.h"
#include "thread/epoch.h"
#include "thread/world.h"

/* gcbits: written by the owner, or with the world stopped */
enum {
    OU_GC_TRACKED = 0x01,
    OU_GC_FINALIZER = 0x02,
    OU_GC_FINALIZED = 0x04,
    OU_GC_FROZEN =
        0x08, /* heap=malloc: the collector does not look (arenas: the page says so) */
    OU_GC_GARBAGE = 0x10, /* member of the garbage set of the collection in progress */
    OU_GC_DOOMED = 0x20,  /* count zero, waiting to be taken apart: the header is a list link */
    OU_GC_ALIVE = 0x40,   /* the block is an object */
    OU_GC_DEAD =
        0x80 /* the block is free: rc_local holds the type's index for the panic line */
};

/* flags: atomic */
enum {
    OU_FL_LOCKED = 0x01,
    OU_FL_SHARED = 0x02, /* a thread that is not the owner has touched this container */
    OU_FL_WEAKREF = 0x04,
    OU_FL_INTERNED = OU_INTERNED,
    OU_FL_WATCHED = 0x10, /* born under an event listener */
    OU_FL_HOT = 0x20,     /* nominated, or hot: hot.c has a reference, which ou_refcount leaves
                           * out */
    OU_FL_READ = 0x40     /* SHARED, and looked at without its lock: guard.h */
};

/* rc_shared: count << 2 | state */
enum {
    OU_RC_INIT = 0,
    OU_RC_MAYBE_WEAKREF = 1, /* somebody may find the object without holding a reference, or its
                              * block is of another heap than its owner's (handoff.c) */
    OU_RC_QUEUED = 2,        /* in the owner's inbox, which holds one reference */
    OU_RC_MERGED = 3,
    OU_RC_STATE = 3,
    OU_RC_ONE = 4
};

/* owner of an object that no slot counts for */
#define OU_OWNER_NONE ((uint16_t)0)

/* Shared counts above this are saturated: they do not go down again, the object is immortal. A
 * quarter of what fits, so that racing increments cannot overflow. */
#define OU_COUNT_HIGH (1 << 28)

OU_INLINE int32_t ou_rc_count(uint32_t shared)
{
    return (int32_t)shared >> 2;
}

/* Header of a new object: count 1, owned by this thread, not tracked yet. Two full-width
 * stores; later accesses are narrower, which store forwarding can serve. */
OU_INLINE void ou_header_set(ou_object *o, const ou_type *type)
{
    uint64_t first = (type->birth | ou_self.birth) & ~((uint64_t)OU_GC_TRACKED << 48);
    uint64_t second = (uint64_t)type->index << 32;
    memcpy(o, &first, 8);
    memcpy((char *)o + 8, &second, 8);
}

/* New object of `bytes` in all (>= 16): header set, everything behind it is unset memory.
 * NULL with OU_ENOMEM, or OU_ESTATE when the thread is not attached. Does not poll. */
ou_object *ou_object_new_slow(const ou_type *type, size_t bytes);

OU_INLINE bool ou_birth_is_special(void)
{
    return OU_UNLIKELY(ou_load_relaxed(&ou_special) || !ou_self.birth || OU_ASAN);
}

OU_INLINE ou_object *ou_object_new(const ou_type *type, size_t bytes)
{
    ou_object *o = NULL;
    if (!ou_birth_is_special()) {
        o = ou_heap_alloc_object(bytes, type->flags & OU_TF_TRACKED ? OU_TRACKED : OU_LEAF);
    }
    if (OU_UNLIKELY(!o)) {
        return ou_object_new_slow(type, bytes);
    }
    ou_header_set(o, type);
    return o;
}

/* The same for types whose objects are all of `size_bytes`: no size class to find. */
OU_INLINE ou_object *ou_object_new_fixed(const ou_type *type)
{
    ou_object *o = NULL;
    if (!ou_birth_is_special()) {
        o = ou_heap_take_object(type->bin);
    }
    if (OU_UNLIKELY(!o)) {
        return ou_object_new_slow(type, type->size_bytes);
    }
    ou_header_set(o, type);
    return o;
}

/* Last words of a dead object: whoever counts on it now is told so, by name (count.c). */
OU_INLINE void ou_header_bury(ou_object *o)
{
    uint64_t word = o->type | (uint64_t)OU_GC_DEAD << 48;
    memcpy(o, &word, sizeof word);
}

/* Shows the object to the collector. */
OU_INLINE void ou_object_track(ou_object *o)
{
    ou_store_release(&o->gcbits, (uint8_t)(o->gcbits | OU_GC_TRACKED));
}

/* The safepoint of constructors: runs a requested collection or stop. The caller's objects are
 * safe by their counts; no lock may be held. Fine on a thread that is not attached. */
OU_INLINE void ou_object_poll(void)
{
    if (OU_LIKELY(ou_self.slot != OU_SLOT_NONE)) {
        ou_safepoint_poll();
    }
}

/* Objects belong to threads that are attached. */
OU_INLINE bool ou_is_detached(void)
{
    return OU_UNLIKELY(ou_self.slot == OU_SLOT_NONE);
}

/* OU_ESTATE: "<what>: this thread is not attached". */
OU_COLD int ou_fail_detached(const char *what);

/* Panics, with type, address and count, when `o` is dead; or the thread is not attached. */
OU_COLD void ou_check_alive(const char *what, const ou_object *o);
OU_COLD void ou_check_usable(const char *what, const ou_object *o);

/* Gives back a block that never became an object (constructor failed half-way). */
void ou_object_abandon(ou_object *o);

/* Try to take a reference of an object found without holding one, under the lock that its
 * death must take before the memory goes (weakref stripe, intern shard). */
bool ou_try_incref(ou_object *o);

/* Announces that `o` may be found that way from now on. Caller holds a reference. */
void ou_allow_try_incref(ou_object *o);

/* Side storage of containers: from the same source as objects, never a safepoint. NULL with
 * OU_ENOMEM set. `old_bytes` is what was asked for last time. Free: when the caller has made it
 * unreachable; later, if the collector may be reading it (thread/epoch.h). Realloc: only while
 * it may not (ou_epoch_is_read). */
void *ou_side_alloc(size_t bytes);
void *ou_side_realloc(void *p, size_t old_bytes, size_t bytes);
void ou_side_free(void *p, size_t bytes);
void ou_side_wire(void); /* at start */

/* Death, for the floors above: runs weakrefs, finalizer and slots of an object whose count is
 * zero, now or as soon as the death in progress is done. */
void ou_object_die(ou_object *o);

/* The same for what only its owner has ever counted: `die` of types that have no quick way. */
void ou_object_die_unshared(ou_object *o, const ou_type *type);

/* Between hold and release the calling thread's containers die on paper only: nothing of theirs
 * runs. Returns what release wants back. */
bool ou_deaths_hold(void);
void ou_deaths_release(bool before);

/* Gives the block of a dead object back; its references and side storage are gone already. */
void ou_object_free_block(ou_object *o);

/* Runs the finalizer of a dead object with a temporary reference; true when it came back. */
bool ou_object_finalize(ou_object *o);

/* The calling thread works off its inbox; the inbox of a slot that nobody is in, if it is. */
void ou_inbox_drain_mine(void);
void ou_inbox_tend(ou_slot *slot);
void ou_inbox_drain_suspended(ou_slot *slot, ou_object **dead);

/* World stopped: merges what is queued anywhere and cools what is hot (hot.h), so that every
 * count is exact and in its header. The dead are returned linked; ou_objects_bury() them when
 * the world runs again. */
ou_object *ou_inbox_drain_all(void);
void ou_objects_bury(ou_object *dead);

/* May a table point to `o` without owning a reference? Asked by whoever holds the only one, so
 * the answer cannot turn into yes: entering needs a reference, and sets the flag before. */
OU_INLINE bool ou_is_listed(const ou_object *o)
{
    return ou_load_relaxed(&o->flags) & (OU_FL_WEAKREF | OU_FL_INTERNED) ||
           o->type == OU_KIND_WEAKREF; /* its dying target looks for it (weakref.c) */
}

/* Exact count of references; world stopped or caller owns the object alone. */
OU_INLINE int64_t ou_count_now(const ou_object *o)
{
    return (int64_t)ou_load_relaxed(&o->rc_local) + ou_rc_count(ou_load_relaxed(&o->rc_shared));
}

/* Where blocks come from: blocks.c. */
extern OU_HIDDEN bool ou_blocks_from_malloc; /* const after start */
void *ou_block_new_malloc(size_t bytes, bool tracked);
void ou_block_free_malloc(ou_object *o, bool tracked);
void ou_blocks_drain_foreign(ou_slot *slot);
size_t ou_block_bytes(const ou_object *o);

/* heap=malloc: the words in front of a tracked object. */
typedef struct ou_block_prefix {
    uint64_t where; /* slot << 48 | size in words << 32 | index in the slot's vector */
} ou_block_prefix;

/* Makes a static or new object immortal in place (birth only). */
void ou_object_init_immortal(ou_object *o, const ou_type *type);

#endif
