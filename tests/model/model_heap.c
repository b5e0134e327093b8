/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The ouro authors */
/*
 * model_heap.c - random malloc-family operations against a naive shadow: a table of blocks,
 * each filled with bytes of its own. Checked all along: contents (so also overlap), alignment,
 * zeroes of calloc, live bytes to the byte, the heap's own audit.
 *
 *      model_heap [SEED [OPERATIONS]]
 */
#include <string.h>

#include "ouro/ouro.h"
#include "support/expect.h"
#include "support/prng.h"
#include "support/scale.h"
#include "support/seed.h"

enum { BLOCKS = 1024 };

typedef struct block {
    unsigned char *p; /* NULL: free place */
    size_t size;
    uint64_t key; /* what its bytes are made from */
} block;

typedef struct model {
    block blocks[BLOCKS];
    size_t base; /* live bytes that are not the model's */
    size_t live; /* usable bytes of all blocks */
    bool
        exact; /* ... which are those of the heap's blocks, but in the modes secure and debug */
    prng r;
} model;

static unsigned char model_byte(const block *b, size_t i)
{
    return (unsigned char)(b->key + i * 167);
}

/* Large blocks are written and read at every 61st byte and at both ends. */
static size_t model_stride(size_t size)
{
    return size > 8192 ? 61 : 1;
}

static void model_write(block *b)
{
    for (size_t i = 0; i < b->size; i += model_stride(b->size)) {
        b->p[i] = model_byte(b, i);
    }
    if (b->size) {
        b->p[b->size - 1] = model_byte(b, b->size - 1);
    }
}

static void model_read(const block *b, size_t size)
{
    for (size_t i = 0; i < size; i += model_stride(b->size)) {
        REQUIRE(b->p[i] == model_byte(b, i));
    }
    if (size == b->size && size) {
        REQUIRE(b->p[size - 1] == model_byte(b, size - 1));
    }
}

static size_t model_size(prng *r)
{
    switch (prng_below(r, 20)) {
    case 0:
        return 0;
    case 1:
        return prng_below(r, 300000);
    case 2:
        return prng_below(r, 40000);
    case 3:
    case 4:
        return prng_below(r, 5000);
    default:
        return prng_below(r, 300);
    }
}

static void model_made(model *m, block *b, void *p, size_t size)
{
    REQUIRE(p != NULL && (uintptr_t)p % 16 == 0);
    size_t usable = ou_malloc_usable_size(p);
    REQUIRE(usable >= size);
    *b = (block){p, size, prng_next(&m->r)};
    m->live += usable;
    model_write(b);
}

static void model_make(model *m, block *b)
{
    size_t size = model_size(&m->r);
    switch (prng_below(&m->r, 4)) {
    case 0: {
        unsigned char *p = ou_calloc(1, size);
        REQUIRE(p != NULL);
        for (size_t i = 0; i < size; i += model_stride(size)) {
            REQUIRE(p[i] == 0);
        }
        model_made(m, b, p, size);
        break;
    }
    case 1: {
        size_t align = (size_t)1 << prng_below(&m->r, 13);
        void *p = ou_memalign(align, size);
        REQUIRE((uintptr_t)p % align == 0);
        /* malloc's own alignment holds even when less was asked for */
        model_made(m, b, p, size);
        break;
    }
    default:
        model_made(m, b, ou_malloc(size), size);
        break;
    }
}

static void model_resize(model *m, block *b)
{
    size_t size = 1 + model_size(&m->r);
    size_t same = size < b->size ? size : b->size;
    m->live -= ou_malloc_usable_size(b->p);
    b->p = ou_realloc(b->p, size);
    REQUIRE(b->p != NULL);
    model_read(b, same);
    model_made(m, b, b->p, size);
}

static void model_drop(model *m, block *b)
{
    model_read(b, b->size);
    m->live -= ou_malloc_usable_size(b->p);
    ou_free(b->p);
    b->p = NULL;
}

static void model_check(model *m)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        if (m->blocks[i].p) {
            model_read(&m->blocks[i], m->blocks[i].size);
        }
    }
    if (m->exact) {
        REQUIRE(ou_heap_live_bytes() == m->base + m->live);
    }
    REQUIRE(ou_heap_held_bytes() >= ou_heap_live_bytes());
    REQUIRE(ou_heap_check() == 0);
}

static void model_step(model *m)
{
    block *b = &m->blocks[prng_below(&m->r, BLOCKS)];
    if (!b->p) {
        model_make(m, b);
    } else if (prng_chance(&m->r, 30)) {
        model_resize(m, b);
    } else {
        model_drop(m, b);
    }
}

int main(int argc, char **argv)
{
    seed_args args = seed_parse(argc, argv, "model_heap", scale_ops(100000));
    REQUIRE(ou_start("gc_auto=0") == OU_OK);
    static model m;
    m.r = prng_from(args.seed, 0);
    int64_t mode = 0;
    REQUIRE(ou_knob_get("heap_mode", &mode) == OU_OK);
    m.exact = mode == 0;
    m.base = ou_heap_live_bytes();
    for (size_t i = 0; i < args.ops; i++) {
        model_step(&m);
        if (i % 8192 == 0) {
            model_check(&m);
        }
        if (i % 30000 == 29999) {
            ou_heap_trim();
        }
    }
    model_check(&m);
    for (size_t i = 0; i < BLOCKS; i++) {
        if (m.blocks[i].p) {
            model_drop(&m, &m.blocks[i]);
        }
    }
    EXPECT_EQ(m.live, 0);
    EXPECT_EQ(ou_heap_live_bytes(), m.base);
    EXPECT_EQ(ou_heap_check(), 0);
    EXPECT_EQ(ou_stop(), OU_OK);
    return expect_result();
}
