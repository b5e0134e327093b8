/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * death.c - what happens at count zero, without recursion.
 *
 * Order: weakrefs are cleared, the finalizer runs (it may bring the object back, once), the
 * references are dropped, the block is freed. Objects without references die on the spot; a
 * container that dies while another one is being taken apart waits in a list threaded
 * through the dead headers, so a chain of any length needs constant stack and no memory.
 */
#include "object/death.h"

#include "conf/stats.h"
#include "heap/heap.h"
#include "object/quick.h"
#include "object/watch.h"

static OU_COLD void free_block_special(ou_object *o)
{
    ou_watch(OU_EV_DEALLOC, o, 0);
    if (ou_blocks_from_malloc) {
        ou_block_free_malloc(o, ou_type_get(o)->flags & OU_TF_TRACKED);
        return;
    }
    ou_header_bury(o);
    ou_heap_free_object_frozen(o);
}

void ou_object_free_block(ou_object *o)
{
    if (OU_UNLIKELY(ou_load_relaxed(&ou_special))) {
        free_block_special(o);
        return;
    }
    ou_header_bury(o);
    ou_heap_free_object(o);
}

bool ou_object_finalize(ou_object *o)
{
    const ou_type *type = ou_type_get(o);
    o->gcbits = (uint8_t)((o->gcbits | OU_GC_FINALIZED) & ~OU_GC_DOOMED);
    ou_store_relaxed(&o->rc_shared, (uint32_t)OU_RC_INIT); /* nobody can see it: a new life */
    ou_store_relaxed(&o->rc_local, 1u);
    ou_store_relaxed(&o->owner, (uint16_t)ou_self.slot);
    ou_watch(OU_EV_FINALIZE, o, 0);
    OU_STAT(finalizers_run, 1);
    if (type->finalize(o, type) != 0) {
        OU_STAT(finalizers_failed, 1);
    }
    if (ou_load_relaxed(&o->owner) == ou_self.slot && ou_load_relaxed(&o->rc_local) == 1 &&
        ou_load_acquire(&o->rc_shared) == OU_RC_INIT) {
        ou_store_relaxed(&o->rc_local, 0u);
        o->gcbits |= OU_GC_DOOMED;
        return false;
    }
    ou_decref(o); /* somebody has it again */
    return true;
}

static void take_apart(ou_object *o)
{
    const ou_type *type = ou_type_get(o);
    /* Callbacks and drops may let a collection run: it must not judge what is half gone. */
    o->gcbits |= OU_GC_DOOMED;
    if (OU_UNLIKELY(ou_load_relaxed(&o->flags) & OU_FL_WEAKREF)) {
        ou_weakrefs_die(o);
    }
    if (OU_UNLIKELY((o->gcbits & (OU_GC_FINALIZER | OU_GC_FINALIZED)) == OU_GC_FINALIZER) &&
        ou_object_finalize(o)) {
        return;
    }
    /* The finalizer may have made new weakrefs. */
    if (OU_UNLIKELY(ou_load_relaxed(&o->flags) & OU_FL_WEAKREF)) {
        ou_weakrefs_die(o);
    }
    if (type->drop) {
        type->drop(o);
    }
    ou_object_free_block(o);
}

/* Is anybody to be told of this death? */
static bool is_quiet(const ou_object *o)
{
    return OU_LIKELY(!(o->gcbits & OU_GC_FINALIZER) &&
                     !(ou_load_relaxed(&o->flags) & OU_FL_WEAKREF));
}

/* Who looks something up without a lock may be at it: the block goes when all have left. Until
 * then the header says dead: (MERGED, 0) to them, DEAD to who counts on it by mistake. */
static void retire(ou_object *o)
{
    if (ou_slot_count() == 1) {
        ou_object_free_block(o); /* after the table's lock: who attaches now finds no entry */
        return;
    }
    ou_store_relaxed(&o->rc_local, o->type);
    ou_store_relaxed(&o->gcbits, (uint8_t)OU_GC_DEAD);
    ou_epoch_retire_object(o, ou_block_bytes(o));
}

/* Refers to nothing: dies on the spot, whatever else is dying. */
static void leaf_die(ou_object *o, const ou_type *type)
{
    if (type->drop) {
        type->drop(o); /* an interned string leaves its table */
    }
    if (OU_UNLIKELY(ou_load_relaxed(&o->flags) & OU_FL_INTERNED)) {
        retire(o);
        return;
    }
    ou_object_free_block(o);
}

static void die_in_turn(ou_object *o)
{
    ou_self.dying = 1;
    do {
        const ou_type *type = ou_type_get(o);
        if (is_quiet(o) && type->drop) {
            o->gcbits |= OU_GC_DOOMED;
            type->drop(o);
            ou_object_free_block(o);
        } else {
            take_apart(o);
        }
        o = ou_self.doomed ? ou_doomed_pop() : NULL;
    } while (o);
    ou_self.dying = 0;
}

void ou_object_die(ou_object *o)
{
    const ou_type *type = ou_type_get(o);
    if (!(type->flags & OU_TF_TRACKED) && is_quiet(o)) {
        leaf_die(o, type);
    } else if (ou_self.dying) {
        ou_doomed_push(o);
    } else {
        die_in_turn(o);
    }
}

void ou_object_die_unshared(ou_object *o, const ou_type *type)
{
    (void)type;
    ou_store_relaxed(&o->rc_local, 0u);
    ou_object_die(o);
}

void ou_quick_die_long(ou_object *o, ou_object **refs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        refs[i] = NULL;
    }
    ou_object_die_unshared(o, ou_type_get(o));
}

bool ou_deaths_hold(void)
{
    bool before = ou_self.dying;
    ou_self.dying = 1;
    return before;
}

void ou_deaths_release(bool before)
{
    ou_self.dying = before;
    if (!before && ou_self.doomed) {
        die_in_turn(ou_doomed_pop());
    }
}
