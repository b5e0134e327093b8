/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * reader.c - decoding and checking of trace files. Called by ouro-replay and the tests. What
 * must stay true: no byte of the file is trusted; every error names the offset it stands at.
 */
#include "trace/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure/arena.h"

static int reader_bad(const struct reader *r, uint64_t offset, struct complaint *c,
                      const char *what)
{
    return complain(c, r->file, 0, "corrupt at offset %llu: %s", (unsigned long long)offset,
                    what);
}

/* Reads at most n bytes at an offset; the number read, or -1. */
static ssize_t reader_read(const struct reader *r, void *to, size_t n, uint64_t offset)
{
    size_t got = 0;
    while (got < n) {
        ssize_t more = pread(r->fd, (char *)to + got, n - got, (off_t)(offset + got));
        if (more < 0 && errno != EINTR) {
            return -1;
        }
        if (more == 0) {
            break;
        }
        got += more > 0 ? (size_t)more : 0;
    }
    return (ssize_t)got;
}

static int reader_header(struct reader *r, struct complaint *c)
{
    struct trace_header h;
    ssize_t n = reader_read(r, &h, sizeof h, 0);
    if (n < 0) {
        return complain(c, r->file, 0, "%s", strerror(errno));
    }
    if ((size_t)n < sizeof h || memcmp(h.magic, TRACE_MAGIC, sizeof h.magic) != 0) {
        return complain(c, r->file, 0, "is no ouro trace");
    }
    if (h.version != TRACE_VERSION || h.header_bytes != sizeof h ||
        h.chunk_bytes != TRACE_CHUNK_BYTES || h.closed > 1) {
        return complain(c, r->file, 0, "has trace version %u, this program reads version %u",
                        h.version, TRACE_VERSION);
    }
    r->closed = h.closed == 1;
    r->promised = h.records;
    return 0;
}

