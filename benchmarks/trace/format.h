/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * format.h - the trace file: what libouro-record.so writes and ouro-replay reads.
 *
 *      offset 0      header, 64 bytes, the rest of the 4 KiB page is zero
 *      offset 4096   chunk 0, then a chunk every 64 KiB
 *      chunk         header of 32 bytes, then `used` bytes of records
 *
 * All numbers are little-endian. A record is
 *
 *      u8 kind | TRACE_THREAD   then, when the bit is set, varint: thread from here on
 *      varint id                a block's number; freed numbers are given out again
 *      varint size              all but free
 *      u8 log2(alignment)       memalign only
 *
 * Records do not cross chunks, and the first one of a chunk names its thread, so a chunk can
 * be read by itself. Numbers instead of addresses: a replay needs a table as large as the most
 * blocks alive at once. A process that is killed leaves a last chunk that ends at its last
 * whole record, because the file is written through a shared mapping.
 */
#ifndef TRACE_FORMAT_H
#define TRACE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define TRACE_MAGIC "OUROTRC1"
#define TRACE_VERSION 1u
#define TRACE_CHUNK_MAGIC 0x4b4e4843u /* "CHNK" */
#define TRACE_CHUNK_BYTES 65536u
#define TRACE_FIRST_CHUNK 4096u
#define TRACE_RECORD_MAX 32u /* longest record: 1 + 5 + 5 + 10 + 1 */

#define TRACE_MAX_IDS (1u << 28)    /* blocks alive at once */
#define TRACE_MAX_SIZE (1ull << 40) /* of one block */
#define TRACE_MAX_THREAD 65535u
#define TRACE_MAX_ALIGN_LOG2 30u

#define TRACE_THREAD 0x10u /* bit of the kind byte */

enum trace_kind {
    TRACE_MALLOC = 1,
    TRACE_CALLOC,
    TRACE_REALLOC, /* the block keeps its number */
    TRACE_FREE,
    TRACE_MEMALIGN,
    TRACE_KINDS
};

struct trace_header {
    char magic[8];
    uint32_t version;
    uint32_t header_bytes;
    uint32_t chunk_bytes;
    uint32_t pid;
    uint64_t start_ns; /* CLOCK_REALTIME */
    uint64_t records;  /* when closed */
    uint32_t closed;   /* 1: the program ended by exit, 0: it was killed or lives */
    uint32_t reserved[5];
};

struct trace_chunk {
    uint32_t magic;
    uint32_t used; /* bytes of records */
    uint32_t records;
    uint32_t sum;   /* trace_sum over the records */
    uint64_t first; /* number of the first record in the file */
    uint64_t reserved;
};

_Static_assert(sizeof(struct trace_header) == 64, "file format");
_Static_assert(sizeof(struct trace_chunk) == 32, "file format");

#define TRACE_CHUNK_ROOM (TRACE_CHUNK_BYTES - (uint32_t)sizeof(struct trace_chunk))
#define TRACE_SUM_START 2166136261u

/* FNV-1a, continued: order and every bit count. */
static inline uint32_t trace_sum(uint32_t sum, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum = (sum ^ p[i]) * 16777619u;
    }
    return sum;
}

/* 7 bits a byte, low first; returns the bytes written (at most 10). */
static inline unsigned trace_put(unsigned char *to, uint64_t value)
{
    unsigned n = 0;
    while (value >= 0x80) {
        to[n++] = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    to[n++] = (unsigned char)value;
    return n;
}

/* Reads one; returns its bytes, 0 when it is cut off, too long or not in shortest form. */
static inline unsigned trace_get(const unsigned char *from, const unsigned char *end,
                                 uint64_t *value)
{
    uint64_t v = 0;
    for (unsigned n = 0; n < 10 && from + n < end; n++) {
        uint64_t bits = from[n] & 0x7fu;
        if (n == 9 && bits > 1) {
            return 0;
        }
        v |= bits << (7 * n);
        if (!(from[n] & 0x80)) {
            *value = v;
            return n > 0 && bits == 0 ? 0 : n + 1;
        }
    }
    return 0;
}

#endif
