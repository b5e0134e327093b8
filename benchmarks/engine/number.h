/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * number.h - numbers with units as people write them in workload files and options.
 *
 * Strict: the whole text must be the number. No sign, no hex, no blanks, no NaN or Infinity.
 * Every function returns NULL when it took the value, otherwise the reason why not (static
 * text that completes the sentence "VALUE: ...").
 */
#ifndef ENGINE_NUMBER_H
#define ENGINE_NUMBER_H

#include <stdint.h>

/* Whole number with an optional suffix k M G (powers of 1000) or Ki Mi Gi (of 1024). */
const char *number_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* Decimal number: digits, at most one point, optional exponent. */
const char *number_f64(const char *text, double min, double max, double *out);

/* A time with its unit: us, ms or s; 1 us to 1 hour. */
const char *number_time_ns(const char *text, uint64_t *out);

/* Percentage with its sign, "12.5%", as parts in 2^32. */
const char *number_percent(const char *text, uint64_t *out);

#endif
