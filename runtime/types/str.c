/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * str.c - immutable byte strings. Interning lives in intern.c; death of an interned string
 * passes through str_drop, which takes it out of the table before the memory goes.
 */
#include "types/str.h"

#include "object/hot.h"
#include "object/quick.h"
#include "types/types.h"

/* An ou_str_object with room for its final 0. */
static struct {
    ou_object base;
    uint32_t len, looks;
    uint64_t hash;
    char bytes[8];
} empty;

static_assert(offsetof(__typeof__(empty), bytes) == offsetof(ou_str_object, bytes),
              "the empty string is laid out as any other");

uint64_t ou_str_hash_of(const char *bytes, size_t len)
{
    uint64_t hash = ou_hash_bytes(bytes, len, ou_hash_seed);
    return hash ? hash : 1;
}

uint64_t ou_str_hash(ou_str_object *s)
{
    uint64_t hash = ou_load_relaxed(&s->hash); /* benign race: see str.h */
    if (OU_UNLIKELY(!hash)) {
        hash = ou_str_hash_of(s->bytes, s->len);
        ou_store_relaxed(&s->hash, hash);
    }
    return hash;
}

/* Room for `len` bytes; the caller fills them, the final 0 is set. */
static ou_str_object *str_alloc(size_t len)
{
    size_t bytes = sizeof(ou_str_object) + len + 1;
    ou_str_object *s = (ou_str_object *)ou_object_new(&ou_types[OU_KIND_STR], bytes);
    if (OU_UNLIKELY(!s)) {
        return NULL;
    }
    s->len = (uint32_t)len;
    s->looks = 0;
    s->hash = 0;
    s->bytes[len] = 0;
    return s;
}

/* Strings up to this length are made and dropped in a straight line: 128 bytes, the last of the
 * classes that step 8. */
#define QUICK_LEN (OU_CLASS_STEP_MAX - sizeof(ou_str_object) - 1)

static uint32_t quick_bin(size_t len)
{
    return ou_class_of(sizeof(ou_str_object) + len + 1) + OU_CLASS_COUNT;
}

static __attribute__((noinline)) ou_str_object *str_make_long(const char *bytes, size_t len,
                                                              uint64_t hash)
{
    ou_str_object *s = str_alloc(len);
    if (s) {
        memcpy(s->bytes, bytes, len);
        s->hash = hash;
    }
    return s;
}

/* memcpy of 4 to 32 bytes, most names, without a call: two moves that may overlap. False: of
 * others. */
OU_INLINE bool copy_short(char *to, const char *from, size_t len)
{
    if (len - 16 <= 16) {
        memcpy(to, from, 16);
        memcpy(to + len - 16, from + len - 16, 16);
    } else if (len - 8 <= 8) {
        memcpy(to, from, 8);
        memcpy(to + len - 8, from + len - 8, 8);
    } else if (len - 4 <= 4) {
        memcpy(to, from, 4);
        memcpy(to + len - 4, from + len - 4, 4);
    } else {
        return false;
    }
    return true;
}

/* The call is the last thing done, so that shorter ones save no register for it. */
static __attribute__((noinline)) ou_str_object *str_fill(ou_str_object *s, const char *bytes)
{
    memcpy(s->bytes, bytes, s->len);
    ou_quick_show(&s->base, &ou_types[OU_KIND_STR], ou_self.birth);
    return s;
}

ou_str_object *ou_str_make(const char *bytes, size_t len, uint64_t hash)
{
    if (OU_UNLIKELY(len > QUICK_LEN)) {
        return str_make_long(bytes, len, hash);
    }
    uint64_t first;
    ou_str_object *s = (ou_str_object *)ou_quick_block(quick_bin(len), &first);
    if (OU_UNLIKELY(!s)) {
        return str_make_long(bytes, len, hash);
    }
    s->len = (uint32_t)len;
    s->looks = 0;
    s->hash = hash;
    s->bytes[len] = 0;
    if (OU_UNLIKELY(!copy_short(s->bytes, bytes, len))) {
        return str_fill(s, bytes);
    }
    ou_quick_show(&s->base, &ou_types[OU_KIND_STR], first);
    return s;
}

ou_object *ou_str_empty(void)
{
    return &empty.base;
}

ou_object *ou_str_new(const char *bytes, size_t len)
{
    if (OU_UNLIKELY(len > OU_STR_LEN_MAX)) {
        return ou_fail_null(OU_EOVERFLOW, "ou_str_new: %zu bytes are more than a str can hold",
                            len);
    }
    if (!len) {
        return ou_str_empty();
    }
    return (ou_object *)ou_str_make(bytes, len, 0);
}

ou_object *ou_str(const char *zero_terminated)
{
    return ou_str_new(zero_terminated, strlen(zero_terminated));
}

const char *ou_str_bytes(const ou_object *o, size_t *len)
{
    if (OU_UNLIKELY(!ou_is_str(o))) {
        ou_fail_type("ou_str_bytes", "str", o);
        return NULL;
    }
    const ou_str_object *s = (const ou_str_object *)o;
    if (len) {
        *len = s->len;
    }
    return s->bytes;
}

