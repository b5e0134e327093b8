/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * fuzz_heap.c - bytes become a program of malloc-family calls, run beside a naive shadow: a
 * table of blocks, each filled with bytes of its own. libFuzzer looks for programs
 * (`fuzz_heap`, preset fuzz); replay.c runs those of corpus/heap in every build.
 *
 *      byte 0   operation (bits 0 to 3), place in the table (bits 4 to 7)
 *      byte 1   ... its upper bits (0 and 1), who does it (bit 2), alignment or the like (3 to
 * 7) byte 2,3 size, for the operations that have one; a run: and 4, how many
 *
 * Two actors: the caller and a helper thread with a heap of its own. The helper runs while the
 * caller waits, so that a program does the same every time; which of the two frees a block does
 * not depend on who made it. Checked: contents (all of them at each audit), that no two blocks
 * overlap, alignment, usable size, zeroes of calloc, refusal of impossible sizes with nothing
 * changed, live bytes to the byte, the heap's own audit. fuzz_plant breaks one of the answers.
 */
#include "fuzz/fuzz.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "ouro/ouro.h"
#include "support/expect.h"

enum { PLACES = 64, AUDIT_EVERY = 64, STEPS_MAX = 4096 };
#define LIVE_MAX ((size_t)24 << 20) /* bytes asked for; above it blocks are small ones */

#ifdef FUZZ_LIBFUZZER /* it keeps the program of a process that aborts */
#define CHECK(cond) ((cond) ? (void)0 : (EXPECT(cond), abort()))
#else
#define CHECK(cond) REQUIRE(cond)
#endif

typedef struct block {
    unsigned char *p; /* NULL: free place */
    size_t size;      /* bytes that are ours */
    unsigned char key;
} block;

typedef struct call {
    enum { MALLOC, CALLOC, REALLOC, MEMALIGN, FREE, USABLE, TRIM, QUIT } what;
    void *p;
    size_t size, align;
} call;

typedef struct actor {
    pthread_t thread;
    sem_t asked, done;
    call call;
    void *p;
    size_t size;
    int error; /* errno after the call */
} actor;

static block blocks[PLACES];
static size_t asked_bytes; /* of all blocks */
static unsigned char next_key;
static actor helper;
static bool exact; /* live bytes are known to the byte: but in the modes secure and debug */
const char *fuzz_plant = "";

static bool planted(const char *name)
{
    return !strcmp(fuzz_plant, name);
}

/* ---- calls ---------------------------------------------------------------------------- */

static void *call_realloc(const call *c)
{
    size_t have = c->p ? ou_malloc_usable_size(c->p) : 0;
    unsigned char *to = ou_realloc(c->p, c->size);
    if (planted("realloc") && to && to != c->p && have && c->size > have) {
        memset(to, 0, have); /* as if it had not copied */
    }
    return to;
}

static void *call_malloc(const call *c)
{
    if (planted("overlap")) {
        for (block *b = blocks; b < blocks + PLACES; b++) {
            if (b->p && b->size >= c->size + 16) {
                return b->p + 16;
            }
        }
    }
    return ou_malloc(c->size);
}

static void *call_calloc(const call *c)
{
    unsigned char *p = ou_calloc(c->align, c->size); /* align: the number of elements */
    if (planted("calloc") && p && c->size) {
        p[c->size - 1] = 1;
    }
    return p;
}

static void run(const call *c, actor *a)
{
    errno = 0;
    switch (c->what) {
    case MALLOC:
        a->p = call_malloc(c);
        break;
    case CALLOC:
        a->p = call_calloc(c);
        break;
    case REALLOC:
        a->p = call_realloc(c);
        break;
    case MEMALIGN:
        a->p = ou_memalign(planted("align") && c->align < 65536 ? 16 : c->align, c->size);
        break;
    case FREE:
        if (!planted("leak")) {
            ou_free(c->p);
        }
        break;
    case USABLE:
        a->size = ou_malloc_usable_size(c->p) / (planted("usable") ? 2 : 1);
        break;
    case TRIM:
        a->size = ou_heap_trim();
        break;
    case QUIT:
        break;
    }
    a->error = errno;
}

static void *helper_main(void *unused)
{
    (void)unused;
    bool quit = false;
    while (!quit) {
        while (sem_wait(&helper.asked)) {
        }
        quit = helper.call.what == QUIT;
        run(&helper.call, &helper);
        sem_post(&helper.done);
    }
    return NULL;
}

