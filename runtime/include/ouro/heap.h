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

/* A block of `size` bytes, not set; the caller's until it is freed. NULL: no memory, or over
 * the hard limit (knob heap_limit_bytes); errno is ENOMEM. */
OU_API void *ou_malloc(size_t size);

/* A block of n * size bytes, all 0. NULL as ou_malloc, also when the product overflows. */
OU_API void *ou_calloc(size_t n, size_t size);

/* The block `p` with room for `size` bytes: where it was, or moved, contents and all; `p` is
 * gone then. p NULL: ou_malloc. NULL: as ou_malloc, and `p` is as it was. */
OU_API void *ou_realloc(void *p, size_t size);

/* A block at a multiple of `align` bytes, rounded up to a power of two, at least 16. NULL as
 * ou_malloc. Freed and resized as any other. */
OU_API void *ou_memalign(size_t align, size_t size);

/* Gives a block back, by any thread. NULL is fine. errno stays as it was. */
OU_API void ou_free(void *p);

/* Bytes of the block that may be used, at least what was asked for. 0 for NULL. */
OU_API size_t ou_malloc_usable_size(const void *p);

/* Bytes in blocks handed out now, objects included, and bytes of memory the heap holds from the
 * system (without what was purged). While others allocate, about that. */
OU_API size_t ou_heap_live_bytes(void);
OU_API size_t ou_heap_held_bytes(void);

/* Gives every free page it can back to the system. Returns the bytes given back. Costs a walk
 * over the free pages; other threads may go on. */
OU_API size_t ou_heap_trim(void);

/* Audits the whole structure; returns the number of faults, printing each to stderr.
 * Call while no other thread allocates. */
OU_API size_t ou_heap_check(void);

OU_END_DECLS

#endif
