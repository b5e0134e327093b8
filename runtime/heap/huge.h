/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * huge.h - wishes for huge pages, 2 MiB, where a block grows by appends.
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

/* Free memory that went back to the system and that nobody takes meanwhile: what comes there
 * next may be small. */
void ou_huge_forget(const char *start, size_t bytes);

#endif
