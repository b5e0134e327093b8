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
 * the same object says the same.
 *
 * Memory that was freed may be protected by its next owner, so all reading is done in sections
 * (thread/epoch.h): what an object seen in a section refers to as its storage is not freed, and
 * no page of objects is given back, before the section is left. Sections are short: a long
 * array takes several (ou_hint_turn), and is found anew in each. No read leaves the block that
 * the address is in, whatever the length says.
 *
 * C has no load that may race with plain stores of an object's next life, the machine has: so
 * one instruction, and what ThreadSanitizer cannot see is argued in docs/gc.md and modelled in
 * tests/spin/concurrent.pml.
 */
#ifndef OURO_GC_PEEK_H
#define OURO_GC_PEEK_H

#include "gc/children.h"
#include "gc/gc.h"
#include "gc/sliced.h"
#include "heap/page.h"
#include "types/dict_table.h"

#define OU_PEEK_ITEMS 2048u /* read in one section, at most, of one array */

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

/* Pages back to the first one of the span or run that a page is in. */
OU_INLINE uint32_t ou_peek_back(size_t page)
{
    return ou_peek_second(&ou_page_table[page].frozen);
}

static_assert(offsetof(ou_page, frozen) % 8 == 0 && offsetof(ou_page, capacity) % 8 == 0 &&
                  offsetof(ou_page, back) == offsetof(ou_page, frozen) + 4 &&
                  offsetof(ou_page, pages) == offsetof(ou_page, capacity) + 4,
              "frozen and back are one word, capacity and pages another");

/* Bytes from `at` to the end of its block; 0: not in a raw block or a page of containers. */
OU_INLINE size_t ou_peek_room(const char *at)
{
    size_t offset = (size_t)(at - ou_range);
    if (OU_UNLIKELY(offset >= ou_range_bytes || offset % 8)) {
        return 0;
    }
    size_t page = offset >> OU_PAGE_SHIFT, first = page - ou_peek_back(page);
    if (OU_UNLIKELY(first > page)) {
        return 0;
    }
    uint32_t bin = ou_tag_bin(ou_load_relaxed(&ou_tags[first].word));
    size_t inside = offset - (first << OU_PAGE_SHIFT), end;
    if (OU_LIKELY(bin < OU_BIN_COUNT)) {
        size_t bytes = ou_bins[bin].size_bytes;
        end = bytes ? (ou_block_index(inside, &ou_bins[bin]) + 1) * bytes : 0;
        end = ou_min(end, (size_t)ou_bins[bin].span_pages << OU_PAGE_SHIFT);
    } else {
        end = (size_t)ou_peek_second(&ou_page_table[first].capacity) << OU_PAGE_SHIFT;
    }
    bool leaf = (bin >= OU_CLASS_COUNT && bin < OU_BIN_FIRST_TRACKED) ||
                bin == OU_BIN_LARGE_LEAF || !ou_load_relaxed(&ou_tags[first].word);
    return leaf || inside >= end ? 0 : end - inside;
}

/* Words of an array of references, `stride` apart. */
OU_INLINE void ou_peek_items(const char *at, uint64_t n, size_t stride, ou_child_fn visit)
{
    for (uint64_t i = 0; i < n; i++, at += stride) {
        visit((ou_object *)ou_peek(at)); /* NULL has no counter */
    }
}

/* `n` references in an object's own block. A block that died under the glance may have told a
 * false type: only then do they reach over the end. */
