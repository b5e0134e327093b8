/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * value.c - hash and equality over all types, and the errors the type files share.
 *
 * Equality is identity first, then value; numbers compare across types, everything else only
 * within its own. Hash follows equality: bool, int and integral floats hash as the integer.
 * Nesting is counted, so a cycle or a deep tower ends in OU_EOVERFLOW instead of the stack's
 * end.
 */
#include "types/value.h"

#include "types/number.h"
#include "types/tuple.h"

uint64_t ou_hash_seed;

typedef uint64_t __attribute__((may_alias)) word;

/* Ends the plain objects from refs[0] on that lie in one page and have no other reference, but
 * for their blocks; returns how many. Two comparisons an object: the words of the header are
 * what they were at birth. */
static size_t bury_neighbours(ou_object *const *refs, size_t n)
{
    const uintptr_t page = (uintptr_t)refs[0] >> OU_PAGE_SHIFT;
    const uint64_t counts = 1 | (uint64_t)ou_self.slot << 32, counts_mask = ~(uint64_t)0 >> 16;
    const uint64_t type = (uint64_t)refs[0]->type << 32 | OU_RC_INIT;
    size_t i = 0;
    for (; i < n; i++) {
        ou_object *o = refs[i];
        __builtin_prefetch(refs[ou_min(i + OU_REFS_AHEAD, n - 1)], 1);
        if ((uintptr_t)o >> OU_PAGE_SHIFT != page ||
            (ou_load_relaxed((word *)o) & counts_mask) != counts ||
            ou_load_acquire((word *)o + 1) != type) {
            break;
        }
        ou_header_bury(o);
    }
    return i;
}

/* Are two objects on one page and the first one plain? */
static bool are_neighbours(const ou_object *a, const ou_object *b)
{
    return ((uintptr_t)a ^ (uintptr_t)b) >> OU_PAGE_SHIFT == 0 && ou_is_plain(a);
}

void ou_refs_drop(ou_object *const *refs, size_t n)
{
    for (size_t i = 0; i < n;) {
        ou_object *o = refs[i];
        size_t next = ou_min(i + 1, n - 1), done = 0;
        __builtin_prefetch(refs[ou_min(i + OU_REFS_AHEAD, n - 1)], 1);
        if (o && are_neighbours(o, refs[next]) && !ou_load_relaxed(&ou_special) && !OU_ASAN) {
            done = bury_neighbours(refs + i, n - i);
            ou_heap_put_neighbours(OU_PLAIN_BIN, (void *const *)refs + i, done);
        }
        if (!done && o) {
            ou_quick_decref(o);
        }
        i += ou_max(done, 1);
    }
}

int ou_fail_type(const char *function, const char *wanted, const ou_object *given)
{
    if (!given) {
        return ou_fail_missing(function);
    }
    return ou_fail(OU_ETYPE, "%s: expected %s, got '%s'", function, wanted,
                   ou_type_name(given));
}

int ou_fail_missing(const char *function)
{
    if (ou_error() == OU_ENOMEM) {
        return OU_ENOMEM;
    }
    return ou_fail(OU_EINVAL, "%s: an object is missing (NULL)", function);
}

int ou_fail_index(const char *noun, size_t i, size_t len)
{
    return ou_fail(OU_EINDEX, "%s index %zu out of range (length %zu)", noun, i, len);
}

int ou_hash_at(ou_object *o, uint64_t *hash, int depth)
{
    if (depth > OU_DEPTH_MAX) {
        return ou_fail(OU_EOVERFLOW, "ou_hash: nested deeper than %d", OU_DEPTH_MAX);
    }
    if (ou_is_kind(o, OU_KIND_TUPLE)) {
        return ou_tuple_hash_at((ou_tuple *)o, hash, depth + 1);
    }
    const ou_type *type = ou_type_get(o);
    if ((type->flags & OU_TF_VALUE_HASH) && type->hash) {
        return type->hash(o, hash);
    }
    if (type->flags & OU_TF_ID_HASH) {
        *hash = ou_hash_word((uint64_t)(uintptr_t)o);
        return 0;
    }
    return ou_fail(OU_EHASH, "ou_hash: unhashable type '%s'", type->name);
}

int ou_hash(ou_object *o, uint64_t *hash)
{
    return ou_hash_at(o, hash, 0);
}

static bool is_number(const ou_object *o)
{
    return ou_is_integral(o) || ou_is_kind(o, OU_KIND_FLOAT);
}

static bool numbers_equal(const ou_object *a, const ou_object *b)
{
    bool a_float = ou_is_kind(a, OU_KIND_FLOAT);
    bool b_float = ou_is_kind(b, OU_KIND_FLOAT);
    if (!a_float && !b_float) {
        return ((const ou_int *)a)->value == ((const ou_int *)b)->value;
    }
    if (a_float && b_float) {
        return ((const ou_float *)a)->value == ((const ou_float *)b)->value;
    }
    const ou_float *f = (const ou_float *)(a_float ? a : b);
    const ou_int *i = (const ou_int *)(a_float ? b : a);
    return ou_float_equals_int(f->value, i->value);
}

int ou_equal_at(ou_object *a, ou_object *b, int depth)
{
    if (a == b) {
        return 1;
    }
    if (is_number(a) && is_number(b)) {
        return numbers_equal(a, b);
    }
    if (a->type != b->type) {
        return 0;
    }
    if (depth > OU_DEPTH_MAX) {
        return ou_fail(OU_EOVERFLOW, "ou_equal: nested deeper than %d", OU_DEPTH_MAX);
    }
    const ou_type *type = ou_type_get(a);
    return type->equal ? type->equal(a, b, depth + 1) : 0;
}

int ou_equal(ou_object *a, ou_object *b)
{
    return ou_equal_at(a, b, 0);
}
