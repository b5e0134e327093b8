/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * writer.h - the trace file as it grows. Caller holds the lock of the recorder.
 */
#ifndef TRACE_WRITER_H
#define TRACE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

/* Creates the file: `path`, or when that exists `path.PID`, `path.PID.1`... (a program and what
 * it executes each get one). `limit_bytes` ends the recording. False after a line on stderr. */
bool writer_open(const char *path, uint64_t limit_bytes);

/* Appends one record. False: no more is written, the reason was said on stderr. */
bool writer_add(unsigned kind, unsigned thread, uint32_t id, uint64_t size,
                unsigned align_log2);

/* Marks the file as complete and cuts it to its length. */
void writer_close(void);

#endif
