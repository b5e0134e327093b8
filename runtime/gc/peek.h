/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * peek.h - an object and its references while other threads may write to them, or free it and
 * make another one in its place. For the hint (hint.c), which may be wrong about anything but
 * garbage, and garbage does not change.
 *
 * Every word is read once, whole, as it was at some moment, in the order of the code: first the
 * header, whose bit TRACKED is set (release) when all fields are valid. A word may be anything:
 * it is looked up (hint.c: counter_at), never followed, but for the arrays of lists, dicts and
 * open instances. Where such an array is and how long it is, is believed if a second look at
 * the same object says the same; it lies in the heap's range, whose pages stay readable
 * whatever becomes of them.
 *
 * C has no load that may race with plain stores of an object's next life, the machine has: so
 * one instruction, and what ThreadSanitizer cannot see is argued in docs/gc.md and modelled in
 * tests/spin/concurrent.pml.
 */
#ifndef OURO_GC_PEEK_H
#define OURO_GC_PEEK_H

#include "gc/children.h"
#include "gc/gc.h"

/* The word at `at`, of the range or of a type; later peeks read later. */
OU_INLINE uint64_t ou_peek(const void *at)
{
    uint64_t word;
#if defined(__x86_64__)
    __asm__ volatile("movq %1, %0" : "=r"(word) : "m"(*(const uint64_t *)at));
#elif defined(__aarch64__)
    __asm__ volatile("ldar %0, %1" : "=r"(word) : "Q"(*(const uint64_t *)at));
#else
    word = ou_load_acquire((const uint64_t *)at);
#endif
    return word;
}

/* Two neighbours of 4 bytes are one word: the second of them. */
OU_INLINE uint32_t ou_peek_second(const void *at)
{
    return (uint32_t)(ou_peek(at) >> 32);
}

/* A header as it was. */
typedef struct ou_glance {
    uint64_t first;  /* rc_local | owner << 32 | gcbits << 48 | flags << 56 */
    uint64_t second; /* rc_shared | type << 32 */
} ou_glance;

/* Does the collector look at what is in this block? */
OU_INLINE bool ou_glance_at(const ou_object *o, ou_glance *glance)
{
    glance->first = ou_peek(o);
    glance->second = ou_peek((const char *)o + 8);
    return (glance->first >> 48 & OU_GC_LOOKED_AT) == OU_GC_TRACKED;
}

OU_INLINE uint32_t ou_glance_type(const ou_glance *glance)
{
    return (uint32_t)(glance->second >> 32) % OU_TYPE_MAX;
}

OU_INLINE int64_t ou_glance_count(const ou_glance *glance)
{
    return (int64_t)(uint32_t)glance->first + ou_rc_count((uint32_t)glance->second);
}

/* As ou_shape_follow: the four fields of a type that matter are one word. */
static_assert(offsetof(ou_type, index) % 8 == 0 &&
                  offsetof(ou_type, kind) == offsetof(ou_type, index) + 4 &&
                  offsetof(ou_type, flags) == offsetof(ou_type, index) + 5 &&
                  offsetof(ou_type, slots) == offsetof(ou_type, index) + 6,
              "index, kind, flags and slots of a type are one word");

OU_INLINE void ou_shape_peek(ou_shape *shape, uint32_t type)
{
    if (OU_LIKELY(type == shape->type)) {
        return;
    }
    uint64_t word = ou_peek(&ou_types[type].index);
    uint32_t kind = (uint32_t)(word >> 32) & 255u;
    bool open = word >> 40 & OU_TF_OPEN;
    *shape = (ou_shape){.type = type,
                        .kind = kind == OU_KIND_INSTANCE && !open ? OU_KIND_COUNT : kind,
                        .first = sizeof(ou_instance),
                        .n = (uint32_t)(word >> 48)};
}

/* Has the type a traverse slot of its own, which must see objects whole? */
OU_INLINE bool ou_shape_is_foreign(const ou_shape *shape)
{
    return shape->kind != OU_KIND_COUNT && shape->kind != OU_KIND_LIST &&
           shape->kind != OU_KIND_TUPLE && shape->kind != OU_KIND_DICT &&
           shape->kind != OU_KIND_INSTANCE && shape->kind != OU_KIND_WEAKREF;
}

