/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * huge.h - wishes for huge pages, 2 MiB: where a block is filled from the front, soon and to
 * its end, and for chunks of spans in large heaps. There a huge page costs no memory that was
 * not asked for, and one fault instead of 512. A block that was asked for at its size gets
 * none: who knows what of it will be touched.
 *
 * Where the system must find the memory first, a huge page can take longer than 512 small ones.
 * So the first of those that are asked for together is touched at once, by the clock, and after
 * a slow one (knob heap_huge_slow_us) there are small ones for a while.
 */
#ifndef OURO_HEAP_HUGE_H
#define OURO_HEAP_HUGE_H

#include "heap/page.h"

/* The caller's block, of which `had` bytes may be filled, is about to be filled up to `bytes`:
 * the aligned 2 MiB within it, unless it is below knob heap_huge_bytes. */
void ou_huge_wish(const char *block, size_t had, size_t bytes);

/* The caller fills all of the block's bytes now: as above, each huge page by the clock. */
void ou_huge_fill(const char *block, size_t bytes);

/* Is a heap of `heap_bytes` so large that its small blocks are put into chunks? From sixteen
 * times that knob on, by knob heap_huge_spans; not below a soft limit, where nothing free
 * stays. */
bool ou_huge_for_spans(size_t heap_bytes);

/* Shall 2 MiB more be asked for, or is this a while of small pages? Ask once for each span. */
bool ou_huge_due(void);

/* The 2 MiB from page number `page` on, the caller's page and free ones. */
void ou_huge_wish_chunk(size_t page);

/* Memory that went back to the system, or to somebody who asks for none: what comes there next
 * may be small. */
void ou_huge_forget(const char *start, size_t bytes);

#endif