static actor ask(bool other, call c)
{
    if (!other) {
        actor mine = {.p = NULL};
        run(&c, &mine);
        return mine;
    }
    helper.call = c;
    sem_post(&helper.asked);
    while (sem_wait(&helper.done)) {
    }
    return (actor){.p = helper.p, .size = helper.size, .error = helper.error};
}

static void helper_begin(void)
{
    CHECK(!pthread_create(&helper.thread, NULL, helper_main, NULL));
}

/* The helper's heap goes to nobody with all that is in it, and the next helper takes it. */
static void helper_renew(void)
{
    ask(true, (call){.what = QUIT});
    pthread_join(helper.thread, NULL);
    helper_begin();
}

/* ---- the shadow ----------------------------------------------------------------------- */

static unsigned char shadow_byte(const block *b, size_t i)
{
    return (unsigned char)(b->key + i * 167);
}

/* Blocks above 4 KiB are looked at at every 509th byte, and at the last one. */
static size_t shadow_stride(size_t size)
{
    return size > 4096 ? 509 : 1;
}

static void shadow_write(block *b)
{
    b->key = next_key += 101;
    for (size_t i = 0; i < b->size; i += shadow_stride(b->size)) {
        b->p[i] = shadow_byte(b, i);
    }
    if (b->size) {
        b->p[b->size - 1] = shadow_byte(b, b->size - 1);
    }
}

/* The first `size` bytes are what was written into `b`. */
static void shadow_read(const block *b, size_t size)
{
    for (size_t i = 0; i < size; i += shadow_stride(b->size)) {
        CHECK(b->p[i] == shadow_byte(b, i));
    }
    CHECK(size < b->size || !size || b->p[size - 1] == shadow_byte(b, size - 1));
}

/* A block of `size` bytes at `p` has come into the free place `b`. */
static void shadow_made(block *b, void *p, size_t size)
{
    CHECK(p != NULL && (uintptr_t)p % 16 == 0);
    uintptr_t from = (uintptr_t)p, to = from + (size ? size : 1);
    for (const block *o = blocks; o < blocks + PLACES; o++) {
        uintptr_t start = (uintptr_t)o->p, end = start + (o->size ? o->size : 1);
        CHECK(!o->p || to <= start || end <= from); /* no two blocks overlap */
    }
    b->p = p;
    b->size = size;
    asked_bytes += size;
    shadow_write(b);
}

static void shadow_gone(block *b)
{
    asked_bytes -= b->size;
    b->p = NULL;
}

static void shadow_audit(void)
{
    for (const block *b = blocks; b < blocks + PLACES; b++) {
        if (b->p) {
            shadow_read(b, b->size);
        }
    }
    CHECK(ou_heap_check() == 0);
}

/* Both give back first: blocks that wait to be sent to their owner count as in use. */
static size_t live_now(void)
{
    ask(true, (call){.what = TRIM});
    ask(false, (call){.what = TRIM});
    return ou_heap_live_bytes();
}

static void shadow_count(size_t base)
{
    size_t live = live_now();
    for (const block *b = blocks; b < blocks + PLACES; b++) {
        base += b->p ? ou_malloc_usable_size(b->p) : 0;
    }
    CHECK(!exact || live == base); /* live bytes */
    CHECK(ou_heap_held_bytes() >= live);
}

/* ---- programs ------------------------------------------------------------------------- */

typedef struct reader {
    const uint8_t *at, *end;
} reader;

static unsigned next(reader *r)
{
    return r->at < r->end ? *r->at++ : 0;
}

/* All classes, their edges, whole pages and theirs, up to 4 MiB. */
static size_t next_size(reader *r)
{
    unsigned how = next(r), x = next(r);
    size_t size;
    switch (how & 7) {
    case 0:
    case 1:
        size = x;
        break;
    case 2:
        size = (how >> 3) * 32 + x; /* to 1 KiB and a bit */
        break;
    case 3:
    case 4:
        size = (how >> 3) * 1024 + x * 4; /* to 32 KiB */
        break;
    case 5:
        size = ((size_t)1 << (how >> 3) % 22) + x % 16 - 1; /* about the powers of two */
        break;
    case 6:
        size = (1 + (how >> 3)) * (size_t)65536 + x - 128; /* about whole pages */
        break;
    default:
        size = (how >> 3) * (size_t)131072 + x * 509;
        break;
    }
    return asked_bytes + size <= LIVE_MAX ? size : size % 512;
}

