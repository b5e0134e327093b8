/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * heap.h - the private heap as a plain allocator: what libouro-malloc.so offers as malloc.
 *
 * All calls may be made by any thread, attached or not (a thread gets its heap on first use).
 * Sizes as the C standard and POSIX have them: alignment 16, 0 bytes gives a unique block,
 * overflow gives NULL and errno ENOMEM. Misuse (double, wild or interior free) prints one line
 * and aborts.
 */
#ifndef OURO_HEAP_H
#define OURO_HEAP_H

#include "ouro/common.h"

OU_BEGIN_DECLS

OU_API void *ou_malloc(size_t size);
OU_API void *ou_calloc(size_t n, size_t size);
OU_API void *ou_realloc(void *p, size_t size);
OU_API void *ou_memalign(size_t align, size_t size); /* align: power of two */
OU_API void ou_free(void *p);                        /* NULL is fine */
OU_API size_t ou_malloc_usable_size(const void *p);

/* Bytes in blocks handed out now, and bytes of memory the heap holds from the system
 * (without what was purged). */
OU_API size_t ou_heap_live_bytes(void);
OU_API size_t ou_heap_held_bytes(void);

/* Gives back every free page it can. Returns the bytes given back. */
OU_API size_t ou_heap_trim(void);

/* Audits the whole structure; returns the number of faults, printing each to stderr.
 * Call while no other thread allocates. */
OU_API size_t ou_heap_check(void);

OU_END_DECLS

#endif
