/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * proc.h - facts about this process that tests compare: resident memory, a file in memory.
 */
#ifndef TESTS_PROC_H
#define TESTS_PROC_H

#include <stddef.h>
#include <stdio.h>

/* Resident bytes of the process now; 0 when the system does not tell. */
size_t proc_rss_bytes(void);

/* Number of lines of `text` that contain `needle`. */
size_t proc_lines_with(const char *text, const char *needle);

/* Output that may be thrown away: a stream on the null device. Never NULL. */
FILE *proc_null(void);

#endif
