/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/* verify.h - proofs asked of the collector in check builds (verify.c), and zeal. */
#ifndef OURO_GC_VERIFY_H
#define OURO_GC_VERIFY_H

#include "gc/gc.h"

/* At start; at a safepoint, while the knob is not 0. */
void ou_gc_zeal_start(void);
void ou_gc_zeal(void);

#ifdef OURO_CHECK
/* World stopped, regions listed: panics for a type whose traverse slot does not show what its
 * objects refer to. */
void ou_gc_check_types(void);

/* A collection in short stops: before its first pass, before its judgement, after it.
 * `through`: nobody made it give way. */
void ou_gc_expect(void);
void ou_gc_expect_suspects(void);
void ou_gc_expect_end(const ou_gc_report *report, bool through);
#else
OU_INLINE void ou_gc_check_types(void)
{
}

OU_INLINE void ou_gc_expect(void)
{
}

OU_INLINE void ou_gc_expect_suspects(void)
{
}

OU_INLINE void ou_gc_expect_end(const ou_gc_report *report, bool through)
{
    (void)report, (void)through;
}
#endif

#endif
