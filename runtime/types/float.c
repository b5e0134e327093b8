/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * float.c - boxed doubles, never interned. Immutable: no function here locks.
 *
 * repr is the shortest decimal text that reads back as the same double (as Python's), found by
 * trying precisions: at most 17 digits, each try one printf and one strtod.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "object/quick.h"
#include "types/number.h"
#include "types/types.h"

#define DIGITS_MAX 17 /* enough for any double to survive the round trip */

static __attribute__((noinline)) ou_object *float_new_long(double value)
{
    ou_float *f = (ou_float *)ou_object_new_fixed(&ou_types[OU_KIND_FLOAT]);
    if (OU_UNLIKELY(!f)) {
        return NULL;
    }
    f->value = value;
    return &f->base;
}

ou_object *ou_float_new(double value)
{
    uint64_t first;
    ou_float *f = (ou_float *)ou_quick_block(OU_PLAIN_BIN, &first);
    if (OU_UNLIKELY(!f)) {
        return float_new_long(value);
    }
    f->value = value;
    ou_quick_show(&f->base, &ou_types[OU_KIND_FLOAT], first);
    return &f->base;
}

int ou_float_value(const ou_object *o, double *value)
{
    if (OU_LIKELY(ou_is_kind(o, OU_KIND_FLOAT))) {
        *value = ((const ou_float *)o)->value;
        return 0;
    }
    if (ou_is_integral(o)) {
        *value = (double)((const ou_int *)o)->value;
        return 0;
    }
    return ou_fail_type("ou_float_value", "float", o);
}

bool ou_is_float(const ou_object *o)
{
    return ou_is_kind(o, OU_KIND_FLOAT);
}

/* The integer that `f` is, when it is one of 64 bits. NaN and infinity fail the range test. */
static bool as_integer(double f, int64_t *i)
{
    if (!(f >= -0x1p63 && f < 0x1p63) || f != (double)(int64_t)f) {
        return false;
    }
    *i = (int64_t)f;
    return true;
}

bool ou_float_equals_int(double f, int64_t i)
{
    int64_t whole = 0;
    return as_integer(f, &whole) && whole == i;
}

static int float_hash(ou_object *o, uint64_t *hash)
{
    double f = ((ou_float *)o)->value;
    int64_t whole = 0;
    if (as_integer(f, &whole)) {
        *hash = ou_hash_word((uint64_t)whole); /* as the int that it equals */
    } else if (isnan(f)) {
        *hash = ou_hash_word((uint64_t)(uintptr_t)o); /* equals nothing but itself */
    } else {
        uint64_t bits;
        memcpy(&bits, &f, sizeof bits);
        *hash = ou_hash_word(bits);
    }
    return 0;
}

/* Fewest significant digits that read back as |f|, and the exponent of the first one. */
static int shortest_digits(double f, char digits[DIGITS_MAX + 1], int *exponent)
{
    char text[40];
    for (int precision = 1; precision <= DIGITS_MAX; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, f);
        if (precision == DIGITS_MAX || strtod(text, NULL) == f) {
            break;
        }
    }
    int n = 0;
    const char *p = text;
    for (; *p && *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9') { /* skips the locale's decimal point */
            digits[n++] = *p;
        }
    }
    *exponent = atoi(p + 1);
    return n;
}

static void print_positional(ou_printer *out, const char *digits, int n, int exponent)
{
    if (exponent < 0) {
        ou_print(out, "0.%.*s%.*s", -exponent - 1, "0000", n, digits);
    } else if (exponent + 1 >= n) {
        ou_print(out, "%.*s%.*s.0", n, digits, exponent + 1 - n, "00000000000000000");
    } else {
        ou_print(out, "%.*s.%.*s", exponent + 1, digits, n - exponent - 1,
                 digits + exponent + 1);
    }
}

static void float_repr(ou_object *o, ou_printer *out, int depth)
{
    (void)depth;
    double f = ((ou_float *)o)->value;
    if (isnan(f)) {
        ou_print_bytes(out, "nan", 3);
        return;
    }
    if (signbit(f)) {
        ou_print_bytes(out, "-", 1);
        f = -f;
    }
    if (isinf(f)) {
        ou_print_bytes(out, "inf", 3);
        return;
    }
    char digits[DIGITS_MAX + 1] = "";
    int exponent;
    int n = shortest_digits(f, digits, &exponent);
    if (exponent >= -4 && exponent < 16) { /* where Python changes notation */
        print_positional(out, digits, n, exponent);
    } else if (n == 1) {
        ou_print(out, "%ce%+03d", digits[0], exponent);
    } else {
        ou_print(out, "%c.%.*se%+03d", digits[0], n - 1, digits + 1, exponent);
    }
}

void ou_float_define(void)
{
    static const ou_type type = {
        .name = "float",
        .index = OU_KIND_FLOAT,
        .kind = OU_KIND_FLOAT,
        .flags = OU_TF_VALUE_HASH,
        .size_bytes = sizeof(ou_float),
        .hash = float_hash,
        .repr = float_repr,
    };
    ou_type_define(&type);
}
