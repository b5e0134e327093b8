/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * value.h - what every type file needs: type tests, errors of one shape, hashing of words and
 * bytes under the process's seed, and runs of references taken or dropped with prefetch.
 */
#ifndef OURO_TYPES_VALUE_H
#define OURO_TYPES_VALUE_H

#include "object/quick.h"

/* A built-in type sits at the index of its kind, so the test needs no load of the type. */
OU_INLINE bool ou_is_kind(const ou_object *o, ou_kind kind)
{
    return o->type == (uint32_t)kind;
}

/* "<function>: expected <wanted>, got '<type of given>'": OU_ETYPE. */
OU_COLD int ou_fail_type(const char *function, const char *wanted, const ou_object *given);

/* A NULL where an object must be: most often the result of a failed constructor passed on, so
 * OU_ENOMEM is kept when it is the thread's last error; otherwise OU_EINVAL. */
OU_COLD int ou_fail_missing(const char *function);

/* "<noun> index <i> out of range (length <len>)": OU_EINDEX. */
OU_COLD int ou_fail_index(const char *noun, size_t i, size_t len);

extern uint64_t ou_hash_seed; /* const after ou_types_init */

OU_INLINE uint64_t ou_hash_word(uint64_t word)
{
    return ou_mix64(ou_mix64(word) ^ ou_hash_seed);
}

/* ou_hash at one more level of nesting; deeper than OU_DEPTH_MAX is OU_EOVERFLOW. */
int ou_hash_at(ou_object *o, uint64_t *hash, int depth);

/* Equality of two keys that ou_hash accepted: 1 or 0. Never locks, never fails: such keys hold
 * no list or dict at any depth, and are no deeper than OU_DEPTH_MAX. */
OU_INLINE bool ou_key_equal(ou_object *a, ou_object *b)
{
    return ou_equal_at(a, b, 0) == 1;
}

/* Writes bytes as they are. */
void ou_print_bytes(ou_printer *out, const char *bytes, size_t len);

/* Objects are touched in the order of the array while their addresses jump: ask for the header
 * this many items ahead. 24 cover a DRAM access (~80 ns) at ~3 ns an item. (10^7 ints cleared,
 * ns each: 8.0 with 8, 6.9 with 24, 7.6 with 64; read or copied: no difference.) */
#define OU_REFS_AHEAD 24u

/* Copies n references, taking one of each. dst and src may be the same array. */
OU_INLINE void ou_refs_take(ou_object **dst, ou_object *const *src, size_t n)
{
    size_t i = 0;
    for (; i + OU_REFS_AHEAD < n; i++) {
        __builtin_prefetch(src[i + OU_REFS_AHEAD], 1);
        ou_store_release(&dst[i], ou_incref(src[i])); /* pairs: looks without a lock */
    }
    for (; i < n; i++) {
        ou_store_release(&dst[i], ou_incref(src[i]));
    }
}

/* Drops n references that nobody else can see any more; NULL where one was dropped before. */
void ou_refs_drop(ou_object *const *refs, size_t n);

#endif
