/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * base.c - panic, warnings and the per-thread error. Nothing here allocates: these run when
 * the heap is broken or full.
 */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_BYTES 512

static __thread ou_err tls_error;
static __thread char tls_message[256];

static void line_write(const char *prefix, const char *fmt, va_list args)
{
    char line[LINE_BYTES];
    int n = snprintf(line, sizeof line, "%s", prefix);
    n += vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, args);
    if (n > LINE_BYTES - 2) {
        n = LINE_BYTES - 2;
    }
    line[n++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)n);
    (void)ignored;
}

void ou_panic(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    line_write("ouro: panic: ", fmt, args);
    va_end(args);
    abort();
}

void ou_warn(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    line_write("ouro: ", fmt, args);
    va_end(args);
}

int ou_fail(ou_err code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    tls_error = code;
    vsnprintf(tls_message, sizeof tls_message, fmt, args);
    va_end(args);
    return code;
}

ou_err ou_error(void)
{
    return tls_error;
}

const char *ou_error_message(void)
{
    return tls_message;
}

const char *ou_error_name(ou_err code)
{
    static const char *const names[] = {
        "OU_OK",     "OU_ENOMEM", "OU_ETYPE",    "OU_EINDEX",    "OU_EKEY",
        "OU_EATTR",  "OU_EHASH",  "OU_ESTACK",   "OU_EOVERFLOW", "OU_ESTATE",
        "OU_EINVAL", "OU_ELIMIT", "OU_ECHANGED",
    };
    size_t i = (size_t)-code;
    return i < sizeof names / sizeof *names ? names[i] : "unknown error";
}

static uint64_t load8(const unsigned char *p)
{
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

/* The last 0..8 bytes as one word; overlapping loads instead of a loop. */
static uint64_t load_tail(const unsigned char *p, size_t n)
{
    uint32_t low, high;
    if (n >= 4) {
        memcpy(&low, p, 4);
        memcpy(&high, p + n - 4, 4);
        return (uint64_t)high << 32 | low;
    }
    return n ? (uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1] : 0;
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 wide = (unsigned __int128)a * b;
    return (uint64_t)wide ^ (uint64_t)(wide >> 64);
}

/* Multiply-and-fold over 8-byte words; the length enters the seed so that padding cannot
 * collide with content. */
uint64_t ou_hash_bytes(const void *bytes, size_t len, uint64_t seed)
{
    const unsigned char *p = bytes;
    uint64_t h = seed ^ (len * 0x9E3779B97F4A7C15u);
    while (len > 8) {
        h = fold(h ^ load8(p), 0xD6E8FEB86659FD93u);
        p += 8;
        len -= 8;
    }
    h = fold(h ^ load_tail(p, len), 0xA0761D6478BD642Fu | 1u);
    return ou_mix64(h);
}
