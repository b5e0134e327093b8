/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * scale.h - how much work a test does in this build.
 *
 * Tests are bounded by operations, never by time, so that a verdict does not depend on the
 * machine. Instrumented builds do the same work on smaller counts. Included by every test
 * that loops for long.
 */
#ifndef TESTS_SCALE_H
#define TESTS_SCALE_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SCALE_TSAN 1
#endif
#if __has_feature(address_sanitizer)
#define SCALE_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) && !defined(SCALE_TSAN)
#define SCALE_TSAN 1
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(SCALE_ASAN)
#define SCALE_ASAN 1
#endif
#ifndef SCALE_TSAN
#define SCALE_TSAN 0
#endif
#ifndef SCALE_ASAN
#define SCALE_ASAN 0
#endif
#ifdef OURO_CHECK
#define SCALE_CHECK 1
#else
#define SCALE_CHECK 0
#endif

/* `n` operations in a plain build, a part of them (at least 1) in an instrumented one. */
static inline size_t scale_ops(size_t n)
{
    size_t part = SCALE_TSAN ? 10 : SCALE_ASAN ? 5 : SCALE_CHECK ? 4 : 1;
    return n / part ? n / part : 1;
}

#endif
