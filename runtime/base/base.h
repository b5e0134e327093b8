/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * base.h - asserts in three tiers, panic, errors, small arithmetic. Lowest floor: no OS calls
 * except write and abort, no memory.
 *
 * OU_ASSERT   every build with OURO_CHECK: cheap facts on fast paths
 * OU_VERIFY   every build: O(1) facts whose breach would corrupt memory; panics
 * ou_x_check  whole-structure audits, called by tests and by OURO_CHECK builds at phase edges
 */
#ifndef OURO_BASE_H
#define OURO_BASE_H

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "ouro/atomic.h"
#include "ouro/common.h"
#include "ouro/object.h"

/* ou_self.slot of a thread that is not attached; equals no owner field. */
#define OU_SLOT_NONE 0x10000u

#if defined(__SANITIZE_THREAD__)
#define OU_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OU_TSAN 1
#endif
#endif
#ifndef OU_TSAN
#define OU_TSAN 0
#endif

#if defined(__SANITIZE_ADDRESS__)
#define OU_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OU_ASAN 1
#endif
#endif
#ifndef OU_ASAN
#define OU_ASAN 0
#endif

/* Prints "ouro: panic: <text>\n" with one write(2) and aborts. Allocates nothing. */
OU_COLD _Noreturn void ou_panic(const char *fmt, ...) OU_PRINTF(1, 2);

/* Prints one line to stderr in the same way and returns. */
OU_COLD void ou_warn(const char *fmt, ...) OU_PRINTF(1, 2);

#define OU_VERIFY(cond, ...)                                                                   \
    do {                                                                                       \
        if (OU_UNLIKELY(!(cond))) {                                                            \
            ou_panic(__VA_ARGS__);                                                             \
        }                                                                                      \
    } while (0)

#ifdef OURO_CHECK
#define OU_ASSERT(cond) OU_VERIFY(cond, "assert: %s (%s:%d)", #cond, __FILE__, __LINE__)
#else
#define OU_ASSERT(cond) ((void)0)
#endif

/* Records the calling thread's error and returns `code`, so that a failing function can end in
 * `return ou_fail(OU_EINDEX, "list index %zu of %zu", i, n);`. */
OU_COLD int ou_fail(ou_err code, const char *fmt, ...) OU_PRINTF(2, 3);

/* The same for functions that return a pointer. */
#define ou_fail_null(...) (ou_fail(__VA_ARGS__), NULL)

OU_INLINE size_t ou_align_up(size_t n, size_t align)
{
    return (n + align - 1) & ~(align - 1);
}

OU_INLINE bool ou_is_pow2(size_t n)
{
    return n && !(n & (n - 1));
}

/* Index of the highest set bit; n > 0. */
OU_INLINE unsigned ou_log2(size_t n)
{
    return 63u - (unsigned)__builtin_clzll(n);
}

OU_INLINE size_t ou_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

OU_INLINE size_t ou_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Fold, multiply, fold: spreads pointers and words over a table. */
OU_INLINE uint64_t ou_mix64(uint64_t x)
{
    x ^= x >> 32;
    x *= 0x9E3779B97F4A7C15u; /* 2^64 / golden ratio (Knuth, TAOCP 6.4) */
    x ^= x >> 29;
    return x;
}

/* Hash of bytes; seeded per process so that nobody can prepare collisions. */
uint64_t ou_hash_bytes(const void *bytes, size_t len, uint64_t seed);

#endif