ou_object *ou_str_concat(const ou_object *a, const ou_object *b)
{
    if (OU_UNLIKELY(!ou_is_str(a) || !ou_is_str(b))) {
        ou_fail_type("ou_str_concat", "str", ou_is_str(a) ? b : a);
        return NULL;
    }
    const ou_str_object *x = (const ou_str_object *)a;
    const ou_str_object *y = (const ou_str_object *)b;
    size_t len = (size_t)x->len + y->len;
    if (OU_UNLIKELY(len > OU_STR_LEN_MAX)) {
        return ou_fail_null(OU_EOVERFLOW,
                            "ou_str_concat: %zu bytes are more than a str can "
                            "hold",
                            len);
    }
    if (!len) {
        return ou_str_empty();
    }
    ou_str_object *s = str_alloc(len);
    if (OU_UNLIKELY(!s)) {
        return NULL;
    }
    memcpy(s->bytes, x->bytes, x->len);
    memcpy(s->bytes + x->len, y->bytes, y->len);
    return &s->base;
}

bool ou_is_str(const ou_object *o)
{
    return ou_is_kind(o, OU_KIND_STR);
}

bool ou_str_is_interned(const ou_object *o)
{
    return ou_is_str(o) && (ou_load_relaxed(&o->flags) & OU_FL_INTERNED);
}

static void str_drop(ou_object *o)
{
    if (ou_load_acquire(&o->flags) & OU_FL_INTERNED) {
        ou_intern_forget((ou_str_object *)o);
    }
}

/* Not interned: who enters the table leaves the state in which this is called. */
static void str_die(ou_object *o, const ou_type *type)
{
    size_t len = ((ou_str_object *)o)->len;
    OU_ASSERT(!(o->flags & OU_FL_INTERNED));
    if (OU_LIKELY(len <= QUICK_LEN && !ou_load_relaxed(&ou_special) && !OU_ASAN)) {
        ou_quick_free(o, quick_bin(len));
        return;
    }
    ou_object_die_unshared(o, type);
}

static int str_hash(ou_object *o, uint64_t *hash)
{
    *hash = ou_str_hash((ou_str_object *)o);
    return 0;
}

static int str_equal(ou_object *a, ou_object *b, int depth)
{
    (void)depth;
    const ou_str_object *x = (const ou_str_object *)a;
    const ou_str_object *y = (const ou_str_object *)b;
    return x->len == y->len && memcmp(x->bytes, y->bytes, x->len) == 0;
}

/* Length of the UTF-8 sequence at p that may go to a terminal as it is, or 0. */
static size_t plain_utf8(const unsigned char *p, size_t left)
{
    static const uint32_t least[] = {0, 0, 0xA0, 0x800, 0x10000}; /* 0x80..0x9F: controls */
    size_t n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || n > left) {
        return 0;
    }
    uint32_t code = p[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
        code = code << 6 | (p[i] & 0x3Fu);
    }
    bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return code < least[n] || code > 0x10FFFF || surrogate ? 0 : n;
}

static void print_escaped(ou_printer *out, unsigned char c, char quote)
{
    switch (c) {
    case '\n':
        ou_print_bytes(out, "\\n", 2);
        return;
    case '\r':
        ou_print_bytes(out, "\\r", 2);
        return;
    case '\t':
        ou_print_bytes(out, "\\t", 2);
        return;
    default:
        break;
    }
    if (c == '\\' || c == (unsigned char)quote) {
        ou_print(out, "\\%c", c);
    } else if (c < 0x20 || c >= 0x7F) {
        ou_print(out, "\\x%02x", c);
    } else {
        ou_print_bytes(out, (const char *)&c, 1);
    }
}

static void str_repr(ou_object *o, ou_printer *out, int depth)
{
    (void)depth;
    const ou_str_object *s = (const ou_str_object *)o;
    bool single = memchr(s->bytes, '\'', s->len) && !memchr(s->bytes, '"', s->len);
    char quote = single ? '"' : '\'';
    ou_print_bytes(out, &quote, 1);
    for (size_t i = 0; i < s->len;) {
        const unsigned char *p = (const unsigned char *)s->bytes + i;
        size_t n = *p >= 0x80 ? plain_utf8(p, s->len - i) : 0;
        if (n) {
            ou_print_bytes(out, (const char *)p, n);
        } else {
            print_escaped(out, *p, quote);
            n = 1;
        }
        i += n;
    }
    ou_print_bytes(out, &quote, 1);
}

void ou_str_define(void)
{
    static const ou_type type = {
        .name = "str",
        .index = OU_KIND_STR,
        .kind = OU_KIND_STR,
        .flags = OU_TF_VALUE_HASH,
        .size_bytes = sizeof(ou_str_object) + 1,
        .drop = str_drop,
        .die = str_die,
        .hash = str_hash,
        .equal = str_equal,
        .repr = str_repr,
    };
    ou_type_define(&type);
    ou_hot_name_met = ou_intern_met;
    ou_hot_name_keep = ou_intern_keep;
    ou_object_init_immortal(&empty.base, &ou_types[OU_KIND_STR]);
    empty.base.flags |= OU_FL_INTERNED; /* one identity by construction; not in the table */
}