/* Words of an array of references, `stride` apart. Not NULL: an array of the range. */
OU_INLINE void ou_peek_items(const char *at, uint64_t n, size_t stride, ou_child_fn visit)
{
    size_t offset = (size_t)(at - ou_range);
    if (OU_UNLIKELY(offset >= ou_range_bytes || n > (ou_range_bytes - offset) / stride ||
                    offset % 8)) {
        return;
    }
    for (uint64_t i = 0; i < n; i++, at += stride) {
        visit((ou_object *)ou_peek(at)); /* NULL has no counter */
    }
}

/* Is the object what it was at the glance, but for its counts? */
OU_INLINE bool ou_glance_holds(const ou_object *o, const ou_glance *glance)
{
    ou_glance now;
    return ou_glance_at(o, &now) && ou_glance_type(&now) == ou_glance_type(glance);
}

/* The place of an array and its length, both fields of `o`; true if they belong together. */
OU_INLINE bool ou_peek_pair(const ou_object *o, const ou_glance *glance, size_t where,
                            size_t length, const char **array, uint64_t *n)
{
    const char *base = (const char *)o;
    *n = ou_peek(base + length);
    *array = (const char *)ou_peek(base + where);
    return ou_peek(base + length) == *n && (const char *)ou_peek(base + where) == *array &&
           ou_glance_holds(o, glance);
}

OU_INLINE void ou_peek_open(ou_object *o, const ou_glance *glance, const ou_shape *shape,
                            ou_child_fn visit)
{
    const char *place = (const char *)o + sizeof(ou_instance) + shape->n * sizeof(ou_object *);
    const char *side = (const char *)ou_peek(place);
    ou_peek_items((const char *)o + sizeof(ou_instance), shape->n, sizeof(ou_object *), visit);
    if (!side || (size_t)(side - ou_range) >= ou_range_bytes - sizeof(ou_attr_side)) {
        return;
    }
    uint64_t n = ou_peek(side);
    if ((const char *)ou_peek(place) == side && ou_glance_holds(o, glance)) {
        ou_peek_items(side + sizeof(ou_attr_side), ou_min(n, OU_CLASS_ATTR_MAX),
                      sizeof(ou_object *), visit);
    }
}

/* The references of an object of a kind that the runtime knows, `shape` being its type's. */
OU_INLINE void ou_peek_children(ou_object *o, const ou_glance *glance, const ou_shape *shape,
                                ou_child_fn visit)
{
    const char *base = (const char *)o, *array;
    uint64_t n;
    if (OU_LIKELY(shape->kind == OU_KIND_COUNT)) {
        ou_peek_items(base + shape->first, shape->n, sizeof(ou_object *), visit);
    } else if (shape->kind == OU_KIND_TUPLE) {
        n = ou_peek(base + offsetof(ou_tuple, len));
        if (ou_glance_holds(o, glance)) {
            ou_peek_items(base + offsetof(ou_tuple, items), n, sizeof(ou_object *), visit);
        }
    } else if (shape->kind == OU_KIND_LIST) {
        if (ou_peek_pair(o, glance, offsetof(ou_list, items), offsetof(ou_list, len), &array,
                         &n)) {
            ou_peek_items(array, n, sizeof(ou_object *), visit);
        }
    } else if (shape->kind == OU_KIND_DICT) {
        if (ou_peek_pair(o, glance, offsetof(ou_dict, entries), offsetof(ou_dict, used), &array,
                         &n)) {
            n = (uint32_t)n; /* behind it: room */
            ou_peek_items(array + offsetof(ou_dict_entry, key), n, sizeof(ou_dict_entry),
                          visit);
            ou_peek_items(array + offsetof(ou_dict_entry, value), n, sizeof(ou_dict_entry),
                          visit);
        }
    } else if (shape->kind == OU_KIND_INSTANCE) {
        ou_peek_open(o, glance, shape, visit);
    }
}

#endif
