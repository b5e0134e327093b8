/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * huge.h - wishes for huge pages, 2 MiB, where a block grows by appends, and for spans of large
 * heaps.
 *
 * Such a block is filled from the front, soon and to its end, so a huge page costs no memory
 * that was not asked for, and one fault instead of 512. A block that was asked for at its size
 * gets none: who knows what of it will be touched.
 */
#ifndef OURO_HEAP_HUGE_H
#define OURO_HEAP_HUGE_H

#include "heap/page.h"

/* The caller's block of `bytes` has just grown: the aligned 2 MiB within it, unless they are
 * wished for already or the block is below knob heap_huge_bytes. */
void ou_huge_wish(const char *block, size_t bytes);

/* Do 2 MiB begin at page number `page` that nobody has anything in, given back whole and wanted
 * again? By the arena's maps, its lock held. */
bool ou_huge_fits(const uint64_t *free, const uint64_t *soiled, size_t top, size_t page);

/* Such 2 MiB begin with a span: the next ones follow, being put at the lowest free address. So
 * they are wished for as soon as the heap has `heap_bytes` of sixteen times the knob. Or a
 * large block follows, and what it never touches is resident from the first touch of the span
 * on: hence only by knob heap_huge_spans. */
void ou_huge_wish_span(size_t page, size_t heap_bytes);

/* Free memory that went back to the system: what comes there next may be small. */
void ou_huge_forget(const char *start, size_t bytes);

#endif
