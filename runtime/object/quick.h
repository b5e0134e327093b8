/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * quick.h - births and deaths that nobody must be told of, as straight lines without a call.
 * For the types floor, which knows what its objects hold.
 *
 * Birth:  o = ou_quick_block(bin, &first)     NULL: take the long way (ou_object_new); with
 *         ... or ou_quick_block_polled          a safepoint before it
 *         ...fields and references...           ou_quick_take
 *         ou_quick_show(o, type, first)         the header, last
 * Death:  type->die(o, type), called by ou_decref_last:
 *         ou_quick_dies()                       false: ou_object_die_unshared(o, type)
 *         ou_quick_end(o, refs, n, gaps, bin)
 *
 * Where the number of references is small it should be a constant to the compiler, by
 * OU_QUICK_BY_NUMBER or a function for each: not for the loop, but for the bin. A bin that is
 * read from what dies, or computed from its length, makes the magazine's address wait for the
 * object, and the next birth, whose block comes from there, for that: births and deaths then
 * run one after the other. A predicted jump to a constant bin waits for nothing
 * (docs/objects.md, "Straight lines").
 *
 * Why no weakref and no intern entry can be there: whoever makes one leaves the state INIT
 * first (docs/counting.md), and ou_decref_last calls `die` in state INIT only. Why the block is
 * of this thread's heap: the owning slot has the id of the heap it gave the block from, and
 * only finalizers bring an object back under another owner.
 */
#ifndef OURO_OBJECT_QUICK_H
#define OURO_OBJECT_QUICK_H

#include "object/object.h"

/* Plain objects are the numbers: a header and 8 bytes, no references, nobody is told of their
 * death. They end without a look at their type. */
#define OU_PLAIN_BIN (ou_class_of_words(3) + OU_CLASS_COUNT)

OU_INLINE bool ou_is_plain(const ou_object *o)
{
    return o->type - OU_KIND_INT <= OU_KIND_FLOAT - OU_KIND_INT;
}

/* A block of `bin` for an object; its header still says dead, or nothing. `first` is for
 * ou_quick_show. */
OU_INLINE ou_object *ou_quick_block(uint32_t bin, uint64_t *first)
{
    *first = ou_self.birth;
    if (OU_UNLIKELY(!*first || ou_load_relaxed(&ou_special) || OU_ASAN)) {
        return NULL;
    }
    return ou_heap_pop_object(bin);
}

/* The same behind a safepoint: NULL also when somebody wants the thread there. The long way
 * begins with ou_object_poll. */
OU_INLINE ou_object *ou_quick_block_polled(uint32_t bin, uint64_t *first)
{
    *first = ou_self.birth;
    if (OU_UNLIKELY(!*first || OU_ASAN) ||
        OU_UNLIKELY(ou_load_relaxed(&ou_special) | ou_load_relaxed(&ou_self.self->poll))) {
        return NULL;
    }
    return ou_heap_pop_object(bin);
}

/* The header, when all fields are set: one store makes the object alive and, if its type is,
 * tracked. The collector may look from here on, and finds the type in the word that is written
 * before. A constant type's index is a constant. */
OU_INLINE void ou_quick_show(ou_object *o, const ou_type *type, uint64_t first)
{
    ptrdiff_t known = type - ou_types; /* a built-in type: no load */
    uint64_t second = (uint64_t)(__builtin_constant_p(known) ? known : type->index) << 32;
    memcpy((char *)o + 8, &second, sizeof second);
    ou_store_release((uint64_t *)o, first | type->birth); /* pairs: ou_glance_at */
}

/* One more reference without a call; false when another slot owns `o`: ou_incref then. */
OU_INLINE bool ou_own_incref(ou_object *o)
{
    uint32_t local = ou_load_relaxed(&o->rc_local);
    if (OU_UNLIKELY((int32_t)local < 0)) {
        return true; /* immortal */
    }
    if (OU_UNLIKELY(ou_load_relaxed(&o->owner) != ou_self.slot)) {
        return false;
    }
    ou_store_relaxed(&o->rc_local, local + 1);
    return true;
}

/* One reference less without a call; false when it is the last, or another slot's. */
OU_INLINE bool ou_own_decref(ou_object *o)
{
    uint32_t local = ou_load_relaxed(&o->rc_local);
    if (OU_LIKELY(ou_load_relaxed(&o->owner) == ou_self.slot && (int32_t)local > 1)) {
        ou_store_relaxed(&o->rc_local, local - 1);
        return true;
    }
    return (int32_t)local < 0; /* immortal */
}

