/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * recorder.c - libouro-record.so: stands before the malloc family and writes what passes.
 *
 * Put there by LD_PRELOAD, switched on by OURO_TRACE_OUT=FILE (OURO_TRACE_MAX=BYTES ends it,
 * 4 GiB by default). One lock gives all threads one order, the order of replay. A free is
 * written before it happens and a malloc after, so a number is never alive twice.
 *
 * What must stay true: nothing in here allocates; calls made before the real functions are
 * known (dlsym itself allocates) are served from a small static buffer; a forked child records
 * nothing, because the page that says "armed" reads as zero there (MADV_WIPEONFORK); what a
 * program executes writes a file of its own.
 */
#define _GNU_SOURCE /* RTLD_NEXT, MADV_WIPEONFORK */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ouro/atomic.h"

#include "trace/format.h"
#include "trace/idmap.h"
#include "trace/writer.h"

#define RECORDER_EXPORT __attribute__((visibility("default")))
#define RECORDER_TLS static __thread __attribute__((tls_model("initial-exec")))
#define RECORDER_EARLY_BYTES 65536u
#define RECORDER_PAGE 4096u
#define RECORDER_LIMIT (4ull << 30)

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*memalign)(size_t, size_t);
    uint32_t ready; /* atomic */
} real;

static struct {
    uint32_t *armed;  /* atomic, in a page of its own that a fork wipes; NULL = never */
    uint32_t lock;    /* atomic */
    uint32_t threads; /* atomic: numbers given out */
    uint32_t resolving;
    size_t early_used;
    char early[RECORDER_EARLY_BYTES] __attribute__((aligned(16)));
} recorder;

RECORDER_TLS uint32_t recorder_thread; /* 0 = none yet */
RECORDER_TLS uint32_t recorder_inside; /* calls of the family by the real family */

static int recorder_is_early(const void *p)
{
    return (const char *)p >= recorder.early &&
           (const char *)p < recorder.early + sizeof recorder.early;
}

static void *recorder_early(size_t size)
{
    size_t need = (size + 15) & ~(size_t)15;
    if (size > sizeof recorder.early || need > sizeof recorder.early - recorder.early_used) {
        return NULL;
    }
    void *p = recorder.early + recorder.early_used;
    recorder.early_used += need;
    return p;
}

/* Finds the real family. False while that is going on: serve from the early buffer. */
static int recorder_ready(void)
{
    if (ou_load_acquire(&real.ready)) { /* pairs: the store below */
        return 1;
    }
    if (recorder.resolving) {
        return 0;
    }
    recorder.resolving = 1; /* the loader runs before the first thread is made */
    *(void **)&real.malloc = dlsym(RTLD_NEXT, "malloc");
    *(void **)&real.calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&real.realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&real.free = dlsym(RTLD_NEXT, "free");
    *(void **)&real.posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    *(void **)&real.memalign = dlsym(RTLD_NEXT, "memalign");
    if (!real.malloc || !real.calloc || !real.realloc || !real.free || !real.posix_memalign) {
        static const char text[] = "ouro-record: the real malloc cannot be found\n";
        if (write(2, text, sizeof text - 1) >= 0) {
            abort();
        }
        abort();
    }
    ou_store_release(&real.ready, 1); /* pairs: the load above */
    return 1;
}

static int recorder_on(void)
{
    return recorder.armed && ou_load_acquire(recorder.armed) && !recorder_inside;
}

static void recorder_lock(void)
{
    while (ou_exchange_acquire(&recorder.lock, 1)) { /* pairs: recorder_unlock */
        sched_yield();
    }
}

static void recorder_unlock(void)
{
    ou_store_release(&recorder.lock, 0); /* pairs: recorder_lock */
}

static void recorder_disarm(void)
{
    ou_store_release(recorder.armed, 0);
}

static uint32_t recorder_self(void)
{
    if (!recorder_thread) {
        uint32_t n = ou_fetch_add_relaxed(&recorder.threads, 1) + 1; /* relaxed: a number */
        recorder_thread = n < TRACE_MAX_THREAD ? n : TRACE_MAX_THREAD;
    }
    return recorder_thread;
}

static void recorder_write(unsigned kind, uint32_t id, size_t size, unsigned align_log2)
{
    if (id == IDMAP_NONE || !writer_add(kind, recorder_self(), id, size, align_log2)) {
        recorder_disarm();
    }
}

/* A block was made. */
static void recorder_made(unsigned kind, const void *p, size_t size, size_t align)
{
    bool again;
    unsigned log2 = align ? (unsigned)__builtin_ctzll(align) : 0;
    if (!p || !recorder_on()) {
        return;
    }
    recorder_lock();
    if (recorder_on()) {
        uint32_t id = idmap_add((uintptr_t)p, &again);
        if (again) { /* its free went past us: it must have happened */
            recorder_write(TRACE_FREE, id, 0, 0);
        }
        recorder_write(kind, id, size, log2);
    }
    recorder_unlock();
}

/* A block is about to go. */
static void recorder_gone(const void *p)
{
    if (!p || !recorder_on()) {
        return;
    }
    recorder_lock();
    if (recorder_on()) {
        uint32_t id = idmap_remove((uintptr_t)p, true);
        if (id != IDMAP_NONE) { /* otherwise older than the recording */
            recorder_write(TRACE_FREE, id, 0, 0);
        }
    }
    recorder_unlock();
}

