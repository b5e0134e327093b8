/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * atomic.h - the only door to atomic operations; the memory order is part of the name.
 *
 * The operations take pointers to plain integer or pointer fields, so that a header can be
 * read by C and C++ alike, and so that a struct says "atomic" in its comment, not its type.
 * Nothing outside this file uses a compiler builtin for atomics. Stand-alone fences do not
 * exist here on purpose: ThreadSanitizer does not model them.
 */
#ifndef OURO_ATOMIC_H
#define OURO_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#define ou_load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define ou_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define ou_load_seq_cst(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define ou_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define ou_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define ou_store_seq_cst(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)

#define ou_exchange_acquire(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQUIRE)
#define ou_exchange_acq_rel(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define ou_exchange_seq_cst(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)

#define ou_fetch_add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define ou_fetch_sub_relaxed(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_RELAXED)
#define ou_fetch_add_acq_rel(p, v) __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL)
#define ou_fetch_sub_acq_rel(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_ACQ_REL)
#define ou_fetch_or_acq_rel(p, v) __atomic_fetch_or((p), (v), __ATOMIC_ACQ_REL)
#define ou_fetch_and_seq_cst(p, v) __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
#define ou_fetch_or_seq_cst(p, v) __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define ou_fetch_and_release(p, v) __atomic_fetch_and((p), (v), __ATOMIC_RELEASE)
#define ou_fetch_or_relaxed(p, v) __atomic_fetch_or((p), (v), __ATOMIC_RELAXED)
#define ou_fetch_and_relaxed(p, v) __atomic_fetch_and((p), (v), __ATOMIC_RELAXED)

/* Compare-and-swap: `expected` is a pointer and receives the value seen on failure. */
#define ou_cas_acquire(p, expected, v)                                                         \
    __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
#define ou_cas_release(p, expected, v)                                                         \
    __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define ou_cas_acq_rel(p, expected, v)                                                         \
    __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define ou_cas_seq_cst(p, expected, v)                                                         \
    __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)
#define ou_cas_relaxed(p, expected, v)                                                         \
    __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)

/* Keeps the compiler, not the processor, from moving accesses across this line. */
#define ou_compiler_barrier() __asm__ __volatile__("" ::: "memory")

#endif
