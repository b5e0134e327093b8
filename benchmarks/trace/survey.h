/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * survey.h - one pass over a trace: is it consistent, and what is in it?
 */
#ifndef TRACE_SURVEY_H
#define TRACE_SURVEY_H

#include "trace/reader.h"

struct survey {
    uint64_t records;
    uint64_t kind[TRACE_KINDS];
    uint64_t size_log2[41]; /* allocations by bit length of the size */
    uint64_t allocated_bytes;
    uint64_t live_peak_bytes;
    uint64_t live_peak_blocks;
    uint64_t left_bytes; /* alive after the last record */
    uint64_t left_blocks;
    uint32_t ids; /* numbers used */
    uint32_t threads;
};

/* Reads up to `most` records from the beginning, checks that nothing is freed or resized that
 * is not alive and nothing is made twice. 0 or -1 with a complaint; leaves the reader rewound.
 */
int survey_trace(struct reader *r, uint64_t most, struct survey *out, struct complaint *c);

/* Prints it for people. */
void survey_print(const struct reader *r, const struct survey *s);

#endif