/* Gives the block of a dead object, of this thread's heap and of `bin`, back. */
OU_INLINE void ou_quick_free(ou_object *o, uint32_t bin)
{
    ou_header_bury(o);
    ou_heap_put_object(ou_heap_current(), bin, o);
}

/* ou_decref, for whoever drops many: the death of a plain object, which is over in a few
 * stores, needs no call (see ou_decref_last). */
OU_INLINE void ou_quick_decref(ou_object *o)
{
    uint32_t local = ou_load_relaxed(&o->rc_local);
    if (OU_UNLIKELY(ou_load_relaxed(&o->owner) != ou_self.slot || local != 1)) {
        ou_decref(o);
        return;
    }
    if (OU_UNLIKELY(ou_load_acquire(&o->rc_shared) != OU_RC_INIT || !ou_is_plain(o) ||
                    ou_load_relaxed(&ou_special) || OU_ASAN)) {
        ou_decref_last(o);
        return;
    }
    ou_quick_free(o, OU_PLAIN_BIN);
}

/* Runs line(k) for k = n, a constant in each case; line(n) for larger ones. */
#define OU_QUICK_BY_NUMBER(n, line)                                                            \
    switch (n) {                                                                               \
    case 1:                                                                                    \
        line(1);                                                                               \
        break;                                                                                 \
    case 2:                                                                                    \
        line(2);                                                                               \
        break;                                                                                 \
    case 3:                                                                                    \
        line(3);                                                                               \
        break;                                                                                 \
    case 4:                                                                                    \
        line(4);                                                                               \
        break;                                                                                 \
    case 5:                                                                                    \
        line(5);                                                                               \
        break;                                                                                 \
    case 6:                                                                                    \
        line(6);                                                                               \
        break;                                                                                 \
    default:                                                                                   \
        line(n);                                                                               \
    }

/* The loops over references exist twice: straight for a constant number, short for others. */

OU_INLINE bool ou_quick_took(ou_object **to, ou_object *o)
{
    if (OU_UNLIKELY(!ou_own_incref(o))) {
        return false;
    }
    *to = o;
    return true;
}

/* Copies references, taking one of each, until one needs a call: the number of those before
 * it, or `n`. */
OU_INLINE size_t ou_quick_take(ou_object **to, ou_object *const *from, size_t n)
{
    size_t i = 0;
    if (__builtin_constant_p(n)) {
#pragma GCC unroll 8
        for (; i < n; i++) {
            if (OU_UNLIKELY(!ou_quick_took(&to[i], from[i]))) {
                return i;
            }
        }
        return i;
    }
    while (i < n && OU_LIKELY(ou_quick_took(&to[i], from[i]))) {
        i++;
    }
    return i;
}

OU_INLINE bool ou_quick_dropped(ou_object *o, bool gaps)
{
    return (gaps && OU_UNLIKELY(!o)) || OU_LIKELY(ou_own_decref(o));
}

/* Drops references, of which some may be NULL if `gaps`, until one needs a call: the number of
 * those before it, or `n`. */
OU_INLINE size_t ou_quick_drop(ou_object *const *refs, size_t n, bool gaps)
{
    size_t i = 0;
    if (__builtin_constant_p(n)) {
#pragma GCC unroll 8
        for (; i < n; i++) {
            if (OU_UNLIKELY(!ou_quick_dropped(refs[i], gaps))) {
                return i;
            }
        }
        return i;
    }
    while (i < n && OU_LIKELY(ou_quick_dropped(refs[i], gaps))) {
        i++;
    }
    return i;
}

/* May the caller end this container where it stands? */
OU_INLINE bool ou_quick_dies(void)
{
    return OU_LIKELY(!ou_load_relaxed(&ou_special) && !ou_self.dying && !OU_ASAN);
}

/* The rest of a death: the first `n` of the references of `o` are gone already and become
 * NULL. */
void ou_quick_die_long(ou_object *o, ou_object **refs, size_t n);

/* Ends a container that has `n` references, at `refs`, and nothing else besides its block of
 * `bin`. */
OU_INLINE void ou_quick_end(ou_object *o, ou_object **refs, size_t n, bool gaps, uint32_t bin)
{
    size_t i = ou_quick_drop(refs, n, gaps);
    if (OU_LIKELY(i == n)) {
        ou_quick_free(o, bin);
        return;
    }
    ou_quick_die_long(o, refs, i);
}

#endif
