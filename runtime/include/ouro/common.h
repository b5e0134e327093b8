/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * common.h - attributes, forward declarations and error codes shared by every public header.
 *
 * Errors: functions that can fail return NULL or a negative OU_E* and leave everything as it
 * was; ou_error() and ou_error_message() tell the calling thread what went wrong. Broken
 * invariants (a count below zero, a dead object) do not return: they print one line and abort.
 *
 * A thread that is not attached (or is inside a blocking region) may only ask for what never
 * changes: numbers, text, tuples, types, lengths, counts. Every other call gives it OU_ESTATE
 * and changes nothing, so that a reference to be taken over stays the caller's; calls that
 * return nothing (ou_incref, ou_decref, ou_immortalize, ou_frame_pop) panic instead.
 */
#ifndef OURO_COMMON_H
#define OURO_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define OU_BEGIN_DECLS extern "C" {
#define OU_END_DECLS }
#else
#define OU_BEGIN_DECLS
#define OU_END_DECLS
#endif

#define OU_API __attribute__((visibility("default")))
#define OU_HIDDEN __attribute__((visibility("hidden")))
#define OU_LIKELY(x) __builtin_expect(!!(x), 1)
#define OU_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define OU_COLD __attribute__((cold, noinline))
#define OU_INLINE static inline __attribute__((always_inline))
#define OU_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

typedef struct ou_object ou_object;
typedef struct ou_type ou_type;
typedef struct ou_frame ou_frame;

/* What went wrong; every fallible call returns one of these, or NULL after setting one. */
typedef enum ou_err {
    OU_OK = 0,
    OU_ENOMEM = -1,    /* no memory, or over the hard limit; nothing changed */
    OU_ETYPE = -2,     /* an argument has the wrong type */
    OU_EINDEX = -3,    /* index out of range */
    OU_EKEY = -4,      /* no such key */
    OU_EATTR = -5,     /* no such attribute */
    OU_EHASH = -6,     /* key cannot be hashed */
    OU_ESTACK = -7,    /* the frame stack is full */
    OU_EOVERFLOW = -8, /* the value does not fit */
    OU_ESTATE = -9,    /* runtime or thread in the wrong state for this call */
    OU_EINVAL = -10,   /* an argument is out of its documented range */
    OU_ELIMIT = -11,   /* a table of fixed size (threads, classes) is full */
    OU_ECHANGED = -12  /* a container changed its size during iteration */
} ou_err;

OU_BEGIN_DECLS

/* The last error of the calling thread, and a sentence about it (borrowed, valid until the
 * next failing call of this thread). OU_OK and "" before the first failure.
 * Thread-safety: per thread. */
OU_API ou_err ou_error(void);
OU_API const char *ou_error_message(void);

/* Name of an error code, e.g. "OU_ENOMEM". Static storage. */
OU_API const char *ou_error_name(ou_err code);

OU_END_DECLS

#endif