static void step_make(block *b, call c, bool other)
{
    actor a = ask(other, c);
    if (c.what == CALLOC) {
        const unsigned char *p = a.p;
        CHECK(p != NULL);
        for (size_t i = 0; i<c.size; i += c.size> 65536 ? 61 : 1) {
            CHECK(p[i] == 0);
        }
        CHECK(!c.size || p[c.size - 1] == 0);
    }
    CHECK(c.what != MEMALIGN || (uintptr_t)a.p % c.align == 0);
    shadow_made(b, a.p, c.size);
}

static void step_free(block *b, bool other)
{
    shadow_read(b, b->size);
    ask(other, (call){.what = FREE, .p = b->p});
    shadow_gone(b);
}

static void step_realloc(block *b, size_t size, bool other)
{
    block old = *b;
    actor a = ask(other, (call){.what = REALLOC, .p = old.p, .size = size});
    CHECK(a.p != NULL);
    shadow_gone(b);
    old.p = a.p;
    shadow_read(&old, size < old.size ? size : old.size);
    shadow_made(b, a.p, size);
}

/* All that the heap says there is may be used, and stays when the block is resized. */
static void step_use_all(block *b, bool other)
{
    actor a = ask(other, (call){.what = USABLE, .p = b->p});
    CHECK(a.size >= b->size); /* usable size */
    unsigned char *p = b->p;
    shadow_gone(b);
    shadow_made(b, p, a.size);
}

/* What no heap can give: ENOMEM, and an old block stays as it was. */
static void step_impossible(block *b, unsigned more, bool other)
{
    size_t size = (more & 1 ? SIZE_MAX : (size_t)PTRDIFF_MAX + 1) - (more >> 2);
    call c = {.what = more & 2 ? CALLOC : MALLOC, .size = size, .align = 2 + more};
    if (b->p) {
        c = (call){.what = REALLOC, .p = b->p, .size = size};
    }
    actor a = ask(other, c);
    CHECK(a.p == NULL && a.error == ENOMEM);
    if (b->p) {
        shadow_read(b, b->size);
    }
}

/* A run of blocks of one size, made or freed: a magazine is not filled by single steps. */
static void step_run(block *b, reader *r, bool other)
{
    size_t size = next_size(r) % 2048;
    unsigned n = next(r);
    for (unsigned i = 0; i < n && b < blocks + PLACES; i++, b++) {
        if (b->p) {
            step_free(b, other);
        }
        if (n & 1) {
            step_make(b, (call){.what = MALLOC, .size = size}, other != (n & 2));
        }
    }
}

static void step(reader *r, size_t base)
{
    unsigned head = next(r), second = next(r), more = second >> 3;
    block *b = &blocks[(head >> 4) | (second & 3) << 4];
    bool other = second & 4;
    switch (head & 15) {
    case 8:
        step_impossible(b, more, other);
        break;
    case 9:
        ask(other, (call){.what = TRIM});
        break;
    case 10:
        shadow_count(base);
        break;
    case 11:
        shadow_audit();
        break;
    case 12:
        helper_renew();
        break;
    case 13:
        step_run(b, r, other);
        break;
    default:
        if (b->p && (head & 3) == 0) {
            step_realloc(b, 1 + next_size(r), other);
        } else if (b->p && (head & 15) == 3) {
            step_use_all(b, other);
        } else if (b->p) {
            step_free(b, other);
        } else {
            unsigned what = head & 3;
            call c = {.size = next_size(r)};
            c.what = what == 1 ? CALLOC : what == 2 ? MEMALIGN : MALLOC;
            c.align = what == 2 ? (size_t)1 << more % 22 : 1;
            step_make(b, c, other);
        }
    }
}

static void begin(void)
{
    int64_t mode = 0;
    CHECK(ou_start("gc_auto=0") == OU_OK);
    CHECK(ou_knob_get("heap_mode", &mode) == OU_OK);
    exact = mode == 0;
    CHECK(!sem_init(&helper.asked, 0, 0) && !sem_init(&helper.done, 0, 0));
    helper_begin();
    live_now(); /* each takes its heap */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool begun;
    if (!begun) {
        begun = true;
        begin();
    }
    size_t base = live_now();
    reader r = {data, data + size};
    next_key = 0;
    for (unsigned i = 1; r.at < r.end && i <= STEPS_MAX; i++) {
        step(&r, base);
        if (i % AUDIT_EVERY == 0) {
            shadow_audit();
        }
    }
    shadow_audit();
    shadow_count(base);
    for (block *b = blocks; b < blocks + PLACES; b++) {
        if (b->p) {
            step_free(b, b->key & 1);
        }
    }
    shadow_count(base);
    CHECK(ou_heap_check() == 0);
    return 0;
}