OU_INLINE void ou_peek_slots(const char *at, uint64_t n, ou_child_fn visit)
{
    size_t bytes = n * sizeof(ou_object *);
    if (OU_UNLIKELY(((uintptr_t)at & (OU_PAGE_BYTES - 1)) + bytes > OU_PAGE_BYTES &&
                    ou_peek_room(at) < bytes)) {
        return;
    }
    ou_peek_items(at, n, sizeof(ou_object *), visit);
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

/* References as an array: `width` of them at the start of each `stride` bytes. */
typedef struct ou_peeked {
    const char *at;
    uint64_t n;
    size_t stride, width;
} ou_peeked;

/* The block that begins `lead` bytes before the array holds all of it. */
OU_INLINE bool ou_peeked_fits(const ou_peeked *view, size_t lead)
{
    size_t room = ou_peek_room(view->at - lead);
    return room > lead && view->n <= (room - lead) / view->stride;
}

OU_INLINE bool ou_peek_side(const ou_object *o, const ou_glance *glance, const ou_shape *shape,
                            ou_peeked *view)
{
    const char *place = (const char *)o + sizeof(ou_instance) + shape->n * sizeof(ou_object *);
    if (ou_peek_room(place) < sizeof(ou_attr_side *)) {
        return false;
    }
    const char *side = (const char *)ou_peek(place);
    if (!side || (const char *)ou_peek(place) != side || !ou_glance_holds(o, glance) ||
        ou_peek_room(side) < sizeof(ou_attr_side)) {
        return false;
    }
    view->at = side + sizeof(ou_attr_side);
    view->n = ou_peek(side);
    return ou_peeked_fits(view, sizeof(ou_attr_side));
}

/* Where the array of an object is, as it was in this section. False: nowhere, or it changes. */
OU_INLINE bool ou_peek_array(const ou_object *o, const ou_glance *glance, const ou_shape *shape,
                             ou_peeked *view)
{
    const char *base = (const char *)o;
    *view = (ou_peeked){.stride = sizeof(ou_object *), .width = 1};
    if (shape->kind == OU_KIND_TUPLE) {
        view->n = ou_peek(base + offsetof(ou_tuple, len));
        view->at = base + offsetof(ou_tuple, items);
        return ou_glance_holds(o, glance) && ou_peeked_fits(view, 0);
    }
    if (shape->kind == OU_KIND_LIST) {
        return ou_peek_pair(o, glance, offsetof(ou_list, items), offsetof(ou_list, len),
                            &view->at, &view->n) &&
               view->n && ou_peeked_fits(view, 0);
    }
    if (shape->kind == OU_KIND_DICT) {
        uint32_t mask = ou_peek_second(base + offsetof(ou_dict, epoch));
        bool held = ou_peek_pair(o, glance, offsetof(ou_dict, entries), offsetof(ou_dict, used),
                                 &view->at, &view->n);
        view->n = (uint32_t)view->n; /* behind it: room */
        view->stride = sizeof(ou_dict_entry);
        view->at += offsetof(ou_dict_entry, key);
        view->width = 2;
        return held && view->n &&
               ou_peeked_fits(view, ou_dict_front_bytes(mask) + offsetof(ou_dict_entry, key));
    }
    return ou_peek_side(o, glance, shape, view);
}

/* The references of an object of a kind that the runtime knows, `shape` being its type's. */
OU_INLINE void ou_peek_children(ou_object *o, const ou_glance *glance, const ou_shape *shape,
                                ou_child_fn visit)
{
    if (OU_LIKELY(shape->kind == OU_KIND_COUNT)) {
        ou_peek_slots((const char *)o + shape->first, shape->n, visit);
        return;
    }
    if (shape->kind == OU_KIND_INSTANCE) {
        ou_peek_slots((const char *)o + sizeof(ou_instance), shape->n, visit);
    } else if (shape->kind == OU_KIND_WEAKREF) {
        return;
    }
    ou_peeked view;
    for (uint64_t i = 0; ou_peek_array(o, glance, shape, &view) && i < view.n;) {
        uint64_t n = ou_min(view.n - i, OU_PEEK_ITEMS);
        for (size_t k = 0; k < view.width; k++) {
            ou_peek_items(view.at + i * view.stride + k * sizeof(ou_object *), n, view.stride,
                          visit);
        }
        i += n;
        if (OU_UNLIKELY(n >= OU_PEEK_ITEMS / 16) && (!ou_hint_turn(o) || i == view.n)) {
            return;
        }
    }
}

#endif
