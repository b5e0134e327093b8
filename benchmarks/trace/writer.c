/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * writer.c - records into chunks, through a shared mapping of the file.
 *
 * Called by recorder.c with its lock held. What must stay true: a record's bytes are in place
 * before the chunk's header counts them, so the file is readable after SIGKILL at any point;
 * no malloc, no stdio; space is reserved before it is written (a full disk is an error code
 * here, not a SIGBUS).
 */
#define _GNU_SOURCE /* posix_fallocate, MADV_DONTFORK */
#include "trace/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ouro/atomic.h"

#include "trace/format.h"

#define WRITER_WINDOW (16u * TRACE_CHUNK_BYTES) /* mapped at a time */

static struct {
    int fd;
    struct trace_header *header;
    unsigned char *window;
    uint64_t window_offset;
    uint64_t limit_bytes;
    struct trace_chunk *chunk;
    uint64_t records;
    unsigned thread;
} writer = {.fd = -1};

static void writer_say(const char *path, const char *what)
{
    char line[512];
    int n = snprintf(line, sizeof line, "ouro-record: %.300s: %s\n", path, what);
    if (n > 0 && write(2, line, (size_t)n) < 0) {
        return; /* nobody to tell */
    }
}

static int writer_create(const char *path)
{
    char name[4096];
    int fd = -1;
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        if (attempt == 0) {
            snprintf(name, sizeof name, "%s", path);
        } else if (attempt == 1) {
            snprintf(name, sizeof name, "%s.%d", path, (int)getpid());
        } else {
            snprintf(name, sizeof name, "%s.%d.%u", path, (int)getpid(), attempt - 1);
        }
        fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd >= 0 || errno != EEXIST) {
            break;
        }
    }
    return fd;
}

/* Programs close descriptors they do not know, the low ones first. */
static int writer_move_high(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 500);
    if (high < 0) {
        return fd;
    }
    close(fd);
    return high;
}

static void *writer_map(uint64_t offset, size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, writer.fd, (off_t)offset);
    if (p == MAP_FAILED) {
        return NULL;
    }
    madvise(p, bytes, MADV_DONTFORK);
    return p;
}

/* Reserves and maps the next window. */
static bool writer_advance(void)
{
    uint64_t offset = writer.window ? writer.window_offset + WRITER_WINDOW : TRACE_FIRST_CHUNK;
    if (offset + WRITER_WINDOW > writer.limit_bytes) {
        writer_say("trace", "size limit reached (OURO_TRACE_MAX), recording stops");
        return false;
    }
    int err = posix_fallocate(writer.fd, (off_t)offset, WRITER_WINDOW);
    if (err != 0) {
        writer_say("trace", err == EBADF ? "the program closed the file" : strerror(err));
        return false;
    }
    if (writer.window) {
        munmap(writer.window, WRITER_WINDOW);
    }
    writer.window = writer_map(offset, WRITER_WINDOW);
    writer.window_offset = offset;
    return writer.window != NULL;
}

static bool writer_next_chunk(void)
{
    unsigned char *next = (unsigned char *)writer.chunk + TRACE_CHUNK_BYTES;
    if (!writer.chunk || next == writer.window + WRITER_WINDOW) {
        writer.chunk = NULL;
        if (!writer_advance()) {
            return false;
        }
        next = writer.window;
    }
    writer.chunk = (struct trace_chunk *)next;
    writer.chunk->first = writer.records;
    writer.chunk->sum = TRACE_SUM_START;
    writer.chunk->magic = TRACE_CHUNK_MAGIC;
    writer.thread = UINT32_MAX; /* the first record names its thread */
    return true;
}

bool writer_open(const char *path, uint64_t limit_bytes)
{
    struct timespec now;
    writer.fd = writer_create(path);
    if (writer.fd < 0) {
        writer_say(path, strerror(errno));
        return false;
    }
    writer.fd = writer_move_high(writer.fd);
    writer.limit_bytes = limit_bytes;
    int err = posix_fallocate(writer.fd, 0, TRACE_FIRST_CHUNK);
    writer.header = err == 0 ? writer_map(0, TRACE_FIRST_CHUNK) : NULL;
    if (!writer.header) {
        writer_say(path, strerror(err ? err : errno));
        return false;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    *writer.header = (struct trace_header){
        .magic = TRACE_MAGIC,
        .version = TRACE_VERSION,
        .header_bytes = sizeof(struct trace_header),
        .chunk_bytes = TRACE_CHUNK_BYTES,
        .pid = (uint32_t)getpid(),
        .start_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
    };
    return writer_next_chunk();
}

bool writer_add(unsigned kind, unsigned thread, uint32_t id, uint64_t size, unsigned align_log2)
{
    if (!writer.chunk ||
        (writer.chunk->used + TRACE_RECORD_MAX > TRACE_CHUNK_ROOM && !writer_next_chunk())) {
        return false;
    }
    struct trace_chunk *c = writer.chunk;
    unsigned char *start = (unsigned char *)(c + 1) + c->used;
    unsigned char *at = start;
    *at++ = (unsigned char)(kind | (thread != writer.thread ? TRACE_THREAD : 0));
    if (thread != writer.thread) {
        at += trace_put(at, thread);
        writer.thread = thread;
    }
    at += trace_put(at, id);
    if (kind != TRACE_FREE) {
        at += trace_put(at, size);
    }
    if (kind == TRACE_MEMALIGN) {
        *at++ = (unsigned char)align_log2;
    }
    uint32_t n = (uint32_t)(at - start);
    ou_compiler_barrier(); /* bytes before the count: a kill leaves no half record */
    c->sum = trace_sum(c->sum, start, n);
    c->records++;
    c->used += n;
    writer.records++;
    return true;
}

void writer_close(void)
{
    if (!writer.header) {
        return;
    }
    uint64_t end = TRACE_FIRST_CHUNK;
    if (writer.chunk) {
        end = writer.window_offset + (uint64_t)((unsigned char *)writer.chunk - writer.window) +
              sizeof *writer.chunk + writer.chunk->used;
    }
    writer.header->records = writer.records;
    writer.header->closed = 1;
    if (writer.window) {
        munmap(writer.window, WRITER_WINDOW);
        writer.window = NULL;
    }
    writer.chunk = NULL;
    if (ftruncate(writer.fd, (off_t)end) != 0) {
        return; /* zeros at the end are no harm */
    }
}
