/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * tuple.c - immutable sequences. Filled before they are tracked and never changed after, so
 * nothing here takes a guard.
 */
#include "types/tuple.h"

#include "object/quick.h"
#include "types/types.h"

static ou_tuple empty;

/* Tuples up to this many items are made and dropped in a straight line: 128 bytes, the last of
 * the classes that step 8. */
#define QUICK_ITEMS 13u

static_assert(sizeof(ou_tuple) + QUICK_ITEMS * sizeof(ou_object *) <= OU_CLASS_STEP_MAX,
              "the bin of a quick tuple is found by an addition");

OU_INLINE uint32_t quick_bin(size_t n)
{
    return ou_class_of_words(sizeof(ou_tuple) / sizeof(ou_object *) + n) + OU_BIN_FIRST_TRACKED;
}

/* The general form: any length, any circumstances. */
static __attribute__((noinline)) ou_object *tuple_new_long(ou_object *const *items, size_t n)
{
    ou_object_poll();
    if (OU_UNLIKELY(n > (SIZE_MAX / 2 - sizeof(ou_tuple)) / sizeof(ou_object *))) {
        return ou_fail_null(OU_ENOMEM, "ou_tuple_new: %zu items do not fit into memory", n);
    }
    size_t bytes = sizeof(ou_tuple) + n * sizeof(ou_object *);
    ou_tuple *t = (ou_tuple *)ou_object_new(&ou_types[OU_KIND_TUPLE], bytes);
    if (OU_UNLIKELY(!t)) {
        return NULL;
    }
    t->len = n;
    ou_refs_take(t->items, items, n);
    ou_object_track(&t->base);
    return &t->base;
}

/* Another slot's items cannot be counted in a straight line. */
static __attribute__((noinline)) ou_object *tuple_fill_rest(ou_tuple *t,
                                                            ou_object *const *items, size_t i)
{
    ou_refs_take(t->items + i, items + i, t->len - i);
    ou_quick_show(&t->base, &ou_types[OU_KIND_TUPLE], ou_self.birth);
    return &t->base;
}

OU_INLINE ou_object *fill(ou_tuple *t, ou_object *const *items, size_t n, uint64_t first)
{
    size_t i = ou_quick_take(t->items, items, n);
    if (OU_UNLIKELY(i < n)) {
        return tuple_fill_rest(t, items, i);
    }
    ou_quick_show(&t->base, &ou_types[OU_KIND_TUPLE], first);
    return &t->base;
}

ou_object *ou_tuple_new(ou_object *const *items, size_t n)
{
    if (!n) {
        return &empty.base;
    }
    if (OU_UNLIKELY(n > QUICK_ITEMS)) {
        return tuple_new_long(items, n);
    }
    uint64_t first;
    ou_tuple *t = (ou_tuple *)ou_quick_block_polled(quick_bin(n), &first);
    if (OU_UNLIKELY(!t)) {
        return tuple_new_long(items, n);
    }
    t->len = n;
#define FILL(k) return fill(t, items, k, first)
    OU_QUICK_BY_NUMBER(n, FILL)
#undef FILL
}

int64_t ou_tuple_len(const ou_object *o)
{
    if (OU_UNLIKELY(!ou_is_tuple(o))) {
        return ou_fail_type("ou_tuple_len", "tuple", o);
    }
    return (int64_t)((const ou_tuple *)o)->len;
}

ou_object *ou_tuple_get_borrow(const ou_object *o, size_t i)
{
    if (OU_UNLIKELY(!ou_is_tuple(o))) {
        ou_fail_type("ou_tuple_get_borrow", "tuple", o);
        return NULL;
    }
    const ou_tuple *t = (const ou_tuple *)o;
    if (OU_UNLIKELY(i >= t->len)) {
        ou_fail_index("tuple", i, t->len);
        return NULL;
    }
    return t->items[i];
}

bool ou_is_tuple(const ou_object *o)
{
    return ou_is_kind(o, OU_KIND_TUPLE);
}

static void tuple_traverse(ou_object *o, ou_visit visit, void *arg)
{
    ou_tuple *t = (ou_tuple *)o;
    for (size_t i = 0; i < t->len; i++) {
        visit(t->items[i], arg);
    }
}

static void tuple_drop(ou_object *o)
{
    ou_tuple *t = (ou_tuple *)o;
    ou_refs_drop(t->items, t->len);
}

static void tuple_die(ou_object *o, const ou_type *type)
{
    ou_tuple *t = (ou_tuple *)o;
    if (OU_UNLIKELY(!ou_quick_dies() || t->len > QUICK_ITEMS)) {
        ou_object_die_unshared(o, type);
        return;
    }
#define END(k) ou_quick_end(o, t->items, k, false, quick_bin(k))
    OU_QUICK_BY_NUMBER(t->len, END)
#undef END
}

int ou_tuple_hash_at(ou_tuple *t, uint64_t *hash, int depth)
{
    uint64_t all = ou_hash_word(t->len ^ 0x7475706C65u);
    for (size_t i = 0; i < t->len; i++) {
        uint64_t item;
        int err = ou_hash_at(t->items[i], &item, depth);
        if (err) {
            return err;
        }
        all = ou_mix64((all << 7 | all >> 57) + item); /* rotation: order matters */
    }
    *hash = all;
    return 0;
}

static int tuple_hash(ou_object *o, uint64_t *hash)
{
    return ou_tuple_hash_at((ou_tuple *)o, hash, 1);
}

static int tuple_equal(ou_object *a, ou_object *b, int depth)
{
    const ou_tuple *x = (const ou_tuple *)a;
    const ou_tuple *y = (const ou_tuple *)b;
    if (x->len != y->len) {
        return 0;
    }
    for (size_t i = 0; i < x->len; i++) {
        int equal = ou_equal_at(x->items[i], y->items[i], depth);
        if (equal != 1) {
            return equal;
        }
    }
    return 1;
}

static void tuple_repr(ou_object *o, ou_printer *out, int depth)
{
    const ou_tuple *t = (const ou_tuple *)o;
    ou_print_bytes(out, "(", 1);
    for (size_t i = 0; i < t->len; i++) {
        if (i) {
            ou_print_bytes(out, ", ", 2);
        }
        ou_print_object(out, t->items[i], depth);
    }
    ou_print_bytes(out, ",)", t->len == 1 ? 2 : 0);
    ou_print_bytes(out, ")", t->len == 1 ? 0 : 1);
}

void ou_tuple_define(void)
{
    static const ou_type type = {
        .name = "tuple",
        .index = OU_KIND_TUPLE,
        .kind = OU_KIND_TUPLE,
        .flags = OU_TF_TRACKED | OU_TF_WEAKREFS | OU_TF_VALUE_HASH,
        .size_bytes = sizeof(ou_tuple),
        .traverse = tuple_traverse,
        .drop = tuple_drop,
        .die = tuple_die,
        .hash = tuple_hash,
        .equal = tuple_equal,
        .repr = tuple_repr,
    };
    ou_type_define(&type);
    ou_object_init_immortal(&empty.base, &ou_types[OU_KIND_TUPLE]);
}
