/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * number.c - strict parsing of numbers; see number.h. Called by the workload checks and by the
 * option parsers of ouro-work and ouro-replay.
 */
#include "engine/number.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *suffix;
    uint64_t factor;
} number_units[] = {
    {"", 1},
    {"k", 1000},
    {"M", 1000000},
    {"G", 1000000000},
    {"Ki", 1024},
    {"Mi", 1024 * 1024},
    {"Gi", 1024u * 1024u * 1024u},
};

static bool number_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "must be 1..64" with the limits filled in; the text lives until the next call. */
static const char *number_range(double min, double max)
{
    static char text[80];
    snprintf(text, sizeof text, "must be %.17g..%.17g", min, max);
    return text;
}

static const char *number_range_u64(uint64_t min, uint64_t max)
{
    static char text[80];
    snprintf(text, sizeof text, "must be %llu..%llu", (unsigned long long)min,
             (unsigned long long)max);
    return text;
}

const char *number_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    const char *at = text;
    if (!number_digit(*at)) {
        return "is not a whole number (digits, then k M G Ki Mi Gi or nothing)";
    }
    for (; number_digit(*at); at++) {
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value)) {
            return number_range_u64(min, max);
        }
    }
    for (size_t i = 0; i < sizeof number_units / sizeof *number_units; i++) {
        if (strcmp(at, number_units[i].suffix) == 0) {
            if (__builtin_mul_overflow(value, number_units[i].factor, &value) || value < min ||
                value > max) {
                return number_range_u64(min, max);
            }
            *out = value;
            return NULL;
        }
    }
    return "is not a whole number (digits, then k M G Ki Mi Gi or nothing)";
}

/* Length of the longest decimal number at `text`, 0 when there is none. */
static size_t number_decimal(const char *text)
{
    const char *at = text;
    unsigned digits = 0;
    for (; number_digit(*at); at++) {
        digits++;
    }
    if (*at == '.') {
        for (at++; number_digit(*at); at++) {
            digits++;
        }
    }
    if (digits == 0) {
        return 0;
    }
    if (*at == 'e' || *at == 'E') {
        const char *power = at + 1;
        power += *power == '+' || *power == '-';
        if (number_digit(*power)) {
            for (at = power; number_digit(*at); at++) {
            }
        }
    }
    return (size_t)(at - text);
}

const char *number_f64(const char *text, double min, double max, double *out)
{
    size_t len = number_decimal(text);
    if (len == 0 || text[len] != 0) {
        return "is not a decimal number";
    }
    double value = strtod(text, NULL);
    if (!isfinite(value) || value < min || value > max) {
        return number_range(min, max);
    }
    *out = value;
    return NULL;
}

const char *number_time_ns(const char *text, uint64_t *out)
{
    size_t len = number_decimal(text);
    const char *unit = text + len;
    double factor = !strcmp(unit, "s") ? 1e9 : !strcmp(unit, "ms") ? 1e6 : 1e3;
    if (len == 0 || (factor == 1e3 && strcmp(unit, "us") != 0)) {
        return "is not a time (number and us, ms or s)";
    }
    double ns = strtod(text, NULL) * factor;
    if (!isfinite(ns) || ns < 1e3 || ns > 3600e9) {
        return "must be 1us..3600s";
    }
    *out = (uint64_t)ns;
    return NULL;
}

const char *number_percent(const char *text, uint64_t *out)
{
    size_t len = number_decimal(text);
    if (len == 0 || strcmp(text + len, "%") != 0) {
        return "is not a percentage (number and %)";
    }
    double percent = strtod(text, NULL);
    if (!isfinite(percent) || percent < 0 || percent > 100) {
        return "must be 0%..100%";
    }
    *out = (uint64_t)(percent / 100 * 4294967296.0);
    return NULL;
}