int reader_open(struct reader *r, const char *file, struct complaint *c)
{
    struct stat st;
    *r = (struct reader){.file = file};
    r->fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (r->fd < 0 || fstat(r->fd, &st) != 0) {
        return complain(c, file, 0, "%s", strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return complain(c, file, 0,
                        S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file");
    }
    r->file_bytes = (uint64_t)st.st_size;
    r->chunk = arena_take(TRACE_CHUNK_BYTES);
    if (!r->chunk) {
        return complain(c, file, 0, "out of memory");
    }
    if (reader_header(r, c) != 0) {
        return -1;
    }
    reader_rewind(r);
    return 0;
}

void reader_rewind(struct reader *r)
{
    r->offset =
        (uint64_t)TRACE_FIRST_CHUNK - TRACE_CHUNK_BYTES; /* the first advance adds one */
    r->records = 0;
    r->at = 0;
    r->in_chunk = 0;
    r->ended = false;
    memset(r->chunk, 0, sizeof(struct trace_chunk));
}

void reader_close(struct reader *r)
{
    arena_give(r->chunk, TRACE_CHUNK_BYTES);
    close(r->fd);
}

/* What is wrong with a chunk of n bytes, or NULL. */
static const char *reader_chunk_fault(const struct reader *r, const struct trace_chunk *h,
                                      size_t n)
{
    if (n < sizeof *h || h->magic != TRACE_CHUNK_MAGIC) {
        return "not a chunk";
    }
    if (h->used > TRACE_CHUNK_ROOM || h->used > n - sizeof *h) {
        return "chunk longer than the file";
    }
    if (h->first != r->records) {
        return "records are missing before this chunk";
    }
    if (trace_sum(TRACE_SUM_START, (const unsigned char *)(h + 1), h->used) != h->sum) {
        return "checksum does not match";
    }
    return NULL;
}

/* True when nothing but zeros follows the chunk at r->offset: it is the last one. */
static bool reader_is_tail(const struct reader *r)
{
    struct trace_chunk next;
    ssize_t n = reader_read(r, &next, sizeof next, r->offset + TRACE_CHUNK_BYTES);
    return n < (ssize_t)sizeof next || next.magic == 0;
}

/* Loads the next chunk. 1, 0 at the end, -1 with a complaint. */
static int reader_advance(struct reader *r, struct complaint *c)
{
    r->offset += TRACE_CHUNK_BYTES;
    ssize_t n =
        r->offset < r->file_bytes ? reader_read(r, r->chunk, TRACE_CHUNK_BYTES, r->offset) : 0;
    if (n < 0) {
        return complain(c, r->file, 0, "%s", strerror(errno));
    }
    struct trace_chunk *h = (struct trace_chunk *)r->chunk;
    bool blank = n < (ssize_t)sizeof *h || h->magic == 0;
    const char *fault = blank ? NULL : reader_chunk_fault(r, h, (size_t)n);
    if (fault && (r->closed || !reader_is_tail(r))) {
        return reader_bad(r, r->offset, c, fault);
    }
    if (blank && r->closed && r->records != r->promised) {
        return reader_bad(r, r->offset, c, "ends before the last record");
    }
    if (blank || fault) {
        r->tail_dropped |= fault != NULL || (n > 0 && n < (ssize_t)sizeof *h);
        r->ended = true;
        return 0;
    }
    r->at = 0;
    r->in_chunk = 0;
    r->thread = UINT32_MAX;
    return 1;
}

/* Decodes the record at `p`; returns its length, or 0 and what is wrong. */
static unsigned reader_decode(struct reader *r, const unsigned char *p,
                              const unsigned char *end, struct trace_record *out,
                              const char **fault)
{
    const unsigned char *at = p;
    unsigned kind = *at & 0x0fu;
    unsigned extra = *at & 0xf0u;
    uint64_t value = 0;
    unsigned n = 0;
    *fault = "bad record kind";
    if (kind == 0 || kind >= TRACE_KINDS || (extra & ~TRACE_THREAD) != 0) {
        return 0;
    }
    at++;
    *fault = "bad thread number";
    if (extra) {
        n = trace_get(at, end, &value);
        r->thread = (unsigned)(value <= TRACE_MAX_THREAD ? value : UINT32_MAX);
        at += n;
    }
    if ((extra && n == 0) || r->thread > TRACE_MAX_THREAD) {
        return 0;
    }
    *fault = "bad block number";
    n = trace_get(at, end, &value);
    if (n == 0 || value >= TRACE_MAX_IDS) {
        return 0;
    }
    *out = (struct trace_record){
        .id = (uint32_t)value, .thread = (uint16_t)r->thread, .kind = (uint8_t)kind};
    at += n;
    *fault = "bad size";
    if (kind != TRACE_FREE) {
        n = trace_get(at, end, &out->size);
        if (n == 0 || out->size > TRACE_MAX_SIZE) {
            return 0;
        }
        at += n;
    }
    *fault = "bad alignment";
    if (kind == TRACE_MEMALIGN) {
        if (at == end || *at > TRACE_MAX_ALIGN_LOG2) {
            return 0;
        }
        out->align_log2 = *at++;
    }
    return (unsigned)(at - p);
}

int reader_next(struct reader *r, struct trace_record *out, struct complaint *c)
{
    const struct trace_chunk *h = (const struct trace_chunk *)r->chunk;
    const char *fault = NULL;
    while (r->at == h->used) {
        if (r->in_chunk != h->records) {
            return reader_bad(r, r->offset, c, "record count does not match");
        }
        int more = r->ended ? 0 : reader_advance(r, c);
        if (more <= 0) {
            memset(r->chunk, 0, sizeof *h);
            r->at = 0;
            r->in_chunk = 0;
            return more;
        }
    }
    const unsigned char *start = (const unsigned char *)(h + 1);
    unsigned n = reader_decode(r, start + r->at, start + h->used, out, &fault);
    if (n == 0) {
        return reader_bad(r, r->offset + sizeof *h + r->at, c, fault);
    }
    r->at += n;
    r->in_chunk++;
    r->records++;
    return 1;
}
