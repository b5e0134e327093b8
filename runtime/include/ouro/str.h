/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * str.h - immutable byte strings (UTF-8 by convention) with a cached hash, and interning.
 *
 * Interning gives equal strings one identity. An interned string is mortal unless asked
 * otherwise: when its last reference goes, it leaves the table. A string that several threads
 * find often is kept (docs/objects.md, *Interning*). Calls that make or count objects: any
 * attached thread, others get OU_ESTATE; those that only look: any thread. No call is a
 * safepoint.
 */
#ifndef OURO_STR_H
#define OURO_STR_H

#include "ouro/object.h"

OU_BEGIN_DECLS

/* New reference to a string of `len` bytes copied from `bytes`; the empty string is one
 * immortal object. NULL and OU_ENOMEM or OU_EOVERFLOW (len > 2^31 - 64). */
OU_API ou_object *ou_str_new(const char *bytes, size_t len);
OU_API ou_object *ou_str(const char *zero_terminated);

/* Bytes (borrowed, 0 at the end, live as long as the object) and length in bytes.
 * NULL and OU_ETYPE when `o` is no string. */
OU_API const char *ou_str_bytes(const ou_object *o, size_t *len);

/* New reference to a + b. NULL: OU_ETYPE (one is no string), OU_EOVERFLOW, OU_ENOMEM. */
OU_API ou_object *ou_str_concat(const ou_object *a, const ou_object *b);

/* New reference to the one interned string equal to these bytes: an existing one gets a
 * reference, no new object is made. Lengths in bytes. NULL: OU_ENOMEM, OU_EOVERFLOW. */
OU_API ou_object *ou_str_intern(const char *bytes, size_t len);

/* The interned string equal to `o`, which may be `o` itself. Takes over (steals) the
 * reference of `o`, returns an owned one. NULL: OU_ETYPE (`o` is no string), OU_ENOMEM,
 * OU_ESTATE; `o` is still the caller's then. */
OU_API ou_object *ou_str_intern_steal_slow(ou_object *o);

OU_INLINE ou_object *ou_str_intern_steal(ou_object *o)
{
    if (OU_LIKELY(o && ou_load_relaxed(&o->flags) & OU_INTERNED)) {
        return o; /* only strings ever are */
    }
    return ou_str_intern_steal_slow(o);
}

/* New reference to the interned string, which is never freed from here on (names, constants).
 * Errors as ou_str_intern. */
OU_API ou_object *ou_str_intern_immortal(const char *bytes, size_t len);

OU_API bool ou_is_str(const ou_object *o);
OU_API bool ou_str_is_interned(const ou_object *o);

/* Number of strings in the intern table now; while others intern, about that. */
OU_API size_t ou_intern_count(void);

OU_END_DECLS

#endif
