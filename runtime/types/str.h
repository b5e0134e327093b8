/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * types/str.h - layout of str: header, length, cached hash, bytes inline, a 0 at the end.
 *
 * The hash is computed at first use and cached in `hash`, 0 = not known yet. Threads may race
 * to fill it: all of them compute the same value from immutable bytes and store it as one
 * relaxed 64-bit word, so a reader sees 0 or the value, never a mixture, and orders nothing by
 * it.
 */
#ifndef OURO_TYPES_STR_H
#define OURO_TYPES_STR_H

#include <assert.h>

#include "ouro/str.h"
#include "types/value.h"

#define OU_STR_LEN_MAX (((size_t)1 << 31) - 64)

typedef struct ou_str_object {
    ou_object base;
    uint32_t len;   /* const: bytes without the final 0 */
    uint32_t looks; /* atomic: samples that met the interned string (object/hot.c) */
    uint64_t hash;  /* atomic: 0 = not known */
    char bytes[];   /* const */
} ou_str_object;

static_assert(sizeof(ou_str_object) == 32, "a str is 32 bytes and its text");
static_assert(offsetof(ou_str_object, bytes) == 32, "text follows the hash");

/* Never 0, so that 0 can mean "not known". */
uint64_t ou_str_hash_of(const char *bytes, size_t len);

uint64_t ou_str_hash(ou_str_object *s);

/* New string with a known hash (0 = not known); len is checked by the caller, > 0. */
ou_str_object *ou_str_make(const char *bytes, size_t len, uint64_t hash);

/* The one immortal empty string (borrowed or owned: the same for an immortal). */
ou_object *ou_str_empty(void);

/* intern.c: an interned string dies; called before its memory goes. Takes the shard's lock. */
void ou_intern_forget(ou_str_object *s);

/* intern.c: a sample of foreign increments met an interned string; true when it was met often
 * enough to be kept for good. Any thread that has a reference. */
bool ou_intern_met(ou_object *o);

/* intern.c: may this one be made immortal? Counted against knob intern_keep. World stopped. */
bool ou_intern_keep(ou_object *o);

#endif
