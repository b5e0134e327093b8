/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* object.c - birth, side storage, and the questions anyone may ask an object. */
#include "object/object.h"

#include <stdlib.h>

#include "conf/conf.h"
#include "heap/arena.h"
#include "heap/heap.h"
#include "object/hot.h"
#include "object/watch.h"
#include "ouro/heap.h"

static_assert(sizeof(ou_object) == 16, "16 bytes of header");
static_assert(offsetof(ou_object, rc_shared) == 8,
              "the heap's canary lies over rc_shared and type");

/* Tests: should this allocation fail? */
static bool fault_due(void)
{
    int64_t left = OU_KNOB(fail_alloc_after) - 1;
    if (left < 0) {
        return false;
    }
    if (left == 0 && OU_KNOB(fail_alloc_sticky)) {
        return true; /* stays at 1: the next one fails as well */
    }
    ou_store_relaxed(&ou_conf.fail_alloc_after, left);
    return left == 0;
}

int ou_fail_detached(const char *what)
{
    return ou_fail(OU_ESTATE, "%s: this thread is not attached", what);
}

static OU_COLD ou_object *birth_failed(const ou_type *type, size_t bytes)
{
    if (ou_is_detached()) {
        ou_fail_detached(type->name);
        return NULL;
    }
    return ou_fail_null(OU_ENOMEM, "no memory for an object of %zu bytes", bytes);
}

ou_object *ou_object_new_slow(const ou_type *type, size_t bytes)
{
    bool tracked = type->flags & OU_TF_TRACKED;
    if (ou_is_detached() || fault_due()) {
        return birth_failed(type, bytes);
    }
    ou_object *o = ou_blocks_from_malloc
                       ? ou_block_new_malloc(bytes, tracked)
                       : ou_heap_alloc_object(bytes, tracked ? OU_TRACKED : OU_LEAF);
    if (!o) {
        return birth_failed(type, bytes);
    }
    bool reused = ou_watching && o->gcbits & OU_GC_DEAD;
    ou_header_set(o, type);
    if (ou_watching) {
        ou_watch_birth(o, bytes, reused);
    }
    return o;
}

void ou_object_abandon(ou_object *o)
{
    ou_object_free_block(o);
}

void ou_object_init_immortal(ou_object *o, const ou_type *type)
{
    *o = (ou_object){.rc_local = OU_IMMORTAL | 1, .gcbits = OU_GC_ALIVE, .type = type->index};
}

#define SIDE_NOTE_SHIFT 18 /* the collector's pacing is told of growth every 256 KiB */

/* Side storage of containers counts for the pacing: garbage lists are more than their headers.
 */
static void note_side(int64_t bytes)
{
    ou_slot *self = ou_self.self;
    if (OU_UNLIKELY(!self)) {
        return;
    }
    int64_t before = self->side_bytes;
    ou_store_relaxed(&self->side_bytes, before + bytes);
    if (OU_UNLIKELY((before + bytes) >> SIDE_NOTE_SHIFT > before >> SIDE_NOTE_SHIFT) &&
        ou_heap_on_growth) {
        ou_heap_on_growth();
    }
}

static __attribute__((noinline)) void *side_alloc_slow(size_t bytes)
{
    return fault_due() ? NULL : ou_blocks_from_malloc ? malloc(bytes) : ou_malloc(bytes);
}

/* Small and nothing special: what ou_malloc and ou_free do, without what they must find out. */
OU_INLINE bool side_is_plain(size_t bytes)
{
    return OU_LIKELY(bytes <= OU_SMALL_BYTES && !ou_load_relaxed(&ou_special) && !OU_ASAN);
}

void *ou_side_alloc(size_t bytes)
{
    void *p = side_is_plain(bytes) ? ou_heap_take(ou_raw_bin(bytes)) : side_alloc_slow(bytes);
    if (OU_UNLIKELY(!p)) {
        return ou_fail_null(OU_ENOMEM, "no memory for %zu bytes", bytes);
    }
    note_side((int64_t)bytes);
    return p;
}

void *ou_side_realloc(void *p, size_t old_bytes, size_t bytes)
{
    void *q = NULL;
    if (!fault_due()) {
        q = ou_blocks_from_malloc ? realloc(p, bytes) : ou_realloc(p, bytes);
    }
    if (OU_UNLIKELY(!q)) {
        return ou_fail_null(OU_ENOMEM, "no memory for %zu bytes", bytes);
    }
    note_side((int64_t)bytes - (int64_t)old_bytes);
    return q;
}

/* Nobody can be reading it. */
static void side_free_now(void *p, size_t bytes)
{
    note_side(-(int64_t)bytes);
    if (side_is_plain(bytes)) {
        ou_heap *heap = ou_heap_current();
        uint32_t bin = ou_raw_bin(bytes);
        /* Of this heap and of this bin, in one look; the address is the container's word. */
        if (OU_LIKELY((ou_tag_at(p) ^ heap->tag) == bin && !ou_block_is_free(bin, p))) {
            ou_heap_put(heap, bin, p);
            return;
        }
    }
    if (ou_blocks_from_malloc) {
        free(p);
    } else {
        ou_free(p); /* says what is wrong, if something is */
    }
}

void ou_side_free(void *p, size_t bytes)
{
    if (ou_epoch_is_read()) {
        ou_epoch_retire(p, bytes);
        return;
    }
    side_free_now(p, bytes);
}

static void drop(ou_object *o)
{
    ou_decref(o);
}

void ou_side_wire(void)
{
    ou_epoch_free = side_free_now;
    ou_epoch_bury = ou_object_free_block;
    ou_epoch_decref = drop;
    ou_arena_on_containers = ou_epoch_await_collector;
}

int64_t ou_refcount(const ou_object *o)
{
    if (ou_is_immortal(o)) {
        return INT64_MAX;
    }
    if (OU_UNLIKELY(ou_is_hot(o))) {
        return ou_hot_count(o);
    }
    uint32_t shared = ou_load_relaxed(&o->rc_shared);
    int queued = (shared & OU_RC_STATE) == OU_RC_QUEUED; /* the inbox's, on its way out */
    int nominated = (ou_load_relaxed(&o->flags) & OU_FL_HOT) != 0;
    return (int64_t)ou_load_relaxed(&o->rc_local) + ou_rc_count(shared) - queued - nominated;
}

bool ou_is_immortal(const ou_object *o)
{
    return ou_load_relaxed(&o->rc_local) & OU_IMMORTAL ||
           ou_rc_count(ou_load_relaxed(&o->rc_shared)) > OU_COUNT_HIGH;
}

void ou_immortalize(ou_object *o)
{
    uint16_t owner = ou_load_acquire(&o->owner);
    ou_check_usable("immortalize", o);
    if (owner == OU_OWNER_NONE || owner == ou_self.slot) {
        ou_fetch_or_relaxed(&o->rc_local, OU_IMMORTAL);
        return;
    }
    /* The owner counts with plain loads and stores, which could undo the bit: keep it out. */
    ou_world_stop();
    ou_hot_cool_one(o);
    ou_fetch_or_relaxed(&o->rc_local, OU_IMMORTAL);
    ou_world_start();
}

const ou_type *ou_type_of(const ou_object *o)
{
    return ou_type_get(o);
}

const char *ou_type_name(const ou_object *o)
{
    return ou_type_get(o)->name;
}
