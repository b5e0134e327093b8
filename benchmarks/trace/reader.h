/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * reader.h - a trace file, checked record by record, in order.
 *
 * Reading is streaming (64 KiB at a time), so a replay's resident memory is the workload's and
 * not the trace's. The first pass checks everything and counts; later passes cannot fail except
 * by input and output errors.
 */
#ifndef TRACE_READER_H
#define TRACE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/complaint.h"
#include "trace/format.h"

struct trace_record {
    uint64_t size;
    uint32_t id;
    uint16_t thread;
    uint8_t kind;
    uint8_t align_log2;
};

struct reader {
    const char *file;
    int fd;
    uint64_t file_bytes;
    uint64_t offset;   /* of the chunk in `chunk` */
    uint64_t records;  /* read so far */
    uint64_t promised; /* records the header of a closed file announces */
    uint32_t at;       /* next record's offset in the chunk's records */
    uint32_t in_chunk; /* records of the chunk read so far */
    unsigned thread;
    bool closed;       /* the recorder finished the file */
    bool tail_dropped; /* it did not, and the end is unreadable */
    bool ended;
    unsigned char *chunk; /* TRACE_CHUNK_BYTES */
};

/* Opens and checks the header. 0 or -1 with a complaint. */
int reader_open(struct reader *r, const char *file, struct complaint *c);

/* The next record: 1, 0 at the end, -1 with a complaint that names the offset. */
int reader_next(struct reader *r, struct trace_record *out, struct complaint *c);

/* Back to the first record. */
void reader_rewind(struct reader *r);

void reader_close(struct reader *r);

#endif