RECORDER_EXPORT void *malloc(size_t size)
{
    if (!recorder_ready()) {
        return recorder_early(size);
    }
    recorder_inside++;
    void *p = real.malloc(size);
    recorder_inside--;
    recorder_made(TRACE_MALLOC, p, size, 0);
    return p;
}

RECORDER_EXPORT void *calloc(size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (!recorder_ready()) {
        return recorder_early(bytes); /* static memory is zero and never reused */
    }
    recorder_inside++;
    void *p = real.calloc(n, size);
    recorder_inside--;
    recorder_made(TRACE_CALLOC, p, bytes, 0);
    return p;
}

RECORDER_EXPORT void free(void *p)
{
    if (recorder_is_early(p) || !recorder_ready()) {
        return;
    }
    recorder_gone(p);
    recorder_inside++;
    real.free(p);
    recorder_inside--;
}

/* From the early buffer into a real block: how much of it was in use is not known. */
static void *recorder_leave_early(const void *p, size_t size)
{
    void *fresh = malloc(size);
    size_t most = (size_t)(recorder.early + sizeof recorder.early - (const char *)p);
    if (fresh) {
        memcpy(fresh, p, size < most ? size : most);
    }
    return fresh;
}

/* The number stays, the address may change; nobody else can get the old address before the
 * table has forgotten it. */
static void *recorder_resize(void *p, size_t size)
{
    uint32_t id = IDMAP_NONE;
    recorder_lock();
    if (recorder_on()) {
        id = idmap_remove((uintptr_t)p, false);
    }
    recorder_unlock();
    recorder_inside++;
    void *fresh = real.realloc(p, size);
    recorder_inside--;
    recorder_lock();
    if (id != IDMAP_NONE && recorder_on()) {
        if (fresh) {
            recorder_write(TRACE_REALLOC, id, size, 0);
        }
        if (!idmap_put((uintptr_t)(fresh ? fresh : p), id)) {
            recorder_disarm();
        }
    }
    recorder_unlock();
    if (id == IDMAP_NONE) { /* older than the recording: from here on it is known */
        recorder_made(TRACE_MALLOC, fresh, size, 0);
    }
    return fresh;
}

RECORDER_EXPORT void *realloc(void *p, size_t size)
{
    if (!p) {
        return malloc(size);
    }
    if (recorder_is_early(p)) {
        return recorder_leave_early(p, size);
    }
    if (!recorder_ready()) {
        return NULL;
    }
    if (size == 0) { /* glibc frees; a trace says so plainly */
        recorder_gone(p);
        recorder_inside++;
        void *left = real.realloc(p, 0);
        recorder_inside--;
        recorder_made(TRACE_MALLOC, left, 0, 0);
        return left;
    }
    return recorder_on() ? recorder_resize(p, size) : real.realloc(p, size);
}

RECORDER_EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(p, bytes);
}

RECORDER_EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
    if (!recorder_ready()) {
        return ENOMEM;
    }
    recorder_inside++;
    int err = real.posix_memalign(out, align, size);
    recorder_inside--;
    if (err == 0) {
        recorder_made(TRACE_MEMALIGN, *out, size, align);
    }
    return err;
}

RECORDER_EXPORT void *memalign(size_t align, size_t size)
{
    if (!recorder_ready() || !real.memalign) {
        errno = ENOMEM;
        return NULL;
    }
    recorder_inside++;
    void *p = real.memalign(align, size);
    recorder_inside--;
    recorder_made(TRACE_MEMALIGN, p, size, align);
    return p;
}

RECORDER_EXPORT void *aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}

RECORDER_EXPORT void *valloc(size_t size)
{
    return memalign(RECORDER_PAGE, size);
}

RECORDER_EXPORT void *pvalloc(size_t size)
{
    size_t bytes;
    if (__builtin_add_overflow(size, RECORDER_PAGE - 1, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return memalign(RECORDER_PAGE, bytes & ~(size_t)(RECORDER_PAGE - 1));
}

/* OURO_TRACE_MAX as a plain number of bytes; anything else is the default. */
static uint64_t recorder_limit(void)
{
    const char *text = getenv("OURO_TRACE_MAX");
    uint64_t value = 0;
    for (; text && *text >= '0' && *text <= '9' && value < (1ull << 50); text++) {
        value = value * 10 + (uint64_t)(*text - '0');
    }
    return value ? value : RECORDER_LIMIT;
}

__attribute__((constructor)) static void recorder_begin(void)
{
    const char *path = getenv("OURO_TRACE_OUT");
    if (!path || !*path || !recorder_ready()) {
        return;
    }
    void *page =
        mmap(NULL, RECORDER_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || madvise(page, RECORDER_PAGE, MADV_WIPEONFORK) != 0 ||
        !writer_open(path, recorder_limit())) {
        return;
    }
    recorder.armed = page;
    ou_store_release(recorder.armed, 1);
}

__attribute__((destructor)) static void recorder_end(void)
{
    if (!recorder.armed || !ou_load_acquire(recorder.armed)) {
        return;
    }
    recorder_lock();
    recorder_disarm();
    writer_close();
    recorder_unlock();
}
